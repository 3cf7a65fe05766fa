"""P x main's head x approvals x compile x time -> Take | Refuse | Nothing (plan, section 7, rule 4).

The agent takes the first candidate that all rules allow and whose change still stands. The same function gives the
plan its forecast. Rules kept:
- candidates are the commits of main's line from P to its head, oldest first (`runtime.git.onward`);
- nothing is compiled that need not be: a candidate whose inputs are P's has nothing to take, one that main has taken
  back cannot be taken, whatever is made of its files later, and both are seen without a compiler; a tree is compiled
  once (`compile_once`);
- a candidate that does not compile has no manifest and is pending, whatever is approved, also where the compiler fails
  in a way that nobody foresaw: nobody's odd push ends the turn; so is one that pins another release: what this one
  renders of it is not its manifest, so it is neither taken nor refused;
- what cannot be taken is pending, with its reason; the first pending change that a person could act on is the refusal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import TypeAlias

from runtime.contract.change import Change, Row, Snapshot, between
from runtime.contract.compiling import Compile, Compiled
from runtime.contract.errors import MISTAKE, ConductorError, unforeseen
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.inputs import digests, rows
from runtime.git.interface import Git
from runtime.git.onward import onward
from runtime.git.returned import returned
from runtime.governance.case import Case, Judgement, Signed, Transition, Verified
from runtime.governance.judge import judge
from runtime.governance.rules import CONSENT, Rule, taken_back

_TREES_KEPT = 32


class StoppedError(ConductorError):
    """The last verified commit is not on main any more: everything stops."""


class Reason(StrEnum):
    """Why a candidate is pending."""

    TAKEN_BACK = "taken-back"
    UNSOUND = "unsound"
    OTHER_RELEASE = "other-release"
    NOT_ALLOWED = "not-allowed"
    VOID = "void"


@dataclass(frozen=True)
class Pending:
    """A candidate that is not taken. `change` and `judgement` are there where it compiles, `errors` where it does
    not, or where its verdict would take nothing; `back` names inputs that main has, or had since, at their old value
    again. `first` is the commit of main since which what this one brings has waited."""

    commit: str
    reason: Reason
    change: Change | None = None
    judgement: Judgement | None = None
    errors: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    first: str = ""

    @property
    def held(self) -> bool:
        """Whether no agent takes it before a person does something about it."""
        return self.reason in {Reason.UNSOUND, Reason.NOT_ALLOWED, Reason.VOID}


@dataclass(frozen=True)
class Take:
    """The candidate to take: its change from P, what it compiled to, the approvals that count, and the verdicts that
    landed since the first of them was given."""

    commit: str
    change: Change
    compiled: Compiled
    snapshot: Snapshot
    judgement: Judgement
    approvals: tuple[Signed, ...]
    landed: tuple[str, ...]
    pending: tuple[Pending, ...] = ()
    first: str = ""
    """As that of what is pending."""


@dataclass(frozen=True)
class Refuse:
    """Nothing can be taken, and this is why: the first pending change that still stands and compiles."""

    refused: Pending
    change: Change
    judgement: Judgement
    pending: tuple[Pending, ...]


@dataclass(frozen=True)
class Nothing:
    """There is nothing to take and nothing to refuse. What does not compile, or is taken back, may be pending."""

    pending: tuple[Pending, ...] = ()


Decision: TypeAlias = Take | Refuse | Nothing
ApprovalsOf: TypeAlias = Callable[[str], tuple[Signed, ...]]
"""Digest of a change -> the statements filed under it (`runtime.governance.approvals.Approvals.of`)."""


def decide(
    verified: Verified,
    git: Git,
    head: str,
    *,
    approvals: ApprovalsOf,
    compile: Compile,  # noqa: A002 -- the plan's word for it
    transition: Callable[[Change], Transition],
    at: datetime,
    release: str,
    rules: tuple[Rule, ...] = CONSENT,
    void: Mapping[str, str] = MappingProxyType({}),
) -> Decision:
    """Say what the agent takes next, given what it holds; raises StoppedError where P is not on main. `void` are
    candidates whose verdicts would take nothing as everybody reads them, and why."""
    line = onward(git, verified.commit, head, through=verified.seen)
    if line is None:
        raise StoppedError(
            f"the last verified commit {verified.commit[:12]} is no ancestor of {verified.branch}'s head {head[:12]}",
            help="nothing is taken until main leads on from it again; the way back is a new genesis that names the old "
            "one: conductor explain runbooks/new-genesis",
        )
    main = digests(git, head)
    base = cache(lambda: git.files(verified.commit, *INPUT_FOLDERS))  # most turns have no candidate
    over = cache(lambda: returned(base(), ((step.commit.oid, step.changes) for step in line)))
    pending: list[Pending] = []
    seen: set[tuple[Row, ...]] = set()
    waits = _Since()
    for commit in (step.commit.oid for step in line):
        changed = rows(git, verified.commit, commit)
        first = waits.since(commit, changed)
        if not changed or changed in seen:
            continue
        gone = frozenset(over().of(commit))
        back = taken_back(changed, main, gone)
        if back:
            pending.append(Pending(commit, Reason.TAKEN_BACK, back=back, first=first))
            continue
        compiled = _foreseen(compile, commit)
        snapshot = compiled.snapshot
        if snapshot is None:
            pending.append(Pending(commit, Reason.UNSOUND, errors=compiled.errors, first=first))
            continue
        seen.add(changed)
        change = between(verified.snapshot, snapshot, repository=verified.repository, branch=verified.branch)
        signed = approvals(change.digest)
        case = Case(verified, change, signed, at, main, release, transition(change), returned=gone)
        pinned = _pinned(case)
        if pinned != release:
            why = (
                f"policies/compiler.yaml pins release {pinned} at commit {commit[:12]}, and this is release {release}: "
                f"install intelgraph-conductor {pinned}, or set `release: {release}` there"
            )
            pending.append(Pending(commit, Reason.OTHER_RELEASE, errors=(why,), first=first))
            continue
        judgement = judge(case, rules)
        if judgement.allowed and commit in void:
            pending.append(Pending(commit, Reason.VOID, errors=(void[commit],), first=first))
            continue
        if judgement.allowed:
            used = tuple(one for one in signed if one.sha256 in judgement.counted)
            since = landed(verified, used)
            return Take(commit, change, compiled, snapshot, judgement, used, since, tuple(pending), first)
        pending.append(Pending(commit, Reason.NOT_ALLOWED, change, judgement, first=first))
    return _undecided(tuple(pending))


class _Since:
    """Since when each commit's part of what differs from P has waited: whoever takes it back and brings it again, with
    the same content or with other, does not start its time anew."""

    def __init__(self) -> None:
        self._firsts: dict[str, tuple[int, str]] = {}
        self._before: tuple[Row, ...] = ()
        self._count = 0

    def since(self, commit: str, changed: tuple[Row, ...]) -> str:
        """The first commit where one of the paths which this one brings differed; commits come in main's order."""
        here, news = (self._count, commit), {path for path, _, _ in set(changed) - set(self._before)}
        self._count, self._before = self._count + 1, changed
        return min((self._firsts.setdefault(path, here) for path in news), default=here)[1]


