"""Whatever is signed verifies; with one bit flipped anywhere it does not."""

from __future__ import annotations

from base64 import b64decode, b64encode

from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.signing import sshsig
from runtime.signing.keys import PrivateKey

ED25519 = PrivateKey.from_seed(bytes(32))
ECDSA = PrivateKey.of(ec.derive_private_key(7, ec.SECP256R1()))
keys = st.sampled_from([ED25519, ECDSA])


@given(key=keys, data=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_a_signature_verifies_over_its_data(key: PrivateKey, data: bytes) -> None:
    assert key.public.verify(key.sign(data), data)
    assert sshsig.verify(sshsig.sign(data, key), data) == key.fingerprint


@given(key=keys, data=st.binary(min_size=1, max_size=100), place=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=120, deadline=None)
def test_a_flipped_bit_of_signature_or_data_is_refused(key: PrivateKey, data: bytes, place: int, bit: int) -> None:
    signature = key.sign(data)
    assert not key.public.verify(_flip(signature, place, bit), data)
    assert not key.public.verify(signature, _flip(data, place, bit))


@given(key=keys, place=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=400, deadline=None)
def test_a_flipped_bit_of_an_ssh_signature_is_refused(key: PrivateKey, place: int, bit: int) -> None:
    lines = sshsig.sign(b"data", key).splitlines()
    blob = _flip(b64decode("".join(lines[1:-1])), place, bit)
    flipped = "\n".join((lines[0], b64encode(blob).decode(), lines[-1]))
    assert sshsig.verify(flipped, b"data") != key.fingerprint


@given(key=keys, place=st.integers(0, 10_000), bit=st.integers(0, 6))
@settings(max_examples=400, deadline=None)
def test_a_flipped_bit_of_the_armour_is_refused(key: PrivateKey, place: int, bit: int) -> None:
    armoured = sshsig.sign(b"data", key).rstrip("\n").encode()
    flipped = _flip(armoured, place, bit).decode("latin-1")
    # white space at the ends of lines is no part of the armour
    if flipped.split() != armoured.decode().split():
        assert sshsig.verify(flipped, b"data") is None


@given(text=st.text(max_size=300))
def test_random_text_is_no_signature_and_no_crash(text: str) -> None:
    assert sshsig.verify(text, b"data") is None
    assert sshsig.verify(f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----", b"data") is None


@given(blob=st.binary(max_size=300))
def test_random_bytes_in_armour_are_no_signature_and_no_crash(blob: bytes) -> None:
    text = b64encode(b"SSHSIG" + blob).decode()
    assert sshsig.verify(f"-----BEGIN SSH SIGNATURE-----\n{text}\n-----END SSH SIGNATURE-----", b"data") is None


def _flip(data: bytes, place: int, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[place % len(data)] ^= 1 << bit
    return bytes(flipped)
