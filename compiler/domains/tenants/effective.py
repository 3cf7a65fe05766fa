"""Tenant x Blueprint -> what the tenant really gets: its own values where it has some, its blueprint's elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel

from compiler.domains.tenants.kinds import (
    BlueprintSpec,
    Budgets,
    Contact,
    Database,
    Privileges,
    Quotas,
    TenantSpec,
)

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Effective:
    """A tenant with nothing left out. `thresholds` are the alerts', by name."""

    region: str
    budgets: Budgets
    quotas: Quotas
    contacts: tuple[Contact, ...]
    legal_hold: bool
    retention_days: int
    database: Database
    privileges: Privileges
    thresholds: Mapping[str, str]


def effective(tenant: TenantSpec, blueprint: BlueprintSpec) -> Effective:
    """Fill in what `tenant` leaves out."""
    overrides = tenant.overrides
    thresholds = {alert.name: alert.threshold for alert in blueprint.alerts if alert.threshold is not None}
    return Effective(
        region=tenant.region or blueprint.region,
        budgets=tenant.budgets or blueprint.budgets,
        quotas=_over(blueprint.quotas, tenant.quotas),
        contacts=blueprint.contacts if tenant.contacts is None else tenant.contacts,
        legal_hold=blueprint.legal_hold if tenant.legal_hold is None else tenant.legal_hold,
        retention_days=tenant.retention_days or blueprint.retention_days,
        database=_over(blueprint.database, overrides.database if overrides else None),
        privileges=_over(blueprint.privileges, overrides.privileges if overrides else None),
        thresholds=thresholds | (overrides.alerts or {}) if overrides else thresholds,
    )


def _over(base: M, own: BaseModel | None) -> M:
    """Return `base` with the fields that `own` sets."""
    if own is None:
        return base
    return base.model_copy(update={name: value for name, value in own.__dict__.items() if value is not None})
