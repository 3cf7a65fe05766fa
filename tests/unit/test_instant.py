"""Moments: one text each, and what is read is written back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.contract.errors import FormatError
from runtime.contract.instant import FIRST, LAST, after, parse, text


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
