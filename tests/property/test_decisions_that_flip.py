"""The flips of a plan are those that asking about everything, one by one and before and after, would find."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.aside import allowed_here
from compiler.plan_flips import ANYWHERE, ELSEWHERE, HOME, Cause, Decisions, Side, decisions_between
from compiler.rego import WASM
from runtime.contract.canonical import encode
from runtime.contract.policy_input import ROLES
from runtime.contract.policy_input import SCOPES as EVERY_SCOPE
from runtime.policy.engine import Policy
from runtime.policy.scopes import ANOTHER, HOLDER, STRANGER, asked_as, questions, regions
from tests.cases.flips_world import other_rego
from tests.cases.inputs import own_policy

REGIONS = ("eu-central", "us-east")
FROM = (*REGIONS, "ap-south", "another", "")
"""Where somebody asks from: there never are tenants in the last three."""
ASKED, SCOPES = ("admin", "pm"), ("graph.export", "tenant.read", "tenant.write")
"""Of the roles and scopes; every one would take minutes."""
TENANT = st.fixed_dictionaries(
    {
        "blueprint": st.sampled_from(["standard", "guarded"]),
        "region": st.sampled_from(REGIONS),
        "state": st.sampled_from(["active", "suspended"]),
        "legal_hold": st.booleans(),
        "retention_days": st.integers(30, 33),
        "policies": st.fixed_dictionaries({"bulk_export": st.booleans(), "cross_region_reads": st.booleans()}),
    }
)
GRANT = st.fixed_dictionaries(
    {
        "roles": st.lists(st.sampled_from(ASKED), min_size=1, unique=True),
        "scopes": st.lists(st.sampled_from(SCOPES), min_size=1, unique=True),
        "blueprints": st.lists(st.sampled_from(["standard", "guarded"]), unique=True),
        "tenants": st.lists(st.sampled_from(["acme", "ice"]), unique=True),
    }
)
TENANTS = st.dictionaries(st.sampled_from(["acme", "ice"]), TENANT, max_size=2)
GRANTS = st.dictionaries(st.sampled_from(["one", "two"]), GRANT, max_size=2)
OURS, OTHER = own_policy()[WASM], other_rego()[WASM]


class Decision(NamedTuple):
    """One that flips."""

    gained: bool
    role: str
    held: bool
    scope: str
    tenant: str
    region: str


def contents(tenants: Mapping[str, Any], grants: Mapping[str, Any]) -> dict[str, str]:
    """A snapshot's policy data, with a person who has every role and one who has none."""
    people: dict[str, Any] = {"everyone": {"roles": list(ROLES)}, "nobody": {"roles": []}}
    kinds: dict[str, Mapping[str, Any]] = {"people": people, "tenants": tenants, "grants": grants}
    return {
        f"policy/{kind}/{name}/data.json": encode(value).decode()
        for kind, values in kinds.items()
        for name, value in values.items()
    }


def _asks(name: str, role: str, scope: str, tenant: str, region: str) -> Any:
    return {
        "action": "use-scope",
        "requester": {"name": name, "role": role},
        "scope": scope,
        "tenant": tenant,
        "region": region,
    }


def one_by_one(before: Side, after: Side, tenants: Iterable[str]) -> Iterator[Decision]:
    """Ask as a gateway does, each question with the whole data."""
    policies = [Policy.of(side.wasm or b"", side.contents) for side in (before, after)]
    for name, held in (("everyone", True), ("nobody", False)):
        for role in ASKED:
            for scope in SCOPES:
                for tenant in tenants:
                    for region in FROM:
                        question = _asks(name, role, scope, tenant, region)
                        old, new = (policy.allow(question) for policy in policies)
                        if old is not new:
                            yield Decision(new, role, held, scope, tenant, region)


def opened(decisions: Decisions, home: Mapping[str, str], known: Collection[str]) -> list[Decision]:
    """Every line, opened up; `known` are the regions in which one side has tenants."""
    found, nowhere = [], [one for one in FROM if one not in known]
    for item in decisions.flips:
        for tenant in item.tenants:
            own = home[tenant]
            elsewhere = [one for one in FROM if one != own]
            here = {HOME: [own], ELSEWHERE: elsewhere, ANYWHERE: [own, *elsewhere], ANOTHER: nowhere}
            regions = [region for place in item.regions for region in here.get(place, [place])]
            found += [
                Decision(item.gained, role, item.held, scope, tenant, region)
                for role in item.roles
                for scope in item.scopes
                for region in regions
                if role in ASKED and scope in SCOPES
            ]
    return found


DATA = st.builds(contents, TENANTS, GRANTS)


