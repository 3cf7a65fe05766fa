"""The agent's loop, over an installation in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from runtime.agent.apply import LockLostError
from runtime.agent.attest import PushRefusedError
from runtime.agent.loop import BusyError, once
from runtime.contract.change import between
from runtime.contract.objects import ObjectId
from runtime.contract.statement import Drift, Intent, Refusal, Result
from runtime.ledger.history import NoGenesisError
from runtime.targets.interface import RetryableError, TerminalError
from runtime.testing.court import document, key_of
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_target import MemoryControl, MemoryObject

ACME = ObjectId("pg-eu", "role", "acme_app")
INITECH = ObjectId("pg-eu", "role", "initech_app")


@pytest.fixture
def fleet() -> Fleet:
    """An installation whose genesis has been made real."""
    fleet = Fleet.started()
    once(fleet.world())
    return fleet


def login_of(fleet: Fleet, role: ObjectId) -> object:
    return fleet.systems["pg-eu"].world[role].attributes["login"]


def approved(fleet: Fleet, **tenants: dict[str, object] | None) -> str:
    """Merge and approve; returns the change's digest."""
    change = fleet.edit(**tenants)
    fleet.approve(change, "mara", "tomas")
    return change.digest


def last_intent(fleet: Fleet) -> Intent:
    predicate = fleet.entries("intent")[-1].predicate
    assert isinstance(predicate, Intent)
    return predicate


def dies_at(step: str, *, times: int = 1) -> Callable[[str], None]:
    """An `at` that ends the agent where a step begins so."""
    left = times

    def at(passed: str) -> None:
        nonlocal left
        if passed.startswith(step) and left:
            left -= 1
            raise KeyboardInterrupt(step)

    return at


# The story of a change ---------------------------------------------------------------------------------------------


def test_the_first_intent_makes_what_the_genesis_asks_for() -> None:
    fleet = Fleet.started()
    outcome = once(fleet.world())
    assert fleet.story() == ["intent", "result"]
    assert {action.because for action in last_intent(fleet).actions} == {"genesis"}
    assert sorted(str(item) for item in fleet.systems["pg-eu"].world) == [
        "pg-eu/role/acme_app",
        "pg-eu/role/globex_app",
        "pg-eu/schema/acme",
        "pg-eu/schema/globex",
    ]
    assert not outcome.failed
    assert fleet.history().findings == ()


def test_a_change_approved_before_the_first_run_comes_after_the_genesis() -> None:
    fleet = Fleet.started()
    approved(fleet, initech={})
    once(fleet.world())
    assert fleet.story() == ["intent", "result", "verdict", "intent", "result"]
    first = fleet.entries("intent")[0].predicate
    assert isinstance(first, Intent)
    assert first.because == "genesis"


def test_a_loop_that_finds_nothing_writes_nothing(fleet: Fleet) -> None:
    head = fleet.remote.refs["refs/heads/main"]
    assert once(fleet.world()).entries == ()
    assert fleet.remote.refs["refs/heads/main"] == head


def test_an_approved_change_is_taken_and_made_because_of_it(fleet: Fleet) -> None:
    change = approved(fleet, initech={})
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result"]
    assert {action.because for action in last_intent(fleet).actions} == {change}
    assert login_of(fleet, INITECH) is True
    assert fleet.history().findings == ()


def test_verdict_and_intent_go_up_in_one_push_before_the_first_action(fleet: Fleet) -> None:
    approved(fleet, initech={})
    pushed = len(fleet.remote.pushes)
    fleet.steps.clear()
    once(fleet.world())
    assert len(fleet.remote.pushes) - pushed == 2
    assert fleet.steps[:3] == ["locked", "before push verdict 3 and intent 4", "after push verdict 3 and intent 4"]
    assert fleet.steps[3].startswith("before action 0")


