"""Files of `config/tenants/**` -> typed values, and back: what whoever serves a tenant reads about it.

`tenant/<name>.json` is a `TenantConfig`. `dashboard/<name>.json` is Grafana's dashboard JSON and `alerts/<name>.json` a
Prometheus rule file (JSON is YAML), both as their readers expect them, so neither has a type here.
Rules kept: everything is filled in, no reader ever asks for a blueprint; money is decimal text.
"""

from __future__ import annotations

from pydantic import ValidationError

from runtime.contract.canonical import decode, encode
from runtime.contract.errors import FormatError
from runtime.contract.strict import Strict
from runtime.contract.validation import reason

FOLDER = "config/tenants/"


class Budgets(Strict):
    """What the tenant may cost in a month: decimal text and ISO 4217 code."""

    monthly: str
    currency: str


class Quotas(Strict):
    """How much of the platform the tenant may use."""

    graph_nodes: int
    graph_edges: int
    storage_gib: int
    queries_per_second: int
    ingest_rows_per_day: int


class Contact(Strict):
    """Whom to write to, and about what: owner, technical, security or billing."""

    purpose: str
    email: str


class Policies(Strict):
    """What the rules read about the tenant."""

    data_classification: str
    bulk_export: bool
    cross_region_reads: bool
    max_query_depth: int
    min_retention_days: int


class TenantConfig(Strict):
    """One tenant, with everything that its blueprint gives."""

    name: str
    blueprint: str
    region: str
    state: str
    budgets: Budgets
    quotas: Quotas
    contacts: tuple[Contact, ...]
    legal_hold: bool
    retention_days: int
    policies: Policies

    @classmethod
    def from_bytes(cls, data: bytes) -> TenantConfig:
        """Read canonical bytes; raises FormatError."""
        decode(data)
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise FormatError(f"no tenant's configuration: {reason(error)}") from None

    def data(self) -> bytes:
        """Canonical bytes of the file."""
        return encode(self.model_dump(mode="json"))
