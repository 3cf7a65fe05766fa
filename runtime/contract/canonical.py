"""Value -> canonical JSON bytes -> value (RFC 8785, JSON Canonicalization Scheme).

Rules kept here:
- one value has one encoding, and `decode` refuses every other: duplicate keys, white space, another key order,
  `NaN`, other number forms, lone surrogates, integers beyond 2^53-1 (RFC 8785, section 3.2.2.3 with RFC 7493);
- manifests, objects and statements have no floats; files under `config/` may (`floats=True`).

RFC 8785 sorts keys by UTF-16 code units and Python by code points. Both agree unless a key holds a character
beyond the BMP, so such keys are refused rather than sorted by our own code.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeAlias

import rfc8785

from runtime.contract.errors import FormatError

JSON: TypeAlias = Any
"""None, bool, int, str, list and dict with str keys; float only where a function says so."""

MAX_BYTES = 16 * 1024 * 1024
MAX_SNAPSHOT = 128 * 1024 * 1024
"""Of a genesis or a change, which carry contents: a tenant has 7 kB of them, so this holds more than ten thousand."""
MAX_DEPTH = 64
_MAX_INT = 2**53 - 1
_STRINGS = frozenset({str})
_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class _UnusualError(Exception):
    """A number that has to be judged."""


def _integer(text: str) -> int:
    if len(text) > _SAFE_DIGITS:
        raise _UnusualError
    return int(text)


def _float(_: str) -> float:
    raise _UnusualError


_SAFE_DIGITS = 15
_PLAIN = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_float)


def sha256(data: bytes) -> str:
    """SHA-256 of `data`, 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def encode(value: JSON, *, floats: bool = False) -> bytes:
    """Return the one encoding of `value`.

    Raises FormatError for a value that has none: a float (unless `floats`), an integer beyond 2^53-1, a lone
    surrogate, a key that is no string or not in the BMP, another type.
    """
    has_float = _check(value, floats, 0)
    if has_float:
        return rfc8785.dumps(value)
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise FormatError("a string holds half a surrogate pair, which no JSON text can carry") from None


def decode(data: bytes, *, floats: bool = False, max_bytes: int = MAX_BYTES) -> JSON:
    """Return the value of canonical bytes; raises FormatError for any other bytes."""
    if len(data) > max_bytes:
        raise FormatError(f"{len(data)} bytes of JSON, at most {max_bytes} are read")
    try:
        value = _plain(data)
        if value is not None:
            return value
        value = json.loads(data.decode("utf-8"))
        again = encode(value, floats=floats)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}") from None
    if again != data:
        raise FormatError("JSON, but not its canonical form (RFC 8785)")
    return value


def _plain(data: bytes) -> JSON:
    """The value of canonical bytes in which nothing has to be judged by itself; None for all others.

    Text of ASCII has no key beyond the BMP, few brackets are not nested deeply, and numbers are seen when they are
    read: what is left to ask is whether the bytes are those that the value has. Most of a ledger is of this kind, and
    is read in half the time.
    """
    if not data.isascii() or data.count(b"{") + data.count(b"[") > MAX_DEPTH:
        return None
    try:
        value = _PLAIN.decode(data.decode("ascii"))
    except _UnusualError:
        return None
    return value if _ENCODER.encode(value).encode() == data else None


def _check(value: JSON, floats: bool, depth: int) -> bool:  # noqa: FBT001 -- private, hot
    """Refuse what has no canonical form; say whether a float is in it."""
    if value is None or value is True or value is False:
        return False
    kind = type(value)
    if kind is str:
        return False
    if kind is int:
        if not -_MAX_INT <= value <= _MAX_INT:
            raise FormatError(f"integer {value} is beyond 2^53-1; write it as a string")
        return False
    if depth >= MAX_DEPTH:
        raise FormatError(f"nested deeper than {MAX_DEPTH}")
    if kind is dict:
        found = False
        # whole dictionaries at a time: they are large, and most of their values are strings
        if not _STRINGS.issuperset(map(type, value)):
            raise FormatError(f"key {next(key for key in value if type(key) is not str)!r} is no string")
        if not all(map(str.isascii, value)):
            for key in value:
                if any(char > "\uffff" for char in key):
                    raise FormatError(f"key {key!r} holds a character beyond the BMP")
        for item in value.values():
            if type(item) is not str:
                found |= _check(item, floats, depth + 1)
        return found
    if kind is list or kind is tuple:
        return any([_check(item, floats, depth + 1) for item in value])  # noqa: C419 -- every item is checked
    if kind is float:
        if not floats:
            raise FormatError(f"float {value!r} where only integers and strings are allowed")
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 -- NaN is what differs from itself
            raise FormatError(f"{value!r} is no JSON number")
        if value.is_integer() and abs(value) > _MAX_INT:
            raise FormatError(f"{value!r} is beyond 2^53-1 and would read back as an integer; write it as a string")
        return True
    raise FormatError(f"{kind.__name__} has no JSON form")
