"""Desired x observed -> actions: the diff by example and by property."""

from __future__ import annotations

import random
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from runtime.agent.diff import Attributes, Diff, Limits, diff, stage_of
from runtime.contract.objects import FOREIGN, Object, ObjectId, Operation

OWNER = ObjectId("pg-eu", "role", "t_acme_owner")
SCHEMA = ObjectId("pg-eu", "schema", "t_acme")
GRANTS = ObjectId("pg-eu", "grants", "t_acme")


def wanted(found: ObjectId, wave: int, tenant: str | None = "acme", **attributes: object) -> Object:
    return Object(found, attributes, wave, tenant)


TENANT = (
    wanted(OWNER, 1, login=False),
    wanted(SCHEMA, 2, owner="t_acme_owner"),
    wanted(GRANTS, 3, role="t_acme_app"),
)


def lines(result: Diff) -> list[str]:
    return [f"{action.operation} {action.id.type} {action.id.name}" for action in result.actions]


def because(_: ObjectId) -> str:
    return "genesis"


def test_nothing_is_there_so_all_is_created_wave_by_wave() -> None:
    result = diff(reversed(TENANT), {}, because=because)
    assert lines(result) == ["create role t_acme_owner", "create schema t_acme", "create grants t_acme"]
    assert [stage for stage, _ in result.stages()] == [(False, 1), (False, 2), (False, 3)]
    assert {action.because for action in result.actions} == {"genesis"}


def test_what_is_as_wanted_is_left_alone() -> None:
    assert diff(TENANT, {item.id: item.attributes for item in TENANT}, because=because) == Diff(())


def test_an_altered_object_is_updated_and_the_action_shows_both_sides() -> None:
    observed: dict[ObjectId, Attributes] = {item.id: item.attributes for item in TENANT}
    observed[OWNER] = {"login": True}
    (action,) = diff(TENANT, observed, because=lambda _: "drift").actions
    assert (action.operation, action.before, action.after) == (Operation.UPDATE, {"login": True}, {"login": False})
    assert (action.because, action.tenant, action.wave) == ("drift", "acme", 1)


def test_deletes_come_last_and_in_reverse_wave_order() -> None:
    new = wanted(ObjectId("pg-eu", "role", "t_new_owner"), 1, "new", login=False)
    result = diff(
        [new], {item.id: item.attributes for item in TENANT}, because=because, former={item.id: item for item in TENANT}
    )
    assert lines(result) == [
        "create role t_new_owner",
        "delete grants t_acme",
        "delete schema t_acme",
        "delete role t_acme_owner",
    ]


def test_an_object_nobody_ever_named_is_deleted_in_the_wave_of_its_type() -> None:
    stray = ObjectId("pg-eu", "schema", "t_stray")
    (action,) = diff(TENANT, {**{item.id: item.attributes for item in TENANT}, stray: {}}, because=because).actions
    assert (action.operation, action.wave, action.tenant) == (Operation.DELETE, 2, None)


def test_a_foreign_object_is_a_problem_and_nothing_is_built_upon_it() -> None:
    other = wanted(ObjectId("pg-eu", "schema", "t_other"), 2, "other", owner="x")
    result = diff([*TENANT, other], {SCHEMA: FOREIGN}, because=because)
    assert lines(result) == ["create role t_acme_owner", "create schema t_other"]
    assert [item.reason for item in result.blocked] == [
        "pg-eu/schema/t_acme exists and Conductor did not make it",
        "pg-eu/grants/t_acme needs pg-eu/schema/t_acme, which Conductor did not make",
    ]


def test_a_foreign_object_that_nobody_wants_is_none_of_our_business() -> None:
    assert diff([], {SCHEMA: FOREIGN}, because=because) == Diff(())


def test_no_more_than_the_declared_share_of_a_target_is_deleted_at_once() -> None:
    observed: dict[ObjectId, Attributes] = {ObjectId("pg-eu", "role", f"r{n}"): {} for n in range(10)}
    keep = [wanted(found, 1) for found in list(observed)[3:]]
    assert len(diff(keep, observed, because=because, limits=Limits({"pg-eu": 30})).actions) == 3
    held = diff(keep, observed, because=because, limits=Limits({"pg-eu": 29}))
    assert held.actions == ()
    (reason,) = {item.reason for item in held.blocked}
    assert reason.startswith("3 of 10 objects of pg-eu would go, and at most 29 % or one tenant's may at once: ")
    assert "raise `max_delete_percent` in spec/targets/pg-eu.yaml first" in reason


