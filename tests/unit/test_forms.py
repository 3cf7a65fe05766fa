"""What is proposed for a text that has not the form of its field: what has it, and nothing where two could be meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from compiler.domains.fields import Currency, DateText, DecimalText, Duration, Email, Memory, Money, Period, Reference
from compiler.domains.governance.kinds import Release

DAYS = st.dates(min_value=date(1000, 1, 1))


@cache
def adapter(shape: Any) -> TypeAdapter[str]:
    return TypeAdapter(shape)


def told(shape: object, text: str) -> tuple[str | None, str | None]:
    """What is proposed, and what is said to be wrong; nothing where the text has the form."""
    try:
        adapter(shape).validate_python(text, strict=True)
    except ValidationError as error:
        (found,) = error.errors()
        return found["ctx"]["meant"], found["ctx"]["amiss"]
    return None, None


@pytest.mark.parametrize(
    ("shape", "text", "meant"),
    [
        (Memory, "32 MB", "32MB"),
        (Memory, "32mb", "32MB"),
        (Memory, "032 MiB", "32MB"),
        (Memory, "1.5GB", None),
        (Duration, "5m", "5min"),
        (Duration, "30 Seconds", "30s"),
        (Duration, "2d", None),
        (Period, "5 min", "5m"),
        (Period, "2 days", "2d"),
        (Money, "4.200,00", "4200.00"),
        (Money, "4,200.5", "4200.50"),
        (Money, "4200,5", "4200.50"),
        (Money, "4.200", None),
        (Money, "-1.00", None),
        (Currency, "eur", "EUR"),
        (Currency, "EURO", None),
        (Email, "Ops@Acme.EXAMPLE", "ops@acme.example"),
        (DateText, "24.11.2026", "2026-11-24"),
        (DateText, "2026/11/24", "2026-11-24"),
        (DateText, "2026-1-4", "2026-01-04"),
        (DateText, "31.02.2026", None),
        (DateText, "11/12/2026", None),
        (Release, "v0.1", "0.1.0"),
        (Reference, "ENV:PG", None),
    ],
)
def test_one_thing_that_can_be_meant_is_proposed(shape: object, text: str, meant: str | None) -> None:
    assert told(shape, text)[0] == meant
    assert meant is None or told(shape, meant) == (None, None)


@pytest.mark.parametrize(
    ("shape", "text", "amiss"),
    [
        (Money, "-4200.00", "it is not negative"),
        (DecimalText, "-1", "it is not negative"),
        (Email, "söc@acme.example", "`ö` may not stand in it"),
        (Email, "ops at acme.example", "no space may stand in it"),
        (Email, "acme.example", "it has one `@`"),
        (DateText, "2026-02-30", "February 2026 has the days 01 to 28"),
        (DateText, "2026-13-01", "a year has the months 01 to 12"),
        (DateText, "0000-01-01", None),
    ],
)
def test_what_is_wrong_is_named_where_nothing_can_be_proposed(shape: object, text: str, amiss: str | None) -> None:
    assert told(shape, text)[1] == amiss


@pytest.mark.parametrize(
    "write",
    [
        lambda day: f"{day:%d.%m.%Y}",
        lambda day: f"{day:%Y/%m/%d}",
        lambda day: f"{day:%Y%m%d}",
        lambda day: f"{day.year}-{day.month}-{day.day}",
    ],
    ids=["German", "slashes", "no dashes", "no zeros"],
)
@given(day=DAYS)
def test_a_day_written_otherwise_is_that_day_or_nothing(write: Callable[[date], str], day: date) -> None:
    assert told(DateText, write(day))[0] in {None, day.isoformat()} - (
        {None} if write(day) != day.isoformat() else set()
    )


@given(DAYS)
def test_a_day_in_the_american_way_is_proposed_only_where_it_is_no_other_day(day: date) -> None:
    meant = told(DateText, f"{day:%m/%d/%Y}")[0]
    assert meant == (day.isoformat() if day.day > 12 or day.day == day.month else None)


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=99))
def test_an_amount_with_marks_between_its_thousands_is_that_amount(whole: int, cents: int) -> None:
    plain = f"{whole}.{cents:02}"
    for text in (f"{whole:,}.{cents:02}", f"{whole:,}.{cents:02}".translate(str.maketrans(",.", ".,"))):
        assert told(Money, text)[0] in ({plain} if text != plain else {None})


@given(st.text(max_size=80))
def test_whatever_stands_there_is_no_trouble_and_what_is_proposed_has_the_form(text: str) -> None:
    for shape in (Memory, Duration, Period, Money, Currency, Email, DateText, Release):
        meant, amiss = told(shape, text)
        assert meant is None or told(shape, meant) == (None, None)
        assert amiss is None or re.fullmatch(r"[^\n]{3,80}", amiss)
