"""Text of a plain YAML scalar -> its value; part of the stage `parse`.

Rules kept: YAML 1.2 core schema; what YAML 1.1 and 1.2 read differently has no value but asks for quotes; numbers that
JSON cannot carry exactly, infinities and NaN have none either.
"""

from __future__ import annotations

import re
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str | None


class Trouble(Enum):
    """Why a plain scalar has no value."""

    AMBIGUOUS = "ambiguous"
    RANGE = "range"


MAX_INT = 2**53 - 1
MAX_SHOWN = 40
"""How long a scalar may be that is repeated in what to type."""
_EXPONENT_DIGITS = 9
"""No text of a MiB with a longer exponent is a number that can be carried, and `Decimal` reads none with 20."""

_WORDS: dict[str, Value | Trouble] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{
        form: Trouble.AMBIGUOUS
        for word in ("yes", "no", "on", "off", "y", "n")
        for form in (word, word.capitalize(), word.upper())
    },
}
_NUMBER_START = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_OLD = re.compile(
    r"[-+]?0[0-9_]+"  # 012: octal in YAML 1.1
    r"|[-+]?0[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|0o[0-7]+"  # octal in YAML 1.2, text in 1.1
    r"|[-+]?0b[01_]+"
    r"|[-+]?0x[0-9a-fA-F_]+"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"  # 1:30: base 60 in YAML 1.1
    r"|[-+]?[0-9]+_[0-9_]*(?:\.[0-9_]*)?"  # 1_000; what comes before the first `_` has none, or a MiB takes hours
    r"|[-+]?[0-9_]*\.[0-9]*_[0-9_]*(?:[eE][-+]?[0-9]+)?"
)


def resolve_plain(text: str) -> Value | Trouble:
    """Return the value of a plain scalar, or why it has none."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if _INTEGER.fullmatch(text):
        return _bounded(int(text)) if len(text) < 20 else Trouble.RANGE
    if _HEX.fullmatch(text):
        return _bounded(int(text, 16)) if len(text) < 20 else Trouble.RANGE
    if _FLOAT.fullmatch(text):
        return _exact(text)
    if _SPECIAL.fullmatch(text):
        return Trouble.RANGE
    return Trouble.AMBIGUOUS if _OLD.fullmatch(text) else text


def meant(text: str) -> str | None:
    """What somebody may have meant by a plain scalar that has no value, other than the text."""
    if _INTEGER.fullmatch(text) or _HEX.fullmatch(text):
        return f"or a whole number up to {MAX_INT}"
    if len(text) > MAX_SHOWN:
        return None
    lower = text.lower()
    if lower in {"yes", "on", "y"}:
        return "true for the truth value"
    if lower in {"no", "off", "n"}:
        return "false for the truth value"
    if _FLOAT.fullmatch(text):
        value = float(text)
        return f"{value!r} for the number" if abs(value) <= MAX_INT else None
    number = text.replace("_", "").lower()
    for form, base in ((r"[-+]?0b[01]+", 2), (r"0o[0-7]+", 8), (r"[-+]?0x[0-9a-f]+", 16), (r"[-+]?[0-9]+", 10)):
        if re.fullmatch(form, number):
            value_ = int(number, base)
            return f"{value_} for the number" if abs(value_) <= MAX_INT else None
    return None


def _exact(text: str) -> Value | Trouble:
    exponent = text.lower().partition("e")[2].lstrip("+-0")
    if len(exponent) > _EXPONENT_DIGITS:
        return Trouble.RANGE
    value = float(text)
    # `repr` is what the number will be read as; text that means another one cannot be carried exactly
    return value if Decimal(repr(value)) == Decimal(text) else Trouble.RANGE


def _bounded(value: int) -> Value | Trouble:
    return value if -MAX_INT <= value <= MAX_INT else Trouble.RANGE
