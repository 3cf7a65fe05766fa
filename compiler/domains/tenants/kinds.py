"""Tenant and Blueprint: who uses the platform, and what such a tenant gets.

Rules kept: a field left out of a tenant is its blueprint's; what a policy decides (which tenant may become what) is
said in Rego and not here.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from pydantic.config import JsonDict

from compiler.domains.domain import Kind, RefersTo, Spec
from compiler.domains.fields import (
    Currency,
    DecimalText,
    Duration,
    Email,
    Memory,
    Money,
    Period,
    Reference,
    Region,
    text,
)

State: TypeAlias = Literal["active", "suspended", "deprovisioned"]
TablePrivilege: TypeAlias = Literal["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
SequencePrivilege: TypeAlias = Literal["USAGE", "SELECT", "UPDATE"]
FunctionPrivilege: TypeAlias = Literal["EXECUTE"]
AlertName: TypeAlias = Annotated[
    str,
    *text(r"^[A-Z][A-Za-z0-9]{2,63}$", "alert name", "an alert's name is in CamelCase", "TenantErrorRate"),
]


OF_BLUEPRINT: JsonDict = {"x-default": "the blueprint's"}
"""What reference pages and schemas say of a field that may be left out."""


class Budgets(Spec):
    """What a tenant may cost."""

    monthly: Money = Field(description="The budget of one calendar month, as quoted decimal text.")
    currency: Currency = Field(description="ISO 4217 code of the budget's currency.", examples=["EUR"])


class Quotas(Spec):
    """How much of the platform a tenant may use."""

    graph_nodes: int = Field(ge=1, description="Nodes of the tenant's graph.", examples=[50_000_000])
    graph_edges: int = Field(ge=1, description="Edges of the tenant's graph.", examples=[400_000_000])
    storage_gib: int = Field(ge=1, description="Storage over all systems, in GiB.", examples=[500])
    queries_per_second: int = Field(ge=1, description="Graph queries a second, sustained.", examples=[200])
    ingest_rows_per_day: int = Field(ge=1, description="Rows taken in a day over all streams.", examples=[20_000_000])


class QuotasOfTenant(Spec):
    """The quotas that differ from the blueprint's."""

    graph_nodes: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, description="Nodes of the tenant's graph."
    )
    graph_edges: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, description="Edges of the tenant's graph."
    )
    storage_gib: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, description="Storage over all systems, in GiB."
    )
    queries_per_second: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, description="Graph queries a second, sustained."
    )
    ingest_rows_per_day: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, description="Rows taken in a day over all streams."
    )


class Contact(Spec):
    """Whom to write to about a tenant."""

    purpose: Literal["owner", "technical", "security", "billing"] = Field(description="What this contact is for.")
    email: Email = Field(description="A shared mailbox rather than a person's.", examples=["graph-ops@acme.example"])


class Database(Spec):
    """Settings of the tenant's application role in PostgreSQL."""

    connection_limit: int = Field(
        ge=1, le=1000, description="Connections the application role may hold at a time.", examples=[40]
    )
    statement_timeout: Duration = Field(description="A statement that runs longer is cancelled.", examples=["30s"])
    idle_in_transaction_session_timeout: Duration = Field(
        description="A session that idles in a transaction for longer is ended.", examples=["1min"]
    )
    lock_timeout: Duration = Field(description="A statement that waits longer for a lock is cancelled.")
    work_mem: Memory = Field(description="Memory of one sort or hash before it spills to disk.", examples=["16MB"])


class DatabaseOverrides(Spec):
    """Database settings that differ from the blueprint's."""

    connection_limit: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, le=1000, description="Connections at a time.", examples=[60]
    )
    statement_timeout: Duration | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="A statement that runs longer is cancelled."
    )
    idle_in_transaction_session_timeout: Duration | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="A session that idles in a transaction for longer is ended."
    )
    lock_timeout: Duration | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="A statement that waits longer for a lock is cancelled."
    )
    work_mem: Memory | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="Memory of one sort or hash before it spills to disk."
    )


class Privileges(Spec):
    """What the tenant's application role may do in the tenant's own schema, on what is there and what comes later."""

    tables: tuple[TablePrivilege, ...] = Field(description="On tables and views.", examples=[["SELECT", "INSERT"]])
    sequences: tuple[SequencePrivilege, ...] = Field(description="On sequences.", examples=[["USAGE", "SELECT"]])
    functions: tuple[FunctionPrivilege, ...] = Field(description="On functions.", examples=[["EXECUTE"]])


class PrivilegesOverrides(Spec):
    """Privileges that differ from the blueprint's."""

    tables: tuple[TablePrivilege, ...] | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="On tables and views."
    )
    sequences: tuple[SequencePrivilege, ...] | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="On sequences."
    )
    functions: tuple[FunctionPrivilege, ...] | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="On functions."
    )


class Policies(Spec):
    """What the rules of `policies/*.rego` read about a tenant: `data.tenants.<name>.policies`."""

    data_classification: Literal["internal", "confidential", "restricted"] = Field(
        description="How sensitive the tenant's data is held to be."
    )
    bulk_export: bool = Field(description="Whether more than a page of results may leave the platform at a time.")
    cross_region_reads: bool = Field(description="Whether a region other than the tenant's may serve its reads.")
    max_query_depth: int = Field(ge=1, le=32, description="How many hops a graph query may follow.", examples=[6])
    min_retention_days: int = Field(ge=1, description="The shortest retention a tenant may have.", examples=[30])


