"""`conductor status` and the agent's `/status` on a real installation: one answer, whose commands do what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from runtime.signing.keys import write_keypair
from runtime.testing.small_tree import seed_of
from tests.services.agents import Agents
from tests.services.commands import Ran, conductor, git
from tests.services.real_installation import RealInstallation, tenant_yaml

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service
RUN = (str(Path(sys.executable).with_name("conductor")), "agent", "run", "--port", "0", "--interval", "0.2")
CHANGE = {"tenants/keeper.yaml": tenant_yaml("keeper", connection_limit=90)}


@pytest.fixture
def clone(where18: RealInstallation) -> Path:
    """Somebody's clone, never pulled: `--fetch` alone brings it what is new."""
    git(where18.folder, "clone", "--quiet", str(where18.remote), "clone")
    return where18.folder / "clone"


def status(clone: Path, *args: str) -> Ran:
    return conductor("status", "--repo", clone, "--fetch", *args)


def types_what_it_is_told(where: RealInstallation, clone: Path, command: str, person: str) -> Ran:
    """Type the command of the status as this person."""
    key = where.folder / f"{person}.key"
    write_keypair(key, seed_of(person))
    words = command.replace("NAME", person).replace("FILE", str(key)).split()
    assert words[0] == "conductor"
    return conductor(*words[1:], "--yes", "--repo", clone)


def test_a_change_waits_until_two_people_type_what_the_status_says(
    where18: RealInstallation, agents: Agents, clone: Path
) -> None:
    agents.once(where18)
    clean = status(clone)
    assert (clean.code, clean.err) == (0, "")
    assert clean.out.startswith("✓ nothing waits for a person\n")

    where18.merge(CHANGE, message="Give Keeper more connections")
    held = status(clone, "--format", "json")
    assert held.code == 1
    (item,) = json.loads(held.out)["waiting"]
    assert (item["subject"], item["reason"]) == ("Give Keeper more connections", "not-allowed")
    assert {one["rule"] for one in item["lacking"]} == {"two-people", "tenants"}
    for person in ("mara", "tomas"):
        assert types_what_it_is_told(where18, clone, item["command"], person).code == 0
    taken_next = status(clone)
    assert taken_next.code == 0
    assert "the agent takes it next" in taken_next.out

    agents.once(where18)
    done = json.loads(status(clone, "--format", "json").out)
    assert (done["waiting"], done["running"]["manifest"]) == ([], done["verified"]["manifest"])


def test_the_agent_serves_what_the_command_says(where18: RealInstallation, agents: Agents, clone: Path) -> None:
    agents.once(where18)
    where18.merge(CHANGE, message="Give Keeper more connections")
    process = subprocess.Popen(
        [*RUN, "--repo", str(where18.agent_clone)],
        env={**os.environ, **where18.environment, "CONDUCTOR_AGENT_KEY": str(where18.folder / "agent.key")},
        stderr=subprocess.PIPE,
        text=True,
    )
    log = process.stderr
    assert log is not None
    try:
        port = json.loads(log.readline())["port"]
        assert any("Refuse" in json.loads(line)["event"] for line in log)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10) as answer:
            served = json.loads(answer.read())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        log.close()
    told = json.loads(status(clone, "--format", "json").out)
    here = {key: told[key] for key in ("proposed", "unopened", "unpushed", "looked_at")}  # what only a clone is asked
    assert served | {"at": told["at"]} | here == told


def test_a_typo_that_was_taken_back_stays_so_when_its_file_is_edited_for_another_reason(
    where18: RealInstallation, agents: Agents, clone: Path
) -> None:
    agents.once(where18)
    sound = tenant_yaml("keeper")
    typo = where18.merge({"tenants/keeper.yaml": sound.replace(b"standard", b"standart")})
    broken = status(clone)
    assert broken.out.startswith(f"✗ main does not compile since {typo[:12]}, "), broken.out
    where18.merge({"tenants/keeper.yaml": sound}, message="Take the typo back")
    assert status(clone).code == 0
    where18.merge(CHANGE, message="Give Keeper more connections")
    held = json.loads(status(clone, "--format", "json").out)
    assert held["attention"] == ["1 change on main cannot be taken"]
    assert [item["subject"] for item in held["waiting"] if item["lacking"]] == ["Give Keeper more connections"]
    assert "pending: 1 commit of main waits for a verdict" in conductor("doctor", "--repo", clone).out
    git(clone, "pull", "--quiet")
    assert "pending: 1 commit that no verdict has taken" in conductor("verify", "--repo", clone).out
