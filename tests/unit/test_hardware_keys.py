"""Hardware keys (`sk-ssh-ed25519@openssh.com`): what of their signatures counts, and what does not."""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import replace

import pytest

from runtime.contract.envelope import decode_envelope
from runtime.contract.errors import FormatError
from runtime.contract.statement import Statement
from runtime.governance.judge import judge
from runtime.signing import envelopes, sshsig
from runtime.signing.keys import SK_ED25519, PublicKey
from runtime.testing.court import Court
from runtime.testing.hardware_key import TOUCHED, VERIFIED, Authenticator
from runtime.testing.small_tree import ROLES, document, key_of, person, public, small_tree

TOKEN = Authenticator(bytes(32))


def statement() -> Statement:
    court = Court.open()
    return court.sign("2" * 64, key_of("mara")).statement


@pytest.mark.parametrize("flags", [TOUCHED, TOUCHED | VERIFIED])
def test_a_touched_key_signs_a_statement_and_the_file_reads_back(flags: int) -> None:
    token = Authenticator(bytes(32), flags=flags)
    envelope = envelopes.sign(statement(), token.key)
    assert len(envelope.signature) == 69
    assert envelopes.verify(decode_envelope(envelope.data), token.public.line)


def test_a_key_that_nobody_touched_does_not_count() -> None:
    untouched = Authenticator(bytes(32), flags=VERIFIED)
    assert not envelopes.verify(envelopes.sign(statement(), untouched.key), untouched.public.line)
    assert sshsig.verify(sshsig.sign(b"data", untouched.key), b"data") is None


@pytest.mark.parametrize("at", [0, 63, 64, 65, 68])
def test_a_signature_flag_or_counter_that_was_altered_does_not_hold(at: int) -> None:
    signature = bytearray(TOKEN.key.sign(b"data"))
    assert TOKEN.public.verify(bytes(signature), b"data", one=True)
    signature[at] ^= 2
    assert not TOKEN.public.verify(bytes(signature), b"data", one=True)


@pytest.mark.parametrize("cut", [0, 1, 5, 64, 68])
def test_a_signature_that_is_cut_off_does_not_hold(cut: int) -> None:
    assert not TOKEN.public.verify(TOKEN.key.sign(b"data")[:cut], b"data")


def test_a_signature_for_another_purpose_does_not_hold() -> None:
    elsewhere = replace(TOKEN, application=b"ssh:elsewhere")
    assert not TOKEN.public.verify(elsewhere.key.sign(b"data"), b"data")


def test_a_key_for_the_web_is_refused() -> None:
    with pytest.raises(FormatError, match="another purpose than ssh:"):
        _ = Authenticator(bytes(32), application=b"https://example.org").public


def blob(*parts: bytes) -> str:
    wire = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"{SK_ED25519} {b64encode(wire).decode()}"


@pytest.mark.parametrize(
    "line",
    [
        blob(SK_ED25519.encode(), bytes(31), b"ssh:"),
        blob(SK_ED25519.encode(), bytes(32)),
        blob(SK_ED25519.encode(), bytes(32), b"ssh:", b""),
        blob(b"ssh-ed25519", bytes(32), b"ssh:"),
        f"{SK_ED25519} AAAA",
        f"{SK_ED25519} not-base64",
    ],
)
def test_a_line_of_another_form_is_no_key(line: str) -> None:
    with pytest.raises(FormatError, match="no public key follows"):
        PublicKey.parse(line)


def test_a_person_with_a_hardware_key_approves_like_anybody() -> None:
    mara = person("mara", *ROLES["mara"]).model_copy(update={"keys": (public(TOKEN.key),)})
    court = Court.open(small_tree(**{"policies/people/mara.yaml": mara.data()}))
    change = court.change({"tenants/acme.yaml": document(blueprint="basic", state="suspended")})
    approvals = (court.sign(change, TOKEN.key), *court.approve(change, "tomas"))
    assert judge(court.case(change, approvals)).people == ("mara", "tomas")
