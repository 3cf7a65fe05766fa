"""Two versions of a text, as lines -> how many came in and how many went out, as `git diff --numstat` counts them.

A moved line is one in and one out, and so is one that stands there twice and then once. Rules kept: the fewest lines
that lead from one to the other; whatever somebody writes into a file, it takes a moment only.

Home-made: difflib does not look for the fewest, and a file of equal lines keeps it busy for minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import eq

LIMIT = 10_000
"""How many lines between the first and the last that differ are compared; of more, all count as replaced."""


@dataclass(frozen=True)
class Lines:
    """How many lines came in, and how many went out."""

    came: int
    went: int

    def __str__(self) -> str:
        return f"{self.came} line{'' if self.came == 1 else 's'} in, {self.went} out"


def lines_between(old: Sequence[bytes], new: Sequence[bytes]) -> Lines:
    """Count the lines by which `new` differs from `old`."""
    first = _same_start(old, new)
    old, new = old[first:], new[first:]
    last = _same_start(old[::-1], new[::-1])
    old, new = old[: len(old) - last], new[: len(new) - last]
    kept = _kept(old, new) if max(len(old), len(new)) <= LIMIT else 0
    return Lines(len(new) - kept, len(old) - kept)


def _same_start(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    return sum(takewhile(bool, map(eq, old, new)))


def _kept(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    """The length of the longest common subsequence: a bit for each old line, all of them at once (Hyyrö, 2004)."""
    places: dict[bytes, int] = {}
    for index, line in enumerate(old):
        places[line] = places.get(line, 0) | 1 << index
    everywhere = free = (1 << len(old)) - 1
    for line in new:
        here = free & places.get(line, 0)
        free = ((free + here) | (free - here)) & everywhere
    return len(old) - free.bit_count()
