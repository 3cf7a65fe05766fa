"""What a target is to the agent (plan, section 8): small, and the same for every system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, Self

from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError
from runtime.contract.objects import Action, ObjectId


class RetryableError(ConductorError):
    """It may work later: a server that is away, a lock that is held. `after` is in seconds."""

    exit_code = 3

    def __init__(self, message: str, *, after: float = 5.0, help: str | None = None) -> None:  # noqa: A002 -- see base
        super().__init__(message, help=help)
        self.after = after


class TerminalError(ConductorError):
    """It will not work until a person changes something: a foreign object, a wrong identity, a newer mark."""


def still() -> None:
    """Pass a piece of what takes long: nobody waits for news of it."""


class Target(Protocol):
    """A running system. Use as a context manager; `identity` is what the system itself says it is."""

    name: str

    def __enter__(self) -> Self:
        """Connect; raises RetryableError when it is away, TerminalError when it may not be used."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Let go of the connection."""
        ...

    def identity(self) -> str:
        """PostgreSQL's system identifier and database, Kafka's cluster id, ...: compared with the declared one."""
        ...

    def observe(
        self, ids: Iterable[ObjectId], adopt: Mapping[ObjectId, Mapping[str, JSON]] | None = None
    ) -> Mapping[ObjectId, Mapping[str, JSON]]:
        """Attributes of those of the named objects that exist and are ours, and of those of ours that nobody named.

        Never changes anything. An object that exists without our mark is returned with `{"foreign": true}`. `adopt` are
        those of the named objects that may become ours, with what is wanted of them: one that exists without our mark
        has `found`, too: what it would be observed as if it were ours; or `refused`: why it must not become ours.
        """
        ...

    def perform(self, action: Action, *, intent: int) -> Mapping[str, JSON]:
        """Do one action, idempotently, within the time limit; returns measured facts (proofs), JSON without secrets.

        Only an action that says `adopt` may act upon an object without our mark: it marks it, and then makes it so.

        `intent` is the sequence number of the intent in force: the object's mark carries it, and an object whose mark
        is newer is refused (TerminalError), atomically with the change where the system can.
        """
        ...
