"""Clone x change -> what waits on main before it, and what it waits for (`compiler.plan_queue` says what that means).

Rules kept: what is taken, what waits and why is `decide`'s answer, the agent's own; what main has taken back is before
nothing; nothing is compiled where nothing waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from compiler.driver import compiled
from compiler.plan import Forecast, Point
from compiler.plan_queue import Before, Ground, Queue, Relation, elsewhere, queue_of
from compiler.source import from_commit
from runtime.agent.decide import Decision, Nothing, Pending, Reason, StoppedError, Take, compile_once, decide
from runtime.contract.change import Change, Row
from runtime.contract.compiling import Compile
from runtime.git.branches import remote_head_of
from runtime.git.inputs import rows
from runtime.git.interface import Git
from runtime.governance.case import Case
from runtime.ledger.history import History
from runtime.release import VERSION

if TYPE_CHECKING:
    from compiler.cli.clone import Clone


def judging(git: Git) -> Compile:
    """What commits are compiled with, each tree once."""
    return compile_once(lambda commit: compiled(from_commit(git, commit)), git)


def decided(
    clone: Clone,
    history: History,
    at: datetime,
    compile: Compile | None = None,  # noqa: A002 -- the plan's word for it
) -> Decision:
    """What an agent that knew what this clone knows would take next, and what waits for what."""
    if not history.pending or history.rewound is not None:
        return Nothing()
    try:
        return decide(
            history.verified,
            clone.git,
            history.head,
            approvals=clone.statements,
            compile=compile or judging(clone.git),
            transition=history.transitions(at),
            at=at,
            release=VERSION,
        )
    except StoppedError:
        return Nothing()  # it is a finding of the history, too


@dataclass(frozen=True)
class Way:
    """A change and where it leads from and to; `forecast` is what it would be, merged now."""

    base: Point
    head: str
    case: Case
    merged: bool
    forecast: Forecast | None

    @property
    def change(self) -> Change:
        """The change itself."""
        return self.case.change


def queue(clone: Clone, history: History, way: Way, at: datetime, decision: Decision | None = None) -> Queue | None:
    """Say what is before a change; None of a debt, whose change is taken, and of what changes nothing. `decision` is
    what `decided` says, where that has been asked."""
    if way.case.debt is not None or way.change.empty or way.base.commit is None:
        return None
    remote = remote_head_of(clone.git, clone.branch) if way.merged else None
    pushed = remote is None or clone.git.is_ancestor(way.head, remote)
    return replace(_queue(clone, history, way, way.base.commit, decision, at=at), pushed=pushed)


def _queue(clone: Clone, history: History, way: Way, base: str, decision: Decision | None, *, at: datetime) -> Queue:
    git, change = clone.git, way.change
    paths = elsewhere(change, history.snapshot.manifest)
    behind = git.is_ancestor(base, history.commit)
    rules = history.governance.policy.applying(change.paths)
    ground = Ground(
        branch=clone.branch,
        base=way.base.name,
        elsewhere=paths,
        stale=behind,
        unverified=not behind and rows(git, history.commit, base) != (),
        taken=bool(paths) and behind and change.digest in set(history.taken),
        exact=next((rule.name for rule in rules if rule.carry == "exact"), None),
        merged=() if way.forecast is None else way.forecast.differs,
    )
    earlier = [oid for oid in history.waiting if not way.merged or (oid != way.head and git.is_ancestor(oid, way.head))]
    if not earlier or ground.taken:
        return queue_of(ground, ())
    return queue_of(ground, tuple(_before(clone, history, way, earlier, decision or decided(clone, history, at))))


def _before(clone: Clone, history: History, way: Way, earlier: list[str], decision: Decision) -> Iterator[Before]:
    """What waits and comes before a change, oldest first: each with what it alters beyond the one before it."""
    git, base = clone.git, way.base.commit or ""
    judged = {item.commit: item for item in decision.pending}
    last, held = history.commit, dict[str, str | None]()
    for oid in earlier:
        inputs, last = rows(git, last, oid), oid
        if not inputs or inputs == way.change.inputs or not rows(git, oid, way.head):
            continue  # it is this very change
        known = decision.change if isinstance(decision, Take) and decision.commit == oid else None
        known = judged[oid].change if oid in judged else known
        altered = {path for path, _, _ in inputs}
        if known is not None:
            after = _after(known)
            altered |= {path for path in after.keys() | held.keys() if after.get(path) != held.get(path)}
            held = after
        in_it = git.is_ancestor(oid, way.head)
        relation = Relation.UNDER if git.is_ancestor(oid, base) else Relation.PART if in_it else Relation.BESIDE
        commit = git.commit(oid)
        yield Before(
            commit=oid,
            subject=commit.subject,
            by=commit.author.split(" <", 1)[0],
            relation=relation,
            meets=tuple(path for path in _in_order(way.change) if path in altered),
            lacks=_lacks(judged.get(oid), decision, oid),
            approve=oid in judged and _roles(judged[oid]) != (),
        )


def _after(change: Change) -> dict[str, str | None]:
    return {path: after for path, _, after in (*change.inputs, *change.bundle)}


def _in_order(change: Change) -> tuple[str, ...]:
    every: tuple[Row, ...] = (*change.inputs, *change.bundle)
    return tuple(path for path, _, _ in every)


def _lacks(pending: Pending | None, decision: Decision, oid: str) -> str | None:
    """What a change waits for; None for the one that the agent takes next."""
    if isinstance(decision, Take) and decision.commit == oid:
        return None
    if pending is None:
        return "what is before it"
    if pending.reason is Reason.UNSOUND:
        return "somebody to mend it: it does not compile"
    if roles := _roles(pending):
        return f"the approval of {', '.join(roles)}"
    problems = () if pending.judgement is None else pending.judgement.problems
    why = (item.message for item in problems if item.sha256 is None)
    return next(why, next(iter(pending.errors), "what is before it"))


def _roles(pending: Pending) -> tuple[str, ...]:
    """Who has to approve it yet, by role: each once, however many rules ask for it."""
    missing = () if pending.judgement is None else pending.judgement.missing
    roles = [role for item in missing for role in item.roles]
    named = list(dict.fromkeys(role for role in roles if role != "anyone"))
    more = roles.count("anyone") - len(named)
    return (*named, *((f"{more} more",) if more > 0 else ()))
