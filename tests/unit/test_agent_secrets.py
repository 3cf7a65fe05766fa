"""Secrets that are missing, before anything is looked at: the environment has failed, and no ledger says drift."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.agent.dry import look
from runtime.agent.health import Health
from runtime.agent.logs import configure
from runtime.agent.loop import once
from runtime.agent.running import run
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import ObjectId
from runtime.targets.secrets import Secrets
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_target import MemoryObject

ACME = ObjectId("pg-eu", "role", "acme_app")
PASSWORD = {"password": "env:INITECH"}


@pytest.fixture
def fleet() -> Fleet:
    """An installation with a tenant whose password is referred to, made."""
    fleet = Fleet.started(**{"spec/targets/pg-us.yaml": target("pg-us")})
    once(fleet.world())
    fleet.approved(initech=PASSWORD)
    once(fleet.world())
    return fleet


def refused(fleet: Fleet) -> str:
    """What the agent says instead of doing anything: nothing is written, nothing looked at, nothing done."""
    story, done, head = fleet.story(), len(fleet.systems["pg-eu"].done), fleet.remote.refs["refs/heads/main"]
    with pytest.raises(EnvironmentFailedError) as failed:
        once(fleet.world())
    assert failed.value.exit_code == 3
    assert (fleet.story(), len(fleet.systems["pg-eu"].done)) == (story, done)
    assert fleet.remote.refs["refs/heads/main"] == head
    return failed.value.message


def test_a_missing_password_is_no_drift(fleet: Fleet) -> None:
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    fleet.missing.add("env:INITECH")
    assert refused(fleet) == "env:INITECH is not set"
    fleet.missing.clear()
    once(fleet.world())
    assert fleet.story()[5:] == ["drift", "intent", "result"]


def test_every_missing_reference_is_named_and_no_value(fleet: Fleet) -> None:
    fleet.missing |= {"env:INITECH", "env:PG_US"}
    assert refused(fleet) == "2 secrets are missing:\n  env:INITECH is not set\n  env:PG_US is not set"
    fleet.missing.add("env:PG_EU")
    assert refused(fleet).startswith("3 secrets are missing:\n  env:INITECH is not set\n  env:PG_EU is not set\n")


def test_a_change_whose_secret_is_missing_gets_no_verdict(fleet: Fleet) -> None:
    fleet.approved(umbrella={"password": "env:UMBRELLA"})
    fleet.missing.add("env:UMBRELLA")
    assert refused(fleet) == "env:UMBRELLA is not set"
    fleet.missing.clear()
    once(fleet.world())
    assert fleet.story()[5:] == ["verdict", "intent", "result"]


@pytest.mark.parametrize("state", ["active", "suspended"])
def test_a_suspended_tenants_password_is_needed_too(fleet: Fleet, state: str) -> None:
    fleet.approved(initech={**PASSWORD, "state": "suspended"})
    if state == "suspended":
        once(fleet.world())
    fleet.missing.add("env:INITECH")
    assert refused(fleet) == "env:INITECH is not set"


def test_the_password_of_a_tenant_that_is_to_go_is_not_needed(fleet: Fleet) -> None:
    change = fleet.edit(initech=None)
    fleet.approve(change, "mara", "tomas", "ines")
    fleet.missing.add("env:INITECH")
    once(fleet.world())
    assert fleet.story()[5:] == ["verdict", "intent", "result"]


def test_a_reference_that_a_change_leaves_behind_is_not_needed(fleet: Fleet) -> None:
    fleet.approved(initech={"password": "env:RENEWED"})
    fleet.missing.add("env:INITECH")
    assert not once(fleet.world()).failed


def test_an_open_intent_is_not_closed_by_looking_without_secrets(fleet: Fleet) -> None:
    fleet.approved(umbrella={"password": "env:UMBRELLA"})

    def die(step: str) -> None:
        if step.startswith("after action 0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=die))
    fleet.missing.add("env:UMBRELLA")
    assert refused(fleet) == "env:UMBRELLA is not set"


def test_a_dry_run_says_who_the_targets_are_and_compares_nothing(fleet: Fleet) -> None:
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    fleet.missing.add("env:INITECH")
    found = look(fleet.world())
    assert [(item.target, item.found) for item in found.identities] == [("pg-eu", "memory/1"), ("pg-us", "memory/1")]
    assert found.problem is not None
    assert (found.problem.exit_code, found.problem.message) == (3, "env:INITECH is not set")
    assert (found.todo.actions, found.todo.reported) == ((), ())


def test_a_running_agent_goes_on_serving_says_why_and_tries_again(fleet: Fleet) -> None:
    fleet.missing |= {"env:INITECH", "env:PG_US"}
    health, stream, said = Health(), io.StringIO(), []

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            del timeout
            said.append((health.problem, health.metrics().decode()))
            if not fleet.missing:
                self.set()
            fleet.missing.clear()
            return self.is_set()

    run(fleet.world(), interval=1, stop=Waiting(), health=health, log=configure(stream))
    (first, numbers), (then, _) = said
    assert first == "2 secrets are missing:\n  env:INITECH is not set\n  env:PG_US is not set"
    assert then is None
    assert "conductor_ledger_sequence 5.0" in numbers
    assert "conductor_agent_turn_duration_seconds_count 1.0" in numbers
    assert json.loads(stream.getvalue().splitlines()[0])["problem"] == first


def test_one_turn_sees_one_value_of_a_secret_though_its_file_is_replaced(tmp_path: Path) -> None:
    place = tmp_path / "password"
    place.write_text("first\n")
    secrets = Secrets()
    needed = [(f"file:{place}", lambda value, _: value)]
    assert secrets.hold(needed) == ()
    place.write_text("second\n")
    assert secrets(f"file:{place}") == "first"
    place.unlink()
    (problem,) = secrets.hold(needed)
    assert str(place) in problem.message
    with pytest.raises(EnvironmentFailedError):
        secrets(f"file:{place}")
