"""Policy: the committed wasm answers, and whatever is no answer allows nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime.contract.canonical import encode, sha256
from runtime.contract.errors import FormatError
from runtime.contract.policy_input import AllowInput, DenyInput, PolicyResource, TransitionInput
from runtime.policy import scopes
from runtime.policy.data import data_text
from runtime.policy.engine import ALLOW, BATCH, DENY, NOBODY_IN_PARTICULAR, Denial, Policy, PolicyError, Refused
from tests.cases.inputs import own_policy

WASM = own_policy()["policies/policy.wasm"]
WEEK = 604_800
PEOPLE = {"people": {"mara": {"roles": ["admin", "mc"]}, "tomas": {"roles": ["backend"]}}}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load(WASM)


def flag(name: str, ttl: Any) -> PolicyResource:
    return {"kind": "Flag", "name": name, "path": f"flags/{name}.yaml", "spec": {"ttl_seconds": ttl}, "derived": {}}


def asked(*resources: PolicyResource, roles: tuple[str, ...] = ("admin",)) -> DenyInput:
    return {"resources": resources, "roles": roles}


def change(kind: str, before: Any, after: Any, *roles: str) -> TransitionInput:
    return {
        "changes": [{"kind": kind, "name": "it", "before": before, "after": after}],
        "approvers": [{"name": "mara", "roles": list(roles)}],
        "facts": {},
        "time": "2026-11-24T08:00:00Z",
    }


def may_set(name: str, role: str, ttl: int = WEEK) -> AllowInput:
    return {
        "action": "set-flag",
        "requester": {"name": name, "role": role},
        "flag": {"name": "new-checkout", "ttl_seconds": ttl},
    }


def test_flag_that_lives_too_long_is_denied_at_its_ttl(policy: Policy) -> None:
    message = "flag `late` lives 604801 seconds; at most 604800 are allowed"
    assert policy.deny(asked(flag("fine", WEEK), flag("late", WEEK + 1))) == [
        Denial("Flag", "late", "/spec/ttl_seconds", "flag-allowed", message)
    ]


def test_flags_that_nobody_may_set_are_one_denial_and_too_long_a_life_another(policy: Policy) -> None:
    many = [flag(f"flag-{number}", WEEK) for number in range(BATCH + 1)]
    denials = policy.deny(asked(*many, flag("late", WEEK + 1), roles=("mc", "pm")))
    assert [(denial[:3], denial.rule) for denial in denials] == [
        (NOBODY_IN_PARTICULAR, "flag-setter"),
        (("Flag", "late", "/spec/ttl_seconds"), "flag-allowed"),
    ]


def test_denials_of_many_batches_come_sorted_and_once(policy: Policy) -> None:
    late = [flag(f"flag-{number:05}", WEEK + 1) for number in reversed(range(2 * BATCH + 1))]
    denials = policy.deny(asked(*late, late[0]))
    assert denials == sorted(set(denials))
    assert len(denials) == 2 * BATCH + 1


def test_nothing_asked_about_is_nothing_denied(policy: Policy) -> None:
    assert policy.deny(asked()) == []


def test_new_tenant_is_active_and_flags_need_an_admin(policy: Policy) -> None:
    assert policy.transition(change("Tenant", None, {"state": "active"})) == []
    assert [refused.rule for refused in policy.transition(change("Tenant", None, {"state": "suspended"}))] == [
        "tenant-new"
    ]
    assert policy.transition(change("Flag", None, {"ttl_seconds": WEEK}, "backend", "admin")) == []
    assert [refused.rule for refused in policy.transition(change("Flag", None, {"ttl_seconds": WEEK}, "backend"))] == [
        "flag-approver"
    ]


def test_file_of_a_tenant_that_is_not_deprovisioned_cannot_be_removed(policy: Policy) -> None:
    message = (
        "the file of tenant `it` cannot be removed yet: set `state: suspended` instead, and after its retention "
        "`state: deprovisioned`, whose result allows it"
    )
    assert policy.transition(change("Tenant", {"state": "suspended"}, None)) == [
        Refused("Tenant", "it", "tenant-removed", message)
    ]


def test_change_that_has_floats_may_be_asked_about(policy: Policy) -> None:
    assert policy.transition(change("Dashboard", {"share": 0.25}, {"share": 0.5})) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.5, 1e300, 2**53, "\ud800", {1, 2}, b"x"])
def test_question_that_is_no_strict_json_is_refused(policy: Policy, value: Any) -> None:
    with pytest.raises(FormatError):
        policy.deny(asked(flag("odd", value)))


@pytest.mark.parametrize("value", [2**53 - 1, "12.5", "1e400", "x:1.5", "[0.5]", "\x00", "\u2028", True, None, []])
def test_strings_that_look_like_numbers_are_strings(policy: Policy, value: Any) -> None:
    policy.deny(asked(flag("odd", value)))


def test_transition_that_cannot_be_asked_about_is_refused(policy: Policy) -> None:
    refused = policy.transition(change("Tenant", None, {"state": float("nan")}))
    assert [one.rule for one in refused] == ["policy-answers"]


def test_a_role_counts_at_run_time_only_if_the_data_gives_it(policy: Policy) -> None:
    real = policy.with_data(PEOPLE)
    assert real.allow(may_set("mara", "admin"))
    assert not real.allow(may_set("mara", "mc"))
    assert not real.allow(may_set("tomas", "admin"))
    assert not real.allow(may_set("mara", "admin", WEEK + 1))
    assert not policy.allow(may_set("mara", "admin"))


def test_whatever_is_no_question_is_not_allowed(policy: Policy) -> None:
    real = policy.with_data(PEOPLE)
    odd: list[Any] = [
        None,
        {},
        [],
        "set-flag",
        {"action": "set-flag"},
        {"action": []},
        may_set("mara", "admin") | {"flag": {}},
    ]
    odd.append(may_set("mara", "admin") | {"flag": {"ttl_seconds": float("nan")}})
    assert not any(real.allow(one) for one in odd)


def test_policies_over_other_data_do_not_disturb_each_other(policy: Policy) -> None:
    others = [policy.with_data({"people": {f"p{number}": {"roles": ["admin"]}}}) for number in range(4)]

    def right(turn: int) -> bool:
        number = turn % 4
        return others[number].allow(may_set(f"p{number}", "admin")) and not others[number].allow(
            may_set(f"p{(number + 1) % 4}", "admin")
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(right, range(200)))


def test_module_is_compiled_once() -> None:
    assert Policy.load(WASM)._module is Policy.load(bytes(WASM))._module  # noqa: SLF001 -- that is what is asked
    assert Policy.load(WASM).sha256 == sha256(WASM)


@pytest.mark.parametrize("data", [b"", b"\0asm\x01\0\0\0", b"not wasm", WASM[:1000]])
def test_bytes_that_are_no_policy_are_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.load(data)
    assert "conductor policy build" in (caught.value.help or "")


def test_question_that_crashes_the_policy_raises_and_the_next_one_is_answered(policy: Policy) -> None:
    with pytest.raises(PolicyError):
        policy._module.ask(DENY, b"x" * (65 * 1024 * 1024), b"{}")  # noqa: SLF001 -- no question of ours is that large
    assert policy.deny(asked(flag("fine", WEEK))) == []


def test_data_files_are_put_together_as_opa_does() -> None:
    contents = {
        "policy/people/mara/data.json": encode({"roles": ["mc"]}).decode(),
        "policy/tenants/acme-retail/data.json": encode({"region": "eu-central"}).decode(),
        "policy/data.json": encode({"limits": {"days": 3}}).decode(),
        "config/tenants/tenant/acme-retail.json": "{}",
    }
    assert json.loads(data_text(contents)) == {
        "people": {"mara": {"roles": ["mc"]}},
        "tenants": {"acme-retail": {"region": "eu-central"}},
        "limits": {"days": 3},
    }


@pytest.mark.parametrize(
    "contents",
    [
        {"policy/a/data.json": "[]"},
        {"policy/a/data.json": '{"b": 1}'},
        {"policy/a/data.json": '{"b":1}', "policy/data.json": '{"a":1}'},
        {"policy/a/b/data.json": '{"c":1}', "policy/a/data.json": '{"b":1}'},
    ],
)
def test_data_files_that_contradict_each_other_are_refused(contents: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        json.loads(data_text(contents))


def test_policy_of_a_snapshot_has_its_data() -> None:
    real = Policy.of(WASM, {"policy/people/mara/data.json": '{"roles":["admin"]}'})
    assert real.allow(may_set("mara", "admin"))


def test_importing_the_engine_does_not_import_wasmtime() -> None:
    code = "import sys, runtime.policy.engine; sys.exit('wasmtime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_questions_asked_at_once_are_answered_as_one_by_one(policy: Policy) -> None:
    grant = {"roles": ["admin"], "scopes": ["tenant.read"], "blueprints": ["standard"], "tenants": []}
    tenant = {"blueprint": "standard", "region": "eu-central", "state": "active", "policies": {}}
    data: dict[str, Any] = {"grants": {"all": grant}, "tenants": {"acme": tenant}}
    real = policy.with_data(scopes.seen(data, "acme"))
    asked = scopes.questions(["eu-central", "us-east"])
    at_once = real.allowed(asked)
    assert at_once == {index for index, one in enumerate(asked) if real.results(ALLOW, one) == [{"result": True}]}
    assert len(at_once) == 1
    whole = policy.with_data({**data, "people": {"eve": {"roles": ["admin"]}}})
    question: Any = {**asked[min(at_once)], "requester": {"name": "eve", "role": "admin"}, "tenant": "acme"}
    assert whole.allow(question)
    for other in ("nobody", None, ["acme"]):
        question["tenant"] = other
        assert not whole.allow(question)
