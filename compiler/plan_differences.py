"""Value before x value after -> the fields that differ, each with its place (`spec.quotas.storage_gib`).

Rules kept: a list of plain values is one field; items of a list that all have a `name` or a `type` are matched by it,
those of an approval rule's people by role,
others by their position; the order is that of the fields' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from compiler.nodes import Mapping as MappingNode
from compiler.nodes import Node, Scalar
from runtime.contract.canonical import JSON


class Operation(StrEnum):
    """What happens to a resource, a file or a field."""

    ADD = "add"
    ALTER = "alter"
    REMOVE = "remove"


def operation_of(before: object, after: object) -> Operation:
    """From absent (None) or not, before and after."""
    return Operation.ADD if before is None else Operation.REMOVE if after is None else Operation.ALTER


@dataclass(frozen=True)
class Difference:
    """One field. `before` means nothing where it is added, `after` where it is removed."""

    operation: Operation
    field: str
    before: JSON = None
    after: JSON = None

    def to_json(self) -> JSON:
        """Return the JSON value, without what means nothing."""
        value = {"field": self.field, "operation": self.operation.value}
        if self.operation is not Operation.ADD:
            value["before"] = self.before
        if self.operation is not Operation.REMOVE:
            value["after"] = self.after
        return value


_ABSENT = object()
_PEOPLE = {"role", "count"}


def differences(before: JSON, after: JSON) -> tuple[Difference, ...]:
    """Compare two documents; None stands for an absent one."""
    return tuple(_compare("", _ABSENT if before is None else before, _ABSENT if after is None else after))


def plain(node: Node) -> JSON:
    """Return a YAML node as a JSON value."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, MappingNode):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items]


def _compare(place: str, before: object, after: object) -> Iterator[Difference]:
    if _same(before, after):
        return
    olds, news = _parts(before), _parts(after)
    if (olds is None and before is not _ABSENT) or (news is None and after is not _ABSENT) or olds is news is None:
        yield _difference(place, before, after)
        return
    olds, news = olds or {}, news or {}
    for key in sorted(olds.keys() | news.keys()):
        where = key if not place or key.startswith("[") else f"{place}.{key}"
        where = place + key if key.startswith("[") else where
        yield from _compare(where, olds.get(key, _ABSENT), news.get(key, _ABSENT))


def _difference(place: str, before: object, after: object) -> Difference:
    if before is _ABSENT:
        return Difference(Operation.ADD, place, after=after)
    if after is _ABSENT:
        return Difference(Operation.REMOVE, place, before=before)
    return Difference(Operation.ALTER, place, before, after)


def _same(before: object, after: object) -> bool:
    # True == 1 in Python, and not in a document
    return type(before) is type(after) and before == after and repr(before) == repr(after)


def _parts(value: object) -> Mapping[str, object] | None:
    """What a value is made of, None if it is one field."""
    if isinstance(value, dict) and value:
        return value
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return _items(value)
    return None


def _items(value: Sequence[object]) -> Mapping[str, object]:
    counts = {str(item["role"]): item["count"] for item in value if isinstance(item, dict) and item.keys() == _PEOPLE}
    if len(counts) == len(value):
        return counts  # as the YAML says it: `people: {platform: 1}`
    for key in ("name", "type", "id"):
        names = [item.get(key) if isinstance(item, dict) else None for item in value]
        if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return {f"[{name}]": item for name, item in zip(names, value, strict=True)}
    return {f"[{index}]": item for index, item in enumerate(value)}
