"""Data x who asks to use a scope on which tenant -> what a rule is told of it: attributes, and no names.

A decision about a scope follows from the role, the scope, the region it is used from, the tenant's attributes, and the
grants. So a rule is asked about one tenant, called `tenant`, with grants that name it or do not; by `holder`, who has
every role, or by `stranger`, who has none. Rules kept: no other tenant, no person and no name has a part in it,
whatever the Rego says; therefore two tenants of which `seen` is equal have equal decisions, by the same policy, and
`conductor plan` asks about one of them only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.contract.canonical import JSON
from runtime.contract.policy_input import ROLES, SCOPES, AllowInput

ACTION = "use-scope"
ATTRIBUTES = ("blueprint", "region", "state", "legal_hold", "policies")
"""What a rule is told of the tenant. How long its data is kept is nothing that access follows from, and differs so much
from tenant to tenant that no two would look alike."""
TENANT, HOLDER, STRANGER = "tenant", "holder", "stranger"
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


def asked_as(data: Mapping[str, JSON], asked: AllowInput) -> AllowInput:
    """Return the question with nobody's name in it: a role counts where the data gives it to whoever asks."""
    requester: Any = asked.get("requester")
    name, role = _object(requester).get("name"), _object(requester).get("role")
    person = _object(_object(data.get("people")).get(name)) if isinstance(name, str) else {}
    given = person.get("roles")
    held = isinstance(given, list) and isinstance(role, str) and role in given
    who = {**_object(requester), "name": HOLDER if held else STRANGER}
    return {**asked, "requester": who, "tenant": TENANT}  # type: ignore[typeddict-item]  # whatever else was asked stays


def questions(regions: Iterable[str]) -> list[AllowInput]:
    """Every question about one tenant from these regions: by role, scope and region, with the role and without."""
    return [
        {
            "action": ACTION,
            "requester": {"name": who, "role": role},
            "scope": scope,
            "tenant": TENANT,
            "region": region,
        }
        for who in (HOLDER, STRANGER)
        for role in ROLES
        for scope in SCOPES
        for region in regions
    ]


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
