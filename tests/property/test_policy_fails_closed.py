"""Whatever is asked, the policy says yes only where a plain reading of its rules in Python does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.policy.engine import ALLOW, DENY, TRANSITION, Policy

WEEK = 604_800
STATES = ("active", "suspended")
PEOPLE: dict[str, dict[str, list[str]]] = {"mara": {"roles": ["admin", "mc"]}, "tomas": {"roles": ["sre"]}}
TENANTS: dict[str, Any] = {
    "acme": {
        "region": "eu-central",
        "blueprint": "standard",
        "state": "active",
        "policies": {"cross_region_reads": True, "bulk_export": False},
    },
    "fjord": {
        "region": "us-east",
        "blueprint": "standard",
        "state": "suspended",
        "policies": {"cross_region_reads": False, "bulk_export": True},
    },
}
GRANTS: dict[str, Any] = {
    "all": {
        "roles": ["admin"],
        "scopes": ["admin.write", "graph.export", "graph.read", "tenant.read"],
        "blueprints": ["standard"],
        "tenants": [],
    },
    "one": {"roles": ["sre"], "scopes": ["tenant.read"], "blueprints": [], "tenants": ["acme"]},
}
POLICY = Policy.load((Path(__file__).parents[2] / "policies/policy.wasm").read_bytes()).with_data(
    {"people": PEOPLE, "tenants": TENANTS, "grants": GRANTS}
)

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.sampled_from(["admin", "mc", "mara", "tomas", "Flag", "Tenant", "set-flag", "active", "suspended", "604800"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abk", max_size=3), inner, max_size=3)
)


def usually(usual: st.SearchStrategy[Any], *others: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nine times out of ten the first."""
    return st.integers(0, 9).flatmap(lambda roll: usual if roll else st.one_of(*others))


