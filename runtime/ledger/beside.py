"""Main beside a ledger that is on a branch of its own (ADR 0089): from one of main's heads to a later one.

Every entry names main's head as its agent saw it, and the ledger's branch holds that commit. So what main was, and in
which order, follows from the ledger alone. Rules kept: main goes from one head that was named to the next along first
parents, as a forge's merges do; where a merge puts another history in front, or main was moved back, it does not lead
on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from runtime.contract.errors import ConductorError
from runtime.contract.genesis import Genesis
from runtime.git.branches import head_of
from runtime.git.interface import Git
from runtime.ledger.entry import EVIDENCE, GENESIS
from runtime.ledger.findings import Finding, finding
from runtime.ledger.line import Place, walk

Heads: TypeAlias = Callable[[Genesis], tuple[str | None, str | None]]
"""Genesis -> the heads of main and of the ledger's branch, None where there is none."""
_PUT_IN_PLACE = (
    "somebody has put another branch in its place: bring back the one that the agent pushed, which its clone keeps as "
    "refs/conductor/pushed"
)


class TangledError(ConductorError):
    """A merge has brought evidence, or put another history in front of main's: all of it has to be read to tell what
    that means."""


class Beside:
    """Main's line as a clone has it, to be gone along as entries name its commits. `known` is what comes on it after
    the trunk, the commit that the ledger's branch leads on from. Where it is `plain`, TangledError is raised
    unless it leads on by first parents, without a merge that brings evidence."""

    def __init__(self, git: Git, trunk: str, known: Sequence[Place], *, plain: bool = False) -> None:
        self._git = git
        self._plain = plain
        self._known = known
        self._at = {trunk: 0} | {place.commit.oid: number for number, place in enumerate(known, start=1) if place.main}

    def towards(self, start: str, to: str) -> list[Place] | None:
        """The commits of main's line after `start`, up to `to`; None where that does not lead on from it."""
        here, there = self._at.get(start), self._at.get(to)
        if here is None or there is None:
            places = following(self._git, start, to)
        else:
            places = None if there < here else list(self._known[here:there])
        if self._plain and (places is None or not plain(places)):
            raise TangledError(f"main does not lead on plainly from {start[:12]} to {to[:12]}")
        return None if places is None else [replace(place, counts=False) for place in places]


@dataclass(frozen=True)
class Ends:
    """Main's head (None: nobody knows it), the head of the ledger's own branch, if there is one, the commits that
    brought the genesis to its branch and to main, the one that the next entry's leads on from (None: main's head), and
    what is wrong with the ledger's branch."""

    head: str | None
    ledger: str | None
    genesis: str
    trunk: str
    evidence: str | None = None
    problem: Finding | None = None


def apart(  # noqa: PLR0917 -- all that `replay` knows by then
    git: Git,
    ends: Ends,
    genesis: Genesis,
    places: Sequence[Place],
    through: Collection[str],
    heads: Heads,
) -> tuple[Ends, list[Place], Beside]:
    """Where both branches end, the ledger's commits, and main's line."""
    trunk = next(number for number, place in enumerate(places) if place.commit.oid == ends.trunk)
    main, ledger = heads(genesis)
    line = _ledger_line(git, ledger, places[: trunk + 1], through)
    problem = None
    if line is None:
        message = f"the branch {genesis.ledger} does not lead on from {ends.trunk[:12]}, which brings the genesis"
        problem = finding("ledger-branch", message, commit=ledger, help=_PUT_IN_PLACE)
    if main is None and ends.head not in {ledger, *(place.commit.oid for place in line or ())}:
        main = ends.head
    beside = Beside(git, ends.trunk, _main_line(git, ends.trunk, places[trunk + 1 :], main))
    evidence = ledger if line else ends.trunk
    return replace(ends, head=main, ledger=ledger, evidence=evidence, problem=problem), line or [], beside


def _main_line(git: Git, trunk: str, places: Sequence[Place], main: str | None) -> Sequence[Place]:
    """What comes on main after the trunk, as far as its first-parent line leads on from there; `places` is what a walk
    has found, which may have been made to go through the trunk."""
    line = [place for place in places if place.main]
    parents = [trunk, *(place.commit.oid for place in line)]
    if line and parents[-1] == main and all(place.parent == oid for place, oid in zip(line, parents, strict=False)):
        return places
    return (None if main is None else following(git, trunk, main)) or ()


def _ledger_line(git: Git, head: str | None, before: Sequence[Place], through: Collection[str]) -> list[Place] | None:
    """The commits of the ledger's branch after the trunk, with which `before` ends; None where it does not lead on from
    there. What is behind the trunk has none yet."""
    trunk = before[-1].commit.oid
    if head is None or git.is_ancestor(head, trunk):
        return []
    if not git.is_ancestor(trunk, head):
        return None
    places = walk(git, head, since=trunk)
    on = {place.commit.oid for place in places}
    if missing := [oid for oid in through if oid not in on and oid != trunk and git.is_ancestor(oid, head)]:
        places = walk(git, head, through=missing)
    old = {place.commit.oid for place in before}
    return of_the_ledger([place for place in places if place.commit.oid not in old])


def following(git: Git, old: str, new: str) -> list[Place] | None:
    """What comes on a branch after an earlier head of it; None where its first-parent line does not lead on."""
    if old == new:
        return []
    if not git.is_ancestor(old, new):
        return None
    places = walk(git, new, since=old)
    return places if next((place.parent for place in places if place.main), None) == old else None


def plain(places: Sequence[Place]) -> bool:
    """Whether no merge among commits that follow an earlier one brings evidence: what such a merge hides is told in one
    way or another, as what came before has told of it already."""
    oids = [place.commit.oid for place in places]
    straight = all(place.parent == oid for place, oid in zip(places[1:], oids, strict=False))
    merges = (place for place in places if len(place.commit.parents) > 1)
    return straight and not any(change.path.startswith(EVIDENCE) for place in merges for change in place.changes)


def of_the_ledger(places: Sequence[Place]) -> list[Place]:
    """The commits of the ledger's branch: none of them is main's."""
    return [replace(place, main=False) for place in places]


def as_known(git: Git) -> Heads:
    """The branches as a clone has them."""
    return lambda genesis: (head_of(git, genesis.branch), genesis.ledger and head_of(git, genesis.ledger))


def _written_by(git: Git, ledger: str, main: str) -> str | None:
    """How far the ledger's branch had come while it knew of nothing on main that comes after a commit."""
    last = None
    for step in git.first_parents(ledger, GENESIS.rstrip("/")):
        if not all(git.is_ancestor(parent, main) for parent in step.commit.parents[1:]):
            break
        last = step.commit.oid
    return last


def as_of(git: Git, commit: str) -> Heads:
    """The same, up to a commit of either."""

    def heads(genesis: Genesis) -> tuple[str | None, str | None]:
        main, ledger = as_known(git)(genesis)
        if main is not None and git.is_ancestor(commit, main):
            return commit, None if ledger is None else _written_by(git, ledger, commit)
        if ledger is not None and git.is_ancestor(commit, ledger):
            return main, commit
        return commit, ledger

    return heads
