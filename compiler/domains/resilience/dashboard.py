"""Operations -> the operators' dashboard, in Grafana's JSON: first whether anything is wrong, then what the agent does.

https://grafana.com/docs/grafana/latest/ "JSON model". Rules kept: a panel shows what an alert fires on, with the
alert's own limit as its threshold; every expression is of docs/metrics.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.domains.resilience.kinds import OperationsSpec
from runtime.contract.canonical import JSON

_WHERE = '{job=~"$job"}'
_HEIGHT = 5
_COLUMNS = 24


@dataclass(frozen=True)
class _Panel:
    """`limit`: from where on its value is an alert; a panel without one is a course over time."""

    title: str
    unit: str
    expr: str
    legend: str = "{{job}}"
    limit: float | None = None
    width: int = 6


def dashboard(operations: OperationsSpec) -> JSON:
    """Return the dashboard."""
    panels: list[JSON] = []
    left = top = 0
    for number, panel in enumerate(_panels(operations), start=1):
        if left + panel.width > _COLUMNS:
            left, top = 0, top + _HEIGHT
        panels.append(_panel(number, panel, left, top))
        left += panel.width
    return {
        "uid": "conductor",
        "title": "Conductor",
        "tags": ["conductor"],
        "timezone": "utc",
        "editable": False,
        "refresh": "30s",
        "schemaVersion": 39,
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [_DATASOURCE, _JOB]},
        "panels": panels,
    }


_SOURCE: JSON = {"type": "prometheus", "uid": "${datasource}"}
_DATASOURCE: JSON = {"name": "datasource", "type": "datasource", "query": "prometheus"}
_JOB: JSON = {
    "name": "job",
    "type": "query",
    "datasource": {"type": "prometheus", "uid": "${datasource}"},
    "query": "label_values(conductor_build_info, job)",
    "refresh": 2,
    "multi": True,
    "includeAll": True,
}


def _panel(number: int, panel: _Panel, left: int, top: int) -> JSON:
    steps: list[JSON] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    return {
        "id": number,
        "type": "timeseries" if panel.limit is None else "stat",
        "title": panel.title,
        "gridPos": {"x": left, "y": top, "w": panel.width, "h": _HEIGHT},
        "datasource": _SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "noValue": "none", "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "targets": [{"refId": "A", "expr": panel.expr, "legendFormat": panel.legend}],
    }


def _highest(metric: str) -> str:
    return f"max by (job) ({metric}{_WHERE})"


def _age(metric: str) -> str:
    return f"time() - min by (job) ({metric}{_WHERE})"


def _panels(limits: OperationsSpec) -> tuple[_Panel, ...]:
    turns = "conductor_agent_turn_duration_seconds_bucket"
    return (
        _Panel(
            "Since a turn ended well",
            "s",
            f"time() - {_highest('conductor_agent_last_success_timestamp_seconds')}",
            limit=limits.not_converging_seconds,
        ),
        _Panel("Findings of verification", "short", _highest("conductor_verification_findings"), limit=1),
        _Panel("Refused changes", "short", _highest("conductor_refused_changes"), limit=1),
        _Panel("Drifted objects", "short", _highest("conductor_drift_objects"), limit=1),
        _Panel(
            "Oldest change that waits",
            "s",
            _age("conductor_pending_oldest_timestamp_seconds"),
            limit=limits.pending_hours * 3600,
        ),
        _Panel(
            "Intent without a result",
            "s",
            _age("conductor_open_intent_timestamp_seconds"),
            limit=limits.action_deadline_seconds,
        ),
        _Panel("Past the debt's deadline", "s", _age("conductor_debt_deadline_timestamp_seconds"), limit=0),
        _Panel("Clock minus last entry", "s", _highest("conductor_clock_gap_seconds")),
        _Panel(
            "Turns a minute, by outcome",
            "short",
            f"60 * sum by (outcome) (rate(conductor_agent_turns_total{_WHERE}[5m]))",
            legend="{{outcome}}",
            width=12,
        ),
        _Panel(
            "Length of a turn, 95th percentile",
            "s",
            f"histogram_quantile(0.95, sum by (le, job) (rate({turns}{_WHERE}[5m])))",
            width=12,
        ),
        _Panel(
            "Actions an hour, by outcome",
            "short",
            f"sum by (operation, outcome) (increase(conductor_agent_actions_total{_WHERE}[1h]))",
            legend="{{operation}} {{outcome}}",
            width=12,
        ),
        _Panel(
            "Entries an hour, by kind",
            "short",
            f"sum by (kind) (increase(conductor_agent_entries_total{_WHERE}[1h]))",
            legend="{{kind}}",
            width=12,
        ),
        _Panel("Pending changes", "short", _highest("conductor_pending_changes"), width=8),
        _Panel("Failed actions", "short", _highest("conductor_failed_actions"), width=8),
        _Panel("Targets away", "short", _highest("conductor_targets_away"), width=8),
    )
