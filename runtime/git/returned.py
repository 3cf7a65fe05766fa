"""P's files x the commits after P -> which of them are over: main has had a path of theirs as P has it again since.

What was taken back stays so, whatever is made of its files later (ADR 0102). Rules kept: no blob is opened, and one
pass over the commits is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.git.inputs import is_input
from runtime.git.interface import FileChange, TreeFile


@dataclass(frozen=True)
class Returned:
    """Spans of the line over which a path was other than P's before it was P's again: first commit, end, path."""

    places: Mapping[str, int]
    spans: tuple[tuple[int, int, str], ...]
    idle: frozenset[str]
    """Commits at which nothing differs from P."""

    def of(self, commit: str) -> tuple[str, ...]:
        """The paths of a commit's difference from P that were P's again later."""
        here = self.places.get(commit, -1)
        return tuple(sorted({path for first, end, path in self.spans if first <= here < end}))

    def over(self) -> frozenset[str]:
        """The commits that come to nothing: taken back, or no different from P."""
        back: set[int] = set()
        for first, end, _ in self.spans:
            back.update(range(first, end))
        return self.idle | {commit for commit, place in self.places.items() if place in back}


def returned(base: Mapping[str, TreeFile], line: Iterable[tuple[str, Iterable[FileChange]]]) -> Returned:
    """Go over the commits after P, oldest first, with what each changes of the one before it, the first of them of P
    (`runtime.git.onward`); `base` are the inputs that P has."""
    places: dict[str, int] = {}
    away: dict[str, int] = {}
    spans: list[tuple[int, int, str]] = []
    idle: set[str] = set()
    for place, (commit, changes) in enumerate(line):
        places[commit] = place
        for change in changes:
            if not is_input(change.path):
                continue
            if change.after != base.get(change.path):
                away.setdefault(change.path, place)
            elif change.path in away:
                spans.append((away.pop(change.path), place, change.path))
        if not away:
            idle.add(commit)
    return Returned(places, tuple(spans), frozenset(idle))
