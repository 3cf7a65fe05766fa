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
