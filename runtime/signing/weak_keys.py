"""Raw Ed25519 public key -> refused if it is nobody's.

On a point of small order a signature that is a constant verifies for every message: anybody signs with such a key, and
anybody proves to have it. OpenSSL accepts them. Encoding: RFC 8032, section 5.1.3; on the cofactor: section 8.4.
Rules kept: a y-coordinate of 2^255-19 or more has no canonical encoding and is refused as well.
"""

from __future__ import annotations

from runtime.contract.errors import FormatError

P = 2**255 - 19
_EIGHTH = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
SMALL = frozenset({0, 1, P - 1, _EIGHTH, P - _EIGHTH})
"""The y-coordinates of the eight points whose order divides 8."""


def refuse_weak(key: bytes) -> None:
    """Raise FormatError for 32 bytes that are no key of somebody."""
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)  # the highest bit is the sign of x
    if y >= P or y in SMALL:
        raise FormatError(
            "the public key is a point of small order: anybody could sign with it",
            help="have its owner make a new key: ssh-keygen -t ed25519",
        )
