"""What waits on main before a change, and whether approvals given now will count: said before anybody signs, and so."""

from __future__ import annotations

import json

import pytest

from compiler.plan import Plan
from compiler.plan_json import as_json
from compiler.plan_markdown import as_markdown
from compiler.plan_queue import Before, Counts, Queue, Relation
from compiler.plan_text import as_text
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant

ACME, BLUEPRINT, RULES = "tenants/acme-retail.yaml", "tenants/blueprints/standard.yaml", "policies/approvals.yaml"
KEEP = {ACME: tenant("acme-retail", "retention_days: 400")}
BOTH = {ACME: tenant("acme-retail", "retention_days: 400", "state: suspended")}
SUSPEND = {ACME: tenant("acme-retail", "state: suspended")}
HARBOUR, FJORD = {"tenants/harbour.yaml": tenant("harbour")}, {"tenants/fjord.yaml": tenant("fjord")}


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def both_approve(world: PlanWorld, head: str, base: str | None = None) -> None:
    for person in (ADA, BEN):
        world.approve(person, head, base=base)


def queue_of(plan: Plan) -> Queue:
    assert plan.queue is not None
    return plan.queue


def first_of(plan: Plan) -> Before:
    return queue_of(plan).before[0]


def test_what_alters_the_same_tenant_before_it_is_named_and_the_approvals_are_not_called_complete(
    world: PlanWorld,
) -> None:
    earlier = world.commit(KEEP, branch="main", message="Keep it longer")
    world.commit(BOTH, message="Suspend it")
    both_approve(world, "topic")
    plan = world.plan()
    assert (plan.sound, plan.approved, queue_of(plan).counts) == (True, False, Counts.NEVER)
    item = first_of(plan)
    assert (item.commit, item.by, item.relation, item.meets[0]) == (earlier, "Somebody", Relation.UNDER, ACME)
    assert item.lacks == "the approval of platform, pm"
    for text in (as_text(plan), as_markdown(plan)):
        assert f"{earlier[:12]} before this alters {ACME} and 2 more too, and once it is taken, they are spent" in text
        assert f"see that {earlier[:12]} is taken first" in text
        assert "complete" not in text
        assert "the agent takes it" not in text
    assert json.loads(as_json(plan))["queue"]["counts"] == "never"


def test_approvals_that_are_said_never_to_count_are_spent_once_the_earlier_change_is_taken(world: PlanWorld) -> None:
    earlier = world.commit(KEEP, branch="main", message="Keep it longer")
    world.commit(BOTH, message="Suspend it")
    both_approve(world, "topic")
    assert queue_of(world.plan()).counts is Counts.NEVER
    both_approve(world, earlier)
    world.take(earlier)
    plan = world.plan()
    assert plan.consent is not None
    assert {item.rule for item in plan.consent.rejected} == {"unspent"}
    assert queue_of(plan) == Queue()
    both_approve(world, "topic")
    world.take(world.git.merge("topic"))


def test_what_is_on_main_and_not_in_the_branch_and_alters_the_same_makes_it_another_change(world: PlanWorld) -> None:
    world.commit(SUSPEND, message="Suspend it")
    earlier = world.commit(KEEP, branch="main", message="Keep it longer")
    both_approve(world, "topic")
    plan = world.plan()
    assert (plan.approved, queue_of(plan).counts, first_of(plan).relation) == (False, Counts.ONLY_IF, Relation.BESIDE)
    assert f"Approvals given now count only if {earlier[:12]} is taken back" in as_text(plan)
    assert "merge main into this, and approve it then" in as_markdown(plan)
    world.git.revert(earlier)
    plan = world.plan()
    assert (plan.approved, queue_of(plan)) == (True, Queue())
    world.take(world.git.merge("topic"))


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_what_is_approved_after_its_merge_is_on_main_already_and_meets_nothing(world: PlanWorld, how: str) -> None:
    world.commit(SUSPEND, message="Suspend it")
    world.commit(FJORD, branch="main", message="Add fjord, unapproved")
    merged = getattr(world.git, how)("topic", message="Suspend it, merged")
    text = as_text(world.plan())
    assert f"{merged[:12]}  pending  Suspend it, merged  this change is on main already, as {merged[:12]}" in text
    assert "meets this change" not in text
    both_approve(world, "topic")
    assert "once it is merged" not in as_text(world.plan())
    back = world.git.revert(merged)
    assert "already" not in as_text(world.plan())
    assert back[:12] in as_text(world.plan())


def test_a_blueprint_that_waits_meets_the_tenants_it_renders(world: PlanWorld) -> None:
    world.commit(SUSPEND)
    world.commit({BLUEPRINT: base_files()[BLUEPRINT].replace(b"30s", b"20s")}, branch="main")
    plan = world.plan()
    assert queue_of(plan).counts is Counts.ONLY_IF
    assert first_of(plan).meets == ("objects/tenant/acme-retail.json",)


def test_a_new_tenant_of_a_blueprint_that_waits_meets_nothing_and_is_another_change_all_the_same(
    world: PlanWorld,
) -> None:
    world.commit(FJORD)
    world.commit({BLUEPRINT: base_files()[BLUEPRINT].replace(b"30s", b"20s")}, branch="main")
    both_approve(world, "topic")
    plan = world.plan()
    assert (plan.approved, queue_of(plan).counts, first_of(plan).meets) == (False, Counts.ONLY_IF, ())
    assert "merged now, this is another change" in as_text(plan)


