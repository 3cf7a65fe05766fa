"""One base for everything Conductor raises: the message says what is wrong, `help` says what to do about it.

Libraries raise, the command line prints (after sigstore-python's `errors.py`). `exit_code` is what the command line
ends with: 1 findings or failed verification, 2 wrong usage, 3 the environment failed, and what nobody
foresaw.
"""

from __future__ import annotations

import traceback
from pathlib import Path


class ConductorError(Exception):
    """Something a person can understand and act on; never a stack trace."""

    exit_code = 1

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 -- the word the reader sees
        super().__init__(message)
        self.message = message
        self.help = help


class UsageError(ConductorError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class EnvironmentFailedError(ConductorError):
    """A server, a tool, a file or the installation is not what the command needs."""

    exit_code = 3


class FormatError(ConductorError):
    """Bytes from outside are not what their format says: refused before anything looks at their content."""


MISTAKE = "a mistake in Conductor, not in your files"


def unforeseen(error: BaseException) -> str:
    """What may be told of an error that nobody foresaw: its type and place. Its words may be anybody's, or a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
