"""The alert rules of the repository's own tenants, read and run by the real promtool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cases.inputs import own_bundle
from tests.services.promtool import promtool

FOLDER = "config/tenants/alerts/"


@pytest.fixture(scope="module")
def tool() -> Path:
    return promtool()


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rules")
    for path, data in own_bundle().items():
        if path.startswith(FOLDER):
            (folder / path.removeprefix(FOLDER)).write_bytes(data)
    return folder


def run(tool: Path, *arguments: str) -> str:
    done = subprocess.run([str(tool), *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.service
def test_prometheus_takes_the_alert_rules_of_every_active_tenant(tool: Path, rules: Path) -> None:
    files = sorted(rules.glob("*.json"))
    assert len(files) == 5
    out = run(tool, "check", "rules", *map(str, files))
    assert out.count("SUCCESS") == len(files)


@pytest.mark.service
def test_an_alert_fires_for_the_tenant_whose_queries_fail_and_for_no_other(
    tool: Path, rules: Path, tmp_path: Path
) -> None:
    def series(tenant: str, errors: int) -> list[dict[str, str]]:
        return [
            {"series": f'intelgraph_queries_total{{tenant="{tenant}"}}', "values": "0+6000x60"},
            {"series": f'intelgraph_query_errors_total{{tenant="{tenant}"}}', "values": f"0+{errors}x60"},
        ]

    def expected(*alerts: Mapping[str, object]) -> dict[str, object]:
        return {"eval_time": "30m", "alertname": "TenantErrorRate", "exp_alerts": list(alerts)}

    fires: Mapping[str, object] = {
        "exp_labels": {
            "severity": "page",
            "tenant": "velora-retail",
            "region": "eu-central",
            "blueprint": "standard",
        },
        "exp_annotations": {"summary": "More than 0.02 of the queries of velora-retail fail"},
    }
    test = {
        "rule_files": [str(rules / "velora-retail.json"), str(rules / "calder-freight.json")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series("velora-retail", 180) + series("calder-freight", 60),
                "alert_rule_test": [expected(fires)],
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps(test))
    run(tool, "test", "rules", str(file))
