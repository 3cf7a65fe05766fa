"""Text of a field -> the same text, proved: the value types that several kinds share.

Rules kept: money, ratios and dates stay the text that was written (no float ever stands for money); a secret is a
reference and its rejected value is never repeated; every type carries the JSON Schema that an editor checks with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from compiler.domains import forms
from compiler.domains.forms import Amiss, Candidates

MONEY = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{2})?$"
CURRENCY = r"^[A-Z]{3}$"
REGION = r"^[a-z]{2,}(-[a-z0-9]+)+$"
REFERENCE = r"^(env:[A-Z_][A-Z0-9_]*|file:[A-Za-z0-9_./-]+)$"
DURATION = r"^[1-9][0-9]{0,6}(ms|s|min|h)$"
MEMORY = r"^[1-9][0-9]{0,6}(kB|MB|GB)$"
PROMETHEUS_DURATION = r"^[1-9][0-9]{0,4}(s|m|h|d)$"
EMAIL = r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[a-z]{2,}$"
DECIMAL = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?$"
PERCENT = r"^(100(\.0{1,7})?|(0|[1-9][0-9]?)(\.[0-9]{1,7})?)$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _no_candidates(_: str) -> Iterator[str]:
    return iter(())


def _nothing_amiss(_: str) -> None:
    return None


def _matching(
    pattern: str, name: str, sentence: str, meant: Candidates = forms.written_otherwise, amiss: Amiss = _nothing_amiss
) -> Callable[[str], str]:
    """Make a validator whose error is a sentence a person can act on, not a pattern: with what was `meant` or is
    `amiss`, where that can be told."""
    compiled = re.compile(pattern)

    def fits(value: str) -> bool:
        return compiled.search(value) is not None and "\n" not in value

    def validate(value: str) -> str:
        if not fits(value):
            raise misshapen(name, sentence, next(filter(fits, meant(value)), None), amiss(value))
        return value

    return validate


def misshapen(name: str, sentence: str, meant: str | None, amiss: str | None) -> PydanticCustomError:
    """Return the error that a text has not its form."""
    return PydanticCustomError(name, sentence, {"meant": meant, "amiss": amiss})


def text(
    pattern: str,
    title: str,
    sentence: str,
    *examples: str,
    meant: Candidates = forms.written_otherwise,
    amiss: Amiss = _nothing_amiss,
) -> tuple[AfterValidator, WithJsonSchema]:
    """Annotate a text that has a form: its error is `sentence`, its name in schemas and pages `title`."""
    return (
        AfterValidator(_matching(pattern, title.replace(" ", "_"), sentence, meant, amiss)),
        WithJsonSchema({"type": "string", "title": title, "pattern": pattern, "examples": list(examples)}),
    )


Money: TypeAlias = Annotated[
    str,
    *text(
        MONEY,
        "money",
        'money is a quoted decimal with two places or none, like "4200.00"',
        "4200.00",
        meant=forms.money,
        amiss=forms.negative,
    ),
]
"""An amount of money: decimal text, never a float."""

Currency: TypeAlias = Annotated[
    str, *text(CURRENCY, "currency", "a currency is its ISO 4217 code, like EUR", "EUR", "USD")
]

Region: TypeAlias = Annotated[
    str, *text(REGION, "region", "a region is lower case with dashes, like eu-central", "eu-central")
]

Reference: TypeAlias = Annotated[
    str,
    *text(
        REFERENCE,
        "secret reference",
        "a secret is a reference, `env:NAME` or `file:PATH`, never a value",
        "env:CONDUCTOR_PG_EU",
        "file:/run/secrets/pg-eu",
        meant=_no_candidates,
    ),
]
"""Where a secret is found: `env:NAME` or `file:PATH`."""

Duration: TypeAlias = Annotated[
    str,
    *text(
        DURATION,
        "duration",
        "a duration is a whole number with ms, s, min or h, like 30s",
        "30s",
        "5min",
        meant=forms.duration,
    ),
]
"""A duration as PostgreSQL writes it."""

Memory: TypeAlias = Annotated[
    str,
    *text(
        MEMORY,
        "memory",
        "an amount of memory is a whole number with kB, MB or GB, like 64MB",
        "64MB",
        meant=forms.memory,
    ),
]
"""An amount of memory as PostgreSQL writes it."""

Period: TypeAlias = Annotated[
    str,
    *text(
        PROMETHEUS_DURATION,
        "period",
        "a period is a whole number with s, m, h or d, like 10m",
        "10m",
        "1h",
        meant=forms.period,
    ),
]
"""A duration as Prometheus writes it."""

Email: TypeAlias = Annotated[
    str,
    *text(EMAIL, "email", "an e-mail address looks like ops@example.com", "ops@example.com", amiss=forms.address),
]


RuleName: TypeAlias = Annotated[
    str, *text(r"^[a-z][a-z0-9-]{0,62}$", "rule name", "a rule's name is lower case with dashes", "us-east-half")
]


def decimal_text(value: Any) -> Any:
    """Read a YAML number as the decimal text it was written as.

    `repr` of a float is the shortest text that reads back as it, so text of up to 15 digits comes back exactly.
    """
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return format(Decimal(repr(value)), "f")
    return value


def decimal(
    pattern: str, title: str, sentence: str, *examples: str | float
) -> tuple[BeforeValidator, AfterValidator, WithJsonSchema]:
    """Annotate a text that is an exact decimal number and may be written as a number."""
    number_or_text = [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]
    return (
        BeforeValidator(decimal_text),
        AfterValidator(_matching(pattern, title.replace(" ", "_"), sentence, amiss=forms.negative)),
        WithJsonSchema({"title": title, "anyOf": number_or_text, "examples": list(examples)}),
    )


DecimalText: TypeAlias = Annotated[
    str,
    *decimal(DECIMAL, "exact decimal", "an exact decimal number is not negative, like 0.05", "0.05", 12.5),
]
"""An exact decimal number, not negative: a YAML number or quoted text; kept as text."""

Percent: TypeAlias = Annotated[
    str,
    *decimal(
        PERCENT, "percentage", "a percentage is an exact decimal from 0 to 100 with at most seven places", 12.5, "87.5"
    ),
]
"""A share of a split. flagd adds weights up in 32 bits, which seven places after the point still fit."""


def _is_day(value: str) -> bool:
    try:
        return re.search(DATE, value) is not None and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _date(value: str) -> str:
    if _is_day(value):
        return value
    if forms.no_such_day(value) is not None:
        raise misshapen("date", "there is no such day", None, forms.no_such_day(value))
    meant = next((one for one in forms.day(value) if _is_day(one)), None)
    raise misshapen("date", "a date is written year-month-day, like 2026-11-24", meant, None)


DateText: TypeAlias = Annotated[
    str,
    AfterValidator(_date),
    WithJsonSchema({"type": "string", "title": "date", "format": "date", "examples": ["2026-11-24"]}),
]
"""A calendar day, `2026-11-24`."""
