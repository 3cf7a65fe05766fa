"""Git x head -> main's first-parent line, oldest first, with what each commit changes.

A merge that brings evidence with its second parent (somebody pulled, and pushed the merge) hides the agent's commits
from the first-parent line: they are put in before it, so that no merge changes what the ledger says.

Rules kept: every commit comes once; what a merge repeats of the commits put in before it is left out of its changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.inputs import is_input
from runtime.git.interface import Commit, FileChange, Git, Step, TreeFile
from runtime.git.onward import first_after
from runtime.ledger.entry import EVIDENCE

READ = (EVIDENCE.rstrip("/"), *INPUT_FOLDERS)
"""What is opened of a commit: of all else it is known that it differs."""


@dataclass(frozen=True)
class Place:
    """A commit of the line. `main` is False for one that a merge brought in, and for those of a ledger on a branch of
    its own; `counts` is False for one of main then: evidence that it brings is nobody's."""

    commit: Commit
    changes: tuple[FileChange, ...]
    main: bool
    counts: bool = True

    @property
    def parent(self) -> str | None:
        """The first parent."""
        return self.commit.parents[0] if self.commit.parents else None


def walk(git: Git, head: str, *, since: str | None = None, through: Collection[str] = ()) -> list[Place]:
    """Return the line of `head`; `since` and what it reaches is left out.

    `through` are commits that must be on it: where the first-parent line misses one that a merge brings with another
    parent, the line is that other parent's up to there, and the merge's changes are those against it. So nobody makes a
    history of their own the main one by merging the real one into it.
    """
    places: list[Place] = []
    flattening = _Flattening(git)
    while (missed := _missed(git, head, through)) is not None:
        line, at, parent = missed
        above = [place for step in line[at + 1 :] for place in flattening.of(step)]
        merge = line[at].commit
        changes = git.changes(parent, merge.oid, *READ, beyond=True)
        places = [Place(merge, changes, main=True), *above, *places]
        head = parent
    if places:
        return [*walk(git, head), *places]
    for step in git.first_parents(head, *READ, since=since, beyond=True):
        places.extend(flattening.of(step))
    return places


def _missed(git: Git, head: str, through: Collection[str]) -> tuple[list[Step], int, str] | None:
    """The first-parent line of `head`, where on it the last one missing of `through` comes in, and by which parent."""
    if not through:
        return None
    line = git.first_parents(head, *READ, beyond=True)
    on = {step.commit.oid for step in line}
    best: tuple[int, str] | None = None
    for wanted in through:
        if wanted in on or not git.is_ancestor(wanted, head):
            continue
        at = first_after(git, line, wanted)
        by = next(parent for parent in line[at].commit.parents[1:] if git.is_ancestor(wanted, parent))
        if best is None or at > best[0]:
            best = at, by
    return None if best is None else (line, *best)


class _Flattening:
    """Puts before each merge what it hides. However merges are nested, no commit is gone through twice."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._seen: set[str] = set()
        self._brought: set[tuple[str, TreeFile | None]] = set()

    def of(self, step: Step) -> list[Place]:
        """One commit of the line, after all that it hides."""
        places: list[Place] = []
        open_ = [(step, True, False)]
        while open_:
            step, main, ready = open_.pop()
            commit = step.commit
            if commit.oid in self._seen and not main and not ready:
                continue
            self._seen.add(commit.oid)
            evidence = [change for change in step.changes if change.path.startswith(EVIDENCE)]
            merge = len(commit.parents) > 1 and bool(evidence)
            if merge and not ready:
                open_.append((step, main, True))
                open_.extend((hidden, False, False) for hidden in reversed(self._hidden(commit)))
                continue
            changes = step.changes
            if merge:
                repeated = {change.path for change in evidence if (change.path, change.after) in self._brought}
                changes = tuple(change for change in changes if change.path not in repeated)
            if not main:
                self._brought.update((change.path, change.after) for change in evidence)
            places.append(Place(commit, changes, main))
        return places

    def _hidden(self, merge: Commit) -> list[Step]:
        hidden: list[Step] = []
        for parent in merge.parents[1:]:
            if parent not in self._seen:
                hidden.extend(self._git.first_parents(parent, *READ, since=merge.parents[0], beyond=True))
        return hidden


def inputs_of(line: Iterable[Place | Step]) -> Iterator[tuple[str, tuple[FileChange, ...]]]:
    """The commits of a line, with what each changes of the inputs."""
    for item in line:
        yield item.commit.oid, tuple(change for change in item.changes if is_input(change.path))


def put(tree: dict[str, TreeFile], change: FileChange) -> None:
    """Make a tree what it is after a change of one file."""
    if change.after is None:
        tree.pop(change.path, None)
    else:
        tree[change.path] = change.after
