from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.contract.errors import EnvironmentFailedError
from runtime.targets.postgres.scram import Client, ProtocolError, _verifier, matches, require_plain

# RFC 7677, section 3
PASSWORD = "pencil"  # noqa: S105 -- the RFC's example
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
SERVER_FIRST = f"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s={SALT},i=4096".encode()


def verifier(password: str) -> str:
    return _verifier(password, b"0123456789abcdef", 64)


def test_the_proof_and_the_servers_signature_are_those_of_the_rfc() -> None:
    """PostgreSQL takes the user's name from elsewhere, so that only this line differs from the RFC's exchange."""
    client = Client(PASSWORD, "rOprNGfwEbeRWgbNEkqO")
    client._first = "n=user,r=rOprNGfwEbeRWgbNEkqO"  # noqa: SLF001 -- the RFC's name
    final = client.final(SERVER_FIRST)
    assert final.endswith(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(ProtocolError):
        client.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
        b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999",
        b"r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==",
        b"\xff",
    ],
)
def test_a_server_that_answers_otherwise_is_not_answered(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        Client(PASSWORD, "rOprNGfwEbeRWgbNEkqO").final(answer)


def test_a_verifier_matches_its_password_and_no_other() -> None:
    assert matches(verifier(PASSWORD), PASSWORD)
    assert not matches(verifier(PASSWORD), "pencils")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "md5abc",
        "SCRAM-SHA-256",
        "SCRAM-SHA-256$x:y$z",
        "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-1$1:AA==$AA==:AA==",
    ],
)
def test_what_is_no_verifier_matches_nothing(stored: str) -> None:
    assert not matches(stored, PASSWORD)


@given(st.data())
@settings(max_examples=200)
def test_a_verifier_with_one_character_changed_matches_no_more(data: st.DataObject) -> None:
    stored = verifier(PASSWORD)
    position = data.draw(st.integers(0, len(stored) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda char: char != stored[position]))
    changed = stored[:position] + other + stored[position + 1 :]
    assert not matches(changed, PASSWORD)


def test_a_password_is_printable_ascii_and_never_shown() -> None:
    assert require_plain("aZ9 !~", "env:X") == "aZ9 !~"
    for password in ("pass wörd", "tab\there", "line\n"):
        with pytest.raises(EnvironmentFailedError) as raised:
            require_plain(password, "env:X")
        assert password not in str(raised.value)
        assert "env:X" in str(raised.value)
