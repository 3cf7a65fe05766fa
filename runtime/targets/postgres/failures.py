"""psycopg's errors -> Retryable or Terminal, in words without secrets.

Rules kept: of a server's message only the primary line is shown; the statement, which may hold a verifier, never is.
What a server says can hold names that a tenant chose: each message is one printable line of bounded length.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from runtime.contract.printable import line
from runtime.targets.interface import RetryableError, TerminalError

LONGEST = 500
"""Characters of what the server says."""

_LATER = {
    "40001": "a concurrent change got in the way",
    "40P01": "a deadlock was broken",
    "55P03": "an object is locked by somebody else",
    "57014": "a statement took longer than its time limit",
    "53300": "the server has no connection left",
    "57P03": "the server is starting up or shutting down",
    "55006": "an object is in use",
}
_TUPLE_CONCURRENTLY_UPDATED = "XX000"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise RetryableError or TerminalError for what psycopg raises inside."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(what, error) from None


def translate(what: str, error: psycopg.Error) -> RetryableError | TerminalError:
    """Choose: what may pass by itself, and what needs a person."""
    state = error.sqlstate or ""
    said = line(error.diag.message_primary or "the connection was lost", LONGEST)
    if state in _LATER:
        return RetryableError(f"{what}: {_LATER[state]} ({state}: {said})")
    if state == _TUPLE_CONCURRENTLY_UPDATED and "concurrently" in said:
        return RetryableError(f"{what}: a concurrent change got in the way ({said})", after=1)
    if state[:2] in ("08", "57") or (not state and isinstance(error, psycopg.OperationalError)):
        return RetryableError(f"{what}: {said}")
    detail = error.diag.message_detail
    return TerminalError(
        f"{what}: {said} ({state})" + (f": {line(detail, LONGEST)}" if detail else ""),
        help=line(error.diag.message_hint, LONGEST) if error.diag.message_hint else None,
    )


def unreachable(where: str, error: psycopg.Error) -> RetryableError | TerminalError:
    """A connection that did not come about: libpq's words, which hold no password, on one line."""
    words = line(" ".join(str(error).split()), LONGEST)
    if "authentication failed" in words or "no password supplied" in words:
        return TerminalError(
            f"{where} refuses the credential of its DSN", help="correct the value of the DSN reference"
        )
    if "does not exist" in words:
        return TerminalError(
            f"{where}: {words}", help="correct the value of the DSN reference, or create what is missing"
        )
    if "too many clients" in words or "connection slots are reserved" in words:
        return RetryableError(
            f"{where} has no connection left: {words}",
            help="set reserved_connections, and let the agent's role be a member of pg_use_reserved_connections",
        )
    return RetryableError(f"{where} is away: {words}")
