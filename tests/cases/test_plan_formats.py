"""One plan in each of its formats, as files to read: `plan/` beside this file."""

from __future__ import annotations

import re

import pytest

from compiler.plan_json import as_json
from compiler.plan_markdown import as_markdown
from compiler.plan_text import as_text
from tests.cases.golden import HERE, Golden
from tests.unit.plan_world import ADA, PlanWorld, base_files, tenant

BLUEPRINT = "tenants/blueprints/standard.yaml"


@pytest.fixture(scope="module")
def world() -> PlanWorld:
    """Half approved, with something landed in between."""
    world = PlanWorld.begun()
    world.commit(
        {
            "tenants/acme-retail.yaml": tenant("acme-retail", "state: suspended", "retention_days: 400"),
            "tenants/fjord.yaml": tenant("fjord"),
            "flags/new-checkout.yaml": base_files()["flags/new-checkout.yaml"].replace(b"604800", b"86400"),
        },
        message="Suspend acme-retail, add fjord",
    )
    world.approve(ADA)
    world.commit({"tenants/ice.yaml": tenant("ice", "state: suspended")}, branch="refused", message="Add ice")
    world.commit({BLUEPRINT: base_files()[BLUEPRINT].replace(b"30s", b"20s")}, branch="blueprint", message="Be quick")
    world.land({"tenants/harbour.yaml": tenant("harbour")}, message="Add harbour")
    return world


@pytest.mark.parametrize("head", ["topic", "refused", "blueprint"])
@pytest.mark.parametrize(
    ("name", "draw"),
    [("plan.txt", as_text), ("plan.md", as_markdown), ("plan.json", as_json)],
    ids=["text", "md", "json"],
)
def test_a_plan_is_drawn_as_shown(world: PlanWorld, golden: Golden, head: str, name: str, draw: object) -> None:
    assert callable(draw)
    text = draw(world.plan(head))
    # ids of commits follow from policy.wasm, which changes for other reasons
    golden.check(
        HERE / "plan" / head / name, re.sub(r"\b[0-9a-f]{40}\b", "0" * 40, re.sub(r"\b[0-9a-f]{12}\b", "0" * 12, text))
    )
