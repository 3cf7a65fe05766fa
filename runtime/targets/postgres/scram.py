"""Password x SCRAM-SHA-256 verifier -> whether they belong together; the client's half of a login.

RFC 5802 (SCRAM), RFC 7677 (SHA-256), RFC 5803 (the stored form, which PostgreSQL writes
`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`). New verifiers are made by libpq; this module only
compares them and logs in.

Rules kept: a password is printable ASCII, which SASLprep (RFC 4013) leaves as it is, so that what libpq hashed and what
is compared here never differ; what was compared is remembered as long as this process lives, under a key that nobody
else has, and without the passwords.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from secrets import token_bytes

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from runtime.contract.errors import EnvironmentFailedError

METHOD = "SCRAM-SHA-256"
MAX_ITERATIONS = 1_000_000
"""More is an attack on the client (RFC 7677, section 4, speaks of at least 4096)."""


def require_plain(password: str, reference: str) -> str:
    """Return the password; raises EnvironmentFailedError, without it, if it is not printable ASCII."""
    if not password.isascii() or not password.isprintable():
        raise EnvironmentFailedError(
            f"the password that {reference} holds has characters beyond printable ASCII",
            help="choose one of letters, digits and punctuation",
        )
    return password


class Comparing:
    """Stored verifier, password -> whether they belong together. Slow on purpose, so answers are remembered: by a
    digest with a key of this process, at most so many of them."""

    def __init__(self, key: bytes, *, most: int = 16_384) -> None:
        self._key = key
        self._most = most
        self._known: dict[bytes, bool] = {}

    def __call__(self, verifier: str, password: str) -> bool:
        """Compare, or remember; from any thread."""
        asked = hashlib.blake2b(f"{verifier}\0{password}".encode(), key=self._key, digest_size=32).digest()
        answer = self._known.get(asked)
        if answer is None:
            answer = _matches(verifier, password)
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[asked] = answer
        return answer


matches = Comparing(token_bytes(32))
"""One memory for the whole process: each turn opens its targets anew."""


def _matches(verifier: str, password: str) -> bool:
    try:
        method, cost, _ = verifier.split("$")
        iterations, salt = cost.split(":")
        if method != METHOD or not 0 < int(iterations) <= MAX_ITERATIONS:
            return False
        made = _verifier(password, b64decode(salt, validate=True), int(iterations))
        return hmac.compare_digest(made.encode(), verifier.encode())
    except (ValueError, Base64Error):
        return False


def _verifier(password: str, salt: bytes, iterations: int) -> str:
    """The one way a verifier is written."""
    keys = _Keys.of(password, salt, iterations)
    shown = [b64encode(part).decode() for part in (salt, keys.stored, keys.server)]
    return f"{METHOD}${iterations}:{shown[0]}${shown[1]}:{shown[2]}"


@dataclass(frozen=True)
class _Keys:
    client: bytes
    stored: bytes
    server: bytes

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int) -> _Keys:
        # OpenSSL's as cryptography brings it: in little more than half the time of the one that Python was built with
        salted = PBKDF2HMAC(SHA256(), 32, salt, iterations).derive(password.encode())
        client = _hmac(salted, b"Client Key")
        return cls(client, hashlib.sha256(client).digest(), _hmac(salted, b"Server Key"))


class ProtocolError(Exception):
    """The server's half is not SCRAM-SHA-256 as it is written."""


class Client:
    """One login's messages, in order: `first`, `final(server_first)`, `verify(server_final)`."""

    def __init__(self, password: str, nonce: str) -> None:
        self._password = password
        self._nonce = nonce
        self._first = f"n=,r={nonce}"  # PostgreSQL takes the name from the startup message
        self._expected = b""

    @property
    def first(self) -> bytes:
        """client-first-message, without channel binding."""
        return f"n,,{self._first}".encode()

    def final(self, server_first: bytes) -> bytes:
        """client-final-message; raises ProtocolError."""
        try:
            fields = dict(part.split("=", 1) for part in server_first.decode("ascii").split(","))
            nonce, salt, iterations = fields["r"], b64decode(fields["s"], validate=True), int(fields["i"])
        except (ValueError, KeyError) as error:
            raise ProtocolError("server-first-message cannot be read") from error
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not 0 < iterations <= MAX_ITERATIONS:
            raise ProtocolError("server-first-message has not our nonce, or too many iterations")
        keys = _Keys.of(self._password, salt, iterations)
        without_proof = f"c=biws,r={nonce}"
        signed = f"{self._first},{server_first.decode('ascii')},{without_proof}".encode()
        signature = _hmac(keys.stored, signed)
        proof = bytes(one ^ other for one, other in zip(keys.client, signature, strict=True))
        self._expected = _hmac(keys.server, signed)
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, server_final: bytes) -> None:
        """Check that the server knows the verifier too; raises ProtocolError."""
        if not hmac.compare_digest(server_final, b"v=" + b64encode(self._expected)):
            raise ProtocolError("the server could not prove that it knows the password's verifier")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
