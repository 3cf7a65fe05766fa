"""Person, Grant, Agent, KeyProof, ApprovalPolicy, Compiler: who decides, who acts, by which rules and release."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from compiler.domains import forms
from compiler.domains.domain import Kind, RefersTo, Spec
from compiler.domains.fields import RuleName, text
from runtime.contract.policy_input import ROLES, Scope
from runtime.contract.possession import HOLDER
from runtime.signing.keys import LINE

Role = Annotated[str, WithJsonSchema({"type": "string", "title": "role", "enum": list(ROLES)})]
EXAMPLE_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOSFArnBeqdJVAt0c+r8ia5no4sHWq64cc8AyQHntrWA"
"""Nobody's: its private half was thrown away."""
PublicKey = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "title": "public key",
            "pattern": f"^{LINE}( .*)?$",
            "examples": [EXAMPLE_KEY],
        }
    ),
]
"""An OpenSSH public key line; its form is judged by rules, which can say what is wrong with it."""


Release = Annotated[
    str,
    *text(
        r"^[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.]*$",
        "release",
        "a release is three numbers, like 0.1.0",
        "0.1.0",
        meant=forms.release,
    ),
]
LedgerHead = Annotated[
    str,
    *text(
        r"^(control|file:/.+)$",
        "place of the head",
        "the head of the ledger is kept in `control` or in `file:/PATH` outside the clone",
        "control",
        "file:/var/lib/conductor/head",
    ),
]


HolderName = Annotated[
    str,
    *text(HOLDER, "holder", "a holder is person/NAME or agent/NAME", "person/mara-lindqvist", "agent/conductor-eu"),
]
RepositoryId = Annotated[
    str, *text(r"^[0-9a-f]{32}$", "repository id", "a repository's id is 32 hex digits", "0123456789abcdef" * 2)
]
Moment = Annotated[
    str,
    *text(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        "moment",
        "a moment is written in UTC, like 2026-11-24T08:00:00Z",
        "2026-11-24T08:00:00Z",
    ),
]
Signature = Annotated[
    str,
    *text(
        r"^[A-Za-z0-9+/]{40,200}={0,2}$",
        "signature",
        "a signature is base64, as `conductor key prove` writes it",
        "fnwFAEpIxtsKqz8bOzMbJ8S4jDmvXGGI7m1tpRjpTFWzSUoZDLQv57UzMFmL0DrRQvWE8HyMRB1xnXZTjAgbCQ==",
    ),
]


class PersonSpec(Spec):
    """Somebody who approves."""

    title: str = Field(min_length=1, description="What this person does here.", examples=["Platform lead"])
    roles: tuple[Role, ...] = Field(description="What this person may speak for.", examples=[["platform", "sre"]])
    keys: tuple[PublicKey, ...] = Field(
        min_length=1,
        description="OpenSSH public key lines: Ed25519, ECDSA P-256, hardware (sk-ssh-ed25519); never a private key.",
        examples=[[EXAMPLE_KEY]],
    )


class AgentSpec(Spec):
    """A machine that applies what was approved, and attests it."""

    keys: tuple[PublicKey, ...] = Field(
        description="OpenSSH public key lines the ledger is signed with.", examples=[[EXAMPLE_KEY]]
    )
    heartbeat_seconds: int = Field(
        ge=60, le=604_800, description="After how long without news it writes that it is still here.", examples=[86_400]
    )
    ledger_head: LedgerHead = Field(
        description="Where the last entry's digest is kept outside git: `control` (in the control database) or a file."
    )


class KeyProofSpec(Spec):
    """That a person or an agent has the key that `keys` gives them: a statement signed by that key.

    `conductor key prove` writes it. A change that gives somebody a new key is refused without one.
    """

    holder: HolderName = Field(description="Whose key it is.")
    key: PublicKey = Field(description="The public line, as it stands in their `keys`.", examples=[EXAMPLE_KEY])
    repository: RepositoryId = Field(description="For which repository it was signed: the id in its genesis.")
    signed_at: Moment = Field(description="When it was signed, by the signer's clock.")
    signature: Signature = Field(description="By this key, over holder, key, repository and moment.")


class RuleSpec(Spec):
    """Which paths it is about, and whom it asks for."""

    name: RuleName = Field(description="What the rule is called in plans and findings.", examples=["tenants"])
    paths: tuple[str, ...] = Field(
        min_length=1,
        description="Globs over inputs and bundle files: `*` stays within a folder, `**` crosses folders.",
        examples=[["tenants/**", "objects/tenant/**"]],
    )
    people: dict[Role, Annotated[int, Field(ge=1, le=10)]] = Field(
        min_length=1, description="Role -> how many people of it must approve.", examples=[{"platform": 1, "pm": 1}]
    )
    carry: Literal["changes", "exact"] = Field(
        "changes",
        description="Whether an approval outlives other changes (`changes`), or only counts until anything else is "
        "taken (`exact`).",
    )


class ApprovalPolicySpec(Spec):
    """Who must approve what."""

    approval_days: int = Field(ge=1, le=90, description="How long an approval holds at most.", examples=[14])
    emergency_hours: int = Field(
        24,
        ge=1,
        le=720,
        description="Within how many hours what an `incident-commander` let through alone must be approved.",
        examples=[24],
    )
    clock_gap_seconds: int = Field(
        604_800,
        ge=3_600,
        le=7_776_000,
        description="How much longer than a heartbeat the ledger may be silent, and no more: an agent whose clock is "
        "further from the last entry writes nothing, and what it would take counts for nothing.",
    )
    rules: tuple[RuleSpec, ...] = Field(description="Every rule that matches a changed path applies.")


class CompilerSpec(Spec):
    """Which release plans, approves and takes."""

    release: Release = Field(description="The pinned release.")


class GrantSpec(Spec):
    """Which scopes people in a role have, on which tenants. What no grant gives, nobody has."""

    roles: tuple[Role, ...] = Field(min_length=1, description="Who has them.", examples=[["auditor"]])
    scopes: tuple[Scope, ...] = Field(
        min_length=1,
        description="What they may do. Of a suspended tenant only `tenant.read` and `billing.read` are left, of a "
        "deprovisioned one nothing; from another region only reading is possible, where the blueprint's "
        "`cross_region_reads` allows it; `graph.export` needs its `bulk_export`.",
        examples=[["tenant.read", "billing.read"]],
    )
    blueprints: tuple[Annotated[str, RefersTo("Blueprint", followed=False)], ...] = Field(
        (), description="On every tenant of these blueprints.", examples=[["standard"]]
    )
    tenants: tuple[Annotated[str, RefersTo("Tenant", followed=False)], ...] = Field(
        (), description="On these tenants as well. A grant that names neither gives nothing."
    )


PERSON = Kind("Person", "person", "policies/people", PersonSpec)
GRANT = Kind("Grant", "grant", "policies/grants", GrantSpec)
KEY_PROOF = Kind("KeyProof", "key-proof", "policies/keys", KeyProofSpec)
AGENT = Kind("Agent", "agent", "policies/agents", AgentSpec)
APPROVAL_POLICY = Kind("ApprovalPolicy", "approval-policy", "policies", ApprovalPolicySpec, only="approvals")
COMPILER = Kind("Compiler", "compiler", "policies", CompilerSpec, only="compiler")
