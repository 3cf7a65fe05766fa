"""Objects by id -> everything that `Git` asks of history: the part that the real repository and its double share.

Reading is by raw object and its content address, so no configuration, work tree, attribute or filter has a say.

Rules kept: ancestry is answered from parents, never from dates, which their makers choose.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from runtime.contract.errors import FormatError
from runtime.git.interface import Author, Commit, FileChange, Step, TreeFile
from runtime.git.objects import encode_commit, object_id, parse_commit
from runtime.git.trees import Trees

_CHUNK = 64
_KEPT = 16 * 1024 * 1024
"""Bytes of blobs that stay in memory."""


class ObjectGraph(ABC):
    """The reading half of `Git`, and `write`, over an object store."""

    def __init__(self, algorithm: str = "sha1") -> None:
        self._algorithm = algorithm
        self._commits: dict[str, Commit] = {}
        self._trees = Trees(self._read, algorithm)
        self._kept: dict[str, bytes] = {}
        self._kept_size = 0

    @abstractmethod
    def _read(self, oids: Sequence[str], limit: int | None = None) -> list[tuple[str, bytes]]:
        """Kind and content of objects, in order; raises EnvironmentFailedError for a missing one. What has more bytes
        than `limit` may be of no kind and without content."""

    @abstractmethod
    def _store(self, objects: Sequence[tuple[str, bytes]]) -> None:
        """Keep new objects (kind, content)."""

    def commit(self, oid: str) -> Commit:
        """Read a commit."""
        return self._commits.get(oid) or self._read_commits([oid])[0]

    def files(self, commit: str, *folders: str) -> dict[str, TreeFile]:
        """Every file of a commit's tree below the folders (all, if none is named), path -> entry."""
        return {item.path: item.after for item in self.changes(None, commit, *folders) if item.after is not None}

    def blob(self, oid: str) -> bytes:
        """Raw content of a blob."""
        return self.blobs([oid])[oid]

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Raw content of many blobs in one go."""
        wanted = list(dict.fromkeys(oids))
        found = self._blobs(wanted, None)
        if missing := [oid for oid in wanted if oid not in found]:
            raise FormatError(f"object {missing[0]} is no blob, where a file belongs")
        return found

    def _blobs(self, wanted: Sequence[str], limit: int | None) -> dict[str, bytes]:
        """Those that are blobs, and not too large."""
        known = {oid: self._kept[oid] for oid in wanted if oid in self._kept}
        lacking = [oid for oid in wanted if oid not in known]
        found = zip(lacking, self._read(lacking, limit), strict=True)
        news = {oid: data for oid, (kind, data) in found if kind == "blob"}
        self._keep(news)
        return {oid: data for oid, data in {**known, **news}.items() if limit is None or len(data) <= limit}

    def _keep(self, news: Mapping[str, bytes]) -> None:
        """Keep what was read last, as far as it is little: genesis, base and head have nearly all files in common."""
        size = sum(map(len, news.values()))
        if size > _KEPT:
            return
        if size + self._kept_size > _KEPT:
            self._kept, self._kept_size = {}, 0
        self._kept.update(news)
        self._kept_size += size

    def readable(self, oids: Iterable[str], limit: int) -> dict[str, bytes]:
        """Raw content of those of many objects that are blobs of at most `limit` bytes."""
        return self._blobs(list(dict.fromkeys(oids)), limit)

    def folder(self, commit: str, path: str = "") -> dict[str, TreeFile]:
        """The entries of one folder of a commit, by name; what lies in folders below is not opened."""
        return self._trees.folder(self.commit(commit).tree, path)

    def changes(self, before: str | None, after: str, *folders: str, beyond: bool = False) -> tuple[FileChange, ...]:
        """What differs between two commits' trees below the folders, sorted by path; None = the empty tree. `beyond`:
        what differs elsewhere is shown as well, unopened."""
        old = None if before is None else self.commit(before).tree
        return self._trees.differences([(old, self.commit(after).tree)], folders, beyond=beyond)[0]

    def first_parents(self, head: str, *folders: str, since: str | None = None, beyond: bool = False) -> list[Step]:
        """The first-parent line of `head`, oldest first, with each commit's changes below the folders against its
        first parent. `since` is left out, and so is everything that it reaches."""
        line = self._line(head, since)
        if since is not None and line and since not in line[0].parents[:1]:
            line = line[_first(line, lambda item: not self.is_ancestor(item.oid, since)) :]
        return self._steps(line, folders, beyond=beyond)

    def beside(
        self, heads: Iterable[str], *folders: str, known: Collection[str] = (), beyond: bool = False
    ) -> list[Step]:
        """The commits that these reach by others that are not `known`, none of either among them, with each one's
        changes below the folders against its first parent, as `first_parents` gives them."""
        heads = list(heads)
        seen, found = {*heads, *known}, list[Commit]()
        level = [parent for commit in self._read_commits(heads) for parent in commit.parents]
        while level := [oid for oid in dict.fromkeys(level) if oid not in seen]:
            seen.update(level)
            commits = self._read_commits(level)
            found.extend(commits)
            level = [parent for commit in commits for parent in commit.parents]
        return self._steps(found, folders, beyond=beyond)

    def beyond(self, head: str, old: str, *folders: str) -> list[Step]:
        """The commits that `head` reaches and `old` does not, with each one's changes below the folders against its
        first parent."""
        return self._steps(self._read_commits(self._reaches(head, old)), folders)

    def _reaches(self, head: str, old: str) -> list[str]:
        before = set(self._reachable([old]))
        return [oid for oid in self._reachable([head]) if oid not in before]

    def _steps(self, line: Sequence[Commit], folders: Sequence[str], *, beyond: bool = False) -> list[Step]:
        steps: list[Step] = []
        for start in range(0, len(line), _CHUNK):
            chunk = line[start : start + _CHUNK]
            parents = [item.parents[0] if item.parents else None for item in chunk]
            trees = [
                (None if parent is None else self.commit(parent).tree, item.tree)
                for parent, item in zip(parents, chunk, strict=True)
            ]
            steps.extend(map(Step, chunk, self._trees.differences(trees, folders, beyond=beyond)))
        return steps

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether `ancestor` is reachable from `commit` (a commit is its own ancestor)."""
        return any(oid == ancestor for oid in self._reachable([commit]))

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None if there is none."""
        here = set(self._reachable([one]))
        common = [oid for oid in self._reachable([other]) if oid in here]
        below = set(self._reachable(parent for oid in common for parent in self.commit(oid).parents))
        best = [oid for oid in common if oid not in below]
        return max(best, key=lambda oid: (self.commit(oid).committed_at, oid), default=None)

    def write(
        self,
        parent: str | None,
        add: Mapping[str, bytes],
        *,
        message: str,
        author: Author,
        at: datetime,
        sign: Callable[[bytes], str] | None = None,
        remove: Iterable[str] = (),
    ) -> str:
        """Write a commit on top of `parent` (None: a root); returns its id. No ref moves."""
        parents = [] if parent is None else [parent]
        return self.write_merge(parents, add, message=message, author=author, at=at, sign=sign, remove=remove)

    def write_merge(
        self,
        parents: Sequence[str],
        add: Mapping[str, bytes],
        *,
        message: str,
        author: Author,
        at: datetime,
        sign: Callable[[bytes], str] | None = None,
        remove: Iterable[str] = (),
    ) -> str:
        """Write a commit with any number of parents; its tree is the first one's, edited."""
        tree, objects = self._trees.edited(self.commit(parents[0]).tree if parents else None, add, remove)
        data = encode_commit(tree, parents, message=message, author=author, at=at)
        if sign is not None:
            data = encode_commit(tree, parents, message=message, author=author, at=at, signature=sign(data))
        self._store([*objects, ("commit", data)])
        return object_id("commit", data, self._algorithm)

    def _read_commits(self, oids: Sequence[str]) -> list[Commit]:
        missing = [oid for oid in dict.fromkeys(oids) if oid not in self._commits]
        for oid, (kind, data) in zip(missing, self._read(missing) if missing else (), strict=True):
            if kind != "commit":
                raise FormatError(f"object {oid} is a {kind} where a commit belongs")
            self._commits[oid] = parse_commit(oid, data)
        return [self._commits[oid] for oid in oids]

    def _line(self, head: str, stop: str | None) -> list[Commit]:
        """The first-parent line of `head`, oldest first, down to `stop` (left out) or its root."""
        line: list[Commit] = []
        for oid in self._first_parent_ids(head):
            if oid == stop:
                break
            line.append(self.commit(oid))
        line.reverse()
        return line

    def _first_parent_ids(self, head: str) -> Iterator[str]:
        oid: str | None = head
        while oid is not None:
            yield oid
            parents = self.commit(oid).parents
            oid = parents[0] if parents else None

    def _reachable(self, heads: Iterable[str]) -> Iterator[str]:
        seen: set[str] = set()
        open_ = list(heads)
        while open_:
            oid = open_.pop()
            if oid not in seen:
                seen.add(oid)
                yield oid
                open_.extend(self.commit(oid).parents)


def _first(line: Sequence[Commit], holds: Callable[[Commit], bool]) -> int:
    """Index of the first commit that `holds` is true of, where it stays true once it is."""
    low, high = 0, len(line)
    while low < high:
        middle = (low + high) // 2
        if holds(line[middle]):
            high = middle
        else:
            low = middle + 1
    return low
