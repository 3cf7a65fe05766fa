"""What would become of it: questions asked of a fork of a history, whatever has happened in it before."""

from __future__ import annotations

from collections.abc import Callable

from runtime.agent.decide import Nothing, Reason, Refuse, Take
from runtime.contract.change import Change
from runtime.ledger.entry import approval_path
from runtime.testing.small_tree import key_of
from runtime.testing.statements import KINDS
from tests.property.acts import Act
from tests.property.histories import Pull, Story
from tests.property.material import EVERYBODY

MEETING = (("tenant", "blueprint"), ("drop-extra", "use-extra"), ("flag", "flag"))


def pair(story: Story, act: Act) -> None:
    """Two pull requests, both approved before either is merged, are merged in either order."""
    story = story.fork()
    kinds = MEETING[act.index % 3] if act.number % 2 else (act.kind, act.other)
    if "exact" in kinds or not all(map(story.material.lasting, kinds)) or not story.settle():
        return
    one, other = (story.open(kind, act.number + more) for more, kind in enumerate(kinds))
    if None in [story.approve(pull.branch, EVERYBODY) for pull in (one, other)]:
        return
    ends = [_landed(story.fork(), act, *order) for order in ((one, other), (other, one))]
    assert ends[0] == ends[1], "the order of merging matters"


def _landed(story: Story, act: Act, first: Pull, second: Pull) -> str | None:
    """The manifest after both, if both are taken with the approvals given before; else None."""
    changes = [story.house.change(pull.branch) for pull in (first, second)]
    return _taken(story, act, (first, second), changes)


def stack(story: Story, act: Act) -> None:
    """A pull request on top of another one, approved against it before either is merged."""
    story = story.fork()
    if "exact" in {act.kind, act.other} or not all(map(story.material.lasting, (act.kind, act.other))):
        return
    if not story.settle():
        return
    below = story.open(act.kind, act.number)
    above = story.open(act.other, act.number + 1, on=below.branch)
    changes = [
        story.approve(below.branch, EVERYBODY),
        story.approve(above.branch, EVERYBODY, base=story.house.git.resolve(below.branch)),
    ]
    if None not in changes:
        _taken(story, act, (below, above), changes)
        story.seen["stacked"] += 1


def _taken(story: Story, act: Act, pulls: tuple[Pull, Pull], changes: list[Change | None]) -> str | None:
    """Merge the two; the agent takes the second exactly if it does what was approved and nothing of it has changed."""
    one, other = changes
    assert one is not None
    assert other is not None
    apart = not one.paths & other.paths
    landed = story.land(pulls[0], ("merge", "squash")[act.number % 2])
    late = story.land(pulls[1], ("merge", "squash", "rebase")[act.index % 3])
    if late is None:
        story.seen.update(("conflict", "overlapping pair"))
        return None
    merged = story.house.change(late, base=landed)
    if merged is not None and merged != other and story.in_hand(merged):
        return None
    last = story.run()
    history = story.house.history(fresh=True)
    if merged is None:
        assert history.commit == landed
        assert {item.reason for item in last.pending} == {Reason.UNSOUND}
        story.seen["pair that does not compile together"] += 1
    elif apart and merged == other:
        assert (history.commit, last) == (late, Nothing()), last
        story.seen["disjoint pair in either order"] += 1
        return history.snapshot.manifest.digest
    elif not merged.empty:
        assert history.commit == landed
        assert isinstance(last, Refuse), "the older approval still counts"
        story.seen["overlapping pair"] += 1
    return None


def late(story: Story, act: Act) -> None:
    """Somebody pushes without asking, and is approved when it lies on main already."""
    story = story.fork()
    if not story.material.lasting(act.kind) or not story.settle():
        return
    start, made = story.house.main, story.edit("main", act.kind, act.number)
    change = story.house.change(made, base=start)
    if change is None or change.empty or story.in_hand(change):
        return
    assert isinstance(story.step(), Refuse)
    story.late.add(change.digest)
    story.approve(made, EVERYBODY, base=start)
    assert isinstance(story.step(), Take)


def made_again(story: Story, act: Act) -> None:
    """A change is taken and taken back, and made again; or another version goes live first, is taken back, and this
    one comes. The approvals of the first time are still there, and have the right digest."""
    story = story.fork()
    if not story.material.lasting(act.kind) or not story.settle():
        return
    superseded = act.index % 2 == 1
    git, start = story.house.git, story.house.main
    made = story.edit("main", act.kind, act.number)
    change = story.approve(made, EVERYBODY, base=start)
    if change is None:
        return
    if superseded:
        git.refs["refs/heads/main"] = start
        made = story.edit("main", act.kind, (act.number + 2) % 4)
        other = story.approve(made, EVERYBODY, base=start)
        if other is None or other.digest == change.digest or not other.paths & change.paths:
            return
    assert isinstance(story.step(), Take)
    back = git.revert(made)
    story.approve(back, EVERYBODY, base=made)
    assert isinstance(story.step(), Take)
    again = story.edit("main", act.kind, act.number)
    assert story.house.change(again, base=back) == change
    assert isinstance(story.step(), Refuse), "an approval outlived a change of what it speaks of"
    story.approve(again, EVERYBODY, base=back)
    assert isinstance(story.step(), Take)
    story.seen["superseded version made again" if superseded else "made again after it was taken back"] += 1


