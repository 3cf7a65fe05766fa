"""Canonical JSON: one encoding for one value, and no other is read."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from runtime.contract.canonical import decode, encode
from runtime.contract.errors import FormatError

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
KEYS = st.text(alphabet=st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=30)


@given(VALUES)
def test_what_is_encoded_is_decoded_to_the_same_value(value: object) -> None:
    assert decode(encode(value)) == value


@given(VALUES)
def test_the_encoding_is_the_one_of_the_reference_implementation(value: object) -> None:
    assert encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # the strategy makes JSON only


@given(st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not x.is_integer() or abs(x) < 2**53))
def test_floats_are_written_as_ecmascript_writes_them_where_they_are_allowed(value: float) -> None:
    assert decode(encode([value], floats=True), floats=True) == [value]
    with pytest.raises(FormatError, match="float"):
        encode([value])


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b"[1.0]",
        b"[NaN]",
        b"[1e400]",
        b"[9007199254740993]",
        b"[-0]",
        b'{"a":' * 65 + b"1" + b"}" * 65,
        '{"\U0001f600":1}'.encode(),
        b'["\\u0041"]',
        b'["\\ud800"]',
        b'"\xff"',
        b"[1]\n",
        b"",
        b"[" * 10_000 + b"]" * 10_000,
    ],
)
def test_every_other_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode(data)


def test_keys_beyond_the_bmp_are_refused_because_their_order_is_disputed() -> None:
    with pytest.raises(FormatError, match="BMP"):
        encode({"\U0001f600": 1})


@given(st.binary(max_size=200))
def test_random_bytes_are_read_as_canonical_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except FormatError:
        return
    assert encode(value) == data
