"""Files of `config/flags/flag/<name>.json` -> typed values, and back: a flag, and its definition as flagd reads it.

`flagd` is one flag's definition (https://flagd.dev/reference/flag-definitions/); a server of flags puts all of them
together under `{"flags": {name: definition}}`. Variants may be floats, so these files may hold them.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import ValidationError

from runtime.contract.canonical import decode, encode
from runtime.contract.errors import FormatError
from runtime.contract.strict import Strict
from runtime.contract.validation import reason

FOLDER = "config/flags/flag/"


def last_day(created: date, ttl_seconds: int) -> date:
    """The last day of a flag that lives for `ttl_seconds` from the start (UTC) of the day it was created."""
    start = datetime(created.year, created.month, created.day, tzinfo=UTC)
    try:
        return (start + timedelta(seconds=ttl_seconds)).date()
    except OverflowError:
        return date.max


def starts_later(created: date, today: date) -> bool:
    """Whether a flag is dated in the future, which would give it more time than its `ttl_seconds`.

    The day after `today` is none: today is a day of UTC, and east of it the next one has begun.
    """
    return created - today > timedelta(days=1)


class FlagConfig(Strict):
    """One flag. `safe` is the variant to serve when the flag is stopped or cannot be evaluated."""

    name: str
    type: Literal["boolean", "string", "number", "object"]
    safe: str
    owner: str
    reason: str
    created: str
    ttl_seconds: int
    tenants: dict[str, str]
    flagd: dict[str, Any]

    @classmethod
    def from_bytes(cls, data: bytes) -> FlagConfig:
        """Read canonical bytes; raises FormatError."""
        decode(data, floats=True)
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise FormatError(f"no flag's configuration: {reason(error)}") from None

    def data(self) -> bytes:
        """Canonical bytes of the file."""
        return encode(self.model_dump(mode="json"), floats=True)

    def expired(self, today: date) -> bool:
        """Whether the flag's last day is before `today`."""
        return last_day(date.fromisoformat(self.created), self.ttl_seconds) < today
