"""Moments in statements: RFC 3339 in UTC with whole seconds, `2026-11-24T08:00:00Z`, and no other spelling; and what
is so much later than one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from runtime.contract.errors import FormatError

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

_HOW = "it is written 2026-11-24T08:00:00Z"


def parse(text: str) -> datetime:
    """Read a moment; raises FormatError."""
    try:
        return _parsed(text)
    except ValueError as error:
        raise FormatError(f"{text!r} is no moment: {error}") from None


def text(moment: datetime) -> str:
    """Write a moment; fractions of a second are cut off."""
    # strftime writes the year 1 as `1`
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def after(moment: datetime, length: timedelta) -> datetime:
    """The moment so much later (or earlier); the last or first that can be written where there is none any more: what
    somebody has dated to the end of time must end nobody's reading."""
    try:
        return moment + length
    except OverflowError:
        return FIRST if length < timedelta() else LAST


def _read(value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC).replace(microsecond=0)
    if not isinstance(value, str):
        raise ValueError(_HOW)  # noqa: TRY004 -- pydantic makes a finding of it
    return _parsed(value)


def _parsed(given: str) -> datetime:
    """Read a moment; raises ValueError. Python's own reader takes more spellings with each release (`T24:00:00Z`)."""
    if _FORM.fullmatch(given) is None or text(moment := datetime.fromisoformat(given)) != given:
        raise ValueError(_HOW)
    return moment


Instant = Annotated[datetime, BeforeValidator(_read), PlainSerializer(text, return_type=str)]
"""A pydantic field for a moment in UTC, whole seconds."""
