"""What a running agent shows: alive, ready, and numbers. Fed by the loop, read by the HTTP server; no I/O.

Rules kept: alive means that the loop turns (or may still be in one), ready that its last turn went well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from runtime.agent.loop import Outcome
from runtime.contract.errors import ConductorError
from runtime.contract.predicates import Drift, Intent, Result

STALLED_AFTER = 900.0
"""Seconds without the end of a turn after which the loop is taken to hang: longer than any action's time limit."""


@dataclass
class Health:
    """The state. `now` is a monotonic clock."""

    now: Callable[[], float] = time.monotonic
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    problem: str | None = "the first turn of the loop has not ended yet"

    def __post_init__(self) -> None:
        registry = self.registry
        self._turned = self.now()
        self._turns = Counter("conductor_agent_turns", "Turns of the loop.", ["outcome"], registry=registry)
        self._seconds = Histogram("conductor_agent_turn_seconds", "How long a turn took.", registry=registry)
        self._entries = Counter("conductor_agent_entries", "Entries written.", ["kind"], registry=registry)
        self._actions = Counter(
            "conductor_agent_actions", "Actions by outcome.", ["target", "operation", "outcome"], registry=registry
        )
        self._drift = Counter("conductor_agent_drift", "Objects found drifted.", ["response"], registry=registry)
        self._sequence = Gauge("conductor_ledger_sequence", "Number of the ledger's last entry.", registry=registry)
        self._pending = Gauge("conductor_pending_changes", "Merged changes not taken.", registry=registry)
        self._away = Gauge("conductor_targets_away", "Targets that do not answer.", registry=registry)

    def seen(self, sequence: int) -> None:
        """The ledger was read, whatever becomes of the turn."""
        self._sequence.set(sequence)

    def turned(self, outcome: Outcome, seconds: float) -> None:
        """A turn has ended."""
        self._turned = self.now()
        troubles = [*outcome.problems, *outcome.away, *outcome.releases]
        if outcome.failed:
            troubles.append("an action failed")
        self.problem = "; ".join(troubles) or None
        self._turns.labels("troubled" if troubles else "good").inc()
        self._seconds.observe(seconds)
        self._pending.set(outcome.pending)
        self._away.set(len(outcome.away))
        self._sequence.set(outcome.sequence)
        intent: Intent | None = None
        for entry in outcome.entries:
            predicate = entry.statement.predicate
            self._entries.labels(type(predicate).__name__.lower()).inc()
            match predicate:
                case Intent():
                    intent = predicate
                case Drift():
                    self._drift.labels(predicate.response).inc(len(predicate.actions))
                case Result() if intent is not None:
                    for action, result in zip(intent.actions, predicate.outcomes, strict=True):
                        self._actions.labels(action.target, action.operation, result.outcome).inc()
                case _:
                    pass

    def failed(self, error: ConductorError, seconds: float) -> None:
        """A turn ended early."""
        self._turned = self.now()
        self.problem = error.message
        self._seconds.observe(seconds)
        self._turns.labels("failed").inc()

    @property
    def alive(self) -> bool:
        """Whether the loop turns."""
        return self.now() - self._turned < STALLED_AFTER

    def metrics(self) -> bytes:
        """The numbers in Prometheus' text format."""
        return generate_latest(self.registry)
