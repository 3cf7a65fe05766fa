"""One plan in each of its formats, as files to read: `plan/` beside this file."""

from __future__ import annotations

import json
import re

import pytest

from compiler.cli.plan import PlanFormat, written
from compiler.cli.standpoint import UnsoundError
from compiler.plan import Plan
from compiler.plan_unsound import Unsound
from runtime.testing.small_tree import key_of
from tests.cases.golden import HERE, Golden
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant

BLUEPRINT, FLAG = "tenants/blueprints/standard.yaml", "flags/new-checkout.yaml"
RULES, PERSON = "policies/approvals.yaml", f"policies/people/{ADA}.yaml"
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
    world.commit(
        {
            "tenants/acme-retail.yaml": tenant("acme-retail", "adopt: true"),
            "tenants/quay.yaml": tenant("quay", "adopt: true"),
        },
        branch="adopt",
        message="Bring acme-retail and quay as they are",
    )
    world.commit({FLAG: base_files()[FLAG].replace(b"604800", b"86400")}, branch="flag", message="Shorten a test")
    world.commit({RULES: base_files()[RULES].replace(b"[tenants/**", b"[tenantz/**")}, branch="rules", message="Ask")
    world.commit({"policies/more_test.rego": b"package more\n\na {\n}\n\nb {\n}\n"}, branch="rules", message="Test it")
    world.commit(
        {
            PERSON: base_files()[PERSON]
            .replace(key_of(ADA).public_line.encode(), key_of("eve").public_line.encode() + b" ada@new")
            .replace(b"[admin, platform, mc]", b"[incident-commander, admin, platform]")
        },
        branch="keys",
        message="Give Ada another key",
    )
    for person in (BEN, ADA):
        world.approve(person, "flag")
    world.approve(ADA, "flag", withdraw=True)
    world.land({"tenants/harbour.yaml": tenant("harbour")}, message="Add harbour")
    return world


@pytest.fixture(scope="module")
def waiting() -> PlanWorld:
    """Something on main that nobody has approved, and a change behind it that meets it."""
    world = PlanWorld.begun()
    acme = "tenants/acme-retail.yaml"
    world.commit({acme: tenant("acme-retail", "retention_days: 400")}, branch="main", message="Keep it longer")
    both = tenant("acme-retail", "retention_days: 400", "state: suspended")
    world.commit({acme: both}, branch="behind", message="Suspend it")
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, branch="after", message="Add fjord")
    return world


CASES = [
    (head, form)
    for head in ("topic", "refused", "blueprint", "rules", "keys", "unsound", "adopt")
    for form in PlanFormat
]
CASES += [(head, form) for head in ("flag", "remark") for form in (PlanFormat.TEXT, PlanFormat.MARKDOWN)]


@pytest.mark.parametrize(("head", "form"), CASES)
def test_a_plan_is_drawn_as_shown(world: PlanWorld, golden: Golden, head: str, form: PlanFormat) -> None:
    check(golden, head, form, written(_made(world, head), form))


@pytest.mark.parametrize("form", PlanFormat)
@pytest.mark.parametrize("head", ["behind", "after"])
def test_what_waits_before_a_change_is_drawn_as_shown(
    waiting: PlanWorld, golden: Golden, head: str, form: PlanFormat
) -> None:
    check(golden, head, form, written(_made(waiting, head), form))


def check(golden: Golden, head: str, form: PlanFormat, text: str) -> None:
    """Compare with the file that is there to read."""
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