def test_two_approved_changes_are_two_verdicts_in_one_call(fleet: Fleet) -> None:
    history = fleet.history()
    for name in ("initech", "umbrella"):
        fleet.people.branch(name)
        head = fleet.people.commit_files({f"tenants/{name}.yaml": document(blueprint="basic")}, branch=name)
        change = between(history.snapshot, fleet.snapshot(head), repository=history.genesis.repository, branch="main")
        fleet.approve(change, "mara", "tomas")
    for name in ("initech", "umbrella"):
        fleet.pull()
        fleet.people.squash(name)
        fleet.publish()
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result"] * 2
    assert fleet.history().pending == ()


def test_a_suspended_tenant_may_not_log_in(fleet: Fleet) -> None:
    approved(fleet, acme={"state": "suspended"})
    once(fleet.world())
    assert login_of(fleet, ACME) is False


def test_what_a_removed_tenant_had_is_deleted_downwards(fleet: Fleet) -> None:
    change = fleet.merge({"flags/checkout.yaml": document(tenants=[], on=False)}, remove=["tenants/acme.yaml"])
    fleet.approve(change, "mara", "tomas", "ines")
    once(fleet.world())
    assert [(item.operation, item.type) for item in last_intent(fleet).actions] == [
        ("delete", "schema"),
        ("delete", "role"),
    ]
    assert ACME not in fleet.systems["pg-eu"].world


def test_more_deletes_than_the_target_allows_are_reported_and_not_done() -> None:
    fleet = Fleet.started(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True, max_delete_percent=10)})
    once(fleet.world())
    change = fleet.merge({"flags/checkout.yaml": document(tenants=[], on=False)}, remove=["tenants/acme.yaml"])
    fleet.approve(change, "mara", "tomas", "ines")
    outcome = once(fleet.world())
    assert outcome.problems
    assert ACME in fleet.systems["pg-eu"].world


# Refusals and heartbeats -------------------------------------------------------------------------------------------


def test_a_refusal_is_recorded_once_for_the_same_reasons(fleet: Fleet) -> None:
    change = fleet.edit(initech={})
    for _ in range(3):
        once(fleet.world())
    assert fleet.story()[2:] == ["refusal"]
    fleet.approve(change, "mara")
    once(fleet.world())
    once(fleet.world())
    assert fleet.story()[2:] == ["refusal", "refusal"], "other reasons, another refusal"
    predicate = fleet.entries("refusal")[-1].predicate
    assert isinstance(predicate, Refusal)
    assert predicate.change == change.digest
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.story()[4:] == ["verdict", "intent", "result"]


def test_a_withdrawal_once_seen_is_obeyed_though_somebody_removes_it(fleet: Fleet) -> None:
    change = fleet.edit(initech={})
    fleet.approve(change, "mara")
    fleet.now += timedelta(minutes=1)
    path = fleet.withdraw(change, "mara")
    once(fleet.world())
    fleet.now += timedelta(minutes=1)
    fleet.people.commit_files({}, branch="approvals", remove=[path])
    fleet.remote.refs["refs/heads/approvals"] = fleet.people.refs["refs/heads/approvals"]
    fleet.remote.objects.update(fleet.people.objects)
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.entries("verdict") == []
    fleet.now += timedelta(minutes=1)
    fleet.approve(change, "mara")
    once(fleet.world())
    assert len(fleet.entries("verdict")) == 1, "who withdrew may approve anew"


def test_an_approval_that_is_removed_from_the_branch_does_not_count(fleet: Fleet) -> None:
    change = fleet.edit(initech={})
    path = fleet.approve(change, "mara")
    once(fleet.world())
    fleet.people.commit_files({}, branch="approvals", remove=[path])
    fleet.remote.refs["refs/heads/approvals"] = fleet.people.refs["refs/heads/approvals"]
    fleet.remote.objects.update(fleet.people.objects)
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.entries("verdict") == []