@pytest.mark.parametrize("leads_on", [True, False], ids=["leads on from it", "beside it"])
def test_approvals_carry_over_what_waits_and_meets_nothing(world: PlanWorld, *, leads_on: bool) -> None:
    if not leads_on:
        world.commit(FJORD)
    earlier = world.commit(HARBOUR, branch="main", message="Add harbour, unapproved")
    world.commit(FJORD)
    both_approve(world, "topic")
    plan = world.plan()
    assert (plan.approved, queue_of(plan).counts) == (True, Counts.YES)
    assert f"the agent takes it once it is merged, after {earlier[:12]}, which waits for the appr" in as_text(plan)
    assert f"conductor approve --person NAME --key FILE --head {earlier[:12]} --push" in as_text(plan)
    both_approve(world, earlier)
    world.take(earlier)
    world.take(world.git.merge("topic"))


def test_on_main_a_change_holds_what_waits_before_it_and_counts_until_that_is_taken_alone(world: PlanWorld) -> None:
    earlier = world.commit(KEEP, branch="main", message="Keep it longer")
    last = world.commit(BOTH, branch="main", message="Suspend it")
    both_approve(world, "main")
    plan = world.plan("main")
    assert (plan.approved, queue_of(plan).counts, first_of(plan).relation) == (True, Counts.WHILE, Relation.PART)
    assert f"as long as {earlier[:12]}, which this holds as well, is not taken alone first" in as_text(plan)
    both_approve(world, earlier)
    plan = world.plan("main")
    assert (plan.approved, queue_of(plan).counts) == (False, Counts.ONLY_IF)
    assert f"only if {earlier[:12]} is not taken, and the agent takes it next" in as_text(plan)
    assert first_of(plan).lacks is None
    world.take(earlier)
    assert not world.plan(last).approved


def test_on_main_what_is_approved_whole_is_taken_whole(world: PlanWorld) -> None:
    world.commit(KEEP, branch="main")
    last = world.commit(BOTH, branch="main")
    both_approve(world, "main")
    assert "Approved: the agent takes it." in as_text(world.plan("main"))
    world.take(last)


def test_a_rule_that_carries_nothing_over_counts_only_if_nothing_is_taken_before(world: PlanWorld) -> None:
    rules = base_files()[RULES].rstrip() + b"\n      carry: exact\n"
    world = PlanWorld.begun({RULES: rules})
    world.commit(HARBOUR, branch="main")
    world.commit(FJORD)
    both_approve(world, "topic")
    plan = world.plan()
    assert (plan.approved, queue_of(plan).counts) == (False, Counts.ONLY_IF)
    assert "rule `tenants` carries none over other changes" in as_text(plan)


def test_a_branch_on_a_branch_says_that_no_verdict_has_taken_where_it_starts(world: PlanWorld) -> None:
    world.commit(KEEP, branch="lower")
    world.git.branch("topic", world.git.resolve("lower") or "")
    world.commit(BOTH)
    both_approve(world, "topic", "lower")
    plan = world.plan(base="lower")
    assert (plan.approved, queue_of(plan).counts, queue_of(plan).before) == (False, Counts.NEVER, ())
    assert f"lower, where this starts, alters {ACME} and 2 more too, and is not taken yet" in as_text(plan)


def test_a_branch_that_main_has_left_behind_is_told_to_merge_main(world: PlanWorld) -> None:
    world.commit(SUSPEND)
    world.land(KEEP)
    both_approve(world, "topic")
    plan = world.plan()
    assert (plan.approved, queue_of(plan).counts) == (False, Counts.NEVER)
    assert f"{ACME} and 2 more is another on main by now" in as_text(plan)
    assert "merge main into it, and approve it then" in as_text(plan)


def test_what_a_verdict_has_taken_says_so(world: PlanWorld) -> None:
    taken = world.land(KEEP)
    world.land(HARBOUR, branch="later")
    plan = world.plan(taken)
    assert not plan.approved
    assert "A verdict has taken this already" in as_text(plan)


def test_what_was_taken_back_holds_up_nothing(world: PlanWorld) -> None:
    merged = world.commit(HARBOUR, branch="main")
    world.git.revert(merged)
    world.commit(FJORD)
    assert world.plan().queue == Queue()


def test_what_does_not_compile_is_said_to_wait_for_somebody_who_mends_it(world: PlanWorld) -> None:
    world.commit(FJORD)
    world.commit({"tenants/ice.yaml": tenant("ice").replace("standard", "standrad")}, branch="main")
    assert first_of(world.plan()).lacks == "somebody to mend it: it does not compile"


def test_the_agent_agrees_with_what_is_said_to_be_next(world: PlanWorld) -> None:
    earlier = world.commit(HARBOUR, branch="main")
    world.commit(FJORD)
    both_approve(world, earlier)
    plan = world.plan()
    assert first_of(plan).lacks is None
    assert "the agent takes it next" in as_text(plan)
    assert f"after {earlier[:12]}" not in as_text(plan)
    world.take(earlier)
