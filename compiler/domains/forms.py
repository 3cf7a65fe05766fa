"""Text that has not the form of its field -> what was meant, or what is wrong with it.

Rules kept: what is proposed has the form (whoever asks checks that), and is nothing else than what was written; where
two things may have been meant, none is proposed.
"""

from __future__ import annotations

import re
from calendar import month_name, monthrange
from collections.abc import Callable, Iterator
from typing import TypeAlias

Candidates: TypeAlias = Callable[[str], Iterator[str]]
"""A text -> texts that may have been meant."""
Amiss: TypeAlias = Callable[[str], str | None]
"""A text -> what is wrong with it."""

_LONGEST = 64
_TIMES = {"ms": "ms", **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s")}
_TIMES |= {**dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "min")}
_TIMES |= {**dict.fromkeys(("h", "hour", "hours"), "h"), **dict.fromkeys(("d", "day", "days"), "d")}


def written_otherwise(value: str) -> Iterator[str]:
    """The same with other spaces, dashes and capitals."""
    if len(value) > _LONGEST:
        return
    tight, dashed = "".join(value.split()), re.sub(r"[\s_]+", "-", value.strip())
    yield from (tight, tight.lower(), tight.upper(), dashed, dashed.lower())


def memory(value: str) -> Iterator[str]:
    """`32 mb` is 32MB."""
    yield from _amount(value, {"k": "kB", "m": "MB", "g": "GB"}, r"([kmg])(?:i?b)?")


def duration(value: str) -> Iterator[str]:
    """`5 minutes` are 5min."""
    yield from _amount(value, _TIMES, "([a-z]+)")


def period(value: str) -> Iterator[str]:
    """`5 minutes` are 5m."""
    yield from _amount(value, _TIMES | {unit: "m" for unit, short in _TIMES.items() if short == "min"}, "([a-z]+)")


def money(value: str) -> Iterator[str]:
    """`4.200,00` and `4,200` are 4200.00; `4.200` may be either."""
    match = re.fullmatch(r"([0-9]{1,12})(?:[.,]([0-9]{1,2}))?", value.strip())
    match = match or re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{1,2})", value.strip())
    match = match or re.fullmatch(r"([0-9]{1,3}(?:[, '][0-9]{3})+)(?:\.([0-9]{1,2}))?", value.strip())
    if match is not None:
        yield f"{re.sub('[^0-9]', '', match[1]).lstrip('0') or '0'}.{(match[2] or '00').ljust(2, '0')}"


def negative(value: str) -> str | None:
    """`-1` where there is nothing below 0."""
    return "it is not negative" if re.match(r"\s*[-\u2212]\s*[0-9]", value) else None


def day(value: str) -> Iterator[str]:
    """`24.11.2026` and `2026/11/24` are 2026-11-24; `11/12/2026` may be either of two days."""
    if match := re.fullmatch(r"([0-9]{4})[/. ]?([0-9]{2})[/. ]?([0-9]{2})", value):
        yield "-".join(match.groups())
    elif match := re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", value):
        yield f"{match[3]}-{match[2]:0>2}-{match[1]:0>2}"
    elif match := re.fullmatch(r"([0-9]{1,2})[/-]([0-9]{1,2})[/-]([0-9]{4})", value):
        one, other = int(match[1]), int(match[2])
        if max(one, other) > 12 or one == other:
            yield f"{match[3]}-{min(one, other):02}-{max(one, other):02}"
    elif match := re.fullmatch(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})", value):
        yield f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"


def no_such_day(value: str) -> str | None:
    """`2026-02-30`."""
    match = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", value)
    if match is None or int(match[1]) == 0:
        return None
    year, month = int(match[1]), int(match[2])
    if not 1 <= month <= 12:
        return "a year has the months 01 to 12"
    return f"{month_name[month]} {year} has the days 01 to {monthrange(year, month)[1]}"


def address(value: str) -> str | None:
    """What is no e-mail address, and why."""
    strange = re.search(r"[^A-Za-z0-9.@_%+-]", value)
    if strange is not None:
        return (
            f"`{strange.group()}` may not stand in it" if not strange.group().isspace() else "no space may stand in it"
        )
    if value.count("@") != 1:
        return "it has one `@`"
    return None


def release(value: str) -> Iterator[str]:
    """`v0.1` is 0.1.0."""
    number = value.strip().removeprefix("v")
    yield from (number, f"{number}.0")


def _amount(value: str, units: dict[str, str], unit: str) -> Iterator[str]:
    match = re.fullmatch(rf"0*([1-9][0-9]{{0,6}})\s*{unit}", value.strip(), re.IGNORECASE)
    if match is not None and match[2].lower() in units:
        yield f"{match[1]}{units[match[2].lower()]}"
