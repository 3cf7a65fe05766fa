"""Inputs and bundle of a commit, path by path (plan, section 1).

`{"inputs": {path: sha256}, "bundle": {path: sha256}}` as canonical JSON. A pure function of the inputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from runtime.contract.canonical import JSON, decode, encode, sha256
from runtime.contract.errors import FormatError

SHA256 = re.compile(r"[0-9a-f]{64}")
INPUT_FOLDERS = ("spec", "policies", "controls", "tenants", "flags")
INPUT_SUFFIXES = (".yaml", ".json", ".rego", ".wasm")
PATH = re.compile(r"(?:[a-z0-9_.-]+/)*[a-z0-9_.-]+")


def carried(path: str) -> bool:
    """Whether a change carries the content of this bundle file: `config/`, `objects/`, `policy/**/data.json`."""
    return path.startswith(("config/", "objects/")) or (
        path.startswith("policy/") and path.rsplit("/", 1)[-1] == "data.json"
    )


def check_path(path: str) -> str:
    """Return `path` if it is a relative, lower-case ASCII path without `.` and `..`; raises FormatError."""
    if len(path) > 512 or PATH.fullmatch(path) is None or any(part in {".", ".."} for part in path.split("/")):
        raise FormatError(f"{path!r} is no path of an input or a bundle file")
    return path


def check_sha256(value: JSON) -> str:
    """Return `value` if it is 64 lower-case hex digits; raises FormatError."""
    if not isinstance(value, str) or SHA256.fullmatch(value) is None:
        raise FormatError(f"{value!r} is no SHA-256")
    return value


@dataclass(frozen=True)
class Manifest:
    """`inputs` and `bundle`: path -> SHA-256 (hex) of the file."""

    inputs: Mapping[str, str]
    bundle: Mapping[str, str]

    @cached_property
    def data(self) -> bytes:
        """The canonical JSON."""
        return encode(self.to_json())

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: the manifest's name."""
        return sha256(self.data)

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {"inputs": dict(self.inputs), "bundle": dict(self.bundle)}

    @classmethod
    def from_json(cls, value: JSON) -> Manifest:
        """Read a JSON value; raises FormatError."""
        if not isinstance(value, dict) or value.keys() != {"inputs", "bundle"}:
            raise FormatError("a manifest has exactly `inputs` and `bundle`")
        for half in value.values():
            if not isinstance(half, dict):
                raise FormatError("each half of a manifest maps paths to SHA-256")
            for path, digest in half.items():
                check_path(path)
                check_sha256(digest)
        return cls(inputs=value["inputs"], bundle=value["bundle"])

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read canonical JSON; raises FormatError."""
        return cls.from_json(decode(data))
