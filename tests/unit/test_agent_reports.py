"""What the ledger says of drift that is not healed, and what the agent says of other releases: true, and readable."""

from __future__ import annotations

import pytest

from runtime.agent.dry import look
from runtime.agent.health import Health
from runtime.agent.loop import once
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import ObjectId
from runtime.governance.config import CompilerPin
from runtime.ledger.reading import lines
from runtime.release import VERSION
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_target import MemoryObject

ACME = ObjectId("pg-eu", "role", "acme_app")
PIN = "policies/compiler.yaml"
TARGET = "spec/targets/pg-eu.yaml"
NEXT = "9.9.9"


@pytest.fixture
def reporting() -> Fleet:
    """An installation whose target only reports drift, with a role that has drifted and is reported."""
    fleet = Fleet.started(**{TARGET: target("pg-eu", drift="report"), "spec/targets/pg-us.yaml": control()})
    once(fleet.world())
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    once(fleet.world())
    assert fleet.story()[2:] == ["drift"]
    return fleet


def control() -> bytes:
    """Another target, which has the lock."""
    return target("pg-us", control=True)


def told(fleet: Fleet) -> list[tuple[str, str, str]]:
    """Subject of the commit, what the log says, and because of what: of each entry that is drift."""
    return [
        (fleet.people.commit(line.entry.commit).subject, line.what, line.because)
        for line in lines(fleet.history())
        if line.entry.kind == "drift"
    ]


def test_a_report_and_its_end_are_told_in_words(reporting: Fleet) -> None:
    reporting.systems["pg-eu"].world[ACME] = MemoryObject({"login": True}, 1)
    once(reporting.world())
    assert told(reporting) == [
        (
            "Find drift and report it: role acme_app has login false, declared true",
            "finds drift: role acme_app has login false, declared true",
            "declared `drift: report`",
        ),
        (
            "Find nothing left of what was reported",
            "finds nothing left of what was reported",
            "as declared again, or declared no more",
        ),
    ]


def test_a_report_stands_while_its_target_cannot_be_looked_at(reporting: Fleet) -> None:
    reporting.systems["pg-eu"].away = True
    assert once(reporting.world()).entries == ()
    reporting.systems["pg-eu"].away = False
    assert once(reporting.world()).entries == ()


def test_a_report_is_taken_back_only_once_what_it_says_is_healed(reporting: Fleet) -> None:
    change = reporting.merge({TARGET: target("pg-eu")})
    reporting.approve(change, "mara", "tomas", "ines")
    once(reporting.world())
    assert reporting.story()[3:] == ["verdict", "drift", "intent", "result", "drift"]
    assert [subject for subject, _, _ in told(reporting)][1:] == [
        "Find drift and heal it: role acme_app has login false, declared true",
        "Find nothing left of what was reported",
    ]


def test_what_is_not_ours_is_said_to_be_held_back_and_not_to_be_drift_as_declared() -> None:
    fleet = Fleet.started()
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": True}, None)
    once(fleet.world())
    (entry,) = told(fleet)
    assert entry == (
        "Find role acme_app that Conductor did not make, and leave it alone",
        "finds role acme_app is there and Conductor did not make it, schema acme is missing",
        "held back: a person must look",
    )


# Releases ----------------------------------------------------------------------------------------------------------


def test_a_pending_change_that_pins_another_release_is_said_and_the_rest_goes_on() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    fleet.merge({PIN: CompilerPin(release=NEXT).data()})
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    once(fleet.world())
    assert fleet.story()[2:] == ["drift", "intent", "result"]
    outcome = once(fleet.world())
    (why,) = outcome.releases
    assert f"pins release {NEXT} at commit {fleet.history().pending[0][:12]}, and this is release {VERSION}: " in why
    assert f"install intelgraph-conductor {NEXT}, or set `release: {VERSION}` there" in why
    health = Health()
    health.turned(outcome, 0.1)
    assert health.problem == why


def test_where_another_release_is_pinned_nothing_is_done_and_it_is_said_what_to_install() -> None:
    fleet = Fleet.started(**{PIN: CompilerPin(release=NEXT).data()})
    for act in (once, look):
        with pytest.raises(EnvironmentFailedError, match=f"pins release {NEXT} at the last verified commit") as failed:
            act(fleet.world())
        assert failed.value.exit_code == 3
        assert f"install intelgraph-conductor {NEXT}" in (failed.value.help or "")
    assert (fleet.story(), fleet.systems["pg-eu"].done) == ([], [])


def test_the_new_release_takes_the_change_of_the_pin_and_then_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet.started()
    once(fleet.world())
    monkeypatch.setattr("runtime.agent.state.VERSION", NEXT)
    fleet.release = NEXT
    with pytest.raises(EnvironmentFailedError, match=f"pins release {VERSION}"):
        once(fleet.world())
    change = fleet.merge({PIN: CompilerPin(release=NEXT).data()})
    fleet.approve(change, "mara", "ines")
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result"]
    assert once(fleet.world()).entries == ()
    assert fleet.history().findings == ()
