"""What people and the agent do in a history, one act at a time: the vocabulary of the state machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.agent.decide import Take
from runtime.testing.memory_git import ConflictError
from tests.property.histories import Story
from tests.property.material import EVERYBODY

FOLDERS = ("spec", "tenants", "flags", "policies")


@dataclass(frozen=True)
class Act:
    """What is done; the rest says to what, by whom, in which way."""

    what: str
    kind: str
    other: str
    number: int
    names: tuple[str, ...]
    index: int


def play(story: Story, act: Act) -> None:
    """Do it. An act that has nothing to work on does nothing."""
    ACTS[act.what](story, act)


def _open(story: Story, act: Act) -> None:
    story.approve(story.open(act.kind, act.number).branch, act.names, days=30 if act.index % 3 else 4)


def _stack(story: Story, act: Act) -> None:
    """A pull request on top of another one, approved against that."""
    if not story.pulls:
        return
    base = story.pulls[-1 - act.index % min(len(story.pulls), 3)].branch
    pull = story.open(act.kind, act.number, on=base)
    story.approve(pull.branch, act.names, base=story.house.git.resolve(base))


def _land(story: Story, act: Act) -> None:
    waiting = [pull for pull in story.pulls if pull.merged is None]
    if not waiting:
        return
    pull = waiting[act.index % len(waiting)]
    how = ("merge", "squash", "rebase")[(act.index + act.number) % 3]
    landed = story.land(pull, how)
    story.seen["conflict" if landed is None else how] += 1
    if pull.stacked and landed is not None:
        story.seen["stacked"] += 1


def _push(story: Story, act: Act) -> None:
    """Somebody pushes to main without asking."""
    story.edit("main", act.kind, act.number)
    story.seen["pushed without approval"] += 1


def _revert(story: Story, act: Act) -> None:
    git = story.house.git
    steps = [step.commit.oid for step in git.first_parents(story.house.main, *FOLDERS)[1:] if step.changes]
    if not steps:
        return
    try:
        git.revert(steps[-1 - act.index % min(len(steps), 4)])
    except ConflictError:
        story.seen["conflict"] += 1
    else:
        story.seen["revert"] += 1


def _approve_late(story: Story, act: Act) -> None:
    """People approve something that is on main already and pending."""
    history = story.house.history()
    if history.pending:
        commit = history.pending[act.index % len(history.pending)]
        change = story.approve(commit, act.names, base=history.commit)
        story.late |= {change.digest} if change is not None else set()


def _approve_with_less(story: Story, act: Act) -> None:
    """People approve who know fewer verdicts than there are."""
    if story.pulls:
        story.approve(story.pulls[act.index % len(story.pulls)].branch, act.names, known=act.number)


def _withdraw(story: Story, act: Act) -> None:
    if not story.pulls:
        return
    change = story.house.change(story.pulls[act.index % len(story.pulls)].branch)
    if change is not None and not change.empty:
        story.say(change, EVERYBODY[act.number % 3], kind="withdrawal")
        story.seen["withdrawn"] += 1


def _break_the_glass(story: Story, act: Act) -> None:
    """Somebody, mostly the incident commander, lets through what is pending, or a pull request."""
    history = story.house.history()
    if history.pending and act.index % 3:
        change = story.house.change(history.pending[act.index % len(history.pending)], base=history.commit)
    elif story.pulls:
        change = story.house.change(story.pulls[act.index % len(story.pulls)].branch)
    else:
        return
    if change is not None and not change.empty:
        story.say(change, "tomas" if act.number == 3 else "mara", kind="emergency", days=1 + act.index)


def _pay(story: Story, act: Act) -> None:
    story.pay(act.names, known=max(0, len(story.model.verdicts) - act.number) if act.index % 2 else None)


def _wait(story: Story, act: Act) -> None:
    story.house.tick(days=act.index)


def _look(story: Story, act: Act) -> None:
    """The agent looks, once or as long as it finds something."""
    decision = story.step()
    while act.number and isinstance(decision, Take):
        decision = story.step()


ACTS: dict[str, Callable[[Story, Act], None]] = {
    "open": _open,
    "stack": _stack,
    "land": _land,
    "land another": _land,
    "push": _push,
    "revert": _revert,
    "approve late": _approve_late,
    "approve with less": _approve_with_less,
    "withdraw": _withdraw,
    "break the glass": _break_the_glass,
    "pay": _pay,
    "wait": _wait,
    "look": _look,
    "look again": _look,
}
