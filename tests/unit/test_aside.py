"""The policy in a process of its own answers as it does in this one, and is not needed."""

from __future__ import annotations

import pytest

from compiler.aside import Aside, allowed_here, deny_here
from runtime.contract.errors import FormatError
from runtime.contract.policy_input import DenyInput, ResourceChange, TransitionInput
from runtime.policy.engine import Denial, Policy, PolicyError
from runtime.policy.scopes import questions, seen
from tests.cases.inputs import own_policy

WASM = own_policy()["policies/policy.wasm"]


def batch(*ttl_seconds: int) -> DenyInput:
    resources = [
        {
            "kind": "Flag",
            "name": f"flag-{index}",
            "path": f"flags/flag-{index}.yaml",
            "spec": {"ttl_seconds": seconds},
            "derived": {},
        }
        for index, seconds in enumerate(ttl_seconds)
    ]
    return {"resources": resources, "roles": ["admin"]}  # type: ignore[typeddict-item]  # built from literals


def test_the_other_process_answers_as_this_one() -> None:
    batches = [batch(60, 604_801), batch(1, 2), batch(9_999_999)]
    expected = deny_here(WASM, batches)
    assert {(denial.name, denial.pointer) for denial in expected} == {
        ("flag-0", "/spec/ttl_seconds"),
        ("flag-1", "/spec/ttl_seconds"),
    }
    with Aside(WASM) as aside:
        assert aside.deny(WASM, iter(batches)) == expected


def test_an_answer_is_about_the_last_question_alone() -> None:
    with Aside(WASM) as aside:
        assert aside.deny(WASM, [batch(604_801)])
        assert aside.deny(WASM, [batch(604_800)]) == []
        assert aside.answers(WASM)
        assert not aside.answers(None)
        aside.stop()
        assert aside.process is not None
        aside.process.wait()
        assert not aside.answers(WASM)


def test_a_policy_that_cannot_be_loaded_is_the_same_error() -> None:
    with pytest.raises(PolicyError) as here:
        deny_here(b"\0asm", [batch(1)])
    with Aside(b"\0asm") as aside, pytest.raises(PolicyError) as there:
        aside.deny(b"\0asm", [batch(1)])
    assert (there.value.message, there.value.help) == (here.value.message, here.value.help)


def test_this_process_answers_where_the_other_has_died_or_loaded_something_else() -> None:
    expected = deny_here(WASM, [batch(604_801)])
    assert expected
    with Aside(b"\0asm") as aside:
        assert aside.deny(WASM, iter([batch(604_801)])) == expected
    with Aside(None) as aside:
        assert aside.deny(WASM, iter([batch(604_801)])) == expected
    with Aside(WASM) as aside:
        aside.stop()
        assert aside.deny(WASM, iter([batch(604_801)])) == expected


def shortening() -> TransitionInput:
    """A flag that may live no longer than it may anyway, which takes an admin's approval."""
    before, after = ({"name": "a", "ttl_seconds": seconds} for seconds in (604_800, 86_400))
    change: ResourceChange = {"kind": "Flag", "name": "a", "before": before, "after": after}
    return {"changes": [change], "approvers": [], "facts": {}, "time": "2026-11-24T08:00:00Z"}


def test_the_other_process_answers_transitions_with_the_data_that_belongs_to_each() -> None:
    contents = {"policy/people/ada-berg/data.json": '{"roles":["admin"]}'}
    expected = Policy.of(WASM, contents).transition(shortening())
    assert expected
    with Aside(WASM) as aside:
        policies = [aside.policies(WASM, contents), aside.policies(WASM, {})]
        assert [policy.transition(shortening()) for policy in policies] == [
            expected,
            Policy.of(WASM, {}).transition(shortening()),
        ]
        assert aside.deny(WASM, iter([batch(604_801)])) == deny_here(WASM, [batch(604_801)])
        assert policies[0].sha256 == Policy.load(WASM).sha256
        assert policies[0].deny(batch(604_801)) == deny_here(WASM, [batch(604_801)])
        nonsense = {"policy/people/ada-berg/data.json": "[]"}
        assert [item.rule for item in aside.policies(WASM, nonsense).transition(shortening())] == ["policy-answers"]
        assert policies[0].transition(shortening()) == expected
        aside.stop()
        assert policies[0].transition(shortening()) == expected


def test_transitions_of_another_wasm_are_asked_here() -> None:
    with Aside(b"\0asm") as aside:
        assert aside.policies(WASM, {}).transition(shortening()) == Policy.of(WASM, {}).transition(shortening())
        broken = aside.policies(b"\0asm", {})
        assert [item.rule for item in broken.transition(shortening())] == ["policy-answers"]


def test_nothing_is_left_running_when_nobody_asks() -> None:
    with Aside(WASM) as aside:
        process = aside.process
        assert process is not None
        assert process.poll() is None
    assert process.poll() is not None


def test_answers_are_denials() -> None:
    with Aside(WASM) as aside:
        assert all(isinstance(item, Denial) for item in aside.deny(WASM, [batch(604_801)]))


def test_the_other_process_answers_many_questions_about_scopes_and_is_not_needed() -> None:
    grant = {"roles": ["admin"], "scopes": ["tenant.read", "tenant.write"], "blueprints": ["standard"], "tenants": []}
    tenant = {"blueprint": "standard", "region": "eu-central", "state": "active", "policies": {}}
    view = seen({"grants": {"all": grant}, "tenants": {"acme": tenant}}, "acme")
    asked = questions(["eu-central", "us-east"])
    expected = allowed_here(WASM, view, asked)
    assert {
        (asked[index]["requester"]["name"], asked[index]["scope"], asked[index]["region"]) for index in expected
    } == {
        ("holder", "tenant.read", "eu-central"),
        ("holder", "tenant.write", "eu-central"),
    }
    with Aside(WASM) as aside:
        assert aside.allowed(WASM, view, asked) == expected
        assert aside.allowed(WASM, seen({}, "acme"), asked) == frozenset()
        assert aside.policies(WASM, {}).allowed(asked) == frozenset()
        with pytest.raises(FormatError):
            aside.allowed(WASM, {"grants": 0.5}, asked)
        aside.stop()
        assert aside.allowed(WASM, view, asked) == expected
    with Aside(None) as aside:
        assert aside.allowed(WASM, view, asked) == expected
