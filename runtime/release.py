"""The release of this installation: its version, and the digest of its code.

Every ledger entry names both (plan, section 9), so that whoever reads the ledger knows which code wrote it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

VERSION = "0.1.0"


@cache
def code_sha256() -> str:
    """SHA-256 (hex) over path and content of every source file of `runtime` and `compiler`, sorted."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for package in ("compiler", "runtime"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
