"""Objects and actions: what must exist in a running system, and what is done to one of them (plan, sections 1 and 8).

`objects/<kind>/<name>.json` of a bundle is `{"objects": [...]}`, sorted by (target, type, name). Attributes are JSON
without floats; a secret is never one: it is a reference, `env:NAME` or `file:PATH`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import FormatError

ARCHIVE = "archive"
"""Type of an object that exists once all of a tenant's data lies where it can be brought back from."""
ABSENCE = "absence"
"""Type of an object that exists once nothing of a tenant is left: a proof, made after everything has been deleted."""

ENDS = frozenset({ARCHIVE, ABSENCE})
"""They stand for what was, take no room in a target, and are never deleted."""

FOREIGN: Mapping[str, JSON] = {"foreign": True}
"""What a target answers for an object that exists without our mark (`Target.observe`)."""


def is_foreign(attributes: Mapping[str, JSON] | None) -> bool:
    """Whether these are of an object that exists without our mark, whatever more is said of it."""
    return attributes is not None and attributes.get("foreign") is True


class ObjectId(NamedTuple):
    """What one object is called: on which target, of which type, by which name."""

    target: str
    type: str
    name: str

    def __str__(self) -> str:
        """`target/type/name`."""
        return "/".join(self)


@dataclass(frozen=True)
class Object:
    """One thing that must exist. Objects of a wave are made together; later waves need earlier ones. `adopt`: where it
    exists without our mark, it may become ours."""

    id: ObjectId
    attributes: Mapping[str, JSON]
    wave: int
    tenant: str | None
    adopt: bool = False

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {
            "target": self.id.target,
            "type": self.id.type,
            "name": self.id.name,
            "attributes": dict(self.attributes),
            "wave": self.wave,
            "tenant": self.tenant,
            **({"adopt": True} if self.adopt else {}),
        }

    @classmethod
    def from_json(cls, value: JSON) -> Object:
        """Read a JSON value; raises FormatError."""
        match value:
            case {
                "target": str(target),
                "type": str(kind),
                "name": str(name),
                "attributes": dict(attributes),
                "wave": int(wave),
                "tenant": str() | None as tenant,
                **more,
            } if not more or more == {"adopt": True}:
                return cls(ObjectId(target, kind, name), attributes, wave, tenant, bool(more))
        raise FormatError("an object has exactly target, type, name, attributes, wave and tenant, or also adopt: true")


def encode_objects(objects: Iterable[Object]) -> bytes:
    """Return the bytes of an `objects/` file."""
    return encode({"objects": [item.to_json() for item in sorted(objects, key=lambda item: item.id)]})


def decode_objects(data: bytes) -> tuple[Object, ...]:
    """Read an `objects/` file; raises FormatError."""
    value = decode(data)
    if not isinstance(value, dict) or value.keys() != {"objects"} or not isinstance(value["objects"], list):
        raise FormatError("an objects file has exactly the list `objects`")
    return tuple(Object.from_json(item) for item in value["objects"])


class Operation(StrEnum):
    """What is done to one object."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Action:
    """One operation on one object, and because of what: `genesis`, `drift`, or the SHA-256 of a change.

    `before` are the attributes observed (None: absent), `after` the attributes wanted (None: to be absent). What is
    adopted was there before, and somebody else's: `before` is what it would be observed as if it were ours.
    """

    operation: Operation
    id: ObjectId
    before: Mapping[str, JSON] | None
    after: Mapping[str, JSON] | None
    wave: int
    tenant: str | None
    because: str

    def to_json(self) -> JSON:
        """Return the JSON value, as intents and results carry it."""
        return {
            "operation": self.operation.value,
            "target": self.id.target,
            "type": self.id.type,
            "name": self.id.name,
            "before": None if self.before is None else dict(self.before),
            "after": None if self.after is None else dict(self.after),
            "wave": self.wave,
            "tenant": self.tenant,
            "because": self.because,
        }

    @classmethod
    def from_json(cls, value: JSON) -> Action:
        """Read a JSON value; raises FormatError."""
        match value:
            case {
                "operation": "create" | "adopt" | "update" | "delete" as operation,
                "target": str(target),
                "type": str(kind),
                "name": str(name),
                "before": dict() | None as before,
                "after": dict() | None as after,
                "wave": int(wave),
                "tenant": str() | None as tenant,
                "because": str(because),
            } if len(value) == 9:
                return cls(Operation(operation), ObjectId(target, kind, name), before, after, wave, tenant, because)
        raise FormatError("an action has exactly operation, target, type, name, before, after, wave, tenant, because")
