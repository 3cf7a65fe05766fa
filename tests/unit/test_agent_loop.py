"""The agent's loop, over an installation in memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runtime.agent.loop import once
from runtime.contract.change import between
from runtime.contract.objects import ObjectId
from runtime.contract.predicates import Drift, Intent, Refusal
from runtime.ledger.starting import NoGenesisError
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_target import MemoryObject
from runtime.testing.small_tree import document

ACME = ObjectId("pg-eu", "role", "acme_app")
INITECH = ObjectId("pg-eu", "role", "initech_app")


# The story of a change ---------------------------------------------------------------------------------------------


def test_the_first_intent_makes_what_the_genesis_asks_for() -> None:
    fleet = Fleet.started()
    outcome = once(fleet.world())
    assert fleet.story() == ["intent", "result"]
    assert {action.because for action in fleet.last_intent().actions} == {"genesis"}
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
    fleet.approved(initech={})
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
    change = fleet.approved(initech={})
    once(fleet.world())
    assert fleet.story()[2:] == ["verdict", "intent", "result"]
    assert {action.because for action in fleet.last_intent().actions} == {change}
    assert fleet.login_of(INITECH) is True
    assert fleet.history().findings == ()


def test_verdict_and_intent_go_up_in_one_push_before_the_first_action(fleet: Fleet) -> None:
    fleet.approved(initech={})
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
    fleet.approved(acme={"state": "suspended"})
    once(fleet.world())
    assert fleet.login_of(ACME) is False


def test_what_a_removed_tenant_had_is_deleted_downwards(fleet: Fleet) -> None:
    change = fleet.merge({"flags/checkout.yaml": document(tenants=[], on=False)}, remove=["tenants/acme.yaml"])
    fleet.approve(change, "mara", "tomas", "ines")
    once(fleet.world())
    assert [(item.operation, item.type) for item in fleet.last_intent().actions] == [
        ("delete", "schema"),
        ("delete", "role"),
    ]
    assert ACME not in fleet.systems["pg-eu"].world


def test_more_deletes_than_the_target_allows_are_reported_and_not_done() -> None:
    fleet = Fleet.started(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True, max_delete_percent=0)})
    once(fleet.world())
    change = fleet.merge({"flags/checkout.yaml": document(tenants=[], on=False)}, remove=["tenants/acme.yaml"])
    fleet.approve(change, "mara", "tomas", "ines")
    outcome = once(fleet.world())
    too_many = "2 of 4 objects of pg-eu would go, and `max_delete_percent: 0` lets none"
    assert {problem.rpartition(": ")[0] for problem in outcome.problems} == {too_many}
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
    fleet.approved(initech={})
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
    assert fleet.login_of(ACME) is True
    assert fleet.last_intent().because == "drift"


def test_drift_is_reported_once_and_taken_back_when_it_is_gone() -> None:
    fleet = Fleet.started(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True, drift="report")})
    once(fleet.world())
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    for _ in range(3):
        once(fleet.world())
    assert fleet.story()[2:] == ["drift"]
    assert fleet.login_of(ACME) is False
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": True}, 1)
    for _ in range(3):
        once(fleet.world())
    assert fleet.story()[2:] == ["drift", "drift"]
    gone = fleet.entries("drift")[-1].predicate
    assert isinstance(gone, Drift)
    assert gone.actions == ()


def test_a_foreign_object_is_reported_once_and_its_change_keeps_being_the_cause(fleet: Fleet) -> None:
    fleet.systems["pg-eu"].world[INITECH] = MemoryObject({"login": True}, None)
    change = fleet.approved(initech={})
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
    assert {action.because for action in fleet.last_intent().actions} == {change}
