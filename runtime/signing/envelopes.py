"""Statement x PrivateKey -> Envelope; Envelope x public line -> whether that key made it.

DSSE (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md): the signature is over the PAE of the payload,
so a signed approval can never be replayed as another type of message.

Rules kept: what would not be read is not signed; `keyid` is a hint that must be the fingerprint of the very key that
verifies; who a key belongs to is the caller's question; of an ECDSA signature one form counts, so that nobody makes a
twin of an envelope without its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runtime.contract.envelope import MAX_PAYLOAD, Envelope, pae
from runtime.contract.errors import FormatError
from runtime.contract.statement import Statement, encode_statement
from runtime.signing.keys import PrivateKey, PublicKey

_HELD: set[str] = set()


def sign(statement: Statement, key: PrivateKey) -> Envelope:
    """Sign a statement; raises FormatError for one that nobody would read."""
    return sign_payload(encode_statement(statement), key, type(statement.predicate).__name__.lower())


def sign_payload(payload: bytes, key: PrivateKey, what: str) -> Envelope:
    """Sign the bytes of a statement, called `what`; raises FormatError as `sign` does."""
    if len(payload) > MAX_PAYLOAD:
        raise FormatError(
            f"a {what} of {len(payload)} bytes is not signed: at most {MAX_PAYLOAD} are read",
            help="make what it is about in several steps",
        )
    return Envelope(payload, key.sign(pae(payload)), key.fingerprint)


def verify(envelope: Envelope, public_line: str) -> bool:
    """Whether the envelope is signed by the key of this line, and names that key; raises FormatError for no line."""
    key = PublicKey.parse(public_line)
    if envelope.keyid != key.fingerprint:
        return False
    return envelope.digest in _HELD or key.verify(envelope.signature, pae(envelope.payload), one=True)


def hold(digests: Iterable[str]) -> None:
    """Note files (SHA-256) whose signature, by the key that they name, `verify` has found to hold in a child of ours.

    A file's bytes fix its payload, signature and key, and a fingerprint fixes the key: the answer can be no other.
    """
    _HELD.update(digests)


def verified_by(envelope: Envelope, public_keys: Mapping[str, str]) -> str | None:
    """Return the fingerprint of that one of `public_keys` (fingerprint -> line) that made the envelope, or None."""
    line = public_keys.get(envelope.keyid)
    return envelope.keyid if line is not None and verify(envelope, line) else None
