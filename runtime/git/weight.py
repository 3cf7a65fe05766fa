"""Folders of inputs -> whether they may be read: how much is below a tree, with all that it names more than once.

A tree costs as much to read as it has paths, and a few small objects that name each other have thousands of millions.
Rules kept: each object is weighed once, whatever names it; the answer depends on the tree alone, not on what it is
compared with, so whoever reads the same commit sees the same files; what is too heavy is not read at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from runtime.contract.errors import FormatError
from runtime.git.objects import TreeEntry

if TYPE_CHECKING:
    from runtime.git.trees import Trees

PATHS = 2**17
"""Files and folders below one folder of inputs, at most."""
CHARACTERS = 2**24
"""Of all their paths together."""
DEPTH = 32
_PORTION = 16
_KEPT = 2**16


class Weight(NamedTuple):
    """What is below a tree."""

    paths: int = 0
    characters: int = 0
    depth: int = 0

    def and_(self, entry: TreeEntry, below: Weight, times: int = 1) -> Weight:
        """Add an entry and what is below it, or take it away."""
        length = len(entry.name) + 1
        return Weight(
            self.paths + times * (below.paths + 1),
            self.characters + times * (below.characters + length * (below.paths + 1)),
            max(self.depth, below.depth + 1),
        )

    @property
    def light(self) -> bool:
        """Whether it may be read."""
        return self.paths <= PATHS and self.characters <= CHARACTERS and self.depth <= DEPTH


_UNKNOWN = Weight(-1)


class _HeavyError(Exception):
    """It is too much."""


class Weights:
    """Weighs trees, and remembers."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._known: dict[str, Weight | None] = {}

    def light(self, oid: str, near: str | None = None) -> bool:
        """Whether a tree may be read. `near` is one from which it differs little."""
        if oid not in self._known:
            if len(self._known) > _KEPT:
                self._known.clear()
            try:
                self._known[oid] = self._beside(oid, near) or self._weighed(oid, DEPTH)
            except _HeavyError:
                self._known[oid] = None
        return self._known[oid] is not None

    def _beside(self, oid: str, near: str | None) -> Weight | None:
        """The weight by what differs from one that is known."""
        weight = None if near is None else self._known.get(near)
        if weight is None or near is None:
            return None
        try:
            gone, new = self._trees.apart(near, oid)
        except FormatError:
            return None
        for times, entries in ((-1, gone), (1, new)):
            for entry in entries:
                weight = weight.and_(entry, self._below(entry, DEPTH - 1), times)
        # a folder that has become flatter is not seen here
        return weight if weight.light else None

    def _below(self, entry: TreeEntry, room: int) -> Weight:
        return self._weighed(entry.raw.hex(), room) if entry.is_tree else Weight()

    def _weighed(self, oid: str, room: int) -> Weight:
        known = self._known.get(oid, _UNKNOWN)
        if known is None or room <= 0:
            raise _HeavyError
        if known is not _UNKNOWN:
            return known
        try:
            entries = self._trees.entries(oid)
        except FormatError:
            return Weight()
        weight = Weight()
        folders = list(dict.fromkeys(entry.raw.hex() for entry in entries if entry.is_tree))
        if len(entries) > PATHS:
            raise _HeavyError
        for start in range(0, len(folders), _PORTION):
            self._trees.load(folders[start : start + _PORTION])
            for folder in folders[start : start + _PORTION]:
                self._known[folder] = self._weighed(folder, room - 1)
        for entry in entries:
            weight = weight.and_(entry, self._below(entry, room - 1))
            if not weight.light:
                raise _HeavyError
        return weight