def test_a_heartbeat_is_written_when_nothing_was_for_long(fleet: Fleet) -> None:
    fleet.now += timedelta(hours=23)
    once(fleet.world())
    assert fleet.story()[2:] == []
    fleet.now += timedelta(hours=1)
    once(fleet.world())
    once(fleet.world())
    assert fleet.story()[2:] == ["heartbeat"]


def test_a_main_without_the_genesis_stops_everything(fleet: Fleet) -> None:
    approved(fleet, initech={})
    once(fleet.world())
    fleet.pull()
    other = fleet.people.commit_files({"README.md": "another life"}, branch="other")
    fleet.remote.refs["refs/heads/main"] = other
    fleet.remote.objects.update(fleet.people.objects)
    done = list(fleet.systems["pg-eu"].done)
    with pytest.raises(NoGenesisError):
        once(fleet.world())
    assert fleet.systems["pg-eu"].done == done


# Drift and what is not ours ----------------------------------------------------------------------------------------


def test_drift_is_evidence_and_healed(fleet: Fleet) -> None:
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    once(fleet.world())
    assert fleet.story()[2:] == ["drift", "intent", "result"]
    assert login_of(fleet, ACME) is True
    assert last_intent(fleet).because == "drift"


def test_drift_is_reported_once_and_taken_back_when_it_is_gone() -> None:
    fleet = Fleet.started(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True, drift="report")})
    once(fleet.world())
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    for _ in range(3):
        once(fleet.world())
    assert fleet.story()[2:] == ["drift"]
    assert login_of(fleet, ACME) is False
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": True}, 1)
    for _ in range(3):
        once(fleet.world())
    assert fleet.story()[2:] == ["drift", "drift"]
    gone = fleet.entries("drift")[-1].predicate
    assert isinstance(gone, Drift)
    assert gone.actions == ()


def test_a_foreign_object_is_reported_once_and_its_change_keeps_being_the_cause(fleet: Fleet) -> None:
    fleet.systems["pg-eu"].world[INITECH] = MemoryObject({"login": True}, None)
    change = approved(fleet, initech={})
    outcome = once(fleet.world())
    assert outcome.problems == (
        "pg-eu/role/initech_app exists and Conductor did not make it",
        "pg-eu/schema/initech needs pg-eu/role/initech_app, which Conductor did not make",
    )
    story = fleet.story()
    assert once(fleet.world()).entries == ()
    assert fleet.story() == story
    del fleet.systems["pg-eu"].world[INITECH]
    once(fleet.world())
    assert {action.because for action in last_intent(fleet).actions} == {change}


# What fails --------------------------------------------------------------------------------------------------------


def test_a_failed_wave_stops_the_next_and_is_tried_again_because_of_its_change(fleet: Fleet) -> None:
    change = approved(fleet, initech={})
    fleet.systems["pg-eu"].failures = [RetryableError("the server is starting", after=5)]
    outcome = once(fleet.world())
    assert outcome.failures == ("the server is starting",)
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.outcome for item in result.outcomes] == ["failed", "not-tried"]
    assert once(fleet.world(), patient=True).entries == (), "its time has not come"
    fleet.now += timedelta(seconds=5)
    assert not once(fleet.world(), patient=True).failed
    assert {action.because for action in last_intent(fleet).actions} == {change}


def test_what_keeps_failing_is_tried_less_and_less_often(fleet: Fleet) -> None:
    approved(fleet, initech={})
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
    approved(fleet, initech={})
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
    approved(fleet, initech={})
    outcome = once(fleet.world())
    assert outcome.away == ("target pg-us is away",)
    assert login_of(fleet, INITECH) is True
    fleet.systems["pg-us"].away = False
    fleet.systems["pg-eu"].away = True
    approved(fleet, umbrella={})
    with pytest.raises(RetryableError, match="pg-eu is away"):
        once(fleet.world())
    assert fleet.story()[5:] == [], "not even the verdict"


