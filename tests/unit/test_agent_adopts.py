"""The agent's whole loop, where a tenant's objects are there before it is declared."""

from __future__ import annotations

import pytest

from runtime.agent.dry import look
from runtime.agent.loop import once
from runtime.agent.telling import action_details
from runtime.contract.canonical import JSON
from runtime.contract.errors import UsageError
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.testing.fleet import Fleet
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_target import MemoryObject

APP = ObjectId("pg-eu", "role", "initech_app")
SCHEMA = ObjectId("pg-eu", "schema", "initech")


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet.started()
    once(fleet.world())
    fleet.systems["pg-eu"].world[APP] = MemoryObject({"login": False}, None)
    fleet.systems["pg-eu"].world[SCHEMA] = MemoryObject({"owner": "initech_app"}, None)
    return fleet


def test_what_is_there_is_adopted_because_of_the_change_that_says_so(fleet: Fleet) -> None:
    change = fleet.approved(initech={"adopt": True})
    assert once(fleet.world()).problems == ()
    adopted = [action for action in fleet.last_intent().actions if action.type != "release"]
    assert {(action.operation, action.because) for action in adopted} == {("adopt", change)}
    assert adopted[0].before == {"login": False}
    assert fleet.login_of(APP) is True
    assert once(fleet.world()).entries == ()


def test_what_adopting_would_do_can_be_seen_before_anybody_has_approved_it(fleet: Fleet) -> None:
    fleet.edit(initech={"adopt": True})
    world = fleet.world()
    commit = fleet.people.refs["refs/heads/main"]
    assert look(world).todo.actions == ()
    found = look(world, commit)
    assert found.supposed == commit
    actions = [action for action in found.todo.actions if action.operation is Operation.ADOPT]
    assert [action_details(action) for action in actions] == [
        ("login false → true",),
        ("nothing but whose it is",),
    ]
    assert all(action_details(action) == () for action in found.todo.actions if action not in actions)


def test_privileges_on_what_comes_later_are_told_in_postgresqls_words() -> None:
    before: dict[str, JSON] = {"owner": "o", "role": "r", "tables": [], "sequences": ["USAGE"]}
    after: dict[str, JSON] = {**before, "tables": ["INSERT", "SELECT"]}
    action = Action(Operation.ADOPT, ObjectId("pg-eu", "grants", "initech"), before, after, 1, "initech", "ab" * 32)
    assert action_details(action) == ("default privileges on tables none → INSERT, SELECT",)


def test_a_commit_that_does_not_compile_is_not_supposed(fleet: Fleet) -> None:
    fleet.people.commit_files({"tenants/odd.yaml": b"{"}, at=fleet.now)
    fleet.publish()
    with pytest.raises(UsageError, match="does not compile"):
        look(fleet.world(), fleet.people.refs["refs/heads/main"])


def test_adopt_true_that_is_there_already_is_no_word_for_what_comes_later(fleet: Fleet) -> None:
    fleet.approved(initech={"adopt": True})
    once(fleet.world())
    fleet.systems["pg-eu"].world[APP] = MemoryObject({"login": False}, None)
    fleet.approved(initech={"adopt": True, "password": "env:DSN"})
    (problem,) = once(fleet.world()).problems
    assert problem.endswith("another one: take it out and put it in again")
    assert fleet.login_of(APP) is False
    fleet.approved(initech={"password": "env:DSN"})
    once(fleet.world())
    fleet.approved(initech={"adopt": True, "password": "env:DSN"})
    assert once(fleet.world()).problems == ()
    assert fleet.login_of(APP) is True


def test_how_an_emergency_would_have_it_nobody_has_said_that_it_may_be_adopted(fleet: Fleet) -> None:
    """Two people said it of a tenant that logs in; what keeps it out is mended after one person has suspended it."""
    fleet.systems["pg-eu"].world[SCHEMA] = MemoryObject({"admin": True}, None)
    fleet.approved(initech={"adopt": True})
    assert len(once(fleet.world()).problems) == 2
    fleet.approve(fleet.edit(initech={"adopt": True, "state": "suspended"}), "mara", kind="emergency")
    once(fleet.world())
    fleet.systems["pg-eu"].world[SCHEMA] = MemoryObject({"owner": "initech_app"}, None)
    fleet.systems["pg-eu"].world[APP] = MemoryObject({"login": True}, None)
    (problem, *_) = once(fleet.world(git=MemoryGit({"origin": fleet.remote}))).problems
    assert problem.endswith("another one: take it out and put it in again")
    assert fleet.login_of(APP) is True
    fleet.approved(initech={"state": "suspended"})
    once(fleet.world())
    fleet.approved(initech={"adopt": True, "state": "suspended"})
    assert once(fleet.world()).problems == ()
    assert fleet.login_of(APP) is False


def test_taking_adopt_true_out_again_changes_nothing_of_what_is_ours(fleet: Fleet) -> None:
    fleet.approved(initech={"adopt": True})
    once(fleet.world())
    fleet.approved(initech={})
    assert once(fleet.world()).problems == ()
    assert fleet.last_intent().actions == ()


def test_what_is_refused_holds_up_the_whole_tenant_until_it_is_mended(fleet: Fleet) -> None:
    fleet.systems["pg-eu"].world[SCHEMA] = MemoryObject({"admin": True}, None)
    change = fleet.approved(initech={"adopt": True})
    assert once(fleet.world()).problems == (
        "pg-eu/role/initech_app needs pg-eu/schema/initech, which Conductor did not make",
        "pg-eu/schema/initech is not adopted: it is an admin's",
    )
    assert fleet.login_of(APP) is False
    assert once(fleet.world()).entries == ()
    fleet.systems["pg-eu"].world[SCHEMA] = MemoryObject({"owner": "initech_app"}, None)
    once(fleet.world())
    assert {action.because for action in fleet.last_intent().actions} == {change}
    assert fleet.login_of(APP) is True


def test_a_genesis_may_adopt_and_so_may_what_it_held_back_until_it_was_mended() -> None:
    fleet = Fleet.started(**{"tenants/hooli.yaml": b'{"adopt":true,"blueprint":"basic"}'})
    role, schema = ObjectId("pg-eu", "role", "hooli_app"), ObjectId("pg-eu", "schema", "hooli")
    fleet.systems["pg-eu"].world[role] = MemoryObject({"admin": True}, None)
    fleet.systems["pg-eu"].world[schema] = MemoryObject({"owner": "hooli_app"}, None)
    assert len(once(fleet.world()).problems) == 2
    fleet.systems["pg-eu"].world[role] = MemoryObject({"login": True}, None)
    assert once(fleet.world()).problems == ()
    assert {(item.operation, item.because) for item in fleet.last_intent().actions} == {("adopt", "genesis")}
