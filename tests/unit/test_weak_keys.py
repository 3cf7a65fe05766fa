"""Ed25519 keys that are nobody's: points on which a constant verifies as a signature of everything."""

from __future__ import annotations

import struct
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from runtime.contract.errors import FormatError
from runtime.signing.keys import PublicKey
from runtime.signing.weak_keys import SMALL, P

D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def point(y: int) -> tuple[int, int]:
    """A point of the curve -x² + y² = 1 + d x² y² (RFC 8032, section 5.1)."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    assert x * x % P == square
    return x, y


def doubled(at: tuple[int, int]) -> tuple[int, int]:
    x, y = at
    product = D * x * x * y * y % P
    return 2 * x * y * pow(1 + product, -1, P) % P, (y * y + x * x) * pow(1 - product, -1, P) % P


def line(kind: str, raw: bytes) -> str:
    parts = [kind.encode(), raw, *([b"ssh:"] if kind.startswith("sk-") else [])]
    return f"{kind} {b64encode(b''.join(struct.pack('>I', len(part)) + part for part in parts)).decode()}"


def encodings() -> list[bytes]:
    found = [y for small in SMALL for y in (small, small + P) if y < 2**255]
    return [(y | sign << 255).to_bytes(32, "little") for y in found for sign in (0, 1)]


def test_those_refused_are_the_points_whose_order_divides_eight() -> None:
    for y in SMALL:
        assert doubled(doubled(doubled(point(y)))) == (0, 1)


def test_on_such_a_point_a_constant_signs_everything() -> None:
    Ed25519PublicKey.from_public_bytes(b"\1" + bytes(31)).verify(b"\1" + bytes(63), b"whatever")


@pytest.mark.parametrize("kind", ["ssh-ed25519", "sk-ssh-ed25519@openssh.com"])
def test_no_encoding_of_them_is_a_key(kind: str) -> None:
    for raw in encodings():
        with pytest.raises(FormatError, match="small order"):
            PublicKey.parse(line(kind, raw))


def test_a_coordinate_beyond_the_field_is_no_key() -> None:
    with pytest.raises(FormatError, match="small order"):
        PublicKey.parse(line("ssh-ed25519", (P + 5).to_bytes(32, "little")))
