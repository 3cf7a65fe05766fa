"""What a running agent shows: alive, ready, how things stand, and numbers. Fed by the loop, read by the HTTP server.

No I/O. Rules kept: alive means that the loop gets somewhere: that a turn has ended, a step of one was passed, or a
piece of something long is done, or that it may still be waiting for the next turn; ready, that its last turn went well;
how things stand is what the ledger said when it was last read, whatever became of the turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, generate_latest

from runtime.agent.loop import BusyError, Outcome
from runtime.agent.metrics import Metrics
from runtime.agent.status import Status
from runtime.contract.errors import ConductorError
from runtime.ledger.append import Writer

STALLED_AFTER = 900.0
"""Seconds without any news, beside those between two turns, after which the loop is taken to hang: longer than any time
limit, and what has none (an archive) is done piece by piece."""


@dataclass
class Health:
    """The state. `now` is a monotonic clock, `wall` the time of day in seconds since 1970."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    problem: str | None = "the first turn of the loop has not ended yet"
    status: Status | None = None

    def __post_init__(self) -> None:
        self._moved = self.now()
        self._interval = 0.0
        self._metrics = Metrics(self.registry, lambda: self.status)

    def begun(self, writer: Writer, interval: float) -> None:
        """The agent has started, and waits so many seconds between two turns."""
        self._interval = interval
        self.moved()
        self._metrics.begun(writer)

    def moved(self) -> None:
        """The loop has got somewhere: a step, or a piece of a long one."""
        self._moved = self.now()

    def stands(self, status: Status) -> None:
        """The ledger was read, whatever becomes of the turn."""
        self.status = status

    def turned(self, outcome: Outcome, seconds: float) -> None:
        """A turn has ended."""
        self.moved()
        troubles = [*outcome.problems, *outcome.away, *outcome.releases]
        if outcome.failed:
            troubles.append("an action failed")
        self.problem = "; ".join(troubles) or None
        self._metrics.wrote(outcome)
        self._metrics.turned("troubled" if troubles else "good", seconds, self.wall())

    def failed(self, error: ConductorError, seconds: float) -> None:
        """A turn ended early."""
        self.moved()
        self.problem = error.message
        self._metrics.turned("busy" if isinstance(error, BusyError) else "failed", seconds, self.wall())

    @property
    def alive(self) -> bool:
        """Whether the loop turns."""
        return self.now() - self._moved < STALLED_AFTER + self._interval

    def metrics(self) -> bytes:
        """The numbers in Prometheus' text format."""
        return generate_latest(self.registry)
