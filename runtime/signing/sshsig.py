"""Bytes x PrivateKey -> armoured SSHSIG -> fingerprint of the key that made it.

The format of `ssh-keygen -Y sign` and of git's `gpg.format=ssh`: OpenSSH's PROTOCOL.sshsig
(https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig), sections "Armored format", "Blob format" and
"Signed Data, of which the signature goes into the blob above". No maintained Python library writes it, and what reads
it knows Ed25519 only, so the lines are here; tests hold them against the real ssh-keygen and git. A hardware key's
signature has flags and a counter behind it (PROTOCOL.u2f, "SSH U2F signatures").

Rules kept: SHA-512 only when signing, SHA-256 and SHA-512 when verifying; the namespace must be the asked one; nothing
may follow the blob; an embedded key proves nothing by itself: the caller compares the fingerprint with a known one.
"""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from hashlib import sha256, sha512

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from runtime.contract.errors import FormatError
from runtime.signing.keys import ECDSA_P256, KINDS, SK_ED25519, SK_TAIL, PrivateKey, PublicKey

GIT = "git"
"""The namespace of git's commit and tag signatures."""

_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN, _END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
_HASHES = {b"sha512": sha512, b"sha256": sha256}
_MAX_TEXT = 8192


def sign(data: bytes, key: PrivateKey, *, namespace: str = GIT) -> str:
    """Return the armoured signature over `data`, ending in a line feed."""
    digest = sha512(data).digest()
    raw = key.sign(_signed_data(namespace.encode(), b"sha512", digest))
    blob = (
        _MAGIC
        + struct.pack(">I", _VERSION)
        + _string(key.public.blob)
        + _string(namespace.encode())
        + _string(b"")
        + _string(b"sha512")
        + _string(to_wire(key.public, raw))
    )
    text = b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join((_BEGIN, *lines, _END, ""))


def sign_commit(key: PrivateKey) -> Callable[[bytes], str]:
    """Return what `Git.write` takes as `sign`: commit bytes -> armoured SSHSIG."""
    return lambda data: sign(data, key, namespace=GIT)


def verify(armoured: str, data: bytes, *, namespace: str = GIT) -> str | None:
    """Return the fingerprint of the embedded key if its signature over `data` holds, else None."""
    try:
        key, signature, signed = _read(armoured, data, namespace.encode())
        raw = from_wire(key, signature)
    except (FormatError, struct.error):
        return None
    return key.fingerprint if key.verify(raw, signed) else None


def to_wire(key: PublicKey, raw: bytes) -> bytes:
    """Return a signature of this key in SSH's wire format: its type, itself, and what a hardware key says with it."""
    kind = _string(key.algorithm.encode())
    if key.algorithm == SK_ED25519:
        return kind + _string(raw[:-SK_TAIL]) + raw[-SK_TAIL:]
    return kind + _string(_ecdsa_to_ssh(raw) if key.algorithm == ECDSA_P256 else raw)


def from_wire(key: PublicKey, signature: bytes) -> bytes:
    """Return it as `PublicKey.verify` reads it; raises FormatError for anything that `to_wire` does not write."""
    reader = _Reader(signature)
    algorithm, body = reader.string(), reader.string()
    if algorithm != key.algorithm.encode():
        raise FormatError("the signature is not of the kind of its key")
    tail = reader.take(SK_TAIL) if key.algorithm == SK_ED25519 else b""
    reader.finish()
    return _ecdsa_from_ssh(body) if key.algorithm == ECDSA_P256 else body + tail


def _read(armoured: str, data: bytes, namespace: bytes) -> tuple[PublicKey, bytes, bytes]:
    reader = _Reader(_dearmour(armoured))
    if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != _VERSION:
        raise FormatError("no SSHSIG of version 1")
    public, named, reserved, hash_name = reader.string(), reader.string(), reader.string(), reader.string()
    signature = reader.string()
    reader.finish()
    if named != namespace or reserved or hash_name not in _HASHES:
        raise FormatError("the SSHSIG is for another purpose, or uses an unknown hash")
    name = _Reader(public).string()
    if name not in {kind.encode() for kind in KINDS}:
        raise FormatError("the SSHSIG is by a key of another kind")
    key = PublicKey.parse(f"{name.decode()} {b64encode(public).decode()}")
    return key, signature, _signed_data(named, hash_name, _HASHES[hash_name](data).digest())


def _signed_data(namespace: bytes, hash_name: bytes, digest: bytes) -> bytes:
    return _MAGIC + _string(namespace) + _string(b"") + _string(hash_name) + _string(digest)


def _dearmour(text: str) -> bytes:
    lines = text.strip().split("\n")
    if len(text) > _MAX_TEXT or len(lines) < 3 or lines[0].rstrip() != _BEGIN or lines[-1].rstrip() != _END:
        raise FormatError("no armoured SSH signature")
    body = "".join(line.rstrip("\r") for line in lines[1:-1])
    try:
        blob = b64decode(body, validate=True)
    except (Base64Error, ValueError):
        raise FormatError("the armour of the SSH signature holds no base64") from None
    if b64encode(blob).decode() != body:
        raise FormatError("the base64 of the SSH signature is not the one that encodes it")
    return blob


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(value: int) -> bytes:
    # RFC 4251, section 5: two's complement, so a leading zero byte where the highest bit is set
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


def _ecdsa_to_ssh(der: bytes) -> bytes:
    # RFC 5656, section 3.1.2
    r, s = decode_dss_signature(der)
    return _mpint(r) + _mpint(s)


def _ecdsa_from_ssh(body: bytes) -> bytes:
    reader = _Reader(body)
    numbers = reader.string(), reader.string()
    reader.finish()
    r, s = (int.from_bytes(number, "big") for number in numbers)
    if (_mpint(r), _mpint(s)) != tuple(_string(number) for number in numbers):
        raise FormatError("the numbers of the signature are not in their shortest form")
    return encode_dss_signature(r, s)


class _Reader:
    """Reads SSH's wire types (RFC 4251, section 5) from bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise FormatError("the SSH signature is cut off")
        part = self._data[self._at : end]
        self._at = end
        return part

    def number(self) -> int:
        value: int = struct.unpack(">I", self.take(4))[0]
        return value

    def string(self) -> bytes:
        return self.take(self.number())

    def finish(self) -> None:
        if self._at != len(self._data):
            raise FormatError("something follows the SSH signature")
