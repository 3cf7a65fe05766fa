"""Trees x files to add and remove -> new trees; trees x trees -> what differs. Reads objects through a `Reader` only.

Rules kept: equal subtrees are never opened; a tree that only grew at its end is compared by its new entries alone, as
the ledger's folders do; of a large tree in which few entries differ, only those are read, as in the folder of all
approvals; a path that turns from file to folder is a removal and additions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from runtime.contract.errors import FormatError
from runtime.git.interface import FileChange, TreeFile
from runtime.git.objects import TREE_MODE, TreeEntry, encode_tree, object_id, parse_tree

_CACHE_BYTES = 64 * 1024 * 1024
_LARGE = 4096
_FEW = 16


class Reader(Protocol):
    """Object ids -> (kind, content), in order; raises for a missing one."""

    def __call__(self, oids: Sequence[str], /) -> list[tuple[str, bytes]]: ...  # noqa: D102 -- said above


class _Tree:
    """A tree's bytes, read when asked. `last` is its last key once it is known to be well formed."""

    __slots__ = ("_ends", "_entries", "last", "raw", "width")

    def __init__(self, raw: bytes, width: int) -> None:
        self.raw = raw
        self.width = width
        self.last: bytes | None = None
        self._entries: list[TreeEntry] | None = None
        self._ends: list[int] | None = None

    @property
    def entries(self) -> list[TreeEntry]:
        if self._entries is None:
            self._entries = parse_tree(self.raw, self.width)
            self.last = self._entries[-1].key if self._entries else b""
        return self._entries

    def grown_by(self, after: _Tree) -> list[TreeEntry] | None:
        """What `after` has more than this one, if it is this one with entries at its end."""
        if not after.raw.startswith(self.raw):
            return None
        if self.last is None:
            self.entries  # noqa: B018 -- reads and so judges the bytes
        new = parse_tree(after.raw[len(self.raw) :], after.width, self.last or b"")
        if any(entry.is_tree and b" %s\0" % entry.name in self.raw for entry in new):
            return None
        after.last = new[-1].key if new else self.last
        return new

    @property
    def ends(self) -> list[int]:
        """Where each entry's bytes end."""
        if self._ends is None:
            self._ends = list(accumulate(len(item.mode) + len(item.name) + self.width + 2 for item in self.entries))
        return self._ends

    def edited_to(self, after: _Tree) -> tuple[list[TreeEntry], list[TreeEntry]] | None:
        """The entries of this tree that `after` has not, and the other way round, if few of a large tree differ.

        What both share was read and judged here and is not read again: the two are gone through together, from one
        differing entry to the next. Whatever is unusual is left to who reads all of `after` (None).
        """
        if min(len(self.raw), len(after.raw)) < _LARGE or after._entries is not None:
            return None
        olds: list[TreeEntry] = []
        news: list[TreeEntry] = []
        entries: list[TreeEntry] = []
        ends: list[int] = []
        index = here = there = 0
        last = b""
        while True:
            stop = bisect_right(self.ends, here + _common(self.raw, here, after.raw, there), lo=index)
            if stop > index:
                if self.entries[index].key <= last:
                    return None
                moved = there - here
                entries += self.entries[index:stop]
                ends += [end + moved for end in self.ends[index:stop]] if moved else self.ends[index:stop]
                index, here = stop, self.ends[stop - 1]
                there = here + moved
                last = entries[-1].key
            if there == len(after.raw):
                olds += self.entries[index:]
                break
            if len(olds) + len(news) >= _FEW:
                return None
            new = _one(after.raw, there, self.width, last)
            old = self.entries[index] if index < len(self.entries) else None
            if old is not None and (new is None or old.key <= new.key):
                olds.append(old)
                index, here = index + 1, self.ends[index]
            if new is not None and (old is None or new.key <= old.key):
                if after.raw.count(b" %s\0" % new.name) != 1:
                    return None
                there += len(new.mode) + len(new.name) + self.width + 2
                news.append(new)
                entries.append(new)
                ends.append(there)
                last = new.key
            elif new is None and old is None:
                return None
        after._entries, after._ends, after.last = entries, ends, last
        return olds, news