def home(*sides: Side) -> dict[str, str]:
    """Where each tenant lives, at last."""
    found = {}
    for side in sides:
        for path, text in side.contents.items():
            if path.startswith("policy/tenants/"):
                found[path.split("/")[2]] = json.loads(text)["region"]
    return found


@given(DATA, DATA, st.sampled_from([OURS, OTHER]))
@settings(max_examples=12, deadline=None)
def test_flips_are_those_that_asking_one_by_one_finds(old: dict[str, str], new: dict[str, str], wasm: bytes) -> None:
    before, after = Side(OURS, old), Side(wasm, new)
    decisions = decisions_between(before, after, ["tenants/acme.yaml", "policies/grants/one.yaml"], allowed_here)
    assert decisions.unknown is None
    tenants = home(before, after)
    found = opened(decisions, tenants, {region for side in (before, after) for region in home(side).values()})
    assert sorted(found) == sorted(one_by_one(before, after, tenants))


@given(TENANTS, GRANTS, GRANTS)
@settings(max_examples=25, deadline=None)
def test_what_flips_is_put_down_to_what_changed(
    tenants: dict[str, Any], grants: dict[str, Any], others: dict[str, Any]
) -> None:
    ours, granting = (Side(OURS, contents(tenants, one)) for one in (grants, others))
    other = Side(OTHER, ours.contents)
    assert {item.cause for item in decisions_between(ours, granting, [], allowed_here).flips} <= {Cause.GRANTS}
    there, back = decisions_between(ours, other, [], allowed_here), decisions_between(other, ours, [], allowed_here)
    assert {item.cause for item in there.flips} <= {Cause.POLICY}
    assert {replace(item, gained=not item.gained) for item in back.flips} == set(there.flips)
    assert decisions_between(ours, ours, [], allowed_here) == Decisions()


ROLES_OF = st.sets(st.sampled_from(ASKED))


@given(TENANTS, GRANTS, ROLES_OF, ROLES_OF, st.sampled_from([OURS, OTHER]))
@settings(max_examples=25, deadline=None)
def test_a_person_gains_and_loses_what_asking_in_each_of_their_roles_finds(
    tenants: dict[str, Any], grants: dict[str, Any], olds: set[str], news: set[str], wasm: bytes
) -> None:
    path, data = "policy/people/ben/data.json", contents(tenants, grants)
    before, after = (Side(wasm, {**data, path: encode({"roles": sorted(roles)}).decode()}) for roles in (olds, news))
    decisions = decisions_between(before, after, [], allowed_here)
    assert decisions.unknown is None
    may: list[set[tuple[str, str, str]]] = []
    for side, roles in ((before, olds), (after, news)):
        policy = Policy.of(wasm, side.contents)
        may.append(
            {
                (scope, tenant, region)
                for role in roles
                for scope in SCOPES
                for tenant in tenants
                for region in FROM
                if policy.allow(_asks("ben", role, scope, tenant, region))
            }
        )
    found = opened(decisions, home(after), set(home(after).values()))
    assert {item.person for item in decisions.flips} <= {"ben"}
    for gained, expected in ((True, may[1] - may[0]), (False, may[0] - may[1])):
        assert {(item.scope, item.tenant, item.region) for item in found if item.gained is gained} == expected


ODD = st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
ANSWERABLE: dict[str, st.SearchStrategy[Any]] = {
    "requester": st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["everyone", "nobody", "mallory"]) | ODD,
            "role": st.sampled_from([*ASKED, "cto"]) | ODD,
            "badge": ODD,
        },
    )
    | ODD,
    "scope": st.sampled_from([*SCOPES, "graph.delete"]) | ODD,
    "tenant": st.sampled_from(["acme", "ice", "tenant"]) | ODD,
    "region": st.sampled_from(FROM) | ODD,
    "action": st.just("use-scope"),
    "ticket": ODD,
}


@given(st.fixed_dictionaries({}, optional=ANSWERABLE), TENANTS)
@settings(max_examples=400)
def test_nothing_is_asked_at_run_time_that_a_plan_does_not_ask(asked: dict[str, Any], tenants: dict[str, Any]) -> None:
    data = {"tenants": tenants, "people": {"everyone": {"roles": list(ROLES)}, "nobody": {"roles": []}}}
    known = regions(data)
    question = asked_as(data, known, asked)
    requester = asked.get("requester")
    who = requester if isinstance(requester, dict) else {}
    if who.get("role") in ROLES and asked.get("scope") in EVERY_SCOPE and asked.get("tenant") in [*tenants]:
        assert question in questions([ANOTHER, *known])
        assert question is not None
        assert question["requester"]["name"] == (HOLDER if who.get("name") == "everyone" else STRANGER)
        assert question["region"] == (asked.get("region") if asked.get("region") in [*known] else ANOTHER)
    else:
        assert question is None
