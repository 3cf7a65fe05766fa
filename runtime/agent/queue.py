"""Decision x main's line x time -> what is on main and not taken, in its order, each with what a person types about it.

Rules kept: nothing is judged here; what waits, and why, is `decide`'s answer. A change is named by the commits that
brought it, whatever the one is called at which it can be taken; the way back is `runtime.agent.taking_back`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import pairwise

from runtime.agent.decide import Decision, Pending, Reason, Take
from runtime.agent.status import Lacking, Maker, Waiting
from runtime.agent.taking_back import TakingBack
from runtime.git.brought import makers, news
from runtime.git.inputs import rows
from runtime.git.interface import Git
from runtime.governance.case import Judgement, Missing
from runtime.governance.emergency import REPLACED
from runtime.ledger.history import History

SIGN = "--person NAME --key FILE --push"
WAYS_BACK = 5
"""Of so many is said how they are taken back: of the first that a person has to see to."""


class Queue:
    """What is on main and not taken."""

    def __init__(self, git: Git, history: History, decision: Decision, back: TakingBack, at: datetime) -> None:
        self._git, self._history, self._back, self._at = git, history, back, at
        self._pending = decision.pending
        self._take = decision if isinstance(decision, Take) else None
        line, taken = history.waiting, "" if self._take is None else self._take.commit
        self._behind = line[line.index(taken) + 1 :] if taken in line else ()
        stand = [item.commit for item in self._pending if item.reason is not Reason.TAKEN_BACK]
        self._standing = (*stand, *((taken,) if taken else ()), *self._behind)
        self._differs = back.differences(self._standing)
        pairs = pairwise(({}, *(self._differs.get(oid, {}) for oid in self._standing)))
        self._own = dict(zip(self._standing, (news(here, before) for before, here in pairs), strict=True))

    def told(self) -> Iterator[Waiting]:
        """Oldest first: what was decided about each, then what is next, and what comes behind that."""
        first, ways = None, 0
        for number, item in enumerate(self._pending):
            again = _alike(item, self._pending[:number])
            told = self._entry(item, self._pending[number:], again).model_copy(update={"after": first})
            if told.reason == "comes-with":
                told = told.model_copy(update={"after": None})
            if told.for_a_person:
                first = first or item.commit
                if again is None and ways < WAYS_BACK:
                    told = told.model_copy(update={"take_back": self._way_back(item.commit)})
                    ways += 1
            yield told
        if (take := self._take) is None:
            return
        yield self._waits(take.commit, "approved", "the agent takes it next", first=take.first).model_copy(
            update={"change": take.change.digest, "approved_by": take.judgement.people, "ready": self._ready(take)}
        )
        for commit in self._behind:
            yield self._waits(commit, "behind", f"comes after {take.commit[:12]}, and is judged then")

    def _entry(self, item: Pending, onward: tuple[Pending, ...], again: str | None) -> Waiting:
        judged = item.judgement
        told = self._waits(item.commit, item.reason.value, first=item.first).model_copy(
            update={
                "why": _why(item) if again is None else (f"for the same reason as {again[:12]}",),
                "change": None if item.change is None else item.change.digest,
                "approved_by": () if judged is None else judged.people,
                "lacking": () if judged is None else tuple(lacking(judged.missing)),
                "command": _unblocks(item.reason, item.commit[:12], judged) if again is None else None,
            }
        )
        if item.reason is Reason.UNSOUND:
            return told.model_copy(update={"mended_by": self._mended(onward)})
        if item.reason is Reason.TAKEN_BACK and (along := self._comes_with(item, onward)):
            return told.model_copy(update={"reason": "comes-with", "comes_with": along, "why": ()})
        return told

    def _mended(self, later: Iterable[Pending]) -> str | None:
        """The first commit that compiles again."""
        taken = None if self._take is None else self._take.commit
        return next((item.commit for item in later if item.change is not None), taken)

    def _comes_with(self, item: Pending, later: Iterable[Pending]) -> str | None:
        """The first commit after it that stands and has all that this one itself changed; None if there is none."""
        git = self._git
        own = {(path, after) for path, _, after in rows(git, git.commit(item.commit).parents[0], item.commit)}
        standing = [it.commit for it in later if it.reason is not Reason.TAKEN_BACK]
        standing += [] if self._take is None else [self._take.commit]
        for commit in standing:
            if own and own <= {(path, after) for path, _, after in rows(git, self._history.commit, commit)}:
                return commit
        return None

    def _way_back(self, commit: str) -> str:
        """What takes it back: what it brings itself; or, where main is not sound without that, what came after too."""
        here = self._differs.get(self._history.head, {})
        later = self._standing[self._standing.index(commit) :]
        after = dict.fromkeys(path for oid in later for path in self._own[oid])
        return self._back.command(here, self._own[commit], after)

    def _ready(self, take: Take) -> datetime:
        """Since when an agent could have taken it: it was on main, and approved."""
        signed = (one.approval.signed_at for one in take.approvals)
        return min(max(self._git.commit(take.commit).committed_at, *signed), self._at)

    def _brought_by(self, commit: str) -> tuple[Maker, ...]:
        """Who brought what stands of a commit, where it is not that commit itself."""
        made = makers(self._differs.get(commit, {}), self._own.get(commit, ()), self._back.line)
        return () if commit in made else tuple(named(self._git, made))

    def _waits(self, oid: str, reason: str, *why: str, first: str = "") -> Waiting:
        commit = self._git.commit(oid)
        since = self._git.commit(first or oid).committed_at
        return Waiting(
            commit=oid,
            subject=commit.subject,
            brought_by=self._brought_by(oid),
            since=min(since, commit.committed_at, self._at),
            reason=reason,
            why=why,
            change=None,
            approved_by=(),
            lacking=(),
            command=None,
            take_back=None,
            after=None,
            mended_by=None,
        )


def named(git: Git, commits: Iterable[str]) -> Iterator[Maker]:
    """Commits with their subjects."""
    return (Maker(commit=oid, subject=git.commit(oid).subject) for oid in commits)


def _alike(item: Pending, before: Iterable[Pending]) -> str | None:
    """The first one before it that does not compile for the same reasons."""
    alike = (it.commit for it in before if item.reason is it.reason is Reason.UNSOUND and it.errors == item.errors)
    return next(alike, None)


def _why(item: Pending) -> tuple[str, ...]:
    if item.reason is Reason.TAKEN_BACK:
        return (f"main has {', '.join(item.back[:3])} at its old value again, or had it since",)
    if item.judgement is None:
        return item.errors
    lacking = REPLACED if item.judgement.missing else frozenset()  # who is missing is told by `lacking`
    return tuple(dict.fromkeys(one.message for one in item.judgement.problems if one.rule not in lacking))


def _unblocks(reason: Reason, commit: str, judgement: Judgement | None) -> str | None:
    if reason is Reason.UNSOUND:
        return f"conductor check --rev {commit}"
    if judgement is None or not judgement.missing:
        return None
    return f"conductor approve --head {commit} {SIGN}"


def lacking(missing: Iterable[Missing]) -> Iterator[Lacking]:
    """What a judgement says is missing."""
    for item in missing:
        yield Lacking(rule=item.rule, roles=item.roles, could=item.people)
