"""State of a replay x a commit -> main's line from P to there, and whether an entry may stand on it.

Where the ledger is on main, whoever makes an entry's commit chooses its parent. Rules kept: what main was then is asked
of a line through P and through all that the ledger has seen of main since, never of first parents alone; an entry comes
after what was seen last. It has seen the commit below its own and below others that brought nothing but evidence. Of
several commits of agents that brought the same entry (a push that was beaten and made again, a copy) those count that
stand on the newest main, whichever is read, or read first (ADR 0123).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from runtime.contract.errors import FormatError
from runtime.git.interface import Commit, FileChange, Git, Step
from runtime.git.onward import onward
from runtime.ledger.entry import EVIDENCE, LEDGER, Entry, read_entry
from runtime.ledger.line import Place, inputs_of

if TYPE_CHECKING:
    from runtime.ledger.replaying import Replaying


class Bringers:
    """Which commits bring which files of the ledger, merges left out, and what main each of them stands on."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[Commit, ...]] = {}
        self._below: dict[str, str] = {}

    def copy(self) -> Bringers:
        """Return one that grows on its own."""
        twin = Bringers()
        twin._of, twin._below = dict(self._of), dict(self._below)
        return twin

    def note(self, steps: Iterable[Place | Step]) -> None:
        """Take commits."""
        for step in steps:
            commit = step.commit
            if len(commit.parents) != 1:
                continue
            if all(change.path.startswith(EVIDENCE) for change in step.changes):
                self._below[commit.oid] = commit.parents[0]
            for oid in _ledger_files(step):
                self._of[oid] = (*self._of.get(oid, ()), commit)

    def known(self, steps: Iterable[Place | Step]) -> bool:
        """Whether one of these commits brings what another has brought."""
        return any(oid in self._of for step in steps if len(step.commit.parents) == 1 for oid in _ledger_files(step))

    def of(self, entry: Entry, place: Place) -> tuple[Commit, ...]:
        """The commits that bring an entry's file, the one that was read among them."""
        files = [change.after.oid for change in place.changes if change.path == entry.path and change.after]
        others = [commit for oid in files for commit in self._of.get(oid, ())]
        return tuple({commit.oid: commit for commit in (place.commit, *others)}.values())

    @property
    def files(self) -> Collection[str]:
        """Every file of the ledger that they bring, by its blob."""
        return self._of.keys()

    def stand(self, commit: str, main: str) -> None:
        """Take it that a commit stands on this main, which may be itself."""
        if commit != main:
            self._below[commit] = main

    def main_of(self, commit: str) -> str:
        """The commit of main on which one stands, and others like it below."""
        above: list[str] = []
        while (below := self._below.get(commit)) is not None:
            above.append(commit)
            commit = below
        self._below.update(dict.fromkeys(above, commit))  # the next one is told in one step
        return commit


def hidden(git: Git, places: Sequence[Place], known: Collection[str]) -> list[Step]:
    """The commits that merges among these bring and that nobody has read, whatever they do to the ledger."""
    merges = [place.commit.oid for place in places if len(place.commit.parents) > 1]
    line = {*known, *(place.commit.oid for place in places)}
    return git.beside(merges, LEDGER.rstrip("/"), known=line, beyond=True) if merges else []


def told_before(state: Replaying, places: Sequence[Place], old: str) -> bool:
    """Whether commits that follow a checkpoint bring to the ledger what came before it, or hide what they bring: what
    was read of the ledger may have seen another main then."""
    earlier, blobs = state.earlier, state.blobs
    if earlier is None:
        return False
    merged = any(len(place.commit.parents) > 1 for place in places)
    line = {place.commit.oid for place in places}
    beside = state.git.beyond(places[-1].commit.oid, old, LEDGER.rstrip("/")) if merged else []
    if any(oid for step in beside if step.commit.oid not in line for oid in _ledger_files(step)):
        return True
    for change in (change for place in places for change in place.changes if change.path.startswith(LEDGER)):
        data = None if change.after is None else blobs.evidence(change.after)
        with suppress(FormatError):
            if change.after is not None and change.after.oid in earlier.strays:
                return True
            if data is not None and earlier.has(read_entry(change.path, "", data)):
                return True
    return False


class Seat(NamedTuple):
    """Where an entry stands: the commit that was read, the main below (several where none of them leads to the others;
    none where it names main's head itself), whether it comes after all that was seen of main before, and whether an
    agent signed a commit that brings it."""

    place: Place
    mains: tuple[str, ...] = ()
    leads: bool = True
    signed: bool = False

    @property
    def main(self) -> str | None:
        """Main's head when the entry was made, as far as its commits say."""
        return self.mains[0] if len(self.mains) == 1 else None


def seat(state: Replaying, entry: Entry, place: Place, keys: Collection[str]) -> Seat:
    """Where an entry stands; `keys` are those of agents."""
    copies = state.bringers.of(entry, place)
    of_agents = [item for item in copies if state.ahead.signer(item) in keys]
    mains = _newest(state.git, state.bringers, of_agents or [place.commit])
    leads = all(any(_leads(state, before, main) for main in mains) for before in state.seen_last)
    return Seat(place, mains, leads, bool(of_agents))


def _newest(git: Git, bringers: Bringers, commits: Iterable[Commit]) -> tuple[str, ...]:
    mains = dict.fromkeys(bringers.main_of(commit.oid) for commit in commits)
    return tuple(main for main in mains if not any(main != other and git.is_ancestor(main, other) for other in mains))


def line_to(state: Replaying, head: str) -> list[tuple[str, tuple[FileChange, ...]]] | None:
    """Main's line from P to a head, and what it does to the inputs; None where that does not lead on from P."""
    if all(_straight(state, start, head) for start in (state.commit, *state.seen)):
        return state.line[state.index[state.commit] + 1 : state.index[head] + 1]
    if state.git.resolve(head) != head:
        return None
    steps = onward(state.git, state.commit, head, through=state.seen)
    return None if steps is None else list(inputs_of(steps))


def _leads(state: Replaying, old: str, new: str) -> bool:
    return _straight(state, old, new) or state.git.is_ancestor(old, new)


def _straight(state: Replaying, start: str, head: str) -> bool:
    """Whether the line, as far as it has come, leads from one commit to another by first parents."""
    at, to = state.index.get(start), state.index.get(head)
    return at is not None and to is not None and state.straight <= at <= to


def _ledger_files(step: Place | Step) -> Iterable[str]:
    return (change.after.oid for change in step.changes if change.after and change.path.startswith(LEDGER))
