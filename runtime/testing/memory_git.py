"""Git in memory: the same objects and ids as real git, without a process or a disk.

`MemoryGit` has the interface of `runtime.git.Repository` and shares its reading of objects; one contract test runs over
both. `MemoryRemote` is what it fetches from and pushes to; tests make it away, protected, or faster than the pusher.
For tests there are also `commit`, `branch`, `merge`, `squash`, `rebase` and `revert`, which move branches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from runtime.contract.errors import EnvironmentFailedError, FormatError
from runtime.git.graph import ObjectGraph
from runtime.git.interface import BRANCHES, Author, FileChange, NoRemoteError, PushOutcome, RemoteAwayError
from runtime.git.objects import object_id, parse_commit, parse_tree

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
SOMEBODY = Author("Somebody", "somebody@example.org")
_HEX = re.compile(r"[0-9a-f]{4,40}")
_STEP = re.compile(r"(?P<base>.*?)(?:\^(?P<parent>\d*)|~(?P<count>\d*)|\^\{commit\})")


class ConflictError(Exception):
    """A merge that a person would have to resolve."""


@dataclass
class MemoryRemote:
    """The other side. `away`: does not answer. `protected`: branches it refuses. `before_push`: called once each, in
    order, just before a push is judged: where a test lets somebody else be first."""

    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    away: bool = False
    protected: set[str] = field(default_factory=set)
    before_push: list[Callable[[], None]] = field(default_factory=list)
    pushes: list[tuple[str, str | None, str]] = field(default_factory=list)
    """Pushes that were taken: branch, old, new."""


class MemoryGit(ObjectGraph):
    """A repository in memory. `refs` are full names; HEAD is the branch `head`."""

    def __init__(self, remotes: Mapping[str, MemoryRemote] | None = None, *, head: str = "main") -> None:
        super().__init__()
        self.objects: dict[str, tuple[str, bytes]] = {}
        self.refs: dict[str, str] = {}
        self.remotes: dict[str, MemoryRemote] = dict(remotes or {})
        self.head = head
        self._clock = START

    def _read(self, oids: Sequence[str], limit: int | None = None) -> list[tuple[str, bytes]]:
        del limit  # all of it is in memory in any case
        try:
            return [self.objects[oid] for oid in oids]
        except KeyError as error:
            raise EnvironmentFailedError(f"object {error.args[0]} is not in this repository") from None

    def _store(self, objects: Sequence[tuple[str, bytes]]) -> None:
        for kind, data in objects:
            self.objects[object_id(kind, data)] = (kind, data)

    def tips(self) -> frozenset[str]:
        """Commits at which a branch stands, the clone's own or one of a remote as last fetched."""
        return frozenset(oid for ref, oid in self.refs.items() if ref.startswith(BRANCHES))

    def resolve(self, rev: str) -> str | None:
        """Commit id of a revision (id, its beginning, ref, branch, HEAD, with `^` and `~`), None if there is none."""
        step = _STEP.fullmatch(rev)
        if step is None:
            return self._named(rev)
        oid = self.resolve(step["base"])
        if oid is None or rev.endswith("^{commit}"):
            return oid
        for _ in range(int(step["count"] or 1) if step["count"] is not None else 1):
            parents = self.commit(oid).parents
            which = int(step["parent"] or 1)
            if which == 0:
                return oid
            if len(parents) < which:
                return None
            oid = parents[which - 1]
        return oid

    def _named(self, rev: str) -> str | None:
        name = f"refs/heads/{self.head}" if rev == "HEAD" else rev
        for prefix in ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"):
            if prefix + name in self.refs:
                return self.refs[prefix + name]
        if _HEX.fullmatch(rev) is None:
            return None
        found = [oid for oid, (kind, _) in self.objects.items() if kind == "commit" and oid.startswith(rev)]
        return found[0] if len(found) == 1 else None

    def set_ref(self, ref: str, new: str, *, old: str | None) -> bool:
        """Compare and swap a ref; False if it was not `old` (None: absent)."""
        if self.refs.get(ref) != old:
            return False
        self.refs[ref] = self.commit(new).oid
        return True

    def fetch(self, remote: str, *branches: str) -> dict[str, str | None]:
        """Bring the remote's branches to `refs/conductor/<remote>/<branch>`."""
        other = self._remote(remote)
        result: dict[str, str | None] = {}
        for branch in branches:
            oid = other.refs.get(f"refs/heads/{branch}")
            ref = f"refs/conductor/{remote}/{branch}"
            if oid is None:
                self.refs.pop(ref, None)
            else:
                _copy(oid, other.objects, self.objects)
                self.refs[ref] = oid
            result[branch] = oid
        return result

    def push(self, remote: str, branch: str, new: str, *, old: str | None) -> PushOutcome:
        """Move the remote's branch from `old` (None: absent) to `new`, never by force."""
        other = self._remote(remote)
        if other.before_push:
            other.before_push.pop(0)()
        if old is not None and not self.is_ancestor(old, new):
            return PushOutcome.BEATEN
        ref = f"refs/heads/{branch}"
        if other.refs.get(ref) == new:
            return PushOutcome.DONE
        if other.refs.get(ref) != old:
            return PushOutcome.BEATEN
        if branch in other.protected:
            return PushOutcome.REFUSED
        _copy(new, self.objects, other.objects)
        other.refs[ref] = new
        other.pushes.append((branch, old, new))
        return PushOutcome.DONE

    def _remote(self, name: str) -> MemoryRemote:
        remote = self.remotes.get(name)
        if remote is None:
            raise NoRemoteError(name)
        if remote.away:
            raise RemoteAwayError(f"the remote `{name}` did not answer", help="try again when it is reachable")
        return remote

    # What tests do to histories.

    def tick(self, **passed: float) -> datetime:
        """Let time pass (a minute, unless told; timedelta's words) and return it: the date of the next commit."""
        self._clock += timedelta(**(passed or {"minutes": 1}))
        return self._clock

    def branch(self, name: str, at: str = "main") -> str:
        """Make a branch at a revision; returns its commit."""
        oid = self._known(at)
        self.refs[f"refs/heads/{name}"] = oid
        return oid

    def commit_files(
        self,
        files: Mapping[str, bytes | str],
        *,
        branch: str = "main",
        remove: Iterable[str] = (),
        message: str = "Change",
        author: Author = SOMEBODY,
        at: datetime | None = None,
        sign: Callable[[bytes], str] | None = None,
    ) -> str:
        """Commit to a branch (made if absent) and move it; returns the new commit."""
        add = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        ref = f"refs/heads/{branch}"
        self.refs[ref] = self.write(
            self.refs.get(ref), add, message=message, author=author, at=at or self.tick(), sign=sign, remove=remove
        )
        return self.refs[ref]

    def merge(self, branch: str, *, into: str = "main", message: str | None = None) -> str:
        """Merge with two parents, path by path; raises ConflictError where both sides changed a path differently."""
        ours, theirs = self._known(into), self._known(branch)
        add, remove = self._merged(self.merge_base(ours, theirs), ours, theirs)
        oid = self.write_merge(
            [ours, theirs], add, message=message or f"Merge {branch}", author=SOMEBODY, at=self.tick(), remove=remove
        )
        self.refs[f"refs/heads/{into}"] = oid
        return oid

    def squash(self, branch: str, *, into: str = "main", message: str | None = None) -> str:
        """Merge as one ordinary commit; raises ConflictError."""
        ours, theirs = self._known(into), self._known(branch)
        add, remove = self._merged(self.merge_base(ours, theirs), ours, theirs)
        return self.commit_files(add, branch=into, remove=remove, message=message or f"Squash {branch}")

    def rebase(self, branch: str, *, onto: str = "main") -> str:
        """Make the branch's own first-parent commits again on top of `onto`; raises ConflictError."""
        base = self.merge_base(self._known(onto), self._known(branch))
        steps = self.first_parents(self._known(branch), since=base)
        self.refs[f"refs/heads/{branch}"] = self._known(onto)
        for step in steps:
            parent = step.commit.parents[0] if step.commit.parents else None
            add, remove = self._merged(parent, self._known(branch), step.commit.oid)
            self.commit_files(add, branch=branch, remove=remove, message=step.commit.message)
        return self._known(branch)

    def revert(self, commit: str, *, branch: str = "main", message: str | None = None, parent: int = 1) -> str:
        """Undo what a commit did against a parent of it, the first unless told; raises ConflictError."""
        undone = self.commit(self._known(commit))
        if not undone.parents:
            raise ConflictError(f"{commit} is a root")
        add, remove = self._merged(undone.oid, self._known(branch), undone.parents[parent - 1])
        return self.commit_files(add, branch=branch, remove=remove, message=message or f"Revert {undone.subject}")

    def _merged(self, base: str | None, ours: str, theirs: str) -> tuple[dict[str, bytes], list[str]]:
        here = {item.path: item for item in self.changes(base, ours)}
        add: dict[str, bytes] = {}
        remove: list[str] = []
        for item in self.changes(base, theirs):
            mine: FileChange | None = here.get(item.path)
            if mine is not None and mine.after != item.after:
                raise ConflictError(item.path)
            if mine is not None:
                continue
            if item.after is None:
                remove.append(item.path)
            else:
                add[item.path] = self.blob(item.after.oid)
        return add, remove

    def _known(self, rev: str) -> str:
        oid = self.resolve(rev)
        if oid is None:
            raise EnvironmentFailedError(f"there is no revision `{rev}`")
        return oid


def _copy(head: str, source: Mapping[str, tuple[str, bytes]], target: dict[str, tuple[str, bytes]]) -> None:
    """Bring everything that a commit reaches from one store to another."""
    open_ = [head]
    while open_:
        oid = open_.pop()
        if oid in target or oid not in source:
            continue
        kind, data = target[oid] = source[oid]
        if kind == "commit":
            commit = parse_commit(oid, data)
            open_.extend((commit.tree, *commit.parents))
        elif kind == "tree":
            with suppress(FormatError):  # whoever reads it says so
                open_.extend(entry.raw.hex() for entry in parse_tree(data))
