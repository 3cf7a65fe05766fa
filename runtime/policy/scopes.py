"""Data x who asks to use a scope on which tenant -> what a rule is told of it: attributes, and no names.

A decision about a scope follows from the role, the scope, the region it is used from, the tenant's attributes, and the
grants. So a rule is asked about one tenant, called `tenant`, with grants that name it or do not; by `holder`, who has
every role, or by `stranger`, who has none. Rules kept: no other tenant, no person and no name has a part in it,
whatever the Rego says; therefore two tenants of which `seen` is equal have equal decisions, by the same policy, and
`conductor plan` asks about one of them only. Nor is anything asked at run time that is not among `questions`: a role or
scope that is none, and a tenant that there is not, are a no without any rule; a region without tenants is `another`;
and whatever somebody asks beside that is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from runtime.contract.canonical import JSON
from runtime.contract.policy_input import ROLES, SCOPES, AllowInput

ACTION = "use-scope"
ATTRIBUTES = ("blueprint", "region", "state", "legal_hold", "policies")
"""What a rule is told of the tenant. How long its data is kept is nothing that access follows from, and differs so much
from tenant to tenant that no two would look alike."""
TENANT, HOLDER, STRANGER = "tenant", "holder", "stranger"
ANOTHER = "another"
"""What a rule is told of every region without tenants. No region is called so: each has a dash."""
_PEOPLE: JSON = {HOLDER: {"roles": list(ROLES)}, STRANGER: {"roles": []}}


def seen(data: Mapping[str, JSON], tenant: str) -> dict[str, JSON]:
    """Return the data that a rule sees when it is asked about a scope on this tenant."""
    tenants = _object(data.get("tenants"))
    grants = _object(data.get("grants"))
    return {
        **data,
        "people": _PEOPLE,
        "tenants": {TENANT: attributes(tenants[tenant])} if tenant in tenants else {},
        "grants": {name: _with_names(grant, tenant) for name, grant in grants.items()},
    }


def regions(data: Mapping[str, JSON]) -> frozenset[str]:
    """Return the regions that a rule is told by name: those that tenants live in."""
    found = (_object(tenant).get("region") for tenant in _object(data.get("tenants")).values())
    return frozenset(region for region in found if isinstance(region, str) and region)


def told(region: object, known: Collection[str]) -> str:
    """Return a region as a rule is told it."""
    return region if isinstance(region, str) and region in known else ANOTHER


def asked_as(data: Mapping[str, JSON], known: Collection[str], asked: Mapping[str, Any]) -> AllowInput | None:
    """Return that of `questions` which this is, None if it is none of them, which nobody may. A role counts where the
    data gives it to whoever asks; `known` are the regions of the data."""
    requester = _object(asked.get("requester"))
    name, role, scope, tenant = requester.get("name"), requester.get("role"), asked.get("scope"), asked.get("tenant")
    if role not in ROLES or scope not in SCOPES or not isinstance(tenant, str):
        return None
    if tenant not in _object(data.get("tenants")):
        return None
    given = _object(_object(data.get("people")).get(name)).get("roles") if isinstance(name, str) else None
    who = HOLDER if isinstance(given, list) and role in given else STRANGER
    return _question(who, str(role), scope, told(asked.get("region"), known))


def questions(told: Iterable[str]) -> list[AllowInput]:
    """Every question about one tenant from regions as told: by role, scope and region, with the role and without."""
    return [
        _question(who, role, scope, region)
        for who in (HOLDER, STRANGER)
        for role in ROLES
        for scope in SCOPES
        for region in told
    ]


def _question(who: str, role: str, scope: str, region: str) -> AllowInput:
    return {
        "action": ACTION,
        "requester": {"name": who, "role": role},
        "scope": scope,
        "tenant": TENANT,
        "region": region,
    }


def attributes(tenant: JSON) -> dict[str, JSON]:
    """Return what of a tenant a rule is told."""
    return {key: value for key, value in _object(tenant).items() if key in ATTRIBUTES}


def _with_names(grant: JSON, tenant: str) -> JSON:
    """A grant as it looks from one tenant: whether it names this one."""
    if not isinstance(grant, dict):
        return grant
    named = grant.get("tenants")
    return {**grant, "tenants": [TENANT] if isinstance(named, list) and tenant in named else []}


def _object(value: object) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}
