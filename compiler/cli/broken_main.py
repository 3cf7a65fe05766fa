"""Git x main's head x a change -> whether main itself does not compile, since when, and what is the change's own fault.

Looked for only where something does not compile: whoever has a sound tree on a sound base waits for none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from compiler.aside import Deny, deny_here
from compiler.broken import Broken, shared
from compiler.diagnostics.model import Diagnostics, Severity
from compiler.driver import check_tree
from compiler.source import SourceTree, from_commit, from_files
from runtime.contract.change import Row
from runtime.contract.errors import ConductorError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.branches import head_of
from runtime.git.interface import Git
from runtime.git.repository import Repository

MAIN = "main"
_COMPILED = 32
"""So many commits of main are compiled at most to find the one since which it is broken."""


def found_in(tree: SourceTree, deny: Deny) -> Diagnostics:
    """Every mistake of a tree."""
    diagnostics = Diagnostics()
    check_tree(tree, diagnostics, deny=deny)
    return diagnostics


def broken_at(git: Git, branch: str, commit: str, deny: Deny, *, since: str | None = None) -> Broken | None:
    """Whether a commit of main's line does not compile; `since` is one before it that does."""
    if not found_in(from_commit(git, commit), deny).failed:
        return None
    line = [step.commit for step in git.first_parents(commit, *INPUT_FOLDERS, since=since) if step.changes]
    broken, sound = line[-1] if line else git.commit(commit), since
    for earlier in reversed(line[-_COMPILED:-1]):
        if not found_in(from_commit(git, earlier.oid), deny).failed:
            sound = earlier.oid
            break
        broken = earlier
    return Broken(branch, commit, broken.oid, broken.subject, sound)


def note_of(repo: Path, found: Diagnostics) -> str | None:
    """What is to be said before the errors of a tree: that main has some of them too, and since when. None where it has
    not, and where there is no main to ask."""
    errors = [item for item in found if item.severity is Severity.ERROR]
    try:
        with Repository(repo) as git:
            main = head_of(git, MAIN)
            if main is None:
                return None
            theirs = shared(errors, list(found_in(from_commit(git, main), deny_here)))
            broken = broken_at(git, MAIN, main, deny_here) if theirs else None
    except ConductorError:
        return None
    if broken is None:
        return None
    if theirs == len(errors):
        return f"{broken.fact}: nothing below is new here"
    return f"{broken.fact}: {theirs} of the {len(errors)} errors below {'is' if theirs == 1 else 'are'} {MAIN}'s"


def judged_alone(git: Git, broken: Broken, rows: Iterable[Row], head: Mapping[str, bytes], deny: Deny) -> Broken:
    """Make a change where main was last sound, and say what is wrong with it there."""
    if broken.sound is None:
        return broken
    files = dict(from_commit(git, broken.sound).files)
    for path, _, after in rows:
        files.pop(path, None)
        if after is not None and path in head:
            files[path] = head[path]
    found = found_in(from_files(files), deny)
    return replace(broken, alone=tuple(item for item in found if item.severity is Severity.ERROR))
