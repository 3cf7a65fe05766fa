"""Values before x after -> how they stand in a line of a plan.

Rules kept: what differs is never cut away: of lists of plain values what came and what went is shown, of long texts the
place where they part; a public key is shown by its SHA-256, as OpenSSH does, with its comment; nothing draws on the
terminal.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import NamedTuple

from compiler.diagnostics.printable import shown
from runtime.contract.errors import FormatError
from runtime.signing.keys import LINE, PublicKey

_VALUE, _BEFORE = 72, 16
"""How long a value may be, and how much of it is shown before the place where it differs."""
_KEY = re.compile(rf"{LINE}(?: [^\n]*)?")


class Moved(NamedTuple):
    """What came into a list and what went out of it; with neither, it has another order."""

    came: tuple[str, ...]
    went: tuple[str, ...]


def value_of(value: object, *, full: bool = False) -> str:
    """Return a value in a line: plain words as they are, the rest as JSON, cut where it is long."""
    return _cut(_text(value), 0, full=full)


def pair_of(before: object, after: object, *, full: bool = False) -> tuple[str, str]:
    """Return two values that differ, each in a line, both cut so that the difference is seen."""
    old, new = _text(before), _text(after)
    same = next((place for place, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    start = same - _BEFORE if max(len(old), len(new)) > _VALUE and same >= _VALUE // 2 else 0
    return _cut(old, start, full=full), _cut(new, start, full=full)


def moved(before: object, after: object) -> Moved | None:
    """Return what came into a list of plain values and what went; None where these are no two such lists."""
    olds, news = _plain(before), _plain(after)
    if olds is None or news is None:
        return None
    came, went = Counter(news), Counter(olds)
    return Moved(tuple((came - went).elements()), tuple((went - came).elements()))


def _plain(value: object) -> list[str] | None:
    if not isinstance(value, list) or any(isinstance(item, dict | list) for item in value):
        return None
    return [_item(item) for item in value]


def _item(value: object) -> str:
    text = _text(value)
    return json.dumps(text, ensure_ascii=False) if "," in text or text[:1] in {"+", "-"} else text


def _text(value: object) -> str:
    if isinstance(value, list):
        value = [_named(item) for item in value]
    value = _named(value)
    plain = isinstance(value, str) and value != "" and value == value.strip()
    text = shown(str(value)) if plain else json.dumps(value, ensure_ascii=False, default=str)
    return shown(text)


def _named(value: object) -> object:
    """A public key by its fingerprint: its base64 is what nobody compares by eye."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        return value
    try:
        key = PublicKey.parse(value)
    except FormatError:
        return value
    return " ".join((value.split(" ", 1)[0], key.fingerprint, *value.split(" ")[2:]))


def _cut(text: str, start: int, *, full: bool) -> str:
    if full:
        return text
    text = f"…{text[start:]}" if start else text
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