def for_another_release(pending: Iterable[Pending]) -> tuple[str, ...]:
    """Why another release has to take the first of these that it has to: which, and what to change."""
    return next((item.errors for item in pending if item.reason is Reason.OTHER_RELEASE), ())


def landed(verified: Verified, approvals: Iterable[Signed]) -> tuple[str, ...]:
    """The verdicts since the earliest `after` of these approvals: what its makers did not know of."""
    known = (verified.timeline.position(one.approval.after) for one in approvals)
    earliest = min((position for position in known if position is not None), default=None)
    return () if earliest is None else tuple(taken.sha256 for taken in verified.timeline.later(earliest))


def compile_once(compile: Compile, git: Git, *, keep: int = _TREES_KEPT) -> Compile:  # noqa: A002 -- see above
    """Return a `compile` that remembers the last trees: commits with the same files below the five folders are one.
    What only this machine could not do now is not remembered."""
    cache: OrderedDict[bytes, Compiled] = OrderedDict()
    tree_key = lru_cache(maxsize=4096)(lambda commit: _tree_key(git.files(commit, *INPUT_FOLDERS)))

    def once(commit: str) -> Compiled:
        key = tree_key(commit)
        if key not in cache:
            made = _foreseen(compile, commit)
            if made.unanswered is not None:
                return made
            cache[key] = made
        cache.move_to_end(key)
        while len(cache) > keep:
            cache.popitem(last=False)
        return cache[key]

    return once


def _foreseen(compile: Compile, commit: str) -> Compiled:  # noqa: A002 -- see above
    """What a commit compiles to; that the compiler failed in a way that nobody foresaw is why it has no bundle."""
    try:
        compiled = compile(commit)
        _ = compiled.snapshot
    except ConductorError:
        raise
    except MemoryError as error:
        why = f"it could not be compiled, on this machine at least: {unforeseen(error)}"
        return Compiled({}, {}, (why,), why)
    except Exception as error:  # noqa: BLE001 -- what somebody pushed must not end what others wait for
        return Compiled({}, {}, (f"it cannot be compiled, which is {MISTAKE}: report {unforeseen(error)}",))
    return compiled


def _tree_key(files: Mapping[str, tuple[str, str]]) -> bytes:
    digest = sha256()
    for path, (mode, oid) in sorted(files.items()):
        digest.update(f"{mode} {oid} {path}\0".encode(errors="surrogateescape"))
    return digest.digest()


def _pinned(case: Case) -> str:
    """The release that a candidate pins; the installed one where nobody can say (the rules then refuse it)."""
    return case.release if case.after is None else case.after.compiler.release


def _undecided(pending: tuple[Pending, ...]) -> Decision:
    for item in pending:
        if item.change is not None and item.judgement is not None:
            return Refuse(item, item.change, item.judgement, pending)
    return Nothing(pending)
