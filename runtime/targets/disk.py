"""What a file system refuses -> an error in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.targets.interface import RetryableError


@contextmanager
def disk(what: str) -> Iterator[None]:
    """Raise RetryableError for what the file system refuses: full or read-only may pass, the rest is for a person."""
    try:
        yield
    except OSError as error:
        raise RetryableError(f"{what}: {error.strerror or error}", after=30) from None
