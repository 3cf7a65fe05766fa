"""The loop, again and again, until it is asked to stop: `conductor agent run`.

Rules kept: an error is waited out, the longer the more often it comes, and so is one that nobody foresaw: all is read
anew then, and only its type and place are told, as its words may be anybody's; what failed is tried again only after
its time; asked to stop, the agent finishes the action in hand and writes the result; every line of a turn's log has the
id that its commits and its entries carry; what a person has to see to is said when it comes up, and every hour while it
lasts; what only shows how things stand holds up nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from structlog.contextvars import bound_contextvars
from structlog.typing import FilteringBoundLogger

from runtime.agent.decide import Decision, Nothing
from runtime.agent.health import Health
from runtime.agent.loop import Outcome, once
from runtime.agent.state import State, read
from runtime.agent.stock import Stock
from runtime.agent.telling import entry_line
from runtime.agent.world import World
from runtime.contract.errors import MISTAKE, ConductorError, EnvironmentFailedError, unforeseen
from runtime.contract.instant import text
from runtime.governance.approvals import Approvals
from runtime.targets.interface import RetryableError

LONGEST = 300.0
"""Seconds between two turns at most, however often the last ones failed."""
REMIND = 3600.0
"""Seconds after which a warning that still holds is said again."""


def run(
    world: World,
    *,
    interval: float,
    stop: threading.Event,
    health: Health,
    log: FilteringBoundLogger,
    known: State | None = None,
) -> None:
    """Turn until `stop` is set. `known` is what was read already; the first turn that is not broken off tries again
    what failed before the agent was started."""
    looked: tuple[State, datetime] | None = None

    def seen(state: State) -> None:
        nonlocal known, looked
        known, looked = state, (state, world.clock())

    failures, patient = 0, False
    showing, warnings = _Showing(world, health, log), Warnings(log)
    decision: Decision = Nothing()
    health.begun(world.writer, interval)

    def at(step: str) -> None:
        health.moved()
        world.at(step)

    while not stop.is_set():
        begun = time.monotonic()
        wait = interval
        turn = replace(world.next_turn(), at=at)
        with bound_contextvars(turn=turn.writer.turn):
            try:
                outcome = once(turn, known=known, patient=patient, seen=seen)
                failures, patient, decision = 0, True, outcome.decision
                health.turned(outcome, time.monotonic() - begun)
                if outcome.failed:  # it ended with entries that no look has seen yet
                    decision = Nothing(decision.pending)
                    seen(read(turn, known))
                showing.show(looked, decision)
                _tell(log, warnings, outcome)
            except Exception as caught:  # noqa: BLE001 -- what one tenant's target says must not end the agent of all others
                error = caught
                if not isinstance(error, ConductorError):
                    error, known = _unforeseen(caught), None
                failures += 1
                health.failed(error, time.monotonic() - begun)
                log.warning("turn failed", problem=error.message, help=error.help, kind=type(error).__name__)
                after = error.after if isinstance(error, RetryableError) else interval
                wait = min(after * 2 ** min(failures - 1, 8), LONGEST)
                showing.show(looked, decision)
        stop.wait(wait)
    log.info("stopped")


@dataclass(frozen=True)
class _Showing:
    """Lets everybody see how things stand."""

    world: World
    health: Health
    log: FilteringBoundLogger
    stock: Stock = field(default_factory=Stock)

    def show(self, looked: tuple[State, datetime] | None, decision: Decision) -> None:
        """How they stood when it was looked last, as far as is known."""
        if looked is None:
            return
        known, at = looked
        git = self.world.git
        try:
            filed = Approvals(git, known.approvals).of
            self.health.stands(self.stock.take(known.history, decision, git, filed, compile=self.world.compile, at=at))
        except Exception as error:  # noqa: BLE001 -- an agent acts on, though nobody can see it
            problem = error.message if isinstance(error, ConductorError) else unforeseen(error)
            self.log.warning("status unknown", problem=problem)


def _unforeseen(error: Exception) -> EnvironmentFailedError:
    return EnvironmentFailedError(unforeseen(error), help=f"this is {MISTAKE}: report it with this line")


class Warnings:
    """Warnings of turns -> those to say: what comes up, and every hour what has stayed as it was. `now` is a monotonic
    clock in seconds."""

    def __init__(self, log: FilteringBoundLogger, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._said: dict[str, float] = {}

    def of_turn(self, warnings: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Say them; what is none of them any more comes up anew the next time."""
        before, self._said, now = self._said, {}, self._now()
        for event, details in warnings:
            key = repr((event, sorted(details.items())))
            said = before.get(key)
            if said is None or now - said >= REMIND:
                self._log.warning(event, **details)
                said = now
            self._said[key] = said


def _tell(log: FilteringBoundLogger, warnings: Warnings, outcome: Outcome) -> None:
    for entry in outcome.entries:
        log.info(entry_line(entry), entry=entry.path, sha256=entry.digest)
    warnings.of_turn(_warnings(outcome))


def _warnings(outcome: Outcome) -> Iterator[tuple[str, Mapping[str, str]]]:
    for problem in outcome.problems:
        yield "needs a person", {"problem": problem}
    if (debt := outcome.debt) is not None:
        due = {"by": debt.by, "change": debt.change.digest, "deadline": text(debt.deadline)}
        yield "open debt", {"verdict": debt.verdict, **due}
    for problem in outcome.away:
        yield "could not look", {"problem": problem}
    for problem in outcome.releases:
        yield "needs another release", {"problem": problem}
