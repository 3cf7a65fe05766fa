"""What goes wrong around the agent: targets that fail, locks that are lost, death at any line, remotes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.agent.apply import LockLostError
from runtime.agent.attest import PushRefusedError
from runtime.agent.loop import BusyError, once
from runtime.contract.objects import ObjectId
from runtime.contract.predicates import Result
from runtime.targets.interface import RetryableError, TerminalError
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_target import MemoryControl, MemoryDatabase
from runtime.testing.proofs import proof
from runtime.testing.small_tree import REPOSITORY, agent, key_of, public

INITECH = ObjectId("pg-eu", "role", "initech_app")


def dies_at(step: str, *, times: int = 1) -> Callable[[str], None]:
    """An `at` that ends the agent where a step begins so."""
    left = times

    def at(passed: str) -> None:
        nonlocal left
        if passed.startswith(step) and left:
            left -= 1
            raise KeyboardInterrupt(step)

    return at


# What fails --------------------------------------------------------------------------------------------------------


def test_a_failed_wave_stops_the_next_and_is_tried_again_because_of_its_change(fleet: Fleet) -> None:
    change = fleet.approved(initech={})
    fleet.systems["pg-eu"].failures = [RetryableError("the server is starting", after=5)]
    outcome = once(fleet.world())
    assert outcome.failures == ("the server is starting",)
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.outcome for item in result.outcomes] == ["failed", "not-tried"]
    assert once(fleet.world(), patient=True).entries == (), "its time has not come"
    fleet.now += timedelta(seconds=5)
    assert not once(fleet.world(), patient=True).failed
    assert {action.because for action in fleet.last_intent().actions} == {change}


def test_a_change_that_is_taken_meanwhile_does_not_make_drift_of_what_failed(fleet: Fleet) -> None:
    """An intent settles what it does not name: so the next one names what failed, however long that should wait."""
    change = fleet.approved(initech={})
    fleet.systems["pg-eu"].failures = [TerminalError("a person must look") for _ in range(2)]
    once(fleet.world())
    fleet.approved(hooli={})
    once(fleet.world(), patient=True)
    assert change in {action.because for action in fleet.last_intent().actions}
    assert fleet.history().findings == ()


def test_what_keeps_failing_is_tried_less_and_less_often(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.systems["pg-eu"].failures = [RetryableError("again", after=10) for _ in range(3)]
    once(fleet.world())
    waits = []
    for _ in range(2):
        begun = fleet.now
        while not once(fleet.world(), patient=True).entries:
            fleet.now += timedelta(seconds=5)
        waits.append((fleet.now - begun).total_seconds())
    assert waits == [10, 20]


def test_what_needs_a_person_is_tried_again_only_when_the_agent_is_started_again(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.systems["pg-eu"].failures = [TerminalError("a person must look")]
    once(fleet.world())
    fleet.now += timedelta(days=1) - timedelta(seconds=1)
    assert once(fleet.world(), patient=True).failed
    assert fleet.story()[5:] == []
    assert not once(fleet.world()).failed


def test_a_target_that_is_away_stops_what_needs_it_and_nothing_else() -> None:
    fleet = Fleet.started(**{"spec/targets/pg-us.yaml": target("pg-us")})
    once(fleet.world())
    fleet.systems["pg-us"].away = True
    fleet.approved(initech={})
    outcome = once(fleet.world())
    assert outcome.away == ("target pg-us is away",)
    assert fleet.login_of(INITECH) is True
    fleet.systems["pg-us"].away = False
    fleet.systems["pg-eu"].away = True
    fleet.approved(umbrella={})
    with pytest.raises(RetryableError, match="pg-eu is away"):
        once(fleet.world())
    assert fleet.story()[5:] == [], "not even the verdict"


def test_a_target_with_another_identity_stops_everything_before_anything_is_done(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.systems["pg-eu"].identity = "memory/2"
    with pytest.raises(TerminalError, match="what answers there is memory/2"):
        once(fleet.world())
    assert fleet.story()[2:] == []


# Who may act -------------------------------------------------------------------------------------------------------


def test_an_agent_that_does_not_get_the_lock_does_nothing(fleet: Fleet) -> None:
    fleet.approved(initech={})
    with MemoryControl(fleet.database) as other:
        assert other.lock("any")
        with pytest.raises(BusyError):
            once(fleet.world())
    assert fleet.story()[2:] == []


def test_an_agent_that_loses_the_lock_stops_before_the_next_action(fleet: Fleet) -> None:
    fleet.approved(initech={})

    def lose(step: str) -> None:
        if step.startswith("after action 0"):
            fleet.database.holder = None

    with pytest.raises(LockLostError):
        once(replace(fleet.world(), at=lose))
    assert len(fleet.systems["pg-eu"].done) == 5
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result", "intent", "result"]
    assert fleet.history().findings == ()


def test_a_key_that_governance_does_not_know_writes_nothing(fleet: Fleet) -> None:
    fleet.approved(initech={})
    with pytest.raises(TerminalError, match="is not one of conductor-eu's"):
        once(fleet.world(key=key_of("a stranger")))
    assert fleet.story()[2:] == []


def test_a_change_that_replaces_the_agents_key_is_taken_by_the_new_key_and_the_old_one_is_dead(fleet: Fleet) -> None:
    old, new = key_of("conductor-eu"), key_of("conductor-eu", 2)
    renewed = agent().model_copy(update={"keys": (public(new),)})
    change = fleet.merge({"policies/agents/conductor-eu.yaml": renewed.data(), **proof("agent/conductor-eu", new)})
    fleet.approve(change, "mara", "ines")
    with pytest.raises(TerminalError, match="is not one of conductor-eu's"):
        once(fleet.world(key=old))
    once(fleet.world(key=new))
    assert fleet.story()[2:] == ["verdict", "intent", "result"]
    assert fleet.history().findings == ()
    fleet.approved(initech={})
    with pytest.raises(TerminalError):
        once(fleet.world(key=old))
    once(fleet.world(key=new))
    assert fleet.login_of(INITECH) is True


def test_when_the_control_database_is_another_one_the_lock_is_taken_there() -> None:
    fleet = Fleet.started(**{"spec/targets/pg-us.yaml": target("pg-us")})
    fleet.databases["pg-us"] = MemoryDatabase()
    once(fleet.world())
    change = fleet.merge(
        {"spec/targets/pg-eu.yaml": target("pg-eu"), "spec/targets/pg-us.yaml": target("pg-us", control=True)}
    )
    fleet.approve(change, "mara", "tomas", "ines")
    fleet.steps.clear()
    fleet.databases["pg-us"].away = True
    before = fleet.history().tip.sequence
    with pytest.raises(RetryableError, match="the control database is away"):
        once(fleet.world())
    assert fleet.history().tip.sequence == before, "one that nobody can reach does not become the control database"
    fleet.databases["pg-us"].away = False
    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=dies_at("before push verdict")))
    assert fleet.databases["pg-us"].heads == fleet.database.heads, (
        "what the old one remembers, it does before it is one"
    )
    fleet.steps.clear()
    once(fleet.world())
    assert fleet.steps.count("locked") == 2
    fleet.approved(initech={})
    once(fleet.world())
    head = fleet.databases["pg-us"].heads[REPOSITORY]
    assert head.sequence == fleet.history().tip.sequence


def test_an_agent_asked_to_stop_finishes_the_action_in_hand_and_writes_the_result(fleet: Fleet) -> None:
    fleet.approved(initech={})
    asked = False

    def ask(step: str) -> None:
        nonlocal asked
        asked = asked or step.startswith("before action 0")

    once(replace(fleet.world(), at=ask, stopping=lambda: asked))
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.outcome for item in result.outcomes] == ["done", "not-tried"]


# Death at any line -------------------------------------------------------------------------------------------------


def test_dead_at_any_step_the_next_agent_finishes_and_each_action_is_told_once() -> None:
    model = Fleet.started()
    once(model.world())
    model.approved(initech={})
    model.steps.clear()
    once(model.world())
    steps = [step for step in model.steps if step != "locked"]
    assert len(steps) == 8
    for step in steps:
        fleet = Fleet.started()
        once(fleet.world())
        fleet.approved(initech={})
        with pytest.raises(KeyboardInterrupt):
            once(replace(fleet.world(), at=dies_at(step)))
        once(fleet.world())
        history = fleet.history()
        assert (history.open_intent, history.findings) == (None, ()), step
        done = [action.id for _, action in fleet.systems["pg-eu"].done]
        assert len(done) == len(set(done)) == 6, step
        told = [
            outcome.outcome
            for entry in history.entries
            if isinstance(entry.predicate, Result)
            for outcome in entry.predicate.outcomes
        ]
        assert told.count("done") == 6, step
        assert once(fleet.world()).entries == ()


def test_a_result_that_was_signed_and_not_pushed_is_pushed_by_the_next_agent_with_its_facts(fleet: Fleet) -> None:
    fleet.approved(initech={})
    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=dies_at("before push result")))
    once(fleet.world())
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.facts for item in result.outcomes] == [{"performed": "create"}] * 2


def test_what_was_measured_is_told_though_the_agent_died_before_its_result(fleet: Fleet) -> None:
    fleet.approved(initech={})
    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=dies_at("after action 0")))
    once(fleet.world())
    first = fleet.entries("result")[1].predicate
    assert isinstance(first, Result)
    assert [(item.outcome, item.facts) for item in first.outcomes] == [
        ("done", {"performed": "create", "observed": True}),
        ("not-tried", {}),
    ]


def test_an_agent_with_another_clone_closes_the_intent_by_looking_again(fleet: Fleet) -> None:
    fleet.approved(initech={})
    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=dies_at("before push result")))
    once(fleet.world(git=MemoryGit({"origin": fleet.remote})))
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.facts for item in result.outcomes] == [{"observed": True}] * 2
    assert fleet.history().findings == ()


# The remote --------------------------------------------------------------------------------------------------------


def test_a_remote_that_is_away_stops_the_agent_with_a_typed_error(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.remote.away = True
    with pytest.raises(RetryableError, match="the remote origin is away"):
        once(fleet.world())


def test_a_protected_branch_is_said_clearly_and_nothing_is_done(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.remote.protected.add("main")
    with pytest.raises(PushRefusedError, match="refuses the agent's push to main"):
        once(fleet.world())
    assert len(fleet.systems["pg-eu"].done) == 4


def test_a_push_beaten_by_a_merge_is_made_again_on_the_new_head(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.remote.before_push.append(lambda: notes(fleet))
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result"]
    assert fleet.history().findings == ()


def test_a_verdict_beaten_by_its_own_revert_is_not_taken(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.remote.before_push.append(lambda: revert(fleet))
    once(fleet.world())
    assert fleet.story()[2:] == []


def test_a_remote_that_lost_the_last_entries_gets_them_again(fleet: Fleet) -> None:
    fleet.approved(initech={})
    before = fleet.remote.refs["refs/heads/main"]
    once(fleet.world())
    after = fleet.remote.refs["refs/heads/main"]
    fleet.remote.refs["refs/heads/main"] = before
    once(fleet.world())
    assert fleet.remote.refs["refs/heads/main"] == after


def test_a_remote_that_goes_another_way_is_refused(fleet: Fleet) -> None:
    fleet.approved(initech={})
    before = fleet.remote.refs["refs/heads/main"]
    once(fleet.world())
    fleet.remote.refs["refs/heads/main"] = before
    notes(fleet)
    with pytest.raises(TerminalError, match="no longer holds entry 5"):
        once(fleet.world())


def notes(fleet: Fleet) -> None:
    """Somebody merges something else."""
    fleet.pull()
    fleet.people.commit_files({"docs/notes.md": "notes"}, at=fleet.now)
    fleet.publish()


def revert(fleet: Fleet) -> None:
    """Somebody takes the last merge back."""
    fleet.pull()
    fleet.people.revert(fleet.people.refs["refs/heads/main"])
    fleet.publish()