def test_a_target_with_another_identity_stops_everything_before_anything_is_done(fleet: Fleet) -> None:
    approved(fleet, initech={})
    fleet.systems["pg-eu"].identity = "memory/2"
    with pytest.raises(TerminalError, match="what answers there is memory/2"):
        once(fleet.world())
    assert fleet.story()[2:] == []


# Who may act -------------------------------------------------------------------------------------------------------


def test_an_agent_that_does_not_get_the_lock_does_nothing(fleet: Fleet) -> None:
    approved(fleet, initech={})
    with MemoryControl(fleet.database) as other:
        assert other.lock("any")
        with pytest.raises(BusyError):
            once(fleet.world())
    assert fleet.story()[2:] == []


def test_an_agent_that_loses_the_lock_stops_before_the_next_action(fleet: Fleet) -> None:
    approved(fleet, initech={})

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
    approved(fleet, initech={})
    with pytest.raises(TerminalError, match="is not one of conductor-eu's"):
        once(fleet.world(key=key_of("a stranger")))
    assert fleet.story()[2:] == []


def test_an_agent_asked_to_stop_finishes_the_action_in_hand_and_writes_the_result(fleet: Fleet) -> None:
    approved(fleet, initech={})
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
    approved(model, initech={})
    model.steps.clear()
    once(model.world())
    steps = [step for step in model.steps if step != "locked"]
    assert len(steps) == 8
    for step in steps:
        fleet = Fleet.started()
        once(fleet.world())
        approved(fleet, initech={})
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
    approved(fleet, initech={})
    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=dies_at("before push result")))
    once(fleet.world())
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.facts for item in result.outcomes] == [{"performed": "create"}] * 2


def test_what_was_measured_is_told_though_the_agent_died_before_its_result(fleet: Fleet) -> None:
    approved(fleet, initech={})
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
    approved(fleet, initech={})
    with pytest.raises(KeyboardInterrupt):
        once(replace(fleet.world(), at=dies_at("before push result")))
    once(fleet.world(git=MemoryGit({"origin": fleet.remote})))
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    assert [item.facts for item in result.outcomes] == [{"observed": True}] * 2
    assert fleet.history().findings == ()


# The remote --------------------------------------------------------------------------------------------------------


def test_a_remote_that_is_away_stops_the_agent_with_a_typed_error(fleet: Fleet) -> None:
    approved(fleet, initech={})
    fleet.remote.away = True
    with pytest.raises(RetryableError, match="the remote origin is away"):
        once(fleet.world())


def test_a_protected_branch_is_said_clearly_and_nothing_is_done(fleet: Fleet) -> None:
    approved(fleet, initech={})
    fleet.remote.protected.add("main")
    with pytest.raises(PushRefusedError, match="refuses the agent's push to main"):
        once(fleet.world())
    assert len(fleet.systems["pg-eu"].done) == 4


def test_a_push_beaten_by_a_merge_is_made_again_on_the_new_head(fleet: Fleet) -> None:
    approved(fleet, initech={})
    fleet.remote.before_push.append(lambda: notes(fleet))
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result"]
    assert fleet.history().findings == ()


def test_a_verdict_beaten_by_its_own_revert_is_not_taken(fleet: Fleet) -> None:
    approved(fleet, initech={})
    fleet.remote.before_push.append(lambda: revert(fleet))
    once(fleet.world())
    assert fleet.story()[2:] == []


def test_a_remote_that_lost_the_last_entries_gets_them_again(fleet: Fleet) -> None:
    approved(fleet, initech={})
    before = fleet.remote.refs["refs/heads/main"]
    once(fleet.world())
    after = fleet.remote.refs["refs/heads/main"]
    fleet.remote.refs["refs/heads/main"] = before
    once(fleet.world())
    assert fleet.remote.refs["refs/heads/main"] == after


def test_a_remote_that_goes_another_way_is_refused(fleet: Fleet) -> None:
    approved(fleet, initech={})
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
