"""Two versions of a text, as lines -> the fewest that came in and that went out.

A moved line is one in and one out, and so is one that stands there twice and then once. Rules kept: the fewest lines
that lead from one to the other; whatever somebody writes into a file, it takes a moment only.

The counting is home-made: difflib does not look for the fewest. It draws the lines, where they are few enough: one of
many equal lines keeps it busy for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from operator import eq

LIMIT = 10_000
"""How many lines between the first and the last that differ are compared; of more, all count as replaced."""


_DRAWN = 1_000
"""How many lines between the first and the last that differ are compared line by line to draw them."""
_CONTEXT = 3


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


def diff_of(old: Sequence[bytes], new: Sequence[bytes]) -> tuple[str, ...]:
    """Return the lines that differ and three around them, as a unified diff without its two lines of names."""
    first = max(0, _same_start(old, new) - _CONTEXT)
    last = max(0, _same_start(old[first:][::-1], new[first:][::-1]) - _CONTEXT)
    olds, news = (
        [line.decode(errors="backslashreplace") for line in side[first : len(side) - last]] for side in (old, new)
    )
    if max(len(olds), len(news)) > _DRAWN:
        head = f"@@ -{first + 1},{len(olds)} +{first + 1},{len(news)} @@ too many to compare: all out, all in"
        return (head, *(f"-{line}" for line in olds), *(f"+{line}" for line in news))
    blocks = SequenceMatcher(None, olds, news).get_grouped_opcodes(_CONTEXT)
    return tuple(line for block in blocks for line in _drawn(block, olds, news, first))


def _drawn(block: list[tuple[str, int, int, int, int]], olds: list[str], news: list[str], first: int) -> Iterator[str]:
    (_, start, _, begin, _), (_, _, end, _, stop) = block[0], block[-1]
    yield f"@@ -{first + start + 1},{end - start} +{first + begin + 1},{stop - begin} @@"
    for operation, one, two, three, four in block:
        if operation == "equal":
            yield from (f" {line}" for line in olds[one:two])
            continue
        yield from (f"-{line}" for line in olds[one:two])
        yield from (f"+{line}" for line in news[three:four])


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
