"""A seed -> a key that signs as a FIDO authenticator does for OpenSSH, in software.

Follows OpenSSH's PROTOCOL.u2f to the byte ("SSH U2F Key formats", "SSH U2F signatures"), which tests show by giving its
signatures to the real ssh-keygen. Proves nothing about whoever uses it: the private half is in memory.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from runtime.signing.keys import SK_ED25519, PrivateKey, PublicKey

TOUCHED, VERIFIED = 0x01, 0x04
"""Flags: somebody was there; and said who they are."""


@dataclass
class Authenticator:
    """What signs: `flags` are what it says of the touch, `counter` counts signatures."""

    seed: bytes
    application: bytes = b"ssh:"
    flags: int = TOUCHED
    counter: int = 0

    @property
    def public(self) -> PublicKey:
        """The public half."""
        raw = self._secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        blob = b"".join(struct.pack(">I", len(part)) + part for part in (SK_ED25519.encode(), raw, self.application))
        return PublicKey.parse(f"{SK_ED25519} {b64encode(blob).decode()}")

    @property
    def key(self) -> PrivateKey:
        """It, to be used like any other key."""
        return PrivateKey(self.public, self)

    def sign(self, data: bytes) -> bytes:
        """Sign: 64 bytes of Ed25519, the flags, the counter."""
        self.counter += 1
        tail = struct.pack(">BI", self.flags, self.counter)
        return self._secret.sign(sha256(self.application).digest() + tail + sha256(data).digest()) + tail

    @property
    def _secret(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)