def mostly(*usual: Any) -> st.SearchStrategy[Any]:
    return usually(st.sampled_from(usual), ANYTHING)


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any of the fields may be missing, and all of it be anything."""
    return usually(st.fixed_dictionaries(fields), st.fixed_dictionaries({}, optional=fields), ANYTHING)


TTL = mostly(1, WEEK, WEEK + 1)
ROLES = st.lists(mostly("admin", "mc", "sre"), max_size=3) | ANYTHING
FLAG = record(kind=mostly("Flag"), name=mostly("f"), spec=record(ttl_seconds=TTL))
APPROVER = record(name=mostly("mara"), roles=ROLES)
TENANT = record(name=mostly("acme"), state=mostly(*STATES), region=mostly("eu-central", "us-east"))
STEP = record(kind=mostly("Tenant"), name=mostly("acme"), before=st.none() | TENANT, after=st.none() | TENANT)
PLACE = record(type=mostly("postgres", "release"), region=mostly("eu-central", "eu-west"))
MOVE = record(kind=mostly("Target"), name=mostly("pg"), before=st.none() | PLACE, after=st.none() | PLACE)
FLAG_STEP = record(kind=mostly("Flag"), name=mostly("f"), before=st.none(), after=st.none() | record(ttl_seconds=TTL))


def at(value: Any, *keys: str) -> Any:
    """What lies at a path of keys; an `object()` that equals nothing where that is missing."""
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return object()
        value = value[key]
    return value


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def same_json(one: Any, other: Any) -> bool:
    """Rego's equality: of one type all the way down, but for numbers, which are one type and not booleans."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def members(value: Any) -> list[Any]:
    """What Rego's `some … in` goes through."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def may(role: Any, flag: Any) -> bool:
    ttl = at(flag, "ttl_seconds")
    return same(role, "admin") and type(ttl) is int and ttl <= WEEK


def rules(entrypoint: str, question: Any) -> set[str]:
    results = POLICY.results(entrypoint, question)
    return {item["rule"] for item in results[0]["result"]} if results else {"no answer"}


@given(
    record(
        action=mostly("set-flag"),
        requester=record(name=mostly("mara", "tomas"), role=mostly("admin", "mc")),
        flag=record(ttl_seconds=TTL),
    )
)
@settings(max_examples=400)
def test_only_an_admin_may_set_a_flag_and_only_for_a_week(question: Any) -> None:
    name, role = at(question, "requester", "name"), at(question, "requester", "role")
    known = PEOPLE.get(name, {}).get("roles", []) if isinstance(name, str) else []
    right = same(at(question, "action"), "set-flag") and role in known and may(role, at(question, "flag"))
    assert POLICY.results(ALLOW, question) == [{"result": right}]
    assert POLICY.allow(question) is right


@given(FLAG, ROLES)
@settings(max_examples=400)
def test_flag_is_clean_only_where_somebody_may_set_it(flag: Any, roles: Any) -> None:
    is_flag = same(at(flag, "kind"), "Flag")
    clean = any(may(role, at(flag, "spec")) for role in members(roles))
    rule = "flag-setter" if may("admin", at(flag, "spec")) else "flag-allowed"
    denied = rules(DENY, {"resources": [flag], "roles": roles}) & {"flag-setter", "flag-allowed"}
    assert denied == ({rule} if is_flag and not clean else set())


@given(FLAG_STEP, st.lists(APPROVER, max_size=3) | ANYTHING)
@settings(max_examples=400)
def test_flag_is_altered_only_where_an_approver_may_set_it(step: Any, approvers: Any) -> None:
    is_flag, removed = same(at(step, "kind"), "Flag"), at(step, "after") is None
    passes = any(
        may(role, at(step, "after")) for approver in members(approvers) for role in members(at(approver, "roles"))
    )
    question = {"changes": [step], "approvers": approvers, "facts": {}, "time": "2026-11-24T08:00:00Z"}
    assert ("flag-approver" in rules(TRANSITION, question)) is (is_flag and not removed and not passes)


@given(STEP)
@settings(max_examples=400)
def test_tenant_takes_only_the_steps_there_are(step: Any) -> None:
    before, after = at(step, "before"), at(step, "after")
    right: set[str] = set()
    if same(at(step, "kind"), "Tenant"):
        if after is None:
            right = {"tenant-removed"}
        elif before is None:
            right = set() if same(at(after, "state"), "active") else {"tenant-new"}
        elif not all(any(same(at(side, "state"), state) for state in STATES) for side in (before, after)):
            right = {"tenant-state"}
        elif not same_json(before.get("region"), after.get("region")):
            right = {"tenant-region"}
    question = {"changes": [step], "approvers": [], "facts": {}, "time": "2026-11-24T08:00:00Z"}
    assert rules(TRANSITION, question) & {"tenant-new", "tenant-state", "tenant-region", "tenant-removed"} == right


@given(MOVE)
@settings(max_examples=400)
def test_target_leaves_only_a_region_where_nobody_lives(step: Any) -> None:
    before, after = at(step, "before"), at(step, "after")
    stays = all(is_there(before, after, key) and same_json(before[key], after[key]) for key in ("type", "region"))
    region = at(before, "region")
    empty = type(region) is not object and not any(same(region, tenant["region"]) for tenant in TENANTS.values())
    is_new, is_target = before is None, same(at(step, "kind"), "Target")
    leaves = is_target and not is_new and not same(at(before, "type"), "release") and not stays and not empty
    question = {"changes": [step], "approvers": [], "facts": {}, "time": "2026-11-24T08:00:00Z"}
    assert ("target-region" in rules(TRANSITION, question)) is leaves


def is_there(one: Any, other: Any, key: str) -> bool:
    return all(isinstance(side, dict) and key in side for side in (one, other))


@given(
    record(
        action=mostly("use-scope"),
        requester=record(name=mostly("mara", "tomas"), role=mostly("admin", "sre")),
        scope=mostly("admin.write", "graph.export", "graph.read", "tenant.read"),
        tenant=mostly("acme", "fjord"),
        region=mostly("eu-central", "us-east"),
    )
)
@settings(max_examples=600)
def test_scope_is_used_only_as_a_grant_and_the_tenant_allow(question: Any) -> None:
    right = same(at(question, "action"), "use-scope") and granted(question) and suits(question)
    assert POLICY.results(ALLOW, question) == [{"result": right}]
    assert POLICY.allow(question) is right  # who is told no names says the same


def granted(question: Any) -> bool:
    name, role = at(question, "requester", "name"), at(question, "requester", "role")
    roles = PEOPLE.get(name, {}).get("roles", []) if isinstance(name, str) else []
    tenant, scope = at(question, "tenant"), at(question, "scope")
    return role in roles and any(
        role in grant["roles"]
        and scope in grant["scopes"]
        and (tenant in grant["tenants"] or TENANTS.get(tenant, {}).get("blueprint") in grant["blueprints"])
        for grant in GRANTS.values()
        if isinstance(tenant, str)
    )


def suits(question: Any) -> bool:
    tenant, scope = TENANTS.get(question["tenant"], {}), question["scope"]
    policies = tenant.get("policies", {})
    usable = tenant.get("state") == "active" or scope == "tenant.read"
    near = same(at(question, "region"), tenant.get("region"))
    reachable = near or (scope in {"graph.read", "tenant.read"} and policies.get("cross_region_reads") is True)
    return usable and reachable and (scope != "graph.export" or policies.get("bulk_export") is True)
