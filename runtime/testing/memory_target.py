"""Running systems in memory, with the interface of the real ones: what a target holds, who may act, who owns what.

`MemorySystem` is the system itself: tests put drift into it, make it away, or let actions fail. It outlives the
`MemoryTarget`s that connect to it, as `MemoryDatabase` outlives its `MemoryControl` sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from runtime.agent.diff import FOREIGN
from runtime.agent.head import Head
from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.targets.config import TargetConfig
from runtime.targets.interface import RetryableError, TerminalError


@dataclass
class MemorySystem:
    """`objects` are ours, with the intent that wrote each last (`marks`); `foreign` are somebody else's. `done` is the
    system's own log. `failures`: what the next action on an object raises instead of being done."""

    identity: str = "1/main"
    objects: dict[ObjectId, dict[str, JSON]] = field(default_factory=dict)
    marks: dict[ObjectId, int] = field(default_factory=dict)
    foreign: set[ObjectId] = field(default_factory=set)
    done: list[tuple[Operation, ObjectId, int]] = field(default_factory=list)
    failures: dict[ObjectId, ConductorError] = field(default_factory=dict)
    away: bool = False


@dataclass
class MemoryTarget:
    """A connection to a system."""

    config: TargetConfig
    system: MemorySystem
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.config.name

    def __enter__(self) -> Self:
        if self.system.away:
            raise RetryableError(f"{self.name} is away")
        if self.system.identity != self.config.identity:
            raise TerminalError(f"{self.name} is {self.system.identity}, and {self.config.identity} is declared")
        return self

    def __exit__(self, *exc: object) -> None:
        """Hold nothing."""

    def identity(self) -> str:
        """What the system says it is."""
        return self.system.identity

    def observe(self, ids: Iterable[ObjectId]) -> Mapping[ObjectId, Mapping[str, JSON]]:
        """Look."""
        found: dict[ObjectId, Mapping[str, JSON]] = dict(self.system.objects)
        found.update((item, FOREIGN) for item in ids if item in self.system.foreign)
        return found

    def perform(self, action: Action, *, intent: int) -> Mapping[str, JSON]:
        """Do."""
        system = self.system
        if action.id in system.failures:
            raise system.failures[action.id]
        if action.id in system.foreign:
            raise TerminalError(f"{action.id} exists and Conductor did not make it")
        if system.marks.get(action.id, 0) > intent:
            raise TerminalError(f"{action.id} was written by intent {system.marks[action.id]}, which is newer")
        if action.after is None:
            system.objects.pop(action.id, None)
        else:
            system.objects[action.id] = dict(action.after)
        system.marks[action.id] = intent
        system.done.append((action.operation, action.id, intent))
        return {"system": system.identity}


@dataclass
class MemoryDatabase:
    """The control database: who holds which lock, and the heads."""

    holders: dict[str, MemoryControl] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)


@dataclass
class MemoryControl:
    """A session with the control database."""

    database: MemoryDatabase

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """End the session: its locks go."""
        holders = self.database.holders
        for repository in [name for name, holder in holders.items() if holder is self]:
            del holders[repository]

    def lock(self, repository: str) -> bool:
        """Take the lock if it is free."""
        return self.database.holders.setdefault(repository, self) is self

    def held(self) -> bool:
        """Whether this session holds a lock."""
        return any(holder is self for holder in self.database.holders.values())

    def head(self, repository: str) -> Head | None:
        """The head as recorded."""
        return self.database.heads.get(repository)

    def record(self, repository: str, head: Head) -> None:
        """Record it."""
        self.database.heads[repository] = head
