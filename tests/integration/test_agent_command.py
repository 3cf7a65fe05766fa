"""`conductor agent once | run` as a person or a service manager starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runtime.contract.predicates import Intent
from tests.services.agents import Agents
from tests.services.real_installation import RealInstallation, tenant_yaml

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

CONDUCTOR = Path(sys.executable).with_name("conductor")


def conductor(where: RealInstallation, *arguments: str, key: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line on the agent's clone."""
    return subprocess.run(
        [str(CONDUCTOR), "agent", *arguments, "--repo", str(where.agent_clone)],
        env=environment(where, key=key),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment(where: RealInstallation, *, key: bool = True) -> dict[str, str]:
    """What a service manager would set."""
    named = {"CONDUCTOR_AGENT_KEY": str(where.folder / "agent.key")} if key else {}
    return {**os.environ, **where.environment, **named}


def test_once_tells_its_story_and_then_finds_nothing_to_do(where18: RealInstallation) -> None:
    where18.tenant("acme-retail")
    done = conductor(where18, "once")
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    assert told[0].startswith("3 Take ")
    assert "add tenants/acme-retail.yaml, approved by 2" in told[0]
    assert told[1].startswith("4 Set out to ")
    assert "because of change " in told[1]
    assert told[2] == "5 Report 5 done"
    assert conductor(where18, "once").stdout == "nothing to do\n"
    where18.merge({"tenants/acme-energy.yaml": tenant_yaml("acme-energy")}, message="Add a tenant that nobody approved")
    held = "not taken: 1; `conductor status` says why, and what to type"
    for arguments, said in (
        (("--dry-run",), ["nothing to do", held]),
        ((), ["6 Refuse", held]),
        ((), ["nothing to do", held]),
    ):
        refused = conductor(where18, "once", *arguments)
        assert (refused.returncode, refused.stderr) == (1, "")
        told = refused.stdout.splitlines()[-2:]
        assert [told[0].startswith(said[0]), told[1]] == [True, said[1]]


def test_applying_performs_exactly_the_lines_that_the_dry_run_printed(where: RealInstallation) -> None:
    where.tenant("acme-retail")
    with psycopg.connect(where.dsn, autocommit=True) as admin:
        admin.execute("ALTER ROLE t_keeper_app CONNECTION LIMIT 3")
    head = where.head()
    dry = conductor(where, "once", "--dry-run", key=False)
    assert (dry.returncode, where.head()) == (0, head)
    assert conductor(where, "once").returncode == 0
    intent = where.entries("intent")[-1].predicate
    assert isinstance(intent, Intent)
    performed = [(item.operation, f"{item.target}/{item.type}/{item.name}", item.because) for item in intent.actions]
    printed = [line.split() for line in dry.stdout.splitlines() if line.startswith(("create ", "update ", "delete "))]
    assert [(words[0], words[1]) for words in printed] == [(operation, name) for operation, name, _ in performed]
    assert sorted(name for _, name, because in performed if because == "drift") == ["pg-eu/role/t_keeper_app"]


def test_a_dry_run_ends_with_1_where_an_object_is_somebody_elses(where18: RealInstallation) -> None:
    with psycopg.connect(where18.dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE t_acme_retail_app")
    where18.tenant("acme-retail")
    dry = conductor(where18, "once", "--dry-run", key=False)
    assert dry.returncode == 1, dry.stdout
    assert "needs a person: " in dry.stdout
    assert conductor(where18, "once").returncode == 1


def test_a_dry_run_prints_the_identity_that_it_finds_whatever_is_declared(
    where18: RealInstallation, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    where18.environment["CONDUCTOR_TEST_RELEASE"] = str(tmp_path / "other")
    dry = conductor(where18, "once", "--dry-run", key=False)
    found = (tmp_path / "other" / ".conductor-target").read_text().strip()
    assert dry.returncode == 1
    assert f"target release-eu is {found} (declared is {'f' * 32}: it would be refused)" in dry.stdout


def test_a_key_that_is_no_agents_is_refused_with_what_to_do(where18: RealInstallation, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    refused = conductor(where18, "once", "--key", str(tmp_path / "key"))
    assert refused.returncode == 2
    assert "belongs to no agent at the last verified commit" in refused.stderr
    assert "= help: " in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--branch", "nope"), "there is no branch `nope`"),
        (("--remote", "nope"), "the repository has no remote `nope`"),
        (("--remote", "/nowhere/at-all.git"), "there is no repository /nowhere/at-all.git"),
        (("--agent", "nope"), "is not one of nope's that may write the next entry"),
        (("--key", "/nowhere/key"), "the key file /nowhere/key cannot be read"),
        (("--trust-root", "xyz"), "--trust-root"),
    ],
)
def test_what_is_named_wrongly_is_wrong_usage(where18: RealInstallation, arguments: tuple[str, ...], said: str) -> None:
    head = where18.head()
    refused = conductor(where18, "once", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert said in refused.stderr
    assert where18.head() == head


def test_what_cannot_be_looked_at_is_said_once_and_is_no_nothing_to_do(where18: RealInstallation) -> None:
    where18.environment["CONDUCTOR_TEST_PG"] = "postgresql://nobody@127.0.0.1:1/graph"
    where18.environment["CONDUCTOR_TEST_RELEASE"] = "relative"
    dry = conductor(where18, "once", "--dry-run", key=False)
    assert (dry.returncode, dry.stderr) == (3, "")
    away, folder, rest = dry.stdout.splitlines()
    assert away.startswith("could not look: target pg-eu is away: ")
    assert folder == "could not look: the folder of target release-eu is not an absolute path"
    assert rest == "nothing to do where it could be looked"


def test_a_target_that_nothing_is_owed_to_and_that_is_away_ends_with_the_environments_code(
    where18: RealInstallation,
) -> None:
    where18.environment["CONDUCTOR_TEST_RELEASE"] = "/dev/null/release"
    done = conductor(where18, "once")
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines() == ["could not look: target release-eu: Not a directory", "nothing to do"]


@pytest.fixture
def service(where18: RealInstallation) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running agent, and the port it serves on. One that does not end in a minute is ended: its log ends then."""
    where18.password("acme-retail")
    process = subprocess.Popen(
        [str(CONDUCTOR), "agent", "run", "--repo", str(where18.agent_clone), "--port", "0", "--interval", "0.2"],
        env=environment(where18),
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    assert first["host"] == "127.0.0.1"
    yield process, first["port"]
    watchdog.cancel()
    process.kill()
    process.wait(30)
    process.stderr.close()


def get(port: int, path: str) -> tuple[int, str]:
    """What the agent answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def logged(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Read the log up to a line whose event begins so."""
    assert process.stderr is not None
    for line in process.stderr:
        value: dict[str, Any] = json.loads(line)
        if event in value["event"]:
            return value
    raise AssertionError(f"the agent ended without saying {event!r}")


def test_run_takes_what_is_approved_shows_its_health_and_ends_cleanly(
    where18: RealInstallation, agents: Agents, service: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = service
    assert get(port, "/healthz") == (200, "ok\n")
    assert get(port, "/elsewhere")[0] == 404
    where18.tenant("acme-retail")
    line = logged(process, "Report 5 done")
    assert line["entry"].startswith("evidence/ledger/")
    where18.tenant("acme-retail", state="suspended")
    logged(process, "Report 2 done")
    assert get(port, "/readyz") == (200, "ok\n")
    numbers = get(port, "/metrics")[1]
    assert f"conductor_ledger_sequence {where18.history().tip.sequence}.0" in numbers
    assert 'conductor_agent_actions_total{operation="create",outcome="done",target="pg-eu"} 4.0' in numbers
    process.send_signal(signal.SIGTERM)
    logged(process, "stopped")
    assert process.wait(30) == 0
    assert where18.history().open_intent is None
    assert agents.again(where18).answer["entries"] == []


def test_run_is_not_ready_while_the_remote_is_away_and_recovers_by_itself(
    where18: RealInstallation, service: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = service
    where18.remote.rename(where18.remote.with_name("away.git"))
    assert "is away" in logged(process, "turn failed")["problem"]
    assert get(port, "/readyz")[0] == 503
    assert get(port, "/healthz")[0] == 200
    where18.remote.with_name("away.git").rename(where18.remote)
    where18.tenant("acme-retail")
    logged(process, "Report 5 done")


def test_no_secret_is_in_the_log_of_a_run_or_in_what_it_serves(
    where18: RealInstallation, service: tuple[subprocess.Popen[str], int]
) -> None:
    process, port = service
    where18.tenant("acme-retail")
    lines = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if "Report 5 done" in line:
            break
    assert json.loads(lines[-1])["turn"] == where18.history().entries[-1].position.turn
    text = "".join((*lines, *(get(port, path)[1] for path in ("/status", "/metrics", "/readyz"))))
    for name, value in where18.environment.items():
        assert name.endswith("RELEASE") or value not in text
