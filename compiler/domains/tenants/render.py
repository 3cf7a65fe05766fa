"""Tenant -> its configuration, dashboard, alert rules, PostgreSQL objects and policy data; Blueprint -> nothing.

A blueprint is rendered in its tenants: a file that nobody reads would only be one more row in a change.
Rules kept: one file depends on one tenant and its blueprint (and the target of its region); a suspended tenant has no
alert rules and a role without login; of a deprovisioned one nothing is served but that it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from compiler.domains.domain import Model, Resource, Spec
from compiler.domains.targets.kinds import TargetSpec
from compiler.domains.tenants import templates
from compiler.domains.tenants.effective import Effective, effective
from compiler.domains.tenants.kinds import BlueprintSpec, Policies, Quotas, TenantSpec
from compiler.domains.written import as_input
from runtime.contract.canonical import JSON, encode

_QUOTAS = tuple(Quotas.model_fields)
_POLICIES = tuple(Policies.model_fields)


@dataclass(frozen=True)
class _Prepared:
    """What the tenants of one blueprint share: its templates, and its objects by (target, state, adopt)."""

    name: str
    spec: BlueprintSpec
    dashboard: bytes
    alerts: bytes
    policies: JSON
    objects: dict[tuple[str, str, bool], bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class _Shared:
    blueprints: Mapping[str, _Prepared]
    targets: Mapping[str, str]
    releases: tuple[str, ...]


def _prepare(model: Model) -> _Shared:
    return _Shared(
        blueprints={
            name: _Prepared(
                name,
                resource.spec,
                templates.dashboard(name, resource.spec.dashboard),
                templates.alerts(name, resource.spec.alerts, _thresholds(resource.spec)),
                {name: getattr(resource.spec.policies, name) for name in _POLICIES},
            )
            for name, resource in model.all(BlueprintSpec).items()
        },
        targets={
            target.spec.region: name for name, target in model.all(TargetSpec).items() if target.spec.type == "postgres"
        },
        releases=tuple(name for name, target in model.all(TargetSpec).items() if target.spec.type == "release"),
    )


def _thresholds(blueprint: BlueprintSpec) -> dict[str, str]:
    return {alert.name: alert.threshold for alert in blueprint.alerts if alert.threshold is not None}


def render(resource: Resource[Spec], model: Model) -> Iterator[tuple[str, bytes]]:
    """Give the files of one tenant."""
    tenant = resource.spec
    if not isinstance(tenant, TenantSpec):
        return
    name, shared = resource.name, model.once(_prepare)
    blueprint = shared.blueprints[tenant.blueprint]
    gets = effective(tenant, blueprint.spec)
    fill = templates.Fill(
        tenant=name,
        region=gets.region,
        budget=gets.budgets.monthly,
        currency=gets.budgets.currency,
        connection_limit=gets.database.connection_limit,
        password=(tenant.database.password if tenant.database else None) or templates.password_of(name),
    )
    yield f"config/tenants/tenant/{name}.json", encode(_config(name, tenant, gets, blueprint))
    if tenant.state == "deprovisioned":
        yield f"objects/tenant/{name}.json", fill.into(templates.ended(shared.targets[gets.region], shared.releases))
        return
    yield f"config/tenants/dashboard/{name}.json", fill.into(blueprint.dashboard)
    if tenant.state == "active" and blueprint.spec.alerts:
        own = tenant.overrides is not None and tenant.overrides.alerts
        rules = templates.alerts(blueprint.name, blueprint.spec.alerts, gets.thresholds) if own else blueprint.alerts
        yield f"config/tenants/alerts/{name}.json", fill.into(rules)
    yield f"objects/tenant/{name}.json", fill.into(_objects(shared.targets[gets.region], tenant, gets, blueprint))
    yield f"policy/tenants/{name}/data.json", encode(_data(tenant, gets, blueprint))


def _objects(target: str, tenant: TenantSpec, gets: Effective, blueprint: _Prepared) -> bytes:
    if tenant.overrides is not None:
        return templates.objects(target, tenant.state, gets.database, gets.privileges, adopt=tenant.adopt)
    key = (target, tenant.state, tenant.adopt)
    if key not in blueprint.objects:
        blueprint.objects[key] = templates.objects(
            target, tenant.state, gets.database, gets.privileges, adopt=tenant.adopt
        )
    return blueprint.objects[key]


def _config(name: str, tenant: TenantSpec, gets: Effective, blueprint: _Prepared) -> JSON:
    """Build a `runtime.tenants.config.TenantConfig` as JSON; a test reads every one back as that type."""
    return {
        "name": name,
        "blueprint": tenant.blueprint,
        "region": gets.region,
        "state": tenant.state,
        "budgets": {"monthly": gets.budgets.monthly, "currency": gets.budgets.currency},
        "quotas": {quota: getattr(gets.quotas, quota) for quota in _QUOTAS},
        "contacts": [{"purpose": item.purpose, "email": item.email} for item in gets.contacts],
        "legal_hold": gets.legal_hold,
        "retention_days": gets.retention_days,
        "policies": blueprint.policies,
    }


def _data(tenant: TenantSpec, gets: Effective, blueprint: _Prepared) -> JSON:
    """Build `data.tenants.<name>` of Rego."""
    return {
        "blueprint": tenant.blueprint,
        "region": gets.region,
        "state": tenant.state,
        "legal_hold": gets.legal_hold,
        "retention_days": gets.retention_days,
        "policies": blueprint.policies,
    }


def policy_input(resource: Resource[Spec], model: Model) -> JSON:
    """Say what `conductor/deny` is told: the spec as written, and a tenant's effective values as `derived`."""
    derived: JSON = {}
    if isinstance(resource.spec, TenantSpec):
        blueprint = model.once(_prepare).blueprints[resource.spec.blueprint]
        derived = _data(resource.spec, effective(resource.spec, blueprint.spec), blueprint)
    return as_input(resource, derived)
