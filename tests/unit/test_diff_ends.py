"""The end of a tenant as a diff: its archive before everything else, the proof of absence after it, or neither."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.agent.apply import found
from runtime.agent.diff import DELETES, MAKES, PROOFS, Attributes, Diff, Limits, diff
from runtime.agent.steps import unproved
from runtime.contract.objects import FOREIGN, Action, Object, ObjectId, Operation

NAMES = {"owner": "t_acme_owner", "role": "t_acme_app"}
ARCHIVE = Object(ObjectId("pg-eu", "archive", "t_acme"), NAMES, 1, "acme")
ABSENCE = Object(ObjectId("pg-eu", "absence", "t_acme"), NAMES, 10, "acme")
RELEASE = Object(ObjectId("release-eu", "release", "current"), {"manifest": "m"}, 9, None)
OWNER = Object(ObjectId("pg-eu", "role", "t_acme_owner"), {"login": False}, 1, "acme")
SCHEMA = Object(ObjectId("pg-eu", "schema", "t_acme"), {"owner": "t_acme_owner"}, 2, "acme")
OTHER = Object(ObjectId("pg-eu", "role", "t_nord_owner"), {"login": False}, 1, "nord")
THERE: Mapping[ObjectId, Attributes] = {OWNER.id: OWNER.attributes, SCHEMA.id: SCHEMA.attributes}


def ended(observed: Mapping[ObjectId, Attributes], percent: int = 100) -> Diff:
    return diff(
        [ARCHIVE, ABSENCE, RELEASE, OTHER],
        observed,
        because=lambda _: "ab" * 32,
        former={item.id: item for item in (OWNER, SCHEMA)},
        limits=Limits({"pg-eu": percent}),
    )


def test_the_archive_is_made_first_and_the_proof_last() -> None:
    result = ended(THERE)
    assert [f"{action.operation} {action.id.type}" for action in result.actions] == [
        "create archive",
        "create role",
        "create release",
        "delete schema",
        "delete role",
        "create absence",
    ]
    assert [stage for stage, _ in result.stages()] == [(MAKES, 1), (MAKES, 9), (DELETES, 2), (DELETES, 1), (PROOFS, 10)]


def test_what_may_not_go_yet_is_neither_archived_nor_proved_absent() -> None:
    result = ended(THERE, percent=0)
    assert [action.id for action in result.actions] == [OTHER.id, RELEASE.id]
    assert {item.action.id for item in result.blocked} == {OWNER.id, SCHEMA.id, ARCHIVE.id, ABSENCE.id}
    (reason,) = {item.reason for item in result.blocked}
    assert reason.startswith("2 of 2 objects of pg-eu would go, and `max_delete_percent: 0` lets none: ")


def test_what_stands_for_what_was_takes_no_room_in_a_target() -> None:
    ends = {ObjectId("pg-eu", kind, f"t_{number}"): NAMES for number in range(100) for kind in ("archive", "absence")}
    wanted = [Object(found_id, NAMES, 1, None) for found_id in ends]
    result = diff(wanted, {**ends, OWNER.id: {}}, because=str, limits=Limits({"pg-eu": 50}))
    (held,) = result.blocked
    assert held.reason.startswith("1 of 1 object of pg-eu would go, and at most 50 % ")


def test_an_absence_is_one_once_a_result_has_said_so() -> None:
    observed: dict[ObjectId, Attributes] = {ABSENCE.id: NAMES, ARCHIVE.id: NAMES}
    assert unproved(observed, frozenset()) == {ARCHIVE.id: NAMES}
    assert unproved(observed, {ABSENCE.id}) == observed
    assert unproved({ABSENCE.id: FOREIGN}, frozenset()) == {ABSENCE.id: FOREIGN}


def test_whoever_closes_an_intent_knows_of_a_proof_only_what_was_noted() -> None:
    proof = Action(Operation.CREATE, ABSENCE.id, None, NAMES, 10, "acme", "ab" * 32)
    archive = Action(Operation.CREATE, ARCHIVE.id, None, NAMES, 1, "acme", "ab" * 32)
    observed: dict[ObjectId, Attributes] = {ABSENCE.id: NAMES, ARCHIVE.id: NAMES}
    assert [item.outcome for item in found([archive, proof], observed, {})] == ["done", "not-tried"]
    told = found([archive, proof], observed, {1: {"absence": {}}})
    assert [item.outcome for item in told] == ["done", "done"]
    assert told[1].facts == {"absence": {}, "observed": True}
