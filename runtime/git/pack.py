"""Objects -> a pack of whole objects, for `git unpack-objects`: so plain git writes what was built in memory.

Format: git's gitformat-pack(5), section "pack-*.pack files have the following format"; no deltas.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence

_TYPES = {"commit": 1, "tree": 2, "blob": 3}


def encode_pack(objects: Sequence[tuple[str, bytes]], algorithm: str = "sha1") -> bytes:
    """Write a pack of objects (kind, content)."""
    parts = [b"PACK" + struct.pack(">II", 2, len(objects))]
    for kind, data in objects:
        parts.extend((_header(_TYPES[kind], len(data)), zlib.compress(data)))
    body = b"".join(parts)
    return body + hashlib.new(algorithm, body, usedforsecurity=False).digest()


def _header(kind: int, size: int) -> bytes:
    head = bytearray()
    byte, size = (kind << 4) | (size & 15), size >> 4
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head)
