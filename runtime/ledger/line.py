"""Git x head -> main's first-parent line, oldest first, with what each commit changes.

A merge that brings evidence with its second parent (somebody pulled, and pushed the merge) hides the agent's commits
from the first-parent line: they are put in before it, so that no merge changes what the ledger says.

Rules kept: every commit comes once; what a merge repeats of the commits put in before it is left out of its changes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from runtime.git.interface import Commit, FileChange, Git, Step, TreeFile
from runtime.ledger.entry import EVIDENCE


@dataclass(frozen=True)
class Place:
    """A commit of the line. `main` is False for one that a merge brought in."""

    commit: Commit
    changes: tuple[FileChange, ...]
    main: bool

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
    while (missed := _missed(git, head, through)) is not None:
        line, at, parent = missed
        above: list[Place] = []
        for step in line[at + 1 :]:
            above.extend(_flattened(git, step, main=True))
        merge = line[at].commit
        places = [Place(merge, git.changes(parent, merge.oid), main=True), *above, *places]
        head = parent
    if places:
        return [*walk(git, head), *places]
    for step in git.first_parents(head, since=since):
        places.extend(_flattened(git, step, main=True))
    return places


def _missed(git: Git, head: str, through: Collection[str]) -> tuple[list[Step], int, str] | None:
    """The first-parent line of `head`, where on it the last one missing of `through` comes in, and by which parent."""
    if not through:
        return None
    line = git.first_parents(head)
    on = {step.commit.oid for step in line}
    best: tuple[int, str] | None = None
    for wanted in through:
        if wanted in on or not git.is_ancestor(wanted, head):
            continue
        low, high = 0, len(line) - 1
        while low < high:
            middle = (low + high) // 2
            if git.is_ancestor(wanted, line[middle].commit.oid):
                high = middle
            else:
                low = middle + 1
        by = next(parent for parent in line[low].commit.parents[1:] if git.is_ancestor(wanted, parent))
        if best is None or low > best[0]:
            best = low, by
    return None if best is None else (line, *best)


def _flattened(git: Git, step: Step, *, main: bool) -> list[Place]:
    commit = step.commit
    evidence = {change.path: change for change in step.changes if change.path.startswith(EVIDENCE)}
    if len(commit.parents) < 2 or not evidence:
        return [Place(commit, step.changes, main)]
    inner: list[Place] = []
    for parent in commit.parents[1:]:
        for hidden in git.first_parents(parent, since=commit.parents[0]):
            inner.extend(_flattened(git, hidden, main=False))
    brought = {(change.path, change.after) for place in inner for change in place.changes}
    rest = tuple(
        change for change in step.changes if change.path not in evidence or (change.path, change.after) not in brought
    )
    return [*inner, Place(commit, rest, main)]


def put(tree: dict[str, TreeFile], change: FileChange) -> None:
    """Make a tree what it is after a change of one file."""
    if change.after is None:
        tree.pop(change.path, None)
    else:
        tree[change.path] = change.after
