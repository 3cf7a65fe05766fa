"""Snapshot x Snapshot -> Change; Snapshot x Change -> Snapshot.

A change is what people approve (plan, section 1): the rows `[path, before, after]` of both halves of two manifests
(null = absent) and the contents, before and after, of the changed files that `carried` names, as text. Its SHA-256 is
its name. Rules kept: rows are sorted and differ, contents are exactly those of the carried rows and have their digests,
and `taken(snapshot, between(snapshot, after)) == after`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from runtime.contract.canonical import JSON, MAX_SNAPSHOT, decode, encode, sha256
from runtime.contract.errors import FormatError
from runtime.contract.manifest import Manifest, carried, check_path, check_sha256

FORMAT = 1
Row: TypeAlias = tuple[str, str | None, str | None]
"""path, SHA-256 before, SHA-256 after; None = absent."""


class ChangeMismatchError(FormatError):
    """The change does not start where the snapshot is."""


@dataclass(frozen=True)
class Snapshot:
    """A manifest with the contents (text) of exactly its carried bundle files."""

    manifest: Manifest
    contents: Mapping[str, str]

    @classmethod
    def of(cls, inputs: Mapping[str, str], bundle: Mapping[str, bytes]) -> Snapshot:
        """Take input digests and the bundle's bytes, path by path."""
        digests = {path: sha256(data) for path, data in bundle.items()}
        contents = {path: data.decode() for path, data in bundle.items() if carried(path)}
        return cls(Manifest(inputs=dict(inputs), bundle=digests), contents)


@dataclass(frozen=True)
class Change:
    """From one manifest to another, in one repository and branch."""

    repository: str
    branch: str
    inputs: tuple[Row, ...]
    bundle: tuple[Row, ...]
    contents: Mapping[str, tuple[str | None, str | None]]

    @cached_property
    def data(self) -> bytes:
        """The canonical JSON: `change.json`."""
        return encode(
            {
                "format": FORMAT,
                "repository": self.repository,
                "branch": self.branch,
                "inputs": [list(row) for row in self.inputs],
                "bundle": [list(row) for row in self.bundle],
                "contents": {path: list(pair) for path, pair in self.contents.items()},
            }
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of `data`: the name of the change."""
        return sha256(self.data)

    @cached_property
    def paths(self) -> frozenset[str]:
        """Every path of both halves. Inputs and bundle paths never collide: their first folders differ."""
        return frozenset(path for path, _, _ in (*self.inputs, *self.bundle))

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not self.inputs and not self.bundle

    @classmethod
    def from_bytes(cls, data: bytes) -> Change:
        """Read `change.json`; raises FormatError."""
        value = decode(data, max_bytes=MAX_SNAPSHOT)
        keys = {"format", "repository", "branch", "inputs", "bundle", "contents"}
        if not isinstance(value, dict) or value.keys() != keys or value["format"] != FORMAT:
            raise FormatError(f"a change of format {FORMAT} has exactly {', '.join(sorted(keys))}")
        if not isinstance(value["repository"], str) or not isinstance(value["branch"], str):
            raise FormatError("a change names its repository and branch")
        inputs, bundle = _rows(value["inputs"]), _rows(value["bundle"])
        return cls(value["repository"], value["branch"], inputs, bundle, _contents(value["contents"], bundle))


def between(before: Snapshot, after: Snapshot, *, repository: str, branch: str) -> Change:
    """Return the change that leads from `before` to `after`."""
    bundle = _differ(before.manifest.bundle, after.manifest.bundle)
    return Change(
        repository=repository,
        branch=branch,
        inputs=_differ(before.manifest.inputs, after.manifest.inputs),
        bundle=bundle,
        contents={
            path: (before.contents.get(path), after.contents.get(path)) for path, _, _ in bundle if carried(path)
        },
    )


def taken(before: Snapshot, change: Change) -> Snapshot:
    """Return the snapshot after `change`; raises ChangeMismatchError if it does not start at `before`."""
    inputs = _applied(before.manifest.inputs, change.inputs)
    bundle = _applied(before.manifest.bundle, change.bundle)
    contents = dict(before.contents)
    for path, (_, new) in change.contents.items():
        if new is None:
            contents.pop(path, None)
        else:
            contents[path] = new
    manifest = Manifest(inputs=inputs, bundle=bundle)
    _carry_bytes(before.manifest, manifest, (*change.inputs, *change.bundle))
    return Snapshot(manifest, contents)


def _carry_bytes(before: Manifest, after: Manifest, rows: tuple[Row, ...]) -> None:
    """Give `after` its canonical bytes from those of `before`, where these are known and no path came or went.

    A row that stands once in a manifest is a text that occurs once: an auditor who goes through thousands of changes
    writes none of the manifests anew.
    """
    data = before.__dict__.get("data")
    if data is None:
        return
    for path, old, new in rows:
        if old is None or new is None:
            return
        row = f'"{path}":"{old}"'.encode()
        if data.count(row) != 1:
            return
        data = data.replace(row, f'"{path}":"{new}"'.encode())
    after.__dict__["data"] = data


def _differ(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Row, ...]:
    paths = sorted(before.keys() | after.keys())
    return tuple((path, before.get(path), after.get(path)) for path in paths if before.get(path) != after.get(path))


def _applied(half: Mapping[str, str], rows: tuple[Row, ...]) -> dict[str, str]:
    result = dict(half)
    for path, before, after in rows:
        if result.get(path) != before:
            raise ChangeMismatchError(f"{path} is not what the change starts from")
        if after is None:
            del result[path]
        else:
            result[path] = after
    return result


def _rows(value: JSON) -> tuple[Row, ...]:
    rows: list[Row] = []
    if not isinstance(value, list):
        raise FormatError("rows of a change are a list")
    for row in value:
        if not isinstance(row, list) or len(row) != 3 or not isinstance(row[0], str) or row[1] == row[2]:
            raise FormatError("a row of a change is [path, before, after], and before differs from after")
        path, before, after = row
        check_path(path)
        for digest in (before, after):
            if digest is not None:
                check_sha256(digest)
        rows.append((path, before, after))
    if [row[0] for row in rows] != sorted({row[0] for row in rows}):
        raise FormatError("rows of a change are sorted by path, each path once")
    return tuple(rows)


def _contents(value: JSON, bundle: tuple[Row, ...]) -> dict[str, tuple[str | None, str | None]]:
    rows = {path: (before, after) for path, before, after in bundle if carried(path)}
    if not isinstance(value, dict) or value.keys() != rows.keys():
        raise FormatError("a change carries exactly the contents of its rows under config/, objects/ and data.json")
    for path, digests in rows.items():
        pair = value[path]
        if not isinstance(pair, list) or [_text_sha256(text) for text in pair] != list(digests):
            raise FormatError(f"the content of {path} has not the digest that its row names")
    return {path: (pair[0], pair[1]) for path, pair in value.items()}


def _text_sha256(text: JSON) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise FormatError("contents of a change are texts")
    return sha256(text.encode())