def _one(raw: bytes, start: int, width: int, last: bytes) -> TreeEntry | None:
    """The entry that begins at `start`, if it is well formed and follows `last`."""
    try:
        end = raw.index(b"\0", start) + 1 + width
        (entry,) = parse_tree(raw[start:end], width, last)
    except (ValueError, FormatError):
        return None
    return entry


_EMPTY = _Tree(b"", 20)


class _Pair(NamedTuple):
    """Two trees to compare for the result `slot`; None = absent. `wanted`: paths below, None = everything."""

    slot: int
    prefix: bytes
    before: str | None
    after: str | None
    wanted: tuple[bytes, ...] | None


class Trees:
    """Reads trees with a cache of bounded size."""

    def __init__(self, read: Reader, algorithm: str) -> None:
        self._read = read
        self._algorithm = algorithm
        self._width = 20 if algorithm == "sha1" else 32
        self._cache: OrderedDict[str, _Tree] = OrderedDict()
        self._bytes = 0

    def entries(self, oid: str) -> list[TreeEntry]:
        """The entries of one tree."""
        return self._load([oid])[oid].entries

    def differences(
        self, pairs: Iterable[tuple[str | None, str | None]], folders: Iterable[str]
    ) -> list[tuple[FileChange, ...]]:
        """Compare pairs of root trees below the folders (all, if none is named), each result sorted by path."""
        wanted = tuple(folder.strip("/").encode(errors="surrogateescape") for folder in folders) or None
        level = [_Pair(index, b"", before, after, wanted) for index, (before, after) in enumerate(pairs)]
        found: list[list[FileChange]] = [[] for _ in level]
        level = [pair for pair in level if pair.before != pair.after]
        while level:
            loaded = self._load([oid for pair in level for oid in (pair.before, pair.after) if oid is not None])
            level = [below for pair in level for below in self._compare(pair, loaded, found[pair.slot])]
        return [tuple(sorted(changes, key=lambda change: change.path)) for changes in found]

    def _compare(self, pair: _Pair, loaded: Mapping[str, _Tree], found: list[FileChange]) -> list[_Pair]:
        """Compare two folders. One that could be read in two ways is not read: it is shown as an entry that no file can
        be, of a folder's mode, and stands for all that is below."""
        try:
            return self._differing(pair, loaded, found)
        except FormatError:
            sides = [None if oid is None else TreeFile(TREE_MODE, oid) for oid in (pair.before, pair.after)]
            whole = (pair.prefix.rstrip(b"/"),) if pair.prefix or pair.wanted is None else pair.wanted
            found.extend(FileChange(path.decode(errors="surrogateescape"), *sides) for path in whole)
            return []

    def _differing(self, pair: _Pair, loaded: Mapping[str, _Tree], found: list[FileChange]) -> list[_Pair]:
        before = loaded[pair.before] if pair.before is not None else _EMPTY
        after = loaded[pair.after] if pair.after is not None else _EMPTY
        olds: Mapping[bytes, TreeEntry]
        new = before.grown_by(after) if pair.wanted is None else None
        if new is not None:
            olds, news = {}, {entry.name: entry for entry in new}
        else:
            place = before.edited_to(after)
            one, other = (before.entries, after.entries) if place is None else place
            if pair.wanted is not None:
                # of a folder with very many entries, only those on the way to what is asked for
                heads = {item[len(pair.prefix) :].split(b"/", 1)[0] for item in pair.wanted}
                one, other = ([entry for entry in side if entry.name in heads] for side in (one, other))
            same = set(one) & set(other)
            olds = {entry.name: entry for entry in one if entry not in same}
            news = {entry.name: entry for entry in other if entry not in same}
        below: list[_Pair] = []
        for name in sorted(olds.keys() | news.keys()):
            path = pair.prefix + name
            wanted = _within(path, pair.wanted)
            if wanted == ():
                continue
            old, now = olds.get(name), news.get(name)
            trees = [entry.raw.hex() if entry is not None and entry.is_tree else None for entry in (old, now)]
            if trees[0] is not None or trees[1] is not None:
                below.append(_Pair(pair.slot, path + b"/", trees[0], trees[1], wanted))
            files = [None if entry is None or entry.is_tree else entry.file for entry in (old, now)]
            if wanted is None and files[0] != files[1]:
                found.append(FileChange(path.decode(errors="surrogateescape"), files[0], files[1]))
        return below

    def _load(self, oids: Sequence[str]) -> dict[str, _Tree]:
        result: dict[str, _Tree] = {}
        missing: list[str] = []
        for oid in dict.fromkeys(oids):
            tree = self._cache.get(oid)
            if tree is None:
                missing.append(oid)
            else:
                self._cache.move_to_end(oid)
                result[oid] = tree
        for oid, (kind, data) in zip(missing, self._read(missing) if missing else (), strict=True):
            if kind != "tree":
                raise FormatError(f"object {oid} is a {kind} where a tree belongs")
            result[oid] = self._cache[oid] = _Tree(data, self._width)
            self._bytes += len(data)
        while self._bytes > _CACHE_BYTES and len(self._cache) > 1:
            _, tree = self._cache.popitem(last=False)
            self._bytes -= len(tree.raw)
        return result

    def edited(
        self, root: str | None, add: Mapping[str, bytes], remove: Iterable[str]
    ) -> tuple[str, list[tuple[str, bytes]]]:
        """Return the id of the tree that `root` becomes, and the new objects (kind, content)."""
        edits: dict[bytes, bytes | None] = dict.fromkeys(map(_encoded, remove))
        edits.update({_encoded(path): data for path, data in add.items()})
        objects: list[tuple[str, bytes]] = []
        oid = self._edit(root, edits, objects)
        if oid is None:
            objects.append(("tree", b""))
            oid = object_id("tree", b"", self._algorithm)
        return oid, objects

    def _edit(
        self, tree: str | None, edits: Mapping[bytes, bytes | None], objects: list[tuple[str, bytes]]
    ) -> str | None:
        entries = {entry.name: entry for entry in (self.entries(tree) if tree is not None else ())}
        deeper: dict[bytes, dict[bytes, bytes | None]] = {}
        for path, data in edits.items():
            name, slash, rest = path.partition(b"/")
            if slash:
                deeper.setdefault(name, {})[rest] = data
            elif data is None:
                entries.pop(name, None)
            else:
                objects.append(("blob", data))
                entries[name] = TreeEntry(b"100644", name, bytes.fromhex(object_id("blob", data, self._algorithm)))
        for name, below in deeper.items():
            old = entries.get(name)
            folder = old.raw.hex() if old is not None and old.is_tree else None
            if folder is None and all(data is None for data in below.values()):
                continue
            oid = self._edit(folder, below, objects)
            if oid is None:
                entries.pop(name, None)
            else:
                entries[name] = TreeEntry(b"40000", name, bytes.fromhex(oid))
        if not entries:
            return None
        data = encode_tree(entries.values())
        parse_tree(data, self._width)
        objects.append(("tree", data))
        return object_id("tree", data, self._algorithm)


def _common(one: bytes, begin: int, other: bytes, start: int) -> int:
    """How many bytes are the same in both, from these places on."""
    low, high = 0, min(len(one) - begin, len(other) - start)
    while low < high:
        middle = (low + high + 1) // 2
        if one[begin + low : begin + middle] == other[start + low : start + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _encoded(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _within(path: bytes, wanted: tuple[bytes, ...] | None) -> tuple[bytes, ...] | None:
    """Return which of the wanted paths lie below `path`; None: all of it is wanted; (): nothing."""
    if wanted is None or any(path == item or path.startswith(item + b"/") for item in wanted):
        return None
    return tuple(item for item in wanted if item.startswith(path + b"/"))
