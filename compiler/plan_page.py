"""What the sections of a plan's text have in common: headings, and how much of a list is shown.

Rules kept: what is cut says how many are left, and what shows them; all of it is shown where `full` is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TypeVar

from compiler.diagnostics.printable import shown
from compiler.paint import BOLD, DIM, GREEN, RED, Paint
from compiler.plan_differences import Difference, Operation
from compiler.plan_values import moved, pair_of, value_of

FIELDS, RENDERED, COMMITS, PEOPLE = 12, 6, 5, 4
"""Of the fields of a resource, of what is rendered for it, of commits, of people: so many are shown."""
WIDTH = 100
"""Columns that a list of many names takes."""
HOW = "--full shows them"

_T = TypeVar("_T")


class Page:
    """How a plan is drawn: in colour or not, all of it or what a reader with two minutes needs."""

    def __init__(self, paint: Paint, *, full: bool) -> None:
        self.paint = paint
        self.full = full

    def heading(self, title: str, summary: str) -> tuple[str, str]:
        """Return an empty line and a heading."""
        return "", f"{self.paint(title, BOLD)}  {summary}" if summary else self.paint(title, BOLD)

    def some(self, items: Sequence[_T], most: int) -> Sequence[_T]:
        """Return the first of some items; a line that says that one is left is as long as that one."""
        return items if self.full or len(items) <= most + 1 else items[:most]

    def more(self, items: Sequence[object], told: Sequence[object], indent: int) -> tuple[str, ...]:
        """Return a line that says how many are left, if any are."""
        left = len(items) - len(told)
        return (self.paint(f"{'':{indent}}… {left} more: {HOW}", DIM),) if left else ()

    def names(self, names: Sequence[str]) -> str:
        """Return names in a line."""
        return names_of(names, len(names) if self.full else PEOPLE)

    def listed(self, names: Sequence[str], indent: int) -> Iterator[str]:
        """Return all names, in lines that a terminal need not break."""
        lines = wrap(", ".join(names), WIDTH - indent, break_long_words=False, break_on_hyphens=False)
        return (f"{'':{indent}}{self.paint(shown(line), DIM)}" for line in lines)

    def few(self, paths: Sequence[str]) -> str:
        """Return paths in a line: the first, and how many more there are."""
        if self.full:
            return shown(", ".join(paths))
        return shown(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")

    def pair(self, before: object, after: object) -> tuple[str, str]:
        """Return two values that differ, so that the difference is seen."""
        return pair_of(before, after, full=self.full)

    def difference(self, operation: Operation, item: Difference) -> str:
        """Say from what to what a field leads; of a list, what comes and what goes. `operation`: what happens to whose
        field it is."""
        paint = self.paint
        if item.operation is Operation.ADD:
            new = paint(value_of(item.after, full=self.full), GREEN)
            return new if operation is Operation.ADD else f"left out → {new}"
        if item.operation is Operation.REMOVE:
            return f"{paint(value_of(item.before, full=self.full), RED)} → left out"
        lists = moved(item.before, item.after)
        if lists is None:
            old, new = self.pair(item.before, item.after)
            return f"{paint(old, RED)} → {paint(new, GREEN)}"
        signed = [*((GREEN, f"+ {one}") for one in lists.came), *((RED, f"- {one}") for one in lists.went)]
        told = self.some(signed, FIELDS)
        return ", ".join([*(paint(one, tint) for tint, one in told), *self.more(signed, told, 0)]) or "in another order"


def names_of(names: Sequence[str], most: int = PEOPLE) -> str:
    """Return names in a line, the first few of many."""
    if not names:
        return "nobody"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return shown(", ".join(names[:most])) + more
