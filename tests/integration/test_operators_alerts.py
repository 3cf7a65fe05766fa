"""The operators' alert rules and dashboard: each alert fires and is quiet, asked of the real promtool."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime.contract.canonical import decode
from tests.cases.inputs import own_bundle
from tests.services.promtool import promtool

pytestmark = pytest.mark.service
RULES = "config/resilience/alerts/conductor.json"
DASHBOARD = "config/resilience/dashboard/conductor.json"
AGENT = '{job="intelgraph"}'
MINUTE = 60

FIRES: Mapping[str, Mapping[str, str]] = {
    # alert: what the agent tells, a value a minute for two hours from second 0; the limits are those of spec/operations
    "ConductorNotConverging": {"conductor_agent_last_success_timestamp_seconds": "0x120"},
    "ConductorVerificationFailing": {"conductor_verification_findings": "1x120"},
    "ConductorActionWithoutEvidence": {"conductor_open_intent_timestamp_seconds": "600x120"},
    "ConductorDebtOverdue": {"conductor_debt_deadline_timestamp_seconds": "3600x120"},
    "ConductorDebtOpen": {"conductor_open_debts": "1x120"},
    "ConductorChangeRefused": {"conductor_refused_changes": "1x120"},
    "ConductorChangeWaiting": {"conductor_pending_oldest_timestamp_seconds": "-86400x120"},
    "ConductorDrift": {"conductor_drift_objects": "2x120"},
    "ConductorClockGap": {"conductor_clock_gap_seconds": "-31x120"},
}
QUIET: Mapping[str, Mapping[str, str]] = {
    # as near to it as is well: a turn that ended well, a number that is none, a moment that has not come
    "ConductorNotConverging": {"conductor_agent_last_success_timestamp_seconds": "0+60x120"},
    "ConductorVerificationFailing": {"conductor_verification_findings": "0x120"},
    "ConductorActionWithoutEvidence": {"conductor_open_intent_timestamp_seconds": "6000x120"},
    "ConductorDebtOverdue": {"conductor_debt_deadline_timestamp_seconds": "7200x120"},
    "ConductorDebtOpen": {"conductor_open_debts": "0x120"},
    "ConductorChangeRefused": {"conductor_refused_changes": "0x100 1x10 0x10"},
    "ConductorChangeWaiting": {"conductor_pending_oldest_timestamp_seconds": "0x120"},
    "ConductorDrift": {
        "conductor_drift_objects": "0x120",
        'conductor_agent_drift_objects_total{response="heal"}': "3x120",
    },
    "ConductorClockGap": {
        "conductor_clock_gap_seconds": "-30x60 86400x60",
        "conductor_clock_gap_allowed_seconds": "172800x120",
    },
}
ALSO_FIRES = {
    "ConductorDrift": {'conductor_agent_drift_objects_total{response="heal"}': "0x60 1x60"},
    "ConductorClockGap": {
        "conductor_clock_gap_seconds": "172801x120",
        "conductor_clock_gap_allowed_seconds": "172800x120",
    },
    "ConductorNotConverging": {"conductor_pending_changes": "0x120"},  # there is no agent at all
}


@pytest.fixture(scope="module")
def tool() -> Path:
    return promtool()


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, Any]]:
    value: Any = decode(own_bundle()[RULES])
    return {rule["alert"]: rule for rule in value["groups"][0]["rules"]}


def run(tool: Path, *arguments: str) -> str:
    done = subprocess.run([str(tool), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def labelled(metric: str) -> str:
    """As Prometheus stores what it scrapes from the job `intelgraph`."""
    name, _, labels = metric.partition("{")
    return f'{name}{{job="intelgraph",{labels}' if labels else name + AGENT


def asked(tool: Path, folder: Path, rule: Mapping[str, Any], series: Mapping[str, str], *, fires: bool) -> None:
    """Let two hours pass, and see whether the alert has fired at their end."""
    of_a_job = {} if "pending_changes" in str(series) else {"job": "intelgraph"}
    alert = {"exp_labels": {**rule["labels"], **of_a_job}, "exp_annotations": rule["annotations"]}
    case = {
        "interval": "1m",
        "input_series": [{"series": labelled(name), "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": "119m", "alertname": rule["alert"], "exp_alerts": [alert] if fires else []}],
    }
    (folder / "rules.json").write_bytes(own_bundle()[RULES])
    test = {"rule_files": ["rules.json"], "evaluation_interval": "1m", "tests": [case]}
    (folder / "test.yaml").write_text(json.dumps(test))
    run(tool, "test", "rules", str(folder / "test.yaml"))


def test_every_alert_has_a_test_that_fires_and_one_that_does_not(rules: Mapping[str, Any]) -> None:
    assert set(rules) == set(FIRES) == set(QUIET)


@pytest.mark.parametrize("alert", FIRES)
def test_an_alert_fires(tool: Path, rules: Mapping[str, Any], tmp_path: Path, alert: str) -> None:
    asked(tool, tmp_path, rules[alert], FIRES[alert], fires=True)


@pytest.mark.parametrize("alert", ALSO_FIRES)
def test_an_alert_fires_for_its_other_reason_too(
    tool: Path, rules: Mapping[str, Any], tmp_path: Path, alert: str
) -> None:
    asked(tool, tmp_path, rules[alert], ALSO_FIRES[alert], fires=True)


@pytest.mark.parametrize("alert", QUIET)
def test_an_alert_is_quiet_where_all_is_well(tool: Path, rules: Mapping[str, Any], tmp_path: Path, alert: str) -> None:
    asked(tool, tmp_path, rules[alert], QUIET[alert], fires=False)


def test_an_agent_that_only_waits_for_the_one_that_acts_wakes_nobody(
    tool: Path, rules: Mapping[str, Any], tmp_path: Path
) -> None:
    series = {
        'conductor_agent_last_success_timestamp_seconds{instance="one"}': "0+60x120",
        'conductor_agent_last_success_timestamp_seconds{instance="two"}': "0x120",
    }
    asked(tool, tmp_path, rules["ConductorNotConverging"], series, fires=False)


def test_prometheus_takes_the_rules_and_every_expression_of_the_dashboard(tool: Path, tmp_path: Path) -> None:
    dashboard: Any = decode(own_bundle()[DASHBOARD])
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(expressions)]
    (tmp_path / "panels.json").write_text(json.dumps({"groups": [{"name": "panels", "rules": recorded}]}))
    (tmp_path / "rules.json").write_bytes(own_bundle()[RULES])
    out = run(tool, "check", "rules", str(tmp_path / "panels.json"), str(tmp_path / "rules.json"))
    assert out.count("SUCCESS") == 2
    assert len(re.findall(r"(\d+) rules found", out)) == 2
