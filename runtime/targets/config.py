"""Files of `config/targets/target/<name>.json` -> typed values, and back: which systems the agent acts on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, ValidationError

from runtime.contract.canonical import decode, encode
from runtime.contract.errors import FormatError
from runtime.contract.strict import Strict
from runtime.contract.validation import reason

FOLDER = "config/targets/target/"
NO_SYSTEM = "0/"
"""How an identity begins that is nobody's: PostgreSQL's system identifiers are never 0."""


class ArchiveConfig(Strict):
    """Where the data of deprovisioned tenants is kept: a folder on the agent's machine, and who can read it."""

    folder: str = Field(pattern=r"^file:/.+$")
    recipients: tuple[str, ...] = Field(min_length=1)


class TargetConfig(Strict):
    """A running system. `dsn` is a reference, `identity` what the system must say it is.

    PostgreSQL's identity is `<system identifier>/<database>`, a release folder's the id in its `.conductor-target`.
    """

    name: str
    type: Literal["postgres", "release"]
    region: str
    dsn: str = Field(pattern=r"^(env|file):.+$")
    identity: str
    drift: Literal["heal", "report"]
    max_delete_percent: int = Field(ge=0, le=100)
    control: bool
    archive: ArchiveConfig | None = None

    @classmethod
    def from_bytes(cls, data: bytes) -> TargetConfig:
        """Read canonical bytes; raises FormatError."""
        decode(data)
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise FormatError(f"no target's configuration: {reason(error)}") from None

    def data(self) -> bytes:
        """Canonical bytes of the file."""
        return encode(self.model_dump(mode="json"))


def targets_of(contents: Mapping[str, str]) -> Mapping[str, TargetConfig]:
    """Every target of a snapshot's contents, by name; raises FormatError."""
    return {
        target.name: target
        for path, text in sorted(contents.items())
        if path.startswith(FOLDER)
        for target in (TargetConfig.from_bytes(text.encode()),)
    }
