"""What the repository's Rego is asked: the inputs of the three entry points, as the JSON that it sees.

`conductor/deny` is asked at compile time, `conductor/transition` before a verdict, `conductor/allow` at run time.
No floats and no numbers beyond 2^53-1 (`runtime.contract.canonical`), so that wasm and OPA read the same value.

What a rule needs and YAML may leave out stands in `derived`, with the blueprint's defaults filled in:
- Tenant: `blueprint`, `region`, `state`, `legal_hold`, `retention_days`, and the `policies` of its blueprint;
- every other kind says everything itself, and has `{}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypeAlias, TypedDict, get_args

from runtime.contract.canonical import JSON

ROLES = (
    "admin",
    "mc",
    "pm",
    "tech-lead",
    "platform",
    "backend",
    "data-eng",
    "ds",
    "graph-eng",
    "sre",
    "sre-finops",
    "security",
    "sec-tl",
    "qa",
    "frontend",
    "incident-commander",
    "auditor",
)
"""Every role there is. A person's or a grant's is checked by a rule (MC0601), which suggests the nearest one."""
Scope: TypeAlias = Literal["admin.write", "billing.read", "graph.export", "graph.read", "tenant.read", "tenant.write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Everything that a grant may give."""
ACTIONS = ("set-flag", "use-scope")
"""Everything that somebody may be allowed to do at run time; no rule is asked about anything else."""


class PolicyResource(TypedDict):
    """One document of the tree. `kind` as in YAML (`Tenant`), `spec` as written there: a pointer into it is one
    into the file."""

    kind: str
    name: str
    path: str
    spec: Mapping[str, JSON]
    derived: Mapping[str, JSON]


class DenyInput(TypedDict):
    """The resources of a tree, and the roles that somebody has. A rule speaks of one resource, or of the roles, so that
    the resources may be asked about in batches."""

    resources: Sequence[PolicyResource]
    roles: Sequence[str]


class ResourceChange(TypedDict):
    """One `config/<domain>/<kind>/<name>.json` that a change alters: its parsed content, null where it is absent.
    `kind` as in YAML."""

    kind: str
    name: str
    before: JSON
    after: JSON


class Approver(TypedDict):
    """A person who counts, with the roles that the verified commit gives them."""

    name: str
    roles: Sequence[str]


class TransitionInput(TypedDict):
    """A change's resources, who approves it, the ledger's facts before it, and the verdict's time (RFC 3339, UTC).

    Facts are `now`, the same time in seconds since 1970-01-01, and `tenants`: of each tenant in the change, in such
    seconds, since when a result says that it is `suspended`, and that all of it is `deprovisioned`.
    """

    changes: Sequence[ResourceChange]
    approvers: Sequence[Approver]
    facts: Mapping[str, JSON]
    time: str


class Requester(TypedDict):
    """Who asks at run time, and in which of their roles."""

    name: str
    role: str


class RequestedFlag(TypedDict):
    """The flag that is to be set."""

    name: str
    ttl_seconds: int


class AllowInput(TypedDict):
    """May this requester do this? `set-flag` brings its flag; `use-scope` brings a scope of the grants, the tenant it
    is used on, and the region it is used from. No rule is told who that is, and which tenant (`runtime.policy.scopes`).
    """

    action: str
    requester: Requester
    flag: NotRequired[RequestedFlag]
    scope: NotRequired[str]
    tenant: NotRequired[str]
    region: NotRequired[str]
