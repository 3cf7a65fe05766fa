"""Grants -> findings: each gives somebody something on some tenant.

Rules kept: a grant that gives nothing is found once, at the first reason; of a tree without people, or without tenants,
nobody knows yet. That a scope or a role is none has been found before (MC0101, MC0601).
"""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Span
from compiler.diagnostics.suggest import one_of
from compiler.domains.domain import Model, Resource
from compiler.domains.governance.kinds import GrantSpec, PersonSpec
from compiler.domains.tenants.kinds import TenantSpec
from runtime.contract.policy_input import ROLES


def check(model: Model, diagnostics: Diagnostics) -> None:
    """Add what gives nothing: whoever wrote it believes that it does."""
    for grant in model.all(GrantSpec).values():
        if (nothing := _nothing(grant, model)) is not None:
            why, span, help_ = nothing
            diagnostics.add(codes.GRANT_OF_NOTHING, f"grant `{grant.name}` gives nothing: {why}", span, help=help_)


def _nothing(grant: Resource[GrantSpec], model: Model) -> tuple[str, Span, str] | None:
    spec = grant.spec
    if not spec.blueprints and not spec.tenants:
        return "it names no blueprint and no tenant", grant.name_span, "add `blueprints: [...]` or `tenants: [...]`"
    people = model.all(PersonSpec)
    held = {role for person in people.values() for role in person.spec.roles}
    if people and model.whole("Person") and set(spec.roles) <= set(ROLES) and held.isdisjoint(spec.roles):
        why = f"nobody has {_either('the role', spec.roles)}"
        return why, grant.key_span("roles"), "give the role to a person in policies/people/, or name another"
    tenants = model.all(TenantSpec)
    lives = {tenant.spec.blueprint for tenant in tenants.values()}
    if tenants and model.whole("Tenant") and not spec.tenants and lives.isdisjoint(spec.blueprints):
        why = f"no tenant is of {_either('blueprint', spec.blueprints)}"
        return why, grant.key_span("blueprints"), f"tenants are of {one_of(sorted(lives), limit=3)}"
    return None


def _either(what: str, names: Iterable[str]) -> str:
    return f"{what} {' or '.join(f'`{name}`' for name in dict.fromkeys(names))}"
