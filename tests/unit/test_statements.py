"""Statements and envelopes: read back exactly, and refused with any bit flipped."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as Dsse
from sigstore_models.bundle.v1 import Bundle

from runtime.contract.canonical import decode, encode
from runtime.contract.envelope import PAYLOAD_TYPE, Envelope, decode_envelope, pae
from runtime.contract.errors import FormatError
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.contract.predicates import ActionRecord, Approval, Intent, LedgerPosition, Release, Seen
from runtime.contract.statement import Statement, decode_statement, encode_statement, subject

AT = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
APPROVAL = Statement(
    subject=subject(change="a" * 64),
    predicate=Approval(
        kind="approval", after="b" * 64, signed_at=AT, expires_at=AT, seen=Seen(base=None, head="c" * 40)
    ),
)
ACTION = Action(
    Operation.UPDATE, ObjectId("pg", "role", "t_acme_app"), {"login": True}, {"login": False}, 1, "acme", "drift"
)
INTENT = Statement(
    subject=subject(manifest="d" * 64),
    predicate=Intent(
        ledger=LedgerPosition(
            sequence=1,
            previous="e" * 64,
            time=AT,
            agent="one",
            release=Release(version="1", sha256="f" * 64),
            main=None,
            turn="9" * 32,
            after_gap=False,
        ),
        because="drift",
        manifest="d" * 64,
        rest=0,
        as_declared=0,
        actions=(ActionRecord.of(ACTION),),
    ),
)
UNUSUAL = Envelope(encode_statement(APPROVAL), b"s" * 64, "SHA256:abc")
ENVELOPE = replace(UNUSUAL, keyid=f"SHA256:{'a' * 43}")


@pytest.mark.parametrize("statement", [APPROVAL, INTENT])
def test_a_statement_reads_back_from_its_bytes(statement: Statement) -> None:
    assert decode_statement(encode_statement(statement)) == statement


def test_an_action_survives_the_wire() -> None:
    assert ActionRecord.of(ACTION).action() == ACTION


@pytest.mark.parametrize("envelope", [ENVELOPE, UNUSUAL])
def test_an_envelope_reads_back(envelope: Envelope) -> None:
    assert decode_envelope(envelope.data) == envelope
    assert envelope.statement == APPROVAL


@given(st.binary(max_size=300))
def test_what_is_signed_is_the_dsse_preauthentication_encoding(payload: bytes) -> None:
    assert pae(payload) == Dsse(payload, PAYLOAD_TYPE, {}).pae()
    assert pae(b"hello") == b"DSSEv1 28 application/vnd.in-toto+json 5 hello"


@given(st.binary(min_size=1, max_size=80), st.binary(min_size=1, max_size=80))
def test_the_library_reads_in_every_envelope_what_we_read_without_it(payload: bytes, signature: bytes) -> None:
    read = decode_envelope(replace(ENVELOPE, payload=payload, signature=signature).data)
    bundle = Bundle.from_dict(json.loads(read.data))
    assert bundle.dsse_envelope is not None
    assert (bundle.dsse_envelope.payload, bundle.dsse_envelope.signatures[0].sig) == (payload, signature)
    assert (read.payload, read.signature, read.keyid) == (payload, signature, ENVELOPE.keyid)


@pytest.mark.parametrize("envelope", [ENVELOPE, UNUSUAL])
@given(st.data())
def test_one_flipped_bit_is_another_envelope_or_none(envelope: Envelope, drawn: st.DataObject) -> None:
    bit = drawn.draw(st.integers(0, len(envelope.data) * 8 - 1))
    data = bytearray(envelope.data)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = decode_envelope(bytes(data))
    except FormatError:
        return
    again = Envelope(read.payload, read.signature, read.keyid)
    assert again != envelope
    assert again.data == read.data == bytes(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "https://example.org/other"),
        (("predicate", "kind"), "blessing"),
        (("predicate", "note"), "one more field"),
        (("predicate", "signed_at"), "2026-11-24 08:00:00"),
        (("predicate", "seen"), {"head": "c" * 40}),
        (("subject",), []),
        (("subject", 0, "digest", "sha256"), "A" * 64),
    ],
)
def test_a_statement_that_says_anything_else_is_refused(path: tuple[str | int, ...], value: object) -> None:
    statement = decode(encode_statement(APPROVAL))
    place = statement
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(FormatError):
        decode_statement(encode(statement))
