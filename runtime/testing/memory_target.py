"""A target and a control database in memory, with the real ones' interfaces and refusals.

Tests alter `world` by hand (that is drift), put foreign objects into it, and let an action fail; nothing here is a
mock: what is performed is what is observed, marks are kept, and a newer mark is refused. The same contract tests run
against this and against PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError
from runtime.contract.objects import ENDS, FOREIGN, Action, ObjectId, Operation
from runtime.ledger.head import Head
from runtime.targets.interface import RetryableError, TerminalError


@dataclass
class MemoryObject:
    """An object that exists; `mark` is the intent that wrote it, None if it is somebody else's."""

    attributes: Mapping[str, JSON]
    mark: int | None


@dataclass
class MemorySystem:
    """What outlives a connection: the running system itself. `failures` are raised one by one, an action each."""

    identity: str = "memory/1"
    world: dict[ObjectId, MemoryObject] = field(default_factory=dict)
    failures: list[ConductorError | None] = field(default_factory=list)
    done: list[tuple[int, Action]] = field(default_factory=list)
    """Every action that was performed, with its intent: the system's own log."""
    away: bool = False


class MemoryTarget:
    """A target on a system in memory."""

    def __init__(self, name: str, system: MemorySystem, *, expected: str | None = None) -> None:
        self.name = name
        self.system = system
        self._expected = expected

    def __enter__(self) -> Self:
        """Connect."""
        if self.system.away:
            raise RetryableError(f"target {self.name} is away")
        if self._expected is not None and self._expected != self.system.identity:
            raise TerminalError(
                f"target {self.name} is the system {self._expected}, and what answers there is {self.system.identity}"
            )
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is held."""

    def identity(self) -> str:
        """The system's."""
        return self.system.identity

    def observe(
        self, ids: Iterable[ObjectId], adopt: Mapping[ObjectId, Mapping[str, JSON]] | None = None
    ) -> Mapping[ObjectId, Mapping[str, JSON]]:
        """See `Target.observe`. An attribute `admin` is what nobody may adopt."""
        named = set(ids)
        return {
            key: dict(item.attributes) if item.mark is not None else _foreign(item, adopted=key in (adopt or {}))
            for key, item in self.system.world.items()
            if key.target == self.name and (key in named or (item.mark is not None and key.type not in ENDS))
        }

    def perform(self, action: Action, *, intent: int) -> Mapping[str, JSON]:
        """See `Target.perform`."""
        if self.system.away:
            raise RetryableError(f"target {self.name} is away")
        failure = self.system.failures.pop(0) if self.system.failures else None
        if failure is not None:
            raise failure
        there = self.system.world.get(action.id)
        adopting = action.operation is Operation.ADOPT
        if there is not None and there.mark is None and not (adopting and "admin" not in there.attributes):
            raise TerminalError(f"{action.id} exists and Conductor did not make it")
        if there is not None and there.mark is not None and there.mark > intent:
            raise TerminalError(f"{action.id} was written by intent {there.mark}, which is newer than {intent}")
        if action.after is None:
            self.system.world.pop(action.id, None)
        else:
            self.system.world[action.id] = MemoryObject(dict(action.after), intent)
        self.system.done.append((intent, action))
        return {"performed": action.operation.value}


def _foreign(item: MemoryObject, *, adopted: bool) -> Mapping[str, JSON]:
    if not adopted:
        return FOREIGN
    if "admin" in item.attributes:
        return {**FOREIGN, "refused": ["it is an admin's"]}
    return {**FOREIGN, "found": dict(item.attributes)}


@dataclass
class MemoryDatabase:
    """What outlives a session of the control database."""

    holder: MemoryControl | None = None
    heads: dict[str, Head] = field(default_factory=dict)
    away: bool = False


class MemoryControl:
    """One session in a control database in memory."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database

    def __enter__(self) -> Self:
        """Connect."""
        if self.database.away:
            raise RetryableError("the control database is away")
        return self

    def __exit__(self, *exc: object) -> None:
        """The lock ends with the session."""
        if self.held():
            self.database.holder = None

    def lock(self, repository: str) -> bool:
        """One lock, whatever the repository: a test has one."""
        del repository
        if self.database.holder is None:
            self.database.holder = self
        return self.held()

    def held(self) -> bool:
        """Whether this session holds it."""
        return self.database.holder is self

    def head(self, repository: str) -> Head | None:
        """The ledger's head as last recorded."""
        return self.database.heads.get(repository)

    def record(self, repository: str, head: Head) -> None:
        """Record the ledger's head; it never goes back."""
        known = self.database.heads.get(repository)
        same = known is not None and (known.sequence, known.digest) == (head.sequence, head.digest)
        if known is not None and not same and known.sequence >= head.sequence:
            raise TerminalError(f"the ledger's head is further than entry {head.sequence}, or another entry")
        self.database.heads[repository] = head
