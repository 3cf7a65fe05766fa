"""Rego that would let somebody in unseen: what it does is among the decisions that flip, or does not happen."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.aside import allowed_here
from compiler.opa import Opa
from compiler.plan_flips import Cause, Decisions, Side, decisions_between
from compiler.rego import WASM, sources
from runtime.contract.canonical import encode
from runtime.policy.engine import ALLOW, Policy
from tests.cases.inputs import own_policy
from tests.services.opa import opa

pytestmark = pytest.mark.service

CONDUCTOR = "policies/conductor.rego"
TENANT = {
    "blueprint": "standard",
    "region": "eu-central",
    "state": "active",
    "legal_hold": False,
    "policies": {"bulk_export": True, "cross_region_reads": True},
}
CONTENTS = {
    "policy/people/eve/data.json": encode({"roles": ["qa"]}).decode(),
    **{f"policy/tenants/{name}/data.json": encode(TENANT).decode() for name in ("acme", "fjord")},
}
QUESTION: Any = {
    "action": "use-scope",
    "requester": {"name": "eve", "role": "qa"},
    "scope": "tenant.write",
    "tenant": "acme",
    "region": "eu-central",
}


@pytest.fixture(scope="module")
def real() -> Opa:
    return opa()


def built(real: Opa, *more: str) -> bytes:
    """Our policy with more rules of `conductor`."""
    rego = sources(own_policy())
    return real.build({**rego, "policies/more.rego": "\n\n".join(more).encode()})


def flips(wasm: bytes) -> Decisions:
    return decisions_between(Side(own_policy()[WASM], CONTENTS), Side(wasm, CONTENTS), [CONDUCTOR], allowed_here)


@pytest.mark.parametrize(
    "rule",
    [
        'allow if input.requester.name == "eve"',
        'allow if input.tenant == "acme"',
        'allow if startswith(input.tenant, "ac")',
        'allow if "acme" in object.keys(data.tenants)',
        "allow if count(data.tenants) > 1",
        "allow if data.people.eve",
    ],
)
def test_a_name_in_a_rule_has_no_part_in_a_decision_about_scopes(real: Opa, rule: str) -> None:
    wasm = built(real, "package conductor", rule)
    policy = Policy.of(wasm, CONTENTS)
    assert policy.results(ALLOW, QUESTION) == [{"result": True}]  # with its name, it would let eve in
    assert not policy.allow(QUESTION)
    assert flips(wasm) == Decisions(asked=True)


def unseen(**more: Any) -> Any:
    """What mallory asks, who has no role."""
    return {**QUESTION, "requester": {"name": "mallory", "role": "qa"}, **more}


WITHOUT = {key: value for key, value in unseen().items() if key != "region"}


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ('allow if input.region == "ap-south"', unseen(region="ap-south")),
        ('allow if input.region == ""', unseen(region="")),
        ("allow if input.region == null", unseen(region=None)),
        ("allow if not input.region", WITHOUT),
        ("allow if input.requester.badge == 7", unseen(requester={"name": "mallory", "role": "qa", "badge": 7})),
        ("allow if input.ticket", unseen(ticket="INC-1")),
        ('allow if input.requester.role == "cto"', unseen(requester={"name": "mallory", "role": "cto"})),
        ('allow if input.scope == "graph.delete"', unseen(scope="graph.delete")),
        ('allow if input.scope == ["admin.write"]', unseen(scope=["admin.write"])),
        ("allow if not data.tenants[input.tenant]", unseen(tenant="nobody")),
        ('allow if { input.tenant == "tenant"; not data.tenants.tenant }', unseen(tenant="tenant")),
    ],
)
def test_what_a_plan_does_not_ask_is_asked_by_nobody(real: Opa, rule: str, asked: Any) -> None:
    wasm = built(real, "package conductor", rule)
    policy = Policy.of(wasm, CONTENTS)
    assert policy.results(ALLOW, asked) == [{"result": True}]  # with what is asked along, it would let mallory in
    assert not policy.allow(asked)
    assert flips(wasm) == Decisions(asked=True)


def test_a_region_without_tenants_is_told_by_one_word_and_planned_so(real: Opa) -> None:
    wasm = built(real, "package conductor", 'allow if input.region == "another"')
    found = flips(wasm).flips
    assert {(item.held, item.regions, len(item.roles), len(item.scopes)) for item in found} >= {
        (False, ("elsewhere",), 17, 6)
    }
    assert Policy.of(wasm, CONTENTS).allow(unseen(region="ap-south"))


def test_first_tenant_of_a_region_is_told_to_open_what_the_rego_waited_for(real: Opa) -> None:
    """Until somebody lives in the region that it names, it lets nobody in; the plan of the first tenant says whom."""
    wasm = built(real, "package conductor", 'allow if input.region == "ap-south"')
    first = {"policy/tenants/goa/data.json": encode({**TENANT, "region": "ap-south"}).decode()}
    before, after = Side(wasm, CONTENTS), Side(wasm, CONTENTS | first)
    decisions = decisions_between(before, after, ["tenants/goa.yaml"], allowed_here)
    there = [item for item in decisions.flips if item.cause is Cause.REGIONS]
    assert {(item.held, item.gained, item.regions, item.because, item.tenants) for item in there} == {
        (held, True, ("ap-south",), ("tenants/goa.yaml",), ("acme", "fjord")) for held in (True, False)
    }
    asked = unseen(region="ap-south")
    assert [Policy.of(wasm, side.contents).allow(asked) for side in (before, after)] == [False, True]


def test_whoever_only_says_to_have_a_role_is_told_first(real: Opa) -> None:
    wasm = built(real, "package conductor", 'allow if input.requester.role == "qa"')
    first, second = flips(wasm).flips
    assert (first.held, first.gained, first.roles, first.cause) == (False, True, ("qa",), Cause.POLICY)
    assert (second.held, second.tenants) == (True, ("acme", "fjord"))
    asked: Any = {**QUESTION, "requester": {"name": "mallory", "role": "qa"}}
    assert Policy.of(wasm, CONTENTS).allow(asked)


def test_a_rule_of_its_own_for_many_questions_at_once_is_no_answer(real: Opa) -> None:
    opens = 'package conductor\n\nallow if input.requester.role == "qa"'
    hides = "package conductor.batch\n\nallowed := []"
    rego = {"policies/hides.rego": hides.encode()}
    wasm = real.build({**sources(own_policy()), "policies/opens.rego": opens.encode(), **rego})
    decisions = flips(wasm)
    assert decisions.flips == ()
    assert decisions.unknown is not None
