"""The agent's loop, over an installation in memory."""

from __future__ import annotations

from runtime.agent.loop import once
from runtime.testing.fleet import Fleet


def test_the_first_intent_makes_what_the_genesis_asks_for() -> None:
    fleet = Fleet.started()
    outcome = once(fleet.world())
    assert fleet.story() == ["intent", "result"]
    assert sorted(str(item) for item in fleet.systems["pg-eu"].world) == [
        "pg-eu/role/acme_app",
        "pg-eu/role/globex_app",
        "pg-eu/schema/acme",
        "pg-eu/schema/globex",
    ]
    assert not outcome.failed
    assert fleet.history().findings == ()


def test_a_loop_that_finds_nothing_writes_nothing() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    assert once(fleet.world()).entries == ()
    assert fleet.story() == ["intent", "result"]


def test_an_approved_change_is_taken_and_made() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    change = fleet.edit(initech={})
    fleet.approve(change, "mara", "tomas")
    once(fleet.world())
    assert fleet.story() == ["intent", "result", "verdict", "intent", "result"]
    assert fleet.history().findings == ()