def test_one_tenant_may_always_go_unless_nothing_may() -> None:
    tenants = {ObjectId("pg-eu", kind, name): name for name in ("acme", "nord", "zeta") for kind in ("role", "schema")}
    former = {found: Object(found, {}, 1, tenant) for found, tenant in tenants.items()}
    observed: dict[ObjectId, Attributes] = {found: {} for found in tenants}

    def gone(*names: str, percent: int) -> int:
        keep = [item for item in former.values() if item.tenant not in names]
        return len(diff(keep, observed, because=because, former=former, limits=Limits({"pg-eu": percent})).actions)

    assert [gone("acme", percent=percent) for percent in (0, 1, 10)] == [0, 2, 2]
    assert [gone("acme", "nord", percent=percent) for percent in (10, 66, 67)] == [0, 0, 4]
    nobodys: dict[ObjectId, Attributes] = {**observed, ObjectId("pg-eu", "role", "stray"): {}}
    keep = list(former.values())
    assert diff(keep, nobodys, because=because, former=former, limits=Limits({"pg-eu": 10})).actions == ()


def test_the_limit_of_one_target_holds_nothing_back_on_another() -> None:
    here, there = ObjectId("pg-eu", "role", "r"), ObjectId("pg-us", "role", "r")
    result = diff([], {here: {}, there: {}}, because=because, limits=Limits({"pg-eu": 0}))
    assert [action.id for action in result.actions] == [there]


ids = st.builds(
    ObjectId,
    st.sampled_from(["pg-eu", "pg-us"]),
    st.sampled_from(["role", "schema", "grants"]),
    st.sampled_from("abcdef"),
)
attributes = st.dictionaries(st.sampled_from(["login", "owner", "limit"]), st.one_of(st.booleans(), st.integers(2, 9)))
WAVES = {"role": 1, "schema": 2, "grants": 3}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Object], dict[ObjectId, Attributes]]:
    want = draw(st.dictionaries(ids, attributes))
    found: dict[ObjectId, Attributes] = draw(st.dictionaries(ids, st.one_of(attributes, st.just(dict(FOREIGN)))))
    found.update({key: want[key] for key in draw(st.sets(st.sampled_from(sorted(want))))} if want else {})
    desired = [
        Object(key, value, WAVES[key.type], draw(st.sampled_from(["t1", "t2", None]))) for key, value in want.items()
    ]
    return desired, found


def applied(result: Diff, observed: Mapping[ObjectId, Attributes]) -> dict[ObjectId, Attributes]:
    world = dict(observed)
    for action in result.actions:
        assert world.get(action.id) == action.before
        if action.after is None:
            del world[action.id]
        else:
            world[action.id] = action.after
    return world


@given(worlds())
def test_applying_a_diff_leaves_an_empty_one(world: tuple[list[Object], dict[ObjectId, Attributes]]) -> None:
    desired, observed = world
    first = diff(desired, observed, because=because)
    again = diff(desired, applied(first, observed), because=because)
    assert again.actions == ()
    assert again.blocked == first.blocked


@given(worlds())
def test_foreign_objects_stay_as_they_are(world: tuple[list[Object], dict[ObjectId, Attributes]]) -> None:
    desired, observed = world
    after = applied(diff(desired, observed, because=because), observed)
    assert {key for key, value in after.items() if value == FOREIGN} == {
        key for key, value in observed.items() if value == FOREIGN
    }


@given(worlds())
def test_makes_go_up_the_waves_and_deletes_come_down(world: tuple[list[Object], dict[ObjectId, Attributes]]) -> None:
    actions = diff(*world, because=because).actions
    makes = [action.wave for action in actions if action.operation is not Operation.DELETE]
    deletes = [action.wave for action in actions if action.operation is Operation.DELETE]
    assert makes == sorted(makes)
    assert deletes == sorted(deletes, reverse=True)
    assert [stage_of(action)[0] for action in actions] == [False] * len(makes) + [True] * len(deletes)


@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_what_comes_in_does_not_matter(
    world: tuple[list[Object], dict[ObjectId, Attributes]], shuffled: random.Random
) -> None:
    desired, observed = world
    mixed, pairs = list(desired), list(observed.items())
    shuffled.shuffle(mixed)
    shuffled.shuffle(pairs)
    assert diff(mixed, dict(pairs), because=because) == diff(desired, observed, because=because)


@given(worlds(), st.integers(0, 100))
def test_no_target_ever_loses_more_than_its_limit(
    world: tuple[list[Object], dict[ObjectId, Attributes]], percent: int
) -> None:
    desired, observed = world
    result = diff(desired, observed, because=because, limits=Limits({"pg-eu": percent}))
    gone = [a for a in result.actions if a.operation is Operation.DELETE and a.id.target == "pg-eu"]
    ours = [key for key, value in observed.items() if value != FOREIGN and key.target == "pg-eu"]
    assert len(gone) * 100 <= percent * len(ours)
