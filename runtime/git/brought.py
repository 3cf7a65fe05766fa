"""P's files x main's line after P -> what differs from P at commits of it, and which commits brought that.

A commit is not what it changes: a revert leaves on main what another one had brought, under a title that says nothing
of it. Rules kept: whoever brought a path is forgotten once it is as P has it again; no blob is opened. Every file of
the five folders counts but `README.md`, since a file that is no input keeps a tree from compiling.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.interface import FileChange, Git, TreeFile
from runtime.git.onward import onward


@dataclass(frozen=True)
class Difference:
    """What a path is, where P has it otherwise, and the commits that changed it since it was as P has it."""

    after: TreeFile | None
    by: tuple[str, ...]


Differences: TypeAlias = Mapping[str, Difference]


def counts(path: str) -> bool:
    """Whether a file has a say in what a tree compiles to."""
    return path.split("/", 1)[0] in INPUT_FOLDERS and PurePosixPath(path).name != "README.md"


def brought(
    base: Mapping[str, TreeFile], line: Iterable[tuple[str, Iterable[FileChange]]], at: Collection[str]
) -> dict[str, Differences]:
    """Go over the commits after P, oldest first, with what each changes of the one before it, the first of them of P
    (`runtime.git.onward`); `base` are the files that P has. Of each commit in `at`, what differs there."""
    found: dict[str, Differences] = {}
    here: dict[str, Difference] = {}
    for commit, changes in line:
        for change in changes:
            if not counts(change.path):
                continue
            if change.after == base.get(change.path):
                here.pop(change.path, None)
            else:
                before = here[change.path].by if change.path in here else ()
                here[change.path] = Difference(change.after, (*before, commit))
        if commit in at:
            found[commit] = dict(here)
    return found


def news(here: Differences, before: Differences) -> tuple[str, ...]:
    """The paths that are other here than there: of what differs, what did not before."""
    return tuple(sorted(path for path, one in here.items() if path not in before or before[path].after != one.after))


def makers(here: Differences, paths: Iterable[str], line: Iterable[str]) -> tuple[str, ...]:
    """The commits of a line that brought what differs in these paths, in its order."""
    by = {oid for path in paths if path in here for oid in here[path].by}
    return tuple(oid for oid in line if oid in by)


def titled(git: Git, base: str, commit: str) -> tuple[str, ...]:
    """The commits that brought what a commit changes of an earlier one, unless it brought some of that itself."""
    line = onward(git, base, commit) or []
    steps = [(step.commit.oid, step.changes) for step in line]
    here = brought(git.files(base, *INPUT_FOLDERS), steps, {commit}).get(commit, {})
    by = makers(here, here, (oid for oid, _ in steps))
    return () if commit in by else by
