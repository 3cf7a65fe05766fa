"""One tree's bytes -> its entries, and what differs between two that have most of them in common.

Rules kept: what both share is read and judged once; a tree that could be read in two ways has no entries.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

from runtime.contract.errors import FormatError
from runtime.git.objects import TreeEntry, parse_tree

_LARGE = 4096
FEW = 16


class Tree:
    """A tree's bytes, read when asked. `last` is its last key once it is known to be well formed; `closed`, why it
    cannot be read."""

    __slots__ = ("_ends", "_entries", "closed", "last", "raw", "width")

    def __init__(self, raw: bytes, width: int, closed: str | None = None) -> None:
        self.closed = closed
        self.raw = raw
        self.width = width
        self.last: bytes | None = None
        self._entries: list[TreeEntry] | None = None
        self._ends: list[int] | None = None

    @property
    def entries(self) -> list[TreeEntry]:
        """Its entries; raises FormatError."""
        if self.closed is not None:
            raise FormatError(self.closed)
        if self._entries is None:
            self._entries = parse_tree(self.raw, self.width)
            self.last = self._entries[-1].key if self._entries else b""
        return self._entries

    @property
    def readable(self) -> bool:
        """Whether it is a tree, and can be read in one way only."""
        try:
            return self.entries is not None
        except FormatError:
            return False

    def grown_by(self, after: Tree) -> list[TreeEntry] | None:
        """What `after` has more than this one, if it is this one with entries at its end."""
        if after.closed is not None or not after.raw.startswith(self.raw):
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

    def edited_to(self, after: Tree) -> tuple[list[TreeEntry], list[TreeEntry]] | None:
        """The entries of this tree that `after` has not, and the other way round, if few of a large tree differ.

        What both share was read and judged here and is not read again: the two are gone through together, from one
        differing entry to the next. Whatever is unusual is left to who reads all of `after` (None).
        """
        if min(len(self.raw), len(after.raw)) < _LARGE or after._entries is not None or self.closed is not None:
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
            if len(olds) + len(news) >= FEW:
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
