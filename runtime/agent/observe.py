"""Declared targets -> opened targets -> what is there. Never changes anything.

Rules kept: a target says who it is before it is asked anything, and one with another identity stops everything; one
that is away stops what needs it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from runtime.agent.diff import Attributes
from runtime.agent.state import Goal
from runtime.agent.world import World
from runtime.contract.objects import Object, ObjectId
from runtime.targets.interface import RetryableError, Target


@dataclass(frozen=True)
class Opened:
    """The targets that answered, and why the others did not."""

    targets: Mapping[str, Target]
    away: Mapping[str, RetryableError]

    def observe(
        self, objects: Mapping[ObjectId, Object], adopt: Mapping[ObjectId, Attributes] | None = None
    ) -> dict[ObjectId, Attributes]:
        """Attributes of what is there of these objects, and of ours that nobody named: on the targets that answered."""
        seen: dict[ObjectId, Attributes] = {}
        for name, target in self.targets.items():
            seen.update(target.observe([found for found in objects if found.target == name], adopt))
        return seen

    def within(self, objects: Mapping[ObjectId, Object]) -> list[Object]:
        """Those of the objects whose target answered."""
        return [item for item in objects.values() if item.id.target in self.targets]

    def needs(self, ids: Iterable[ObjectId]) -> None:
        """Raise the RetryableError of the first target that is away and that one of these objects is on."""
        for found in sorted(ids):
            if found.target in self.away:
                raise self.away[found.target]


@contextmanager
def opened(world: World, goal: Goal) -> Iterator[Opened]:
    """Open every declared target; raises TerminalError for one that may not be used."""
    targets: dict[str, Target] = {}
    away: dict[str, RetryableError] = {}
    with ExitStack() as stack:
        for name, config in sorted(goal.desired.targets.items()):
            target = world.target(config, repository=goal.repository, files=goal.files, anyone=False)
            try:
                targets[name] = stack.enter_context(target)
            except RetryableError as error:
                away[name] = error
        yield Opened(targets, away)
