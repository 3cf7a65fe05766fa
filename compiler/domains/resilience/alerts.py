"""Operations -> Prometheus' rule file: what of the agent's metrics (docs/metrics.md) somebody is told of.

Rules kept: a job is a repository's agents, and its best agent counts, as only one acts at a time; each alert has its
runbook, by its path in the repository; a test makes each fire, and another one keeps it quiet.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.domains.resilience.kinds import OperationsSpec
from runtime.contract.canonical import JSON

_SUCCESS = "conductor_agent_last_success_timestamp_seconds"
_PAGE, _TICKET = "page", "ticket"


@dataclass(frozen=True)
class _Alert:
    name: str
    runbook: str
    severity: str
    period: str
    expr: str
    summary: str


def alerts(operations: OperationsSpec) -> JSON:
    """Return the rule file, one group."""
    return {"groups": [{"name": "conductor", "rules": [_rule(alert) for alert in _alerts(operations)]}]}


def _rule(alert: _Alert) -> JSON:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.period,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "runbook_url": f"docs/runbooks/{alert.runbook}.md"},
    }


def _highest(metric: str) -> str:
    return f"max by (job) ({metric})"


def _age(metric: str) -> str:
    """Seconds since the earliest moment that an agent of the job tells."""
    return f"time() - min by (job) ({metric})"


def _alerts(limits: OperationsSpec) -> tuple[_Alert, ...]:
    pending_seconds = limits.pending_hours * 3600
    return (
        _Alert(
            "ConductorNotConverging",
            "alert-not-converging",
            _PAGE,
            "5m",
            f"time() - {_highest(_SUCCESS)} > {limits.not_converging_seconds} or absent({_SUCCESS})",
            "No agent has brought the platform to its declared state for too long",
        ),
        _Alert(
            "ConductorVerificationFailing",
            "alert-verification-failing",
            _PAGE,
            "0m",
            f"{_highest('conductor_verification_findings')} > 0",
            "Something in the ledger or the history of main does not verify",
        ),
        _Alert(
            "ConductorActionWithoutEvidence",
            "alert-action-without-evidence",
            _PAGE,
            "0m",
            f"{_age('conductor_open_intent_timestamp_seconds')} > {limits.action_deadline_seconds}",
            "An intent has had no result for longer than any action takes",
        ),
        _Alert(
            "ConductorDebtOverdue",
            "alert-open-debt",
            _PAGE,
            "0m",
            f"{_age('conductor_debt_deadline_timestamp_seconds')} > 0",
            "What an emergency let through has not been approved by its deadline",
        ),
        _Alert(
            "ConductorDebtOpen",
            "alert-open-debt",
            _TICKET,
            "0m",
            f"{_highest('conductor_open_debts')} > 0",
            "An emergency let a change through, and its approvals are owed",
        ),
        _Alert(
            "ConductorChangeRefused",
            "alert-change-refused",
            _TICKET,
            "15m",
            f"{_highest('conductor_refused_changes')} > 0",
            "A change is on main that the rules of consent do not allow",
        ),
        _Alert(
            "ConductorChangeWaiting",
            "alert-change-waiting",
            _TICKET,
            "0m",
            f"{_age('conductor_pending_oldest_timestamp_seconds')} > {pending_seconds}",
            "A change on main has waited for a person for too long",
        ),
        _Alert(
            "ConductorDrift",
            "alert-drift",
            _TICKET,
            "0m",
            f"{_highest('conductor_drift_objects')} > 0"
            " or sum by (job) (increase(conductor_agent_drift_objects_total[1h])) > 0",
            "Something was altered by hand in a running system",
        ),
        _Alert(
            "ConductorClockGap",
            "alert-clock-gap",
            _TICKET,
            "5m",
            f"min by (job) (conductor_clock_gap_seconds) < -{limits.clock_gap_seconds}"
            f" or {_highest('conductor_clock_gap_seconds')} > {_highest('conductor_clock_gap_allowed_seconds')}",
            "An agent's clock and the ledger's last entry are too far apart",
        ),
    )
