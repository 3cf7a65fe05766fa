"""Change approved before x change asked for now -> what differs between the two, for whoever approved the first.

Rules kept: compared is what was approved, row by row, with the contents that the approved change carries; nothing of
today is looked up for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from compiler.plan_differences import Difference, Operation, differences
from runtime.contract.canonical import JSON, decode
from runtime.contract.change import Change
from runtime.contract.errors import FormatError


@dataclass(frozen=True)
class RowDifference:
    """A row that differs: it is new (`add`), gone (`remove`), or leads elsewhere or starts from elsewhere (`alter`).

    `fields` lead from what was approved to what is asked now, where the content is carried.
    """

    path: str
    operation: Operation
    fields: tuple[Difference, ...] = ()
    starts_elsewhere: bool = False


@dataclass(frozen=True)
class Previous:
    """What somebody approved before, and how what is asked now differs."""

    change: str
    signed_at: datetime
    differs: tuple[RowDifference, ...]


def previous(approved: Change, now: Change, signed_at: datetime) -> Previous:
    """Compare two changes."""
    old, new = _rows(approved), _rows(now)
    found: list[RowDifference] = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        if path not in old:
            found.append(RowDifference(path, Operation.ADD))
        elif path not in new:
            found.append(RowDifference(path, Operation.REMOVE))
        else:
            fields = differences(_after(approved, path), _after(now, path))
            elsewhere = old[path][1] == new[path][1]
            found.append(RowDifference(path, Operation.ALTER, fields, elsewhere))
    return Previous(approved.digest, signed_at, tuple(found))


def _rows(change: Change) -> dict[str, tuple[str | None, str | None]]:
    return {path: (before, after) for path, before, after in (*change.inputs, *change.bundle)}


def _after(change: Change, path: str) -> JSON:
    text = change.contents.get(path, (None, None))[1]
    try:
        return None if text is None else decode(text.encode(), floats=True)
    except FormatError:
        return text
