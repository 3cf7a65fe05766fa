"""What goes out for the operators: rules and panels speak of metrics that exist, and every alert leads to a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runtime.contract.canonical import decode
from tests.cases.inputs import own_bundle

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "config/resilience"


def read(name: str) -> Any:
    return decode(own_bundle()[f"{FOLDER}/{name}"])


def documented() -> set[str]:
    return set(re.findall(r"^\| `(conductor_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["alerts/conductor.json", "dashboard/conductor.json"])
def test_rules_and_panels_ask_for_documented_metrics_only(name: str) -> None:
    asked = set(re.findall(r"\bconductor_\w+", own_bundle()[f"{FOLDER}/{name}"].decode()))
    assert asked
    assert {re.sub(r"_bucket$", "", metric) for metric in asked} <= documented()


def test_every_alert_leads_to_a_runbook_that_names_it() -> None:
    for rule in read("alerts/conductor.json")["groups"][0]["rules"]:
        page = ROOT / rule["annotations"]["runbook_url"]
        assert f"`{rule['alert']}`" in page.read_text()


def test_the_panels_lie_side_by_side_and_none_over_another() -> None:
    taken: set[tuple[int, int]] = set()
    panels = read("dashboard/conductor.json")["panels"]
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_grafana_finds_the_operators_dashboard_and_the_tenants_in_the_release() -> None:
    providers = read("grafana/dashboards/conductor.yaml")["providers"]
    folders = {provider["options"]["path"].removeprefix("$CONDUCTOR_RELEASE/") for provider in providers}
    assert folders == {path.rsplit("/", 1)[0] for path in own_bundle() if "/dashboard/" in path}
