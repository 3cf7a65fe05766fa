"""Moments: one text each, and what is read is written back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from runtime.contract import instant
from runtime.contract.errors import FormatError
from runtime.contract.instant import FIRST, LAST, Instant, after, parse, text


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_moment_is_read_as_it_is_written(moment: datetime) -> None:
    assert parse(text(moment)) == moment.replace(microsecond=0)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00Z", "0999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"])
def test_an_early_year_keeps_its_digits(written: str) -> None:
    assert text(parse(written)) == written


@pytest.mark.parametrize("written", ["2026-11-24t08:00:00Z", "2026-11-24T08:00:00+00:00", "٢٠٢٦-11-24T08:00:00Z", "1"])
def test_another_spelling_is_refused(written: str) -> None:
    with pytest.raises(FormatError):
        parse(written)


@given(st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)), st.timedeltas())
def test_what_is_after_a_moment_is_within_the_years_that_can_be_written(moment: datetime, length: timedelta) -> None:
    found = after(moment, length)
    assert FIRST <= found <= LAST + timedelta(microseconds=999_999)
    assert (found >= moment) == (length >= timedelta())
    if FIRST < found < LAST:
        assert found - moment == length


def test_before_and_after_all_time_there_is_nothing() -> None:
    assert (after(LAST, timedelta(seconds=1)), after(FIRST, -timedelta(seconds=1))) == (LAST, FIRST)
    assert (text(FIRST), text(LAST)) == ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")


class _Newer(datetime):
    """As Python 3.14 reads a moment: the end of a day has a spelling of its own."""

    @classmethod
    def fromisoformat(cls, date_string: str, /) -> _Newer:
        if "T24:00:00" in date_string:
            return cls.fromisoformat(date_string.replace("T24", "T00")) + timedelta(days=1)
        return super().fromisoformat(date_string)


def test_what_is_a_moment_does_not_depend_on_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instant, "datetime", _Newer)
    assert text(_Newer.fromisoformat("2026-11-24T24:00:00Z")) == "2026-11-25T00:00:00Z"
    with pytest.raises(FormatError):
        parse("2026-11-24T24:00:00Z")
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python("2026-11-24T24:00:00Z")
