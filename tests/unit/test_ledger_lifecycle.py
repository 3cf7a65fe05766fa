"""Which facts about tenants the ledger gives to policy, and which it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from runtime.contract.canonical import JSON, encode
from runtime.contract.change import Change, Snapshot, between
from runtime.contract.objects import Action, Object, ObjectId, Operation, encode_objects
from runtime.contract.predicates import ActionRecord, Intent, LedgerPosition, Outcome, Release, Result
from runtime.ledger.lifecycle import Lifecycle

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
CONFIG = "config/tenants/tenant/acme.json"
APP = {"login": False, "password": "env:ACME"}
ABSENT = {"owner": "t_acme_owner", "role": "t_acme_app"}


def objects(state: str) -> tuple[Object, ...]:
    if state == "deprovisioned":
        return (
            Object(ObjectId("pg", "absence", "t_acme"), ABSENT, 10, "acme"),
            Object(ObjectId("release", "absence", "acme"), {}, 10, "acme"),
        )
    app = APP | {"login": state == "active"}
    return (
        Object(ObjectId("pg", "role", "t_acme_owner"), {"login": False}, 1, "acme"),
        Object(ObjectId("pg", "role", "t_acme_app"), app, 1, "acme"),
    )


def snapshot(state: str | None) -> Snapshot:
    if state is None:
        return Snapshot.of({}, {})
    files = {
        CONFIG: encode({"name": "acme", "state": state}),
        "objects/tenant/acme.json": encode_objects(objects(state)),
    }
    return Snapshot.of({}, files)


def change(before: str | None, after: str | None) -> Change:
    return between(snapshot(before), snapshot(after), repository="0" * 32, branch="main")


def position(at: datetime) -> LedgerPosition:
    return LedgerPosition(
        sequence=1,
        previous="0" * 64,
        time=at,
        agent="one",
        release=Release(version="1", sha256="0" * 64),
        main=None,
        turn="0" * 32,
        after_gap=False,
    )


class Story:
    """A lifecycle as it unfolds; a day passes with every result."""

    def __init__(self) -> None:
        self.lifecycle = Lifecycle()
        self.state: str | None = None
        self.day = 0

    def go(self, state: str | None) -> Story:
        self.lifecycle.taken(change(self.state, state))
        self.state = state
        return self

    def done(
        self,
        made: Iterable[Object] | None = None,
        outcome: Literal["done", "failed", "not-tried"] = "done",
        attributes: Mapping[str, JSON] | None = None,
    ) -> Story:
        self.day += 1
        todo = [
            Action(Operation.UPDATE, item.id, {}, attributes or item.attributes, item.wave, item.tenant, "genesis")
            for item in (objects(self.state or "active") if made is None else made)
        ]
        at = START + timedelta(days=self.day)
        intent = Intent(
            ledger=position(at),
            because="genesis",
            manifest="0" * 64,
            rest=0,
            as_declared=0,
            actions=tuple(ActionRecord.of(action) for action in todo),
        )
        outcomes = tuple(Outcome(index=index, outcome=outcome) for index in range(len(todo)))
        self.lifecycle.ended(
            snapshot(self.state), intent, Result(ledger=position(at), intent="0" * 64, outcomes=outcomes)
        )
        return self

    @property
    def facts(self) -> Any:
        facts: Any = self.lifecycle.facts(change("active", "suspended"), START)
        assert facts["now"] == int(START.timestamp())
        return facts["tenants"]["acme"]


def day(number: int) -> int:
    return int((START + timedelta(days=number)).timestamp())


def test_suspension_counts_from_the_first_result_that_says_it_is_done() -> None:
    story = Story().go("active").done().go("suspended")
    assert story.facts == {}
    assert story.done(outcome="failed").done(outcome="not-tried").facts == {}
    assert story.done().facts == {"suspended": day(4)}
    assert story.done().facts == {"suspended": day(4)}


def test_an_owner_that_may_not_log_in_is_no_suspension() -> None:
    assert Story().go("active").done().facts == {}


def test_a_result_about_what_is_not_asked_for_says_nothing() -> None:
    story = Story().go("active")
    assert story.done(objects("suspended")).facts == {}
    assert story.go("suspended").done(attributes={"login": False, "password": "env:OTHER"}).facts == {}
    elsewhere = (Object(ObjectId("other", "role", "t_acme_app"), APP, 1, "acme"),)
    assert story.done(elsewhere).facts == {}


@pytest.mark.parametrize("ways", [["active"], [None], [None, "suspended"]])
def test_who_is_resumed_or_removed_starts_anew(ways: list[str | None]) -> None:
    story = Story().go("suspended").done()
    for state in ways:
        story.go(state)
    assert story.facts == {}


def test_all_of_a_tenant_is_gone_once_every_absence_is_proved() -> None:
    story = Story().go("suspended").done().go("deprovisioned")
    first, second = objects("deprovisioned")
    assert story.facts == {"suspended": day(1)}
    assert story.done([first], outcome="failed").done([first]).facts == {"suspended": day(1)}
    assert story.done([second]).facts == {"suspended": day(1), "deprovisioned": day(4)}
    assert story.done().facts == {"suspended": day(1), "deprovisioned": day(4)}


def test_absence_of_something_that_nobody_asked_about_proves_nothing() -> None:
    other = Object(ObjectId("pg", "absence", "t_other"), ABSENT, 10, "acme")
    story = Story().go("suspended").done().go("deprovisioned").done([other, objects("deprovisioned")[0]])
    assert story.facts == {"suspended": day(1)}
    early = Story().go("suspended").done().done(objects("deprovisioned"))
    assert early.facts == {"suspended": day(1)}


def test_a_copy_goes_on_by_itself() -> None:
    story = Story().go("suspended").done()
    twin = story.lifecycle.copy()
    story.go("active")
    assert twin.facts(change("active", None), START)["tenants"] == {"acme": {"suspended": day(1)}}


def test_only_tenants_of_the_change_are_told() -> None:
    story = Story().go("suspended").done()
    nothing = between(Snapshot.of({}, {}), Snapshot.of({}, {"spec/x.json": b"{}"}), repository="0" * 32, branch="main")
    assert story.lifecycle.facts(nothing, START) == {"now": day(0), "tenants": {}}


def test_what_is_known_is_read_as_it_was_written() -> None:
    known = Lifecycle(
        {"acme": START},
        {"globex": START + timedelta(days=1)},
        {"acme": frozenset({ObjectId("pg", "absence", "t_acme"), ObjectId("release", "absence", "acme")})},
        {"acme"},
    )
    assert Lifecycle.from_json(known.to_json()) == known
    assert encode(known.to_json())
