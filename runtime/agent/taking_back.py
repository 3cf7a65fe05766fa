"""What waits on main x main's line x compile -> the commands that take it back (ADR 0119).

Rules kept: typed on main, they leave the paths in question as the last verified commit P has them, go without a
conflict, and bring main no mistake that it has not; where nothing less does that, all that waits is taken back, since
P's own inputs compile. They take nothing of the ledger back. What is named are the commits that brought the difference,
newest first: a revert of a revert would bring back what was taken back.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from runtime.agent.decide import compile_once
from runtime.contract.compiling import Compile
from runtime.contract.errors import ConductorError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.brought import Differences, brought, counts, makers
from runtime.git.interface import Author, Git, TreeFile
from runtime.git.onward import onward
from runtime.ledger.entry import EVIDENCE
from runtime.ledger.history import History

REVERTS = 3
"""So many commits are reverted one by one; of more, the paths are named."""
_PLAIN = re.compile(r"[a-z0-9._/-]+")
"""Paths that mean themselves to a shell and to git."""
_TRIAL = Author("Conductor", "conductor@localhost")

Edits: TypeAlias = Mapping[str, TreeFile | None]


@dataclass
class Tried:
    """Whether main's head compiled with edits, as long as P and the head stay what they are."""

    ends: tuple[str, str] = ("", "")
    known: dict[frozenset[tuple[str, TreeFile | None]], bool] = field(default_factory=dict)

    def of(self, base: str, head: str) -> dict[frozenset[tuple[str, TreeFile | None]], bool]:
        """What is known of these two."""
        if self.ends != (base, head):
            self.ends, self.known = (base, head), {}
        return self.known


class TakingBack:
    """Main's line from P to its head, and what of P it has otherwise."""

    def __init__(self, git: Git, history: History, compile: Compile, tried: Tried) -> None:  # noqa: A002 -- the plan's word for it
        base, head = history.commit, history.head
        self._git, self._base, self._head = git, base, head
        self._compile = compile_once(compile, git, keep=2)
        self._files = git.files(base, *INPUT_FOLDERS)
        line = onward(git, base, head, through=history.verified.seen) or []
        self._steps = [(step.commit.oid, step.changes) for step in line]
        self.line = tuple(oid for oid, _ in self._steps)
        self._before = dict(zip(self.line, (base, *self.line), strict=False))
        self._known = tried.of(base, head)

    def differences(self, commits: Iterable[str]) -> dict[str, Differences]:
        """What differs from P at commits of the line; main's head is one of them."""
        return brought(self._files, self._steps, {*commits, self._head})

    def command(self, here: Differences, *paths: Iterable[str]) -> str:
        """What takes back the first of these sets of paths for which there is a way; `here` is what differs at main's
        head."""
        for named in paths:
            wanted = tuple(path for path in named if path in here)
            for command, edits in self._ways(here, wanted):
                if self._sound(here, edits):
                    return command
        return self._everything(here)

    def _ways(self, here: Differences, paths: tuple[str, ...]) -> Iterator[tuple[str, Edits]]:
        commits = makers(here, paths, reversed(self.line))
        if 0 < len(commits) <= REVERTS and (edits := self._reverted(commits)) is not None:
            there = {path: edits.get(path, here[path].after) for path in paths}
            there |= {path: file for path, file in edits.items() if counts(path) and path not in here}
            if all(file == self._files.get(path) for path, file in there.items()):  # nothing that is back comes again
                yield self._reverts(commits), edits
        if paths and all(_PLAIN.fullmatch(path) for path in paths):
            yield _restored(self._base, paths), {path: self._files.get(path) for path in paths}

    def _reverted(self, commits: Iterable[str]) -> Edits | None:
        """What of main's head is another once these are reverted in this order; None where one of them would meet
        something later, or take evidence away."""
        edits: dict[str, TreeFile | None] = {}
        for oid in commits:
            later = {change.path: change.after for change in self._git.changes(oid, self._head)}
            for change in self._git.changes(self._before[oid], oid):
                path, known = change.path, change.after
                if path.startswith(EVIDENCE) or edits.get(path, later.get(path, known)) != known:
                    return None
                edits[path] = change.before
        return edits

    def _reverts(self, commits: tuple[str, ...]) -> str:
        """Revert commits, each as what it changed of the commit before it on main's line."""
        told = []
        for parent, some in groupby(commits, self._parent):
            names = " ".join(oid[:12] for oid in some)
            told.append(f"git revert --no-edit{f' -m {parent}' if parent else ''} {names}")
        return " && ".join(told)

    def _parent(self, oid: str) -> int:
        """Which parent of a merge comes before it on the line, from 1; 0 where it is no merge."""
        parents = self._git.commit(oid).parents
        return parents.index(self._before[oid]) + 1 if len(parents) > 1 and self._before[oid] in parents else 0

    def _everything(self, here: Differences) -> str:
        files = (*self._files, *(path for path, one in here.items() if one.after is not None))
        return _restored(self._base, [name for name in INPUT_FOLDERS if any(it.startswith(f"{name}/") for it in files)])

    def _sound(self, here: Differences, edits: Edits) -> bool:
        """Whether main has no mistake afterwards that it has not by now."""
        inputs = {path: file for path, file in edits.items() if counts(path)}
        there = {**{path: one.after for path, one in here.items()}, **inputs}
        if all(file == self._files.get(path) for path, file in there.items()):
            return True  # P's own inputs
        key = frozenset(inputs.items())
        if key not in self._known:
            self._known[key] = self._tried(inputs)
        return self._known[key]

    def _tried(self, edits: Edits) -> bool:
        """Compile main's head with edits: as a commit that no branch leads to."""
        git = self._git
        try:
            made = git.write(
                self._head,
                {path: git.blob(file.oid) for path, file in edits.items() if file is not None},
                message="What main would be",
                author=_TRIAL,
                at=git.commit(self._head).committed_at,
                remove=[path for path, file in edits.items() if file is None],
            )
            errors = self._compile(made).errors
            return not errors or set(errors) <= set(self._compile(self._head).errors)
        except ConductorError:
            return False  # nobody can say: a clone that cannot be written to


def _restored(base: str, paths: Iterable[str]) -> str:
    """Make paths what they are at P; what P has not is removed."""
    named = shlex.join(paths)
    return (
        f"git restore --source {base[:12]} --staged --worktree -- {named} && "
        f'git commit -m "Take back what waits: as of {base[:12]}"'
    )
