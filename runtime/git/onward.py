"""Git x P x a head -> main's line from P to there: first parents, and where those miss P, the parent that leads back.

Somebody pulls and pushes the merge, or puts an old commit in front of main: main's own line is another parent of that
merge then. Rules kept: the line goes through P, and through each commit that the ledger has seen main at since, if the
head reaches it; each commit's changes are those against the one before it on the line, so their sum is what differs
from P. Agent, plan and auditor all ask this, so no two of them see another main.
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.interface import Git, Step


def onward(git: Git, base: str, head: str, *, through: Sequence[str] = ()) -> list[Step] | None:
    """The commits after `base` up to `head`, oldest first, with what each changes of the inputs; None where `head` does
    not lead on from `base`. `through` are commits that main is known to have been at, oldest first."""
    line = _to(git, base, head)
    if line is None:
        return None
    on = {base, *(step.commit.oid for step in line)}
    for number in range(len(through) - 1, -1, -1):
        seen = through[number]
        if seen in on or not (git.is_ancestor(base, seen) and git.is_ancestor(seen, head)):
            continue
        below, above = onward(git, base, seen, through=through[:number]), _to(git, seen, head)
        return line if below is None or above is None else [*below, *above]
    return line


def _to(git: Git, base: str, head: str) -> list[Step] | None:
    """The line from one commit to another that is known to be on it."""
    line: list[Step] = []
    while head != base:
        steps = git.first_parents(head, *INPUT_FOLDERS, since=base)
        if steps and base in steps[0].commit.parents[:1]:
            return [*steps, *line]
        if not steps or not git.is_ancestor(base, head):
            return None
        first = first_after(git, steps, base)
        merge = steps[first].commit
        head = next(parent for parent in merge.parents if git.is_ancestor(base, parent))
        line = [Step(merge, git.changes(head, merge.oid, *INPUT_FOLDERS)), *steps[first + 1 :], *line]
    return line


def first_after(git: Git, steps: Sequence[Step], base: str) -> int:
    """Return where on a line the first commit is that descends from `base`: the last one must."""
    low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high) // 2
        if git.is_ancestor(base, steps[middle].commit.oid):
            high = middle
        else:
            low = middle + 1
    return low
