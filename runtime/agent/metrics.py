"""Status, turns and outcomes -> metrics in Prometheus' text format, named as Prometheus recommends.

Rules kept: base units, `_total` on counters, moments as `…_timestamp_seconds`; what does not exist (no debt, no open
intent) has no sample; a label takes values of a declared few only (targets, outcomes, kinds), never a tenant, a commit
or a text; docs/metrics.md lists exactly these (a test holds it to that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from runtime.agent.loop import Outcome
from runtime.agent.status import Status
from runtime.contract.predicates import ENTRY_KINDS, Drift, Intent, Result
from runtime.ledger.append import Writer

# a second series for each counter would say when the agent was started
disable_created_metrics()  # type: ignore[no-untyped-call]  # it takes and gives nothing
TURN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
OUTCOMES = ("good", "troubled", "busy", "failed")
"""How a turn ends: all well; something needs a person or is away; another agent has the lock; broken off."""


@dataclass(frozen=True)
class Shown:
    """A gauge that is read from the status: None where there is nothing to show."""

    name: str
    help: str
    value: Callable[[Status], float | None]


SHOWN: tuple[Shown, ...] = (
    Shown("conductor_ledger_sequence", "Number of the ledger's last entry.", lambda it: it.ledger),
    Shown(
        "conductor_ledger_last_entry_timestamp_seconds",
        "When the ledger's last entry was written, by its own time.",
        lambda it: it.ledger_at.timestamp(),
    ),
    Shown(
        "conductor_verification_findings",
        "What replaying the ledger found wrong; 0 if everything verifies.",
        lambda it: len(it.findings),
    ),
    Shown(
        "conductor_verification_timestamp_seconds",
        "When the ledger was last replayed and judged, by the agent's clock.",
        lambda it: it.at.timestamp(),
    ),
    Shown(
        "conductor_clock_gap_seconds",
        "The agent's clock minus the time of the last entry, when the ledger was last read.",
        lambda it: (it.at - it.ledger_at).total_seconds(),
    ),
    Shown(
        "conductor_clock_gap_allowed_seconds",
        "How large that may be before an agent writes nothing more until two people vouch for the time.",
        lambda it: it.gap_allowed_seconds,
    ),
    Shown(
        "conductor_pending_changes",
        "Changes on main that stay untaken until a person does something.",
        lambda it: sum(item.for_a_person for item in it.waiting),
    ),
    Shown(
        "conductor_pending_oldest_timestamp_seconds",
        "Since when the oldest of them has been on main, by its commit; absent where none waits.",
        lambda it: min((item.since.timestamp() for item in it.waiting if item.for_a_person), default=None),
    ),
    Shown(
        "conductor_refused_changes",
        "Changes on main that the rules of consent do not allow as they stand.",
        lambda it: sum(item.reason == "not-allowed" for item in it.waiting),
    ),
    Shown(
        "conductor_drift_objects",
        "Objects whose drift is reported and not healed.",
        lambda it: 0 if it.drift is None else len(it.drift.objects),
    ),
    Shown("conductor_failed_actions", "Actions that the last result says failed.", lambda it: len(it.failures)),
    Shown(
        "conductor_open_intent_timestamp_seconds",
        "When the intent was written that has no result yet; absent where there is none.",
        lambda it: None if it.open_intent is None else it.open_intent.at.timestamp(),
    ),
    Shown("conductor_open_debts", "Emergencies whose approvals are still owed.", lambda it: it.debt is not None),
    Shown(
        "conductor_debt_deadline_timestamp_seconds",
        "By when the open debt is due; absent where there is none.",
        lambda it: None if it.debt is None else it.debt.deadline.timestamp(),
    ),
)


class _Standing(Collector):
    """The gauges of `SHOWN`."""

    def __init__(self, status: Callable[[], Status | None]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Give them as they stand; nothing before the ledger was read."""
        status = self._status()
        for shown in SHOWN:
            family = GaugeMetricFamily(shown.name, shown.help)
            value = None if status is None else shown.value(status)
            if value is not None:
                family.add_metric([], float(value))
            yield family

    def describe(self) -> Iterator[Metric]:
        """Give their names."""
        for shown in SHOWN:
            yield GaugeMetricFamily(shown.name, shown.help)


class Metrics:
    """All metrics of one agent. `status` is asked whenever they are read."""

    def __init__(self, registry: CollectorRegistry, status: Callable[[], Status | None]) -> None:
        registry.register(_Standing(status))
        self._build = Info("conductor_build", "The agent and the release that runs.", registry=registry)
        self._turns = Counter(
            "conductor_agent_turns", "Turns of the loop, by how they ended.", ["outcome"], registry=registry
        )
        self._seconds = Histogram(
            "conductor_agent_turn_duration_seconds", "How long a turn took.", buckets=TURN_SECONDS, registry=registry
        )
        self._success = Gauge(
            "conductor_agent_last_success_timestamp_seconds",
            "When a turn last ended with nothing left to do and nothing wrong; 0 if none has.",
            registry=registry,
        )
        self._entries = Counter(
            "conductor_agent_entries", "Entries that this agent wrote, by kind.", ["kind"], registry=registry
        )
        self._actions = Counter(
            "conductor_agent_actions",
            "Actions that this agent took, by target, operation and outcome.",
            ["target", "operation", "outcome"],
            registry=registry,
        )
        self._drift = Counter(
            "conductor_agent_drift_objects",
            "Objects that this agent found drifted, by what it did about it.",
            ["response"],
            registry=registry,
        )
        self._away = Gauge("conductor_targets_away", "Targets that did not answer in the last turn.", registry=registry)
        # from the start on, so that the first of each is an increase
        for outcome in OUTCOMES:
            self._turns.labels(outcome)
        for kind in ENTRY_KINDS:
            self._entries.labels(kind)
        for response in ("heal", "report"):
            self._drift.labels(response)

    def begun(self, writer: Writer) -> None:
        """Say who runs."""
        release = writer.release
        self._build.info({"agent": writer.agent, "version": release.version, "sha256": release.sha256})

    def turned(self, ended: str, seconds: float, now: float) -> None:
        """A turn has ended, in one of `OUTCOMES`."""
        self._turns.labels(ended).inc()
        self._seconds.observe(seconds)
        if ended == "good":
            self._success.set(now)

    def wrote(self, outcome: Outcome) -> None:
        """Count what a turn did."""
        self._away.set(len(outcome.away))
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
