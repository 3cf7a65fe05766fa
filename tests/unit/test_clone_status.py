"""What the status says of changes beside main, and of a main that is not pushed: as plan, approve and agent say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from compiler.cli.approve import _signable
from compiler.cli.clone import Clone
from compiler.cli.clone_status import CloneStatus, unpushed, unseen
from compiler.cli.proposed import proposed
from compiler.cli.queue import decided, judging
from compiler.cli.signer import NotSignedError
from compiler.cli.status_text import as_text
from runtime.agent.status import Status
from runtime.agent.status_page import page
from runtime.agent.stock import take_stock
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant

ACME, BLUEPRINT = "tenants/acme-retail.yaml", "tenants/blueprints/standard.yaml"
KEEP = {ACME: tenant("acme-retail", "retention_days: 400")}
SUSPEND = {ACME: tenant("acme-retail", "state: suspended")}
QUOTA = {"tenants/fjord.yaml": tenant("fjord")}
BROKEN = {BLUEPRINT: base_files()[BLUEPRINT].replace(b"30s", b"30 parsecs")}


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def both_approve(world: PlanWorld, head: str) -> None:
    for person in (ADA, BEN):
        world.approve(person, head)


def told(world: PlanWorld) -> tuple[Status, CloneStatus, str]:
    """The status, what is said beside it, and all of it as text."""
    clone, history = Clone.read(world.git), world.history
    decision = decided(clone, history, world.now)
    status = take_stock(history, decision, clone.git, clone.statements, compile=judging(clone.git), at=world.now)
    known = {item.change for item in status.waiting if item.change is not None}
    of_clone = CloneStatus(
        *proposed(clone, history, known, decision, world.now),
        unpushed(clone.git, clone.branch, clone.main, [item.commit for item in status.waiting]),
    )
    status = unseen(status, of_clone.unpushed)
    return status, of_clone, as_text(status, clone=of_clone)


def says_what_the_plan_says(world: PlanWorld) -> str:
    """See that the status calls the approvals of what is proposed as useless as its plan does; returns it."""
    queue, (_, of_clone, text) = world.plan().queue, told(world)
    assert queue is not None
    assert [(item.queue, item.counts) for item in of_clone.proposed] == [(queue, False)]
    assert f"{queue.sentence}\n" in text
    assert queue.help in text
    assert text.startswith("✗ approvals of 1 proposed change will not count as main stands\n") or "cannot be" in text
    assert "✓" not in text
    assert "approved: the agent" not in text
    return text


def test_the_status_says_of_a_proposed_change_what_its_plan_says_until_somebody_has_seen_to_it(
    world: PlanWorld,
) -> None:
    world.commit(SUSPEND, message="Suspend it")
    both_approve(world, "topic")
    assert "approved: the agent takes it once it is merged" in told(world)[2]
    earlier = world.commit(KEEP, branch="main", message="Keep it longer")
    says_what_the_plan_says(world)
    both_approve(world, earlier)
    says_what_the_plan_says(world)
    world.take(earlier)
    text = says_what_the_plan_says(world)
    assert "ada-berg, ben-otieno: the approvals count no more, because of what was taken since" in text
    with pytest.raises(NotSignedError, match="is another on main by now"):
        _signable(world.git, world.plan(), Path())
    world.commit(
        {ACME: tenant("acme-retail", "retention_days: 400", "state: suspended")}, message="Suspend what is now"
    )
    assert "proposed" not in told(world)[2]


def test_a_change_that_meets_nothing_counts_after_what_it_waits_for(world: PlanWorld) -> None:
    world.commit(QUOTA)
    both_approve(world, "topic")
    earlier = world.commit(KEEP, branch="main")
    _, _, text = told(world)
    assert f"approved: the agent takes it once it is merged, after {earlier[:12]}, which waits for the approval" in text
    assert "will not count" not in text


def test_an_approval_whose_commit_is_not_what_it_says_is_shown_without_a_word_on_whether_it_counts(
    world: PlanWorld,
) -> None:
    world.commit(QUOTA)
    both_approve(world, "topic")
    assert told(world)[1].proposed[0].queue is not None
    gone = world.git.refs["refs/heads/topic"]
    world.git.objects.pop(gone)
    (item,) = told(world)[1].proposed
    assert (item.subject, item.queue, item.counts) == ("", None, True)


def test_what_was_merged_on_a_broken_main_comes_with_what_takes_the_break_back(world: PlanWorld) -> None:
    world.commit(QUOTA, message="Quota")
    both_approve(world, "topic")
    broken = world.commit(BROKEN, branch="main", message="Break the blueprint")
    merged = world.git.merge("topic")
    _, of_clone, text = told(world)
    assert of_clone.proposed == (), "it is on main"
    assert f"main does not compile since {broken[:12]}" in text
    back = world.git.revert(broken)
    status, of_clone, text = told(world)
    assert [(item.commit, item.reason) for item in status.waiting] == [
        (broken, "taken-back"),
        (merged, "comes-with"),
        (back, "approved"),
    ]
    assert f"comes with {back[:12]}, so there is nothing to do" in text
    assert f"Comes with {back[:12]}" in page(status, None).decode()
    assert (status.attention, of_clone.proposed) == ((), ())
    world.take(back)


def test_a_main_that_is_not_pushed_is_not_called_next(world: PlanWorld) -> None:
    merged = world.commit(QUOTA, branch="main")
    both_approve(world, merged)
    assert told(world)[2].startswith("✓ nothing waits"), "this clone never saw a remote"
    world.git.refs["refs/remotes/origin/main"] = world.history.commit
    world.now += timedelta(hours=1)
    _, of_clone, text = told(world)
    assert "look at the agent" not in text
    assert text.startswith("✗ main is not pushed, and an agent acts on origin/main: git push origin main\n")
    assert of_clone.unpushed is not None
    assert of_clone.unpushed.commits == (merged,)
    assert "not pushed: git push origin main\n" in text
    assert "the agent takes it next" not in text
    world.git.refs["refs/heads/theirs"] = world.history.commit
    world.git.refs["refs/remotes/origin/main"] = world.commit(KEEP, branch="theirs")
    assert "git pull --rebase=merges origin main && git push origin main" in told(world)[2]
    world.git.refs["refs/conductor/origin/main"] = world.git.merge("main", into="theirs")
    assert told(world)[1].unpushed is None
