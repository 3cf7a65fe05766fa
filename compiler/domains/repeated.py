"""Names in a list -> where one stands that stood before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def repeated(names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The index of each name that stood before, and the index at which it did first."""
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if first.setdefault(name, index) != index:
            yield index, first[name]
