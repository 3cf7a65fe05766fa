"""Change -> what it does to resources, other inputs and objects, field by field.

A resource's own differences are those of its YAML; its effects are those of what is rendered for it. Rules kept: what
a person did not write but another file causes is listed too (a blueprint's tenants), so every row of the change is
under exactly one resource or input; an effect that only repeats a field of the YAML is not said twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from compiler.diagnostics.model import Diagnostics
from compiler.domains.domain import Kind
from compiler.domains.registry import ALL
from compiler.nodes import Document
from compiler.parse import parse_file
from compiler.plan_differences import Difference, Operation, differences, operation_of, plain
from compiler.plan_lines import Lines, diff_of, lines_between
from runtime.contract.canonical import JSON, decode
from runtime.contract.change import Change, Row
from runtime.contract.errors import FormatError
from runtime.contract.objects import ENDS, Object, ObjectId, decode_objects

DONE = {Operation.ADD: "create", Operation.ALTER: "update", Operation.REMOVE: "delete"}
"""What happens to an object, as the agent calls it."""
WORDS = ("create", "adopt", "update", "delete")

_SKIPPED = frozenset({"apiVersion", "kind", "metadata.name"})


@dataclass(frozen=True)
class Effect:
    """One rendered file that differs, and how."""

    path: str
    operation: Operation
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class ResourceChange:
    """A resource that the change adds, alters or removes; without `path` it is altered by what it refers to."""

    operation: Operation
    kind: str
    name: str
    path: str | None
    differences: tuple[Difference, ...]
    effects: tuple[Effect, ...]

    @property
    def layout_only(self) -> bool:
        """Whether its file differs, and nothing that the file says."""
        return self.path is not None and self.operation is Operation.ALTER and not self.differences


@dataclass(frozen=True)
class InputChange:
    """An input that is no resource: Rego, wasm, a lock. `lines` is None where they mean nothing; `diff` are the lines
    themselves, as a unified diff."""

    operation: Operation
    path: str
    lines: Lines | None
    diff: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectChange:
    """An object that will be created, updated (`alter`) or deleted (`remove`). `adopt`: what is there under its name,
    if anything is, becomes ours with this change."""

    operation: Operation
    id: ObjectId
    tenant: str | None
    wave: int
    differences: tuple[Difference, ...]
    adopt: bool = False

    @property
    def word(self) -> str:
        """What is done, in one word."""
        return "adopt" if self.adopt else DONE[self.operation]


@dataclass(frozen=True)
class Inputs:
    """The content of the changed inputs, before and after, as far as it is at hand: path -> bytes."""

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]

    def document(self, path: str) -> Document | None:
        """The YAML document after the change; before it, if the change removes the file."""
        return _document(path, self.after.get(path)) or _document(path, self.before.get(path))


@dataclass(frozen=True)
class Effects:
    """All that a change does."""

    resources: tuple[ResourceChange, ...]
    inputs: tuple[InputChange, ...]
    objects: tuple[ObjectChange, ...]
    files: tuple[str, ...]
    """Rows of the bundle under `config/` and `policy/`: what every release folder gets."""


def effects_of(change: Change, inputs: Inputs) -> Effects:
    """Return what a change does."""
    written = {row[0]: row for row in change.inputs if row[0].endswith(".yaml")}
    owners = {(_domain(path), _stem(path)): path for path in written if _kind(path) is not None}
    rendered: dict[tuple[str, str], list[Row]] = {}
    for row in change.bundle:
        rendered.setdefault(_owner(row[0]), []).append(row)
    resources: list[ResourceChange] = []
    for path, (_, before, after) in written.items():
        kind, key = _kind(path), (_domain(path), _stem(path))
        rows = rendered.pop(key, []) if owners.get(key) == path else []
        fields = _fields(path, inputs)
        resources.append(
            ResourceChange(
                operation_of(before, after),
                kind.name if kind else "?",
                _stem(path),
                path,
                fields,
                _effects(change, rows, fields),
            )
        )
    for (domain, name), rows in rendered.items():
        if domain and name:
            resources.append(
                ResourceChange(Operation.ALTER, _kind_in(domain, rows), name, None, (), _effects(change, rows, ()))
            )
    files = tuple(path for path, _, _ in change.bundle if not path.startswith("objects/"))
    others = tuple(_input(row, inputs) for row in change.inputs if row[0] not in written)
    order = sorted(resources, key=lambda item: (item.path is None, item.path or "", item.kind, item.name))
    return Effects(tuple(order), others, object_changes(change), files)


def object_changes(change: Change) -> tuple[ObjectChange, ...]:
    """The objects that differ, in the order of doing: creations and updates by wave, then deletions backwards."""
    olds: dict[ObjectId, Object] = {}
    news: dict[ObjectId, Object] = {}
    for path, (before, after) in change.contents.items():
        if path.startswith("objects/"):
            olds |= {item.id: item for item in (decode_objects(before.encode()) if before is not None else ())}
            news |= {item.id: item for item in (decode_objects(after.encode()) if after is not None else ())}
    made: list[ObjectChange] = []
    gone: list[ObjectChange] = []
    for key in sorted(olds.keys() | news.keys()):
        old, new = olds.get(key), news.get(key)
        here = new or old
        if new is None and key.type in ENDS:
            continue  # it stays, and nobody asks for it any more
        adopt = new is not None and new.adopt and not (old is not None and old.adopt)
        if here is None or (old is not None and new is not None and old.attributes == new.attributes and not adopt):
            continue
        fields = differences(
            None if old is None else dict(old.attributes), None if new is None else dict(new.attributes)
        )
        (gone if new is None else made).append(
            ObjectChange(operation_of(old, new), key, here.tenant, here.wave, fields, adopt)
        )
    return (*sorted(made, key=lambda item: item.wave), *sorted(gone, key=lambda item: -item.wave))


def _fields(path: str, inputs: Inputs) -> tuple[Difference, ...]:
    before, after = (_value(path, side.get(path)) for side in (inputs.before, inputs.after))
    return tuple(item for item in differences(before, after) if item.field not in _SKIPPED)


def _effects(change: Change, rows: Iterable[Row], said: tuple[Difference, ...]) -> tuple[Effect, ...]:
    known = {_said(item) for item in said}
    found: list[Effect] = []
    for path, before, after in rows:
        if path.startswith("objects/"):
            continue
        old, new = change.contents.get(path, (None, None))
        fields = tuple(item for item in differences(_json(old), _json(new)) if _said(item) not in known)
        found.append(Effect(path, operation_of(before, after), fields))
    return tuple(found)


def _said(item: Difference) -> tuple[str, str, str]:
    """What a field says, whoever says it: a list of plain values goes out sorted."""
    before, after = (
        sorted(map(str, value))
        if isinstance(value, list) and not any(isinstance(one, dict) for one in value)
        else value
        for value in (item.before, item.after)
    )
    return item.field.rsplit(".", 1)[-1], repr(before), repr(after)


def _input(row: Row, inputs: Inputs) -> InputChange:
    path, before, after = row
    operation = operation_of(before, after)
    if not path.endswith(".rego"):
        return InputChange(operation, path, None)
    old, new = (side.get(path, b"").splitlines() for side in (inputs.before, inputs.after))
    return InputChange(operation, path, lines_between(old, new), diff_of(old, new))


def _document(path: str, data: bytes | None) -> Document | None:
    return None if data is None else parse_file(path, data, Diagnostics())


def _value(path: str, data: bytes | None) -> JSON:
    document = _document(path, data)
    return None if document is None else plain(document.root)


def _json(text: str | None) -> JSON:
    try:
        return None if text is None else decode(text.encode(), floats=True)
    except FormatError:
        return text


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".", 1)[0]


def _kind(path: str) -> Kind | None:
    """The kind that lies at an input's path."""
    folder = path.rpartition("/")[0]
    kinds = [kind for domain in ALL for kind in domain.kinds if kind.folder == folder]
    return next((kind for kind in kinds if kind.only in {None, _stem(path)}), None)


def _domain(path: str) -> str:
    kind = _kind(path)
    return next((domain.name for domain in ALL if kind in domain.kinds), "")


def _owner(path: str) -> tuple[str, str]:
    """Domain and resource name that a bundle's row belongs to; empty for what is nobody's (Rego, wasm)."""
    parts = path.split("/")
    match parts:
        case ["config", domain, _, name]:
            return domain, _stem(name)
        case ["objects", slug, name]:
            return next((item.name for item in ALL if any(kind.slug == slug for kind in item.kinds)), slug), _stem(name)
        case ["policy", folder, name, "data.json"]:
            found = [item.name for item in ALL if any(kind.folder.split("/")[-1] == folder for kind in item.kinds)]
            return (found[0] if found else folder), name
    return "", ""


def _kind_in(domain: str, rows: Iterable[Row]) -> str:
    kinds = [kind for item in ALL if item.name == domain for kind in item.kinds]
    parts = {part for path, _, _ in rows for part in path.split("/")}
    return next((kind.name for kind in kinds if kind.slug in parts), kinds[0].name if kinds else domain)
