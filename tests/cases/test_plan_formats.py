"""One plan in each of its formats, as files to read: `plan/` beside this file."""

from __future__ import annotations

import json
import re

import pytest

from compiler.cli.plan import PlanFormat, written
from compiler.cli.standpoint import UnsoundError
from compiler.plan import Plan
from compiler.plan_unsound import Unsound
from tests.cases.golden import HERE, Golden
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant

BLUEPRINT, FLAG = "tenants/blueprints/standard.yaml", "flags/new-checkout.yaml"
RULES = "policies/approvals.yaml"
SUFFIXES = {PlanFormat.TEXT: "txt", PlanFormat.JSON: "json", PlanFormat.MARKDOWN: "md"}


@pytest.fixture(scope="module")
def world() -> PlanWorld:
    """Half approved, with something landed in between."""
    world = PlanWorld.begun()
    world.commit(
        {
            "tenants/acme-retail.yaml": tenant("acme-retail", "state: suspended", "retention_days: 400"),
            "tenants/fjord.yaml": tenant("fjord"),
            FLAG: base_files()[FLAG].replace(b"604800", b"86400"),
        },
        message="Suspend acme-retail, add fjord",
    )
    world.approve(ADA)
    world.commit({"tenants/ice.yaml": tenant("ice", "state: suspended")}, branch="refused", message="Add ice")
    world.commit({BLUEPRINT: base_files()[BLUEPRINT].replace(b"30s", b"20s")}, branch="blueprint", message="Be quick")
    world.commit(
        {"tenants/acme-retail.yaml": b"# Nothing but a remark.\n" + base_files()["tenants/acme-retail.yaml"]},
        branch="remark",
        message="Remark",
    )
    world.commit({"tenants/ice.yaml": tenant("ice", "region: eu-north")}, branch="unsound", message="Add ice up north")
    world.commit({FLAG: base_files()[FLAG].replace(b"604800", b"86400")}, branch="flag", message="Shorten a test")
    world.commit({RULES: base_files()[RULES].replace(b"[tenants/**", b"[tenantz/**")}, branch="rules", message="Ask")
    world.commit({"policies/more_test.rego": b"package more\n\na {\n}\n\nb {\n}\n"}, branch="rules", message="Test it")
    for person in (BEN, ADA):
        world.approve(person, "flag")
    world.approve(ADA, "flag", withdraw=True)
    world.land({"tenants/harbour.yaml": tenant("harbour")}, message="Add harbour")
    return world


CASES = [(head, form) for head in ("topic", "refused", "blueprint", "rules", "unsound") for form in PlanFormat]
CASES += [(head, form) for head in ("flag", "remark") for form in (PlanFormat.TEXT, PlanFormat.MARKDOWN)]


@pytest.mark.parametrize(("head", "form"), CASES)
def test_a_plan_is_drawn_as_shown(world: PlanWorld, golden: Golden, head: str, form: PlanFormat) -> None:
    text = written(_made(world, head), form)
    # ids of commits and approvals follow from policy.wasm, which changes for other reasons
    for length in (40, 12):
        text = re.sub(rf"\b[0-9a-f]{{{length}}}\b", "0" * length, text)
    text = re.sub(r'"[0-9a-f]{64}"(?=,\n *"signed_at")', f'"{64 * "0"}"', text)
    golden.check(HERE / "plan" / head / f"plan.{SUFFIXES[form]}", text)


def test_every_plan_has_the_same_fields(world: PlanWorld) -> None:
    sound, unsound = (json.loads(written(_made(world, head), PlanFormat.JSON)) for head in ("topic", "unsound"))
    assert list(unsound) == list(sound)
    for field in ("base", "head", "change"):
        assert list(unsound[field]) == list(sound[field])


def _made(world: PlanWorld, head: str) -> Plan | Unsound:
    try:
        return world.plan(head)
    except UnsoundError as error:
        return error.unsound
