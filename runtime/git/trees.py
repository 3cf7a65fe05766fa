"""Trees x files to add and remove -> new trees; trees x trees -> what differs. Reads objects through a `Reader` only.

Rules kept: equal subtrees are never opened; a tree that only grew at its end is compared by its new entries alone, as
the ledger's folders do; of a large tree in which few entries differ, only those are read, as in the folder of all
approvals; a path that turns from file to folder is a removal and additions. What cannot be read, or costs too much, is
never opened, and shown as an entry that no file can be, of a folder's mode, which stands for all that is below: a tree
that could be read in two ways, one too large, a folder of inputs that is too heavy (`runtime.git.weight`), and of all
else what goes beyond `CHANGED` paths in one comparison (`LISTED` in one listing) and what was opened there already.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from runtime.contract.errors import FormatError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.interface import FileChange, TreeFile
from runtime.git.objects import TREE_MODE, TreeEntry, encode_tree, object_id, parse_tree
from runtime.git.tree import FEW, Tree
from runtime.git.weight import Weights

_CACHE_BYTES = 64 * 1024 * 1024
_APART = 256

TREE_BYTES = 16 * 1024 * 1024
"""Of one tree. A folder of evidence reaches it with 150,000 files."""
CHANGED = 2**16
LISTED = 2**20
_TWICE = 2**12
"""Paths in one comparison after which nothing is opened a second time."""
_PORTION = 16
"""Comparisons at a time: as many trees of `TREE_BYTES` must fit into memory, twice."""
_INPUTS = frozenset(folder.encode() for folder in INPUT_FOLDERS)


class Reader(Protocol):
    """Object ids -> (kind, content), in order; raises for a missing one. One of more bytes than `limit` may be of no
    kind and without content."""

    def __call__(self, oids: Sequence[str], limit: int | None = None, /) -> list[tuple[str, bytes]]: ...  # noqa: D102 -- said above


_EMPTY = Tree(b"", 20)


class _Pair(NamedTuple):
    """Two trees to compare for the result `slot`; None = absent. `wanted`: paths below, None = everything; `beyond`:
    what is not wanted is shown, unopened; `weighed`: it is among inputs, and light."""

    slot: int
    prefix: bytes
    before: str | None
    after: str | None
    wanted: tuple[bytes, ...] | None
    beyond: bool = False
    weighed: bool = False

    @property
    def closed(self) -> list[FileChange]:
        """What stands for all of both."""
        sides = [None if oid is None else TreeFile(TREE_MODE, oid) for oid in (self.before, self.after)]
        whole = (self.prefix.rstrip(b"/"),) if self.prefix or self.wanted is None else self.wanted
        return [FileChange(path.decode(errors="surrogateescape"), *sides) for path in whole]


class Trees:
    """Reads trees with a cache of bounded size."""

    def __init__(self, read: Reader, algorithm: str) -> None:
        self._read = read
        self._algorithm = algorithm
        self._width = 20 if algorithm == "sha1" else 32
        self._cache: OrderedDict[str, Tree] = OrderedDict()
        self._bytes = 0
        self._weights = Weights(self)
        self._apart: OrderedDict[tuple[str, str], tuple[list[TreeEntry], list[TreeEntry]]] = OrderedDict()

    def entries(self, oid: str) -> list[TreeEntry]:
        """The entries of one tree; raises FormatError for what cannot be read as one."""
        return self.load([oid])[oid].entries

    def folder(self, root: str, path: str) -> dict[str, TreeFile]:
        """The entries of one folder, unopened; none where there is no such folder, or none that can be read."""
        oid = root
        try:
            for name in _encoded(path).split(b"/") if path else ():
                inner = next((item for item in self.entries(oid) if item.name == name and item.is_tree), None)
                if inner is None:
                    return {}
                oid = inner.raw.hex()
            return {item.name.decode(errors="surrogateescape"): item.file for item in self.entries(oid)}
        except FormatError:
            return {}

    def apart(self, before: str, after: str) -> tuple[list[TreeEntry], list[TreeEntry]]:
        """The entries of one tree that another has not, and the other way round."""
        known = self._apart.get((before, after))
        if known is not None:
            return known
        trees = self.load([before, after])
        one, other = trees[before], trees[after]
        apart = one.edited_to(other)
        if apart is None:
            same = set(one.entries) & set(other.entries)
            gone, new = ([entry for entry in tree.entries if entry not in same] for tree in (one, other))
            apart = gone, new
        if len(apart[0]) + len(apart[1]) <= FEW:
            self._apart[before, after] = apart
            if len(self._apart) > _APART:
                self._apart.popitem(last=False)
        return apart

    def differences(
        self, pairs: Iterable[tuple[str | None, str | None]], folders: Iterable[str], *, beyond: bool = False
    ) -> list[tuple[FileChange, ...]]:
        """Compare pairs of root trees below the folders (all, if none is named), each result sorted by path. `beyond`:
        what differs elsewhere is shown as well, unopened."""
        wanted = tuple(folder.strip("/").encode(errors="surrogateescape") for folder in folders) or None
        level = [_Pair(index, b"", before, after, wanted, beyond) for index, (before, after) in enumerate(pairs)]
        found: list[list[FileChange]] = [[] for _ in level]
        limits = [LISTED if pair.before is None else CHANGED for pair in level]
        spent = [0 for _ in level]
        seen: set[tuple[int, str | None, str | None]] = set()
        level = [pair for pair in level if pair.before != pair.after]
        while level:
            below: list[_Pair] = []
            for start in range(0, len(level), _PORTION):
                part = level[start : start + _PORTION]
                loaded = self.load([oid for pair in part for oid in (pair.before, pair.after) if oid is not None])
                for pair in part:
                    changes, deeper = self._compare(pair, loaded)
                    if not pair.weighed:
                        cost, key = len(changes) + len(deeper), (pair.slot, pair.before, pair.after)
                        again = key in seen and spent[pair.slot] > _TWICE
                        if again or spent[pair.slot] + cost > limits[pair.slot]:
                            changes, deeper, cost = pair.closed, [], 1
                        spent[pair.slot] += cost
                        seen.add(key)
                    found[pair.slot] += changes
                    below += deeper
            level = below
        return [tuple(sorted(changes, key=lambda change: change.path)) for changes in found]

    def _compare(self, pair: _Pair, loaded: Mapping[str, Tree]) -> tuple[list[FileChange], list[_Pair]]:
        """Compare two folders: what differs in them, and what is to be compared below. One that cannot be read is
        compared as one entry."""
        try:
            return self._differing(pair, loaded)
        except FormatError:
            pass
        sides = (pair.before, pair.after)
        good = [oid is not None and loaded[oid].readable for oid in sides]
        if not any(good) or all(good):
            return pair.closed, []
        one = pair._replace(before=sides[0] if good[0] else None, after=sides[1] if good[1] else None)
        other = pair._replace(before=None if good[0] else sides[0], after=None if good[1] else sides[1])
        changes, below = self._differing(one, loaded)
        return ([*changes, *other.closed] if other.before or other.after else changes), below

    def _differing(self, pair: _Pair, loaded: Mapping[str, Tree]) -> tuple[list[FileChange], list[_Pair]]:
        before = loaded[pair.before] if pair.before is not None else _EMPTY
        after = loaded[pair.after] if pair.after is not None else _EMPTY
        olds: Mapping[bytes, TreeEntry]
        new = before.grown_by(after) if pair.wanted is None else None
        if new is not None:
            olds, news = {}, {entry.name: entry for entry in new}
        else:
            known = self._apart.get((pair.before or "", pair.after or ""))
            place = before.edited_to(after) if known is None else known
            one, other = (before.entries, after.entries) if place is None else place
            if pair.wanted is not None and not pair.beyond:
                # of a folder with very many entries, only those on the way to what is asked for
                heads = {item[len(pair.prefix) :].split(b"/", 1)[0] for item in pair.wanted}
                one, other = ([entry for entry in side if entry.name in heads] for side in (one, other))
            same = set(one) & set(other)
            olds = {entry.name: entry for entry in one if entry not in same}
            news = {entry.name: entry for entry in other if entry not in same}
        found: list[FileChange] = []
        below: list[_Pair] = []
        for name in sorted(olds.keys() | news.keys()):
            path = pair.prefix + name
            wanted = _within(path, pair.wanted)
            sides = (olds.get(name), news.get(name))
            opened = [entry.raw.hex() if entry is not None and entry.is_tree else None for entry in sides]
            weighed = pair.weighed
            if wanted == ():
                if not pair.beyond:
                    continue
                opened = [None, None]
            elif not pair.prefix and name in _INPUTS:
                weighed = True
                for side, near in ((0, None), (1, opened[0])):
                    if (tree := opened[side]) is not None and not self._weights.light(tree, near):
                        opened[side] = None
            if opened[0] is not None or opened[1] is not None:
                below.append(_Pair(pair.slot, path + b"/", opened[0], opened[1], wanted, pair.beyond, weighed))
            files = [
                None if entry is None or tree is not None else entry.file
                for entry, tree in zip(sides, opened, strict=True)
            ]
            if files[0] != files[1] and (not wanted or TREE_MODE in {file.mode for file in files if file}):
                found.append(FileChange(path.decode(errors="surrogateescape"), *files))
        return found, below

    def load(self, oids: Sequence[str]) -> dict[str, Tree]:
        """Read trees, or what lies where trees belong."""
        result: dict[str, Tree] = {}
        missing: list[str] = []
        for oid in dict.fromkeys(oids):
            tree = self._cache.get(oid)
            if tree is None:
                missing.append(oid)
            else:
                self._cache.move_to_end(oid)
                result[oid] = tree
        for oid, (kind, data) in zip(missing, self._read(missing, TREE_BYTES) if missing else (), strict=True):
            closed = None
            if kind != "tree" or len(data) > TREE_BYTES:
                closed = f"object {oid} is no tree, or one of more than {TREE_BYTES} bytes"
                data = b""  # noqa: PLW2901 -- it is not kept
            result[oid] = self._cache[oid] = Tree(data, self._width, closed)
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
        if len(data) > TREE_BYTES:
            raise FormatError(f"a folder would have {len(entries)} entries, more than anybody reads")
        parse_tree(data, self._width)
        objects.append(("tree", data))
        return object_id("tree", data, self._algorithm)


def _encoded(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _within(path: bytes, wanted: tuple[bytes, ...] | None) -> tuple[bytes, ...] | None:
    """Return which of the wanted paths lie below `path`; None: all of it is wanted; (): nothing."""
    if wanted is None or any(path == item or path.startswith(item + b"/") for item in wanted):
        return None
    return tuple(item for item in wanted if item.startswith(path + b"/"))
