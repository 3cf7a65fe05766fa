"""An agent that lacks secrets, on a real database: it names every one, and nothing else happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.services.agents import Agents
from tests.services.assertions import assert_sound
from tests.services.real_installation import PASSWORD, RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

CONDUCTOR = Path(sys.executable).with_name("conductor")
KEEPER, ACME = "CONDUCTOR_TENANT_KEEPER_PASSWORD", "CONDUCTOR_TENANT_ACME_RETAIL_PASSWORD"


def environment(where: RealInstallation, *without: str) -> dict[str, str]:
    """What a service manager would set, but for some."""
    named = {**os.environ, **where.environment, "CONDUCTOR_AGENT_KEY": str(where.folder / "agent.key")}
    return {name: value for name, value in named.items() if name not in without}


def once(where: RealInstallation, *arguments: str, without: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run `conductor agent once` without some variables."""
    return subprocess.run(
        [str(CONDUCTOR), "agent", "once", *arguments, "--repo", str(where.agent_clone)],
        env=environment(where, *without),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def roles(where: RealInstallation) -> list[tuple[object, ...]]:
    """Every tenant's role as the server has it: its mark and its stored password too."""
    with psycopg.connect(where.dsn) as connection:
        return connection.execute(
            "SELECT rolname, rolcanlogin, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid"
            " WHERE rolname LIKE 't\\_%' ORDER BY rolname"
        ).fetchall()


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_without_passwords_nothing_is_drift_and_nothing_is_touched(
    where: RealInstallation, agents: Agents, arguments: tuple[str, ...]
) -> None:
    where.tenant("acme-retail", state="active")
    agents.again(where)
    where.tenant("acme-retail", state="suspended")
    agents.again(where)
    before, head = roles(where), where.head()
    done = once(where, *arguments, without=(KEEPER, ACME))
    assert done.returncode == 3
    assert "2 secrets are missing" in done.stderr
    assert f"{KEEPER} is not set" in done.stderr
    assert f"{ACME} is not set" in done.stderr
    assert "because of drift" not in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    assert (roles(where), where.head()) == (before, head)
    assert agents.once(where).answer["entries"] == []
    assert_sound(where, agents)


def test_a_suspension_waits_for_the_secret_that_proves_it(where18: RealInstallation, agents: Agents) -> None:
    where18.tenant("acme-retail")
    agents.again(where18)
    where18.tenant("acme-retail", state="suspended")
    before, head = roles(where18), where18.head()
    done = once(where18, without=(ACME,))
    assert (done.returncode, done.stdout) == (3, "")
    assert f"the environment variable {ACME} is not set" in done.stderr
    assert (roles(where18), where18.head()) == (before, head)
    assert agents.once(where18).answer["failed"] is False
    assert_sound(where18, agents)


def test_a_lost_password_is_replaced_by_any_new_one(where18: RealInstallation, agents: Agents) -> None:
    where18.tenant("acme-retail")
    agents.again(where18)
    where18.tenant("acme-retail", state="suspended")
    where18.environment[ACME] = "nobody has ever known this one"
    assert agents.once(where18).answer["failed"] is False
    assert_sound(where18, agents)


def test_without_any_dsn_every_secret_is_named_all_the_same(where18: RealInstallation) -> None:
    done = once(where18, without=("CONDUCTOR_TEST_PG", "CONDUCTOR_TEST_RELEASE", KEEPER))
    assert done.returncode == 3
    assert "3 secrets are missing" in done.stderr
    dry = once(where18, "--dry-run", without=("CONDUCTOR_TEST_PG", KEEPER))
    assert dry.returncode == 3
    assert dry.stdout == f"target release-eu is {'f' * 32} (as declared)\n"
    assert "2 secrets are missing" in dry.stderr


@pytest.fixture
def lacking(where18: RealInstallation) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An agent that runs without the keeper's password, and its port."""
    process = subprocess.Popen(
        [str(CONDUCTOR), "agent", "run", "--repo", str(where18.agent_clone), "--port", "0", "--interval", "0.1"],
        env=environment(where18, KEEPER),
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    assert process.stderr is not None
    yield process, json.loads(process.stderr.readline())["port"]
    watchdog.cancel()
    process.kill()
    process.wait(30)
    process.stderr.close()


def test_run_goes_on_serving_says_what_is_missing_and_tries_again(
    where18: RealInstallation, lacking: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = lacking
    head = where18.head()
    assert process.stderr is not None
    for _ in range(2):
        told = json.loads(process.stderr.readline())
        assert (told["event"], told["problem"]) == ("turn failed", f"the environment variable {KEEPER} is not set")
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10)
    with answer.value as error:
        assert (error.code, error.read().decode()) == (503, f"the environment variable {KEEPER} is not set\n")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as numbers:
        assert f"conductor_ledger_sequence {where18.history().tip.sequence}.0" in numbers.read().decode()
    assert where18.head() == head