class Panel(Spec):
    """One panel of the tenant's Grafana dashboard."""

    title: str = Field(min_length=1, description="What the panel shows.")
    kind: Literal["timeseries", "stat", "gauge"] = Field("timeseries", description="Grafana's panel type.")
    unit: str = Field("short", min_length=1, description="Grafana's unit id.", examples=["reqps", "s", "percentunit"])
    expr: str = Field(
        min_length=1,
        description="PromQL; `${tenant}`, `${schema}`, `${region}`, `${budget}`, `${currency}` and "
        "`${connection_limit}` are filled in for each tenant.",
    )


class Alert(Spec):
    """One Prometheus alert rule that every tenant of the blueprint gets."""

    name: AlertName = Field(description="What Prometheus calls it.")
    expr: str = Field(
        min_length=1, description="PromQL, with the placeholders of a panel and `${threshold}`, this alert's own."
    )
    threshold: DecimalText | None = Field(None, description="What `${threshold}` stands for; a tenant may override it.")
    period: Period = Field("5m", description="How long the expression must hold (`for` in Prometheus).")
    severity: Literal["page", "ticket"] = Field("ticket", description="Whether somebody is woken up.")
    summary: str = Field(min_length=1, description="What the person on call reads first.")


class Overrides(Spec):
    """What differs from the blueprint, where the blueprint's `overridable` allows it."""

    database: DatabaseOverrides | None = Field(None, json_schema_extra=OF_BLUEPRINT, description="Database settings.")
    privileges: PrivilegesOverrides | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="Privileges in the tenant's schema."
    )
    alerts: dict[str, DecimalText] | None = Field(
        None,
        json_schema_extra=OF_BLUEPRINT,
        description="Alert name -> threshold.",
        examples=[{"TenantErrorRate": "0.02"}],
    )


class BlueprintSpec(Spec):
    """What a tenant gets: everything it does not say itself."""

    region: Region = Field(description="Where its tenants live unless they say otherwise.", examples=["eu-central"])
    budgets: Budgets = Field(description="What a tenant may cost.")
    quotas: Quotas = Field(description="How much of the platform a tenant may use.")
    contacts: tuple[Contact, ...] = Field((), description="Whom to write to about tenants that name nobody.")
    retention_days: int = Field(ge=1, le=36_500, description="How long a tenant's data is kept.", examples=[365])
    legal_hold: bool = Field(False, description="Whether deletion of any data is forbidden.")  # noqa: FBT003 -- pydantic
    database: Database = Field(description="Settings of the application role in PostgreSQL.")
    privileges: Privileges = Field(description="What the application role may do in the tenant's own schema.")
    policies: Policies = Field(description="What the rules of `policies/*.rego` read about its tenants.")
    dashboard: tuple[Panel, ...] = Field((), description="The panels of each tenant's Grafana dashboard.")
    alerts: tuple[Alert, ...] = Field((), description="The Prometheus alert rules of each tenant.")
    overridable: tuple[str, ...] = Field(
        (),
        description="What a tenant's `overrides` may name, as dotted paths.",
        examples=[["database.connection_limit", "alerts.TenantErrorRate"]],
    )


class DatabaseOfTenant(Spec):
    """What is the tenant's own about its database access."""

    password: Reference | None = Field(
        None,
        description="Where the agent finds the application role's password; "
        "`env:CONDUCTOR_TENANT_<NAME>_PASSWORD` when left out.",
    )


class TenantSpec(Spec):
    """One customer of the platform. A blueprint alone makes one: `spec: {blueprint: standard}`."""

    blueprint: Annotated[str, RefersTo("Blueprint")] = Field(
        description="The Blueprint whose values fill what is left out here.", examples=["standard"]
    )
    region: Region | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="Where the tenant's data lives.", examples=["us-east"]
    )
    state: State = Field(
        "active",
        description="`suspended` takes the login away and keeps the data; `deprovisioned`, which follows it after "
        "`retention_days`, archives the data, deletes everything and is final "
        "(`conductor explain runbooks/ending-a-tenant`).",
    )
    budgets: Budgets | None = Field(None, json_schema_extra=OF_BLUEPRINT, description="What the tenant may cost.")
    quotas: QuotasOfTenant | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="The quotas that differ from the blueprint's."
    )
    contacts: tuple[Contact, ...] | None = Field(None, json_schema_extra=OF_BLUEPRINT, description="Whom to write to.")
    legal_hold: bool | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="Whether deletion of any of its data is forbidden."
    )
    retention_days: int | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, ge=1, le=36_500, description="How long its data is kept.", examples=[365]
    )
    database: DatabaseOfTenant | None = Field(None, description="What is the tenant's own about its database access.")
    adopt: bool = Field(
        False,  # noqa: FBT003 -- pydantic
        description="Whether roles and a schema of its names that somebody made by hand become Conductor's: what they "
        "may do is made as declared, rows stay. It is about what is there when the change is taken, and nothing later.",
    )
    overrides: Overrides | None = Field(
        None, json_schema_extra=OF_BLUEPRINT, description="What differs from the blueprint, where it allows that."
    )


TENANT = Kind("Tenant", "tenant", "tenants", TenantSpec)
BLUEPRINT = Kind("Blueprint", "blueprint", "tenants/blueprints", BlueprintSpec)