def taken_back(story: Story, act: Act) -> None:
    """Main takes back what is pending, whole or in part, and then everybody approves what it was."""
    story = story.fork()
    if not story.settle():
        return
    made = start = story.house.main
    for kind in (act.kind, "notes") if act.index % 2 else (act.kind,):
        before, made = made, story.edit("main", kind, act.number)
        change = story.house.change(made, base=before)
        if change is None or change.empty:
            return
    story.house.git.revert(made)
    story.approve(made, EVERYBODY, base=start)
    last = story.run()
    assert story.house.history().commit != made
    assert (made, Reason.TAKEN_BACK) in {(item.commit, item.reason) for item in last.pending}
    story.seen["taken back while pending"] += 1


def verified_later(story: Story, act: Act) -> None:
    """Whoever verifies later has more approvals in hand, and withdrawals: it is the same history."""
    story = story.fork()
    story.settle()
    history = story.house.history()
    verdicts = [entry for entry in history.entries if entry.kind == "verdict"]
    if not verdicts:
        return
    files: dict[str, bytes] = {}
    for entry in verdicts:
        change = history.change(entry.statement.digest_of("change.json") or "")
        assert change is not None
        for name in act.names:
            for kind in KINDS:
                late = story.house.statement(change, key_of(name), at=entry.position.time, kind=kind)
                files[approval_path(change.digest, late.sha256)] = late.envelope.data
    story.house.git.commit_files(files, message="more approvals in hand")
    later = story.house.history(fresh=True)
    assert (later.commit, later.entries, later.snapshot) == (history.commit, history.entries, history.snapshot)
    assert later.findings == ()
    story.seen["verified later with more approvals"] += 1


def expired(story: Story, act: Act) -> None:
    """Everybody approves, and the agent comes after their approvals have ended, by themselves or by P's rules."""
    story = story.fork()
    if not story.material.lasting(act.kind) or not story.settle():
        return
    days = 3 if act.index % 2 else story.house.history().governance.policy.approval_days
    start, made = story.house.main, story.edit("main", act.kind, act.number)
    change = story.house.change(made, base=start)
    if change is None or change.empty or story.in_hand(change):
        return
    story.approve(made, EVERYBODY, base=start, days=3 if act.index % 2 else 30)
    late = story.fork()
    late.house.tick(days=days)
    assert isinstance(late.step(), Refuse)
    story.house.tick(days=days - 1)
    assert isinstance(story.step(), Take)
    story.seen["expired"] += 1


def rights(story: Story, act: Act) -> None:
    """Somebody approves the very change that would let them."""
    story = story.fork()
    if not story.settle():
        return
    start, made = story.house.main, story.edit("main", "people", act.number)
    change, guest = story.house.change(made, base=start), f"guest-{act.number % 2}"
    if change is None or story.in_hand(change) or guest in story.house.history().governance.people:
        return
    story.approve(made, (guest, "ines"), base=start)
    assert isinstance(story.step(), Refuse)
    story.approve(made, ("mara",), base=start)
    assert isinstance(story.step(), Take)
    story.seen["rights that the change gives"] += 1


def exact(story: Story, act: Act) -> None:
    """Everybody approves what nothing is carried over to; something else is taken first."""
    story = story.fork()
    if not story.settle():
        return
    pull = story.open("exact", act.number)
    change = story.approve(pull.branch, EVERYBODY)
    if change is None or (story.in_hand(change) and act.index % 2):
        return
    start, made = story.house.main, story.edit("main", "notes", act.number)
    if story.approve(made, EVERYBODY, base=start) is not None:
        assert isinstance(story.step(), Take)
        landed = story.land(pull, ("merge", "squash", "rebase")[act.index % 3])
        assert landed is not None
        assert story.house.change(landed, base=made) == change, "the change is the same"
        assert isinstance(story.step(), Refuse), "an approval was carried over another change"
        story.approve(landed, EVERYBODY, base=made)
        assert isinstance(story.step(), Take)
        story.seen["carried over nothing"] += 1


def emergency(story: Story, act: Act) -> None:
    """The incident commander lets a change through; the others pay, or do not, or it is taken back."""
    story = story.fork()
    if not story.material.lasting(act.kind) or act.kind in {"days", "people"} or not story.settle():
        return
    start, made = story.house.main, story.edit("main", act.kind, act.number)
    change = story.house.change(made, base=start)
    if change is None or change.empty or story.in_hand(change):
        return
    story.say(change, "mara", kind="emergency")
    assert isinstance(story.step(), Take)
    more = story.edit("main", "exact" if act.kind == "notes" else "notes", act.number)
    another = story.house.change(more, base=made)
    if another is None or another.empty or another.paths & change.paths or story.in_hand(another):
        return
    story.say(another, "mara", kind="emergency")
    assert isinstance(story.step(), Refuse), "a second emergency while a debt is open"
    story.seen["one debt at a time"] += 1
    story.house.tick(days=1)
    story.approve(more, EVERYBODY, base=made)
    assert isinstance(story.step(), Refuse), "a debt is overdue, and something else is taken"
    story.seen["held up by an overdue debt"] += 1
    if act.index % 2:
        story.pay(EVERYBODY)
        assert isinstance(story.step(), Take)
    else:
        back = story.house.git.revert(made)
        story.approve(back, EVERYBODY, base=made)
        assert isinstance(story.step(), Take)
    assert story.model.owed is None


PROBES: dict[str, Callable[[Story, Act], None]] = {
    "pair": pair,
    "another pair": pair,
    "a third pair": pair,
    "stack": stack,
    "late": late,
    "made again": made_again,
    "taken back": taken_back,
    "verified later": verified_later,
    "expired": expired,
    "rights": rights,
    "exact": exact,
    "emergency": emergency,
}
