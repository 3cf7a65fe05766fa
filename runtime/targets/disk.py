"""What targets need of a file system: names and bytes that are there after a power cut, and errors in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.targets.interface import RetryableError


def sync(path: Path) -> None:
    """Force a file, or a folder's names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk(what: str) -> Iterator[None]:
    """Raise RetryableError for what the file system refuses: full or read-only may pass, the rest is for a person."""
    try:
        yield
    except OSError as error:
        raise RetryableError(f"{what}: {error.strerror or error}", after=30) from None
