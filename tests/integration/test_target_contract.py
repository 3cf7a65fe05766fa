"""What every target keeps, the double in memory too: the same tests run against all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from runtime.agent.diff import diff
from runtime.agent.world import Control
from runtime.contract.canonical import encode, sha256
from runtime.contract.objects import Action, Object, ObjectId, Operation
from runtime.ledger.head import Head
from runtime.targets.interface import Target, TerminalError
from runtime.targets.postgres.control import ControlDatabase
from runtime.targets.release import ReleaseTarget
from runtime.testing.memory_target import MemoryControl, MemoryDatabase, MemoryObject, MemorySystem, MemoryTarget
from tests.services.tenant import REPOSITORY, TARGET, Secrets, Tenant, create, delete, target

pytestmark = pytest.mark.service

ACME = Tenant("acme-retail")
FILES: Mapping[str, bytes] = {"config/flags/flag/a.json": b"1"}
RELEASE = Object(
    ObjectId(TARGET, "release", "current"),
    {"manifest": "a" * 64, "files": sha256(encode({path: sha256(data) for path, data in FILES.items()}))},
    9,
    None,
)


@dataclass(frozen=True)
class Case:
    """A target, some objects of its own kind in the order they are made, and ways around it.

    `open(expected)` connects; `foreign` makes the last of the objects by hand, without a mark; `drift` alters it.
    """

    open: Callable[[str | None], Target]
    objects: tuple[Object, ...]
    foreign: Callable[[], None]
    drift: Callable[[], None]


@pytest.fixture
def memory() -> Case:
    system = MemorySystem()
    last = ACME.objects[-1]

    def foreign() -> None:
        system.world[last.id] = MemoryObject(last.attributes, None)

    def drift() -> None:
        system.world[last.id].attributes = {"altered": "by hand"}

    return Case(lambda expected: MemoryTarget(TARGET, system, expected=expected), ACME.objects, foreign, drift)


@pytest.fixture
def release(tmp_path: Path) -> Case:
    def opened(expected: str | None) -> Target:
        return ReleaseTarget(
            TARGET,
            folder="env:RELEASES",
            expected=expected,
            repository="5" * 32,
            files=lambda: FILES,
            resolve=lambda _: str(tmp_path / "releases"),
            new_id=lambda: "an-id",
        )

    def foreign() -> None:
        (tmp_path / "releases" / "current").symlink_to(tmp_path)

    def drift() -> None:
        (tmp_path / "releases" / "current" / "config" / "flags" / "flag" / "a.json").write_bytes(b"2")

    return Case(opened, (RELEASE,), foreign, drift)


@pytest.fixture
def database(dsn18: str) -> Iterator[Case]:
    secret = Secrets.of(dsn18, ACME)
    with psycopg.connect(dsn18, autocommit=True) as admin:
        yield Case(
            lambda expected: target(secret, expected=expected),
            ACME.objects[:3],
            lambda: _execute(admin, f"CREATE SCHEMA {ACME.schema} AUTHORIZATION {ACME.owner}"),
            lambda: _execute(admin, f"ALTER SCHEMA {ACME.schema} OWNER TO CURRENT_USER"),
        )


def _execute(admin: psycopg.Connection, statement: str) -> None:
    admin.execute(statement)


@pytest.fixture(params=["memory", "release", "database"])
def case(request: pytest.FixtureRequest) -> Case:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Case)
    return found


def _actions(running: Target, wanted: tuple[Object, ...], former: tuple[Object, ...] = ()) -> tuple[Action, ...]:
    observed = running.observe([item.id for item in wanted])
    known = {item.id: item for item in former}
    return diff(wanted, observed, because=lambda _: "drift", former=known).actions


def test_what_was_performed_is_what_is_observed(case: Case) -> None:
    with case.open(None) as running:
        assert running.observe([item.id for item in case.objects]) == {}
        for item in case.objects:
            running.perform(create(item), intent=2)
        assert running.observe([]) == {item.id: item.attributes for item in case.objects}


def test_a_new_connection_observes_the_same(case: Case) -> None:
    with case.open(None) as running:
        for item in case.objects:
            running.perform(create(item), intent=2)
    with case.open(None) as running:
        assert _actions(running, case.objects) == ()


def test_performing_twice_is_performing_once(case: Case) -> None:
    with case.open(None) as running:
        for _ in range(2):
            for item in case.objects:
                running.perform(create(item), intent=2)
        assert _actions(running, case.objects) == ()
        for _ in range(2):
            for item in reversed(case.objects):
                running.perform(delete(item), intent=3)
        assert running.observe([item.id for item in case.objects]) == {}


def test_an_update_of_what_is_gone_makes_it(case: Case) -> None:
    with case.open(None) as running:
        for item in case.objects:
            running.perform(replace(create(item), operation=Operation.UPDATE, before={}), intent=2)
        assert _actions(running, case.objects) == ()


def test_drift_is_one_update_and_the_update_undoes_it(case: Case) -> None:
    with case.open(None) as running:
        for item in case.objects:
            running.perform(create(item), intent=2)
        case.drift()
        (action,) = _actions(running, case.objects)
        assert (action.operation, action.id) == (Operation.UPDATE, case.objects[-1].id)
        running.perform(action, intent=3)
        assert _actions(running, case.objects) == ()


def test_a_foreign_object_is_named_as_such_and_never_touched(case: Case) -> None:
    with case.open(None) as running:
        for item in case.objects[:-1]:
            running.perform(create(item), intent=2)
        case.foreign()
        last = case.objects[-1]
        for action in (create(last), delete(last)):
            with pytest.raises(TerminalError, match="did not make"):
                running.perform(action, intent=3)
        assert running.observe([last.id])[last.id] == {"foreign": True}


def test_what_is_told_as_adoptable_is_adopted_and_nothing_else_is(case: Case) -> None:
    with case.open(None) as running:
        for item in case.objects[:-1]:
            running.perform(create(item), intent=2)
        case.foreign()
        last = case.objects[-1]
        told = running.observe([last.id], {last.id: last.attributes})[last.id]
        assert told["foreign"] is True
        adopt = replace(create(last), operation=Operation.ADOPT, before=told.get("found"))
        if "found" in told:
            running.perform(adopt, intent=3)
            assert _actions(running, case.objects) == ()
        else:
            with pytest.raises(TerminalError, match="did not make"):
                running.perform(adopt, intent=3)
        assert ("found" in told) == (case.objects != (RELEASE,)), "a release is written anew: there is nothing to keep"


def test_a_mark_of_a_newer_intent_is_refused(case: Case) -> None:
    with case.open(None) as running:
        for item in case.objects:
            running.perform(create(item), intent=9)
        for item in case.objects:
            for action in (create(item), delete(item)):
                with pytest.raises(TerminalError, match="newer"):
                    running.perform(action, intent=8)
        assert _actions(running, case.objects) == ()


def test_another_identity_is_refused_by_entering(case: Case) -> None:
    with case.open(None) as running:
        identity = running.identity()
    with case.open(identity) as running:
        assert running.identity() == identity
    with pytest.raises(TerminalError, match="another-one"), case.open("another-one"):
        raise AssertionError


@dataclass(frozen=True)
class Sessions:
    """Opens sessions in one control database."""

    open: Callable[[], Control]


@pytest.fixture
def memory_control() -> Sessions:
    database = MemoryDatabase()
    return Sessions(lambda: MemoryControl(database))


@pytest.fixture
def real_control(dsn18: str) -> Sessions:
    return Sessions(lambda: ControlDatabase("control", dsn="env:DSN", expected=None, resolve=lambda _: dsn18))


@pytest.fixture(params=["memory_control", "real_control"])
def sessions(request: pytest.FixtureRequest) -> Sessions:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Sessions)
    return found


def test_one_session_holds_the_lock_until_it_ends(sessions: Sessions) -> None:
    with sessions.open() as one, sessions.open() as other:
        assert not one.held()
        assert one.lock(REPOSITORY)
        assert one.lock(REPOSITORY)
        assert one.held()
        assert not other.lock(REPOSITORY)
        assert not other.held()
    with sessions.open() as other:
        assert other.lock(REPOSITORY)


def test_a_ledgers_head_is_kept_and_never_goes_back(sessions: Sessions) -> None:
    heads = [Head(number, f"{number}" * 64, f"{number}" * 40) for number in range(3)]
    with sessions.open() as one:
        assert one.head(REPOSITORY) is None
        for head in (*heads, heads[-1]):
            one.record(REPOSITORY, head)
        for late in (heads[0], heads[1], Head(2, "f" * 64, "f" * 40)):
            with pytest.raises(TerminalError, match="further"):
                one.record(REPOSITORY, late)
    with sessions.open() as again:
        assert again.head(REPOSITORY) == heads[-1]
        assert again.head("6" * 32) is None


def test_facts_and_attributes_are_json_without_floats(case: Case) -> None:
    with case.open(None) as running:
        facts = [dict(running.perform(create(item), intent=2)) for item in case.objects]
        encode([facts, [dict(attributes) for attributes in running.observe([]).values()]])
