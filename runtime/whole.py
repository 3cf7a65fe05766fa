"""Bytes -> a file that is whole whenever somebody looks: what was there before, until all of the new one is there.

Rules kept: what could not be written, or not put in its place, leaves nothing behind, and what was there stays;
`durable`: both the file and its name are on the disk once this returns, also after a power cut.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def replace(
    path: Path,
    data: bytes,
    *,
    mode: int = 0o600,
    durable: bool = False,
    scratch: Path | None = None,
    prefix: str | None = None,
) -> None:
    """Put bytes in the place of a file, or where there is none yet; raises OSError.

    `scratch` is the folder in which the file is made, of the same file system, where a process that is killed may leave
    it; the file's own if left out. Its name begins with `prefix`.
    """
    begin = f".{path.name}." if prefix is None else prefix
    descriptor, name = tempfile.mkstemp(dir=scratch or path.parent, prefix=begin)
    made = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(descriptor)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Force a file, or a folder's names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
