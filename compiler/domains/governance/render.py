"""Person, Agent, KeyProof, ApprovalPolicy, Compiler -> all that a verdict needs, so that no verdict ever reads YAML.

And for Rego `data.people.<name>`, the roles a person has, and `data.grants.<name>`, the scopes that roles have. Rules
kept: a key goes out as its one OpenSSH line without comment, and roles, keys and requirements are sorted, so that
moving a line in YAML changes no bundle file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.domains.domain import Model, Resource, Spec
from compiler.domains.governance.kinds import (
    AgentSpec,
    ApprovalPolicySpec,
    CompilerSpec,
    GrantSpec,
    KeyProofSpec,
    PersonSpec,
)
from compiler.domains.written import as_input
from runtime.contract.canonical import JSON, encode
from runtime.contract.instant import parse
from runtime.governance.config import (
    FOLDER,
    Agent,
    ApprovalPolicy,
    CompilerPin,
    Key,
    KeyProof,
    PathRule,
    Person,
    Requirement,
)
from runtime.signing.keys import PublicKey


def render(resource: Resource[Spec], model: Model) -> Iterator[tuple[str, bytes]]:  # noqa: ARG001 -- a Domain's
    """Give the files of one resource."""
    name, path = resource.name, f"{FOLDER}{resource.kind.slug}/{resource.name}.json"
    match resource.spec:
        case PersonSpec() as person:
            roles = tuple(sorted(set(person.roles)))
            yield path, Person(name=name, keys=_keys(person.keys), roles=roles).data()
            yield f"policy/people/{name}/data.json", encode({"roles": list(roles)})
        case GrantSpec() as grant:
            given = {key: sorted(set(getattr(grant, key))) for key in ("roles", "scopes", "blueprints", "tenants")}
            yield f"policy/grants/{name}/data.json", encode(given)
        case AgentSpec() as agent:
            config = Agent(
                name=name,
                keys=_keys(agent.keys),
                heartbeat_seconds=agent.heartbeat_seconds,
                ledger_head=agent.ledger_head,
            )
            yield path, config.data()
        case KeyProofSpec() as proof:
            yield path, key_proof(name, proof).data()
        case ApprovalPolicySpec() as policy:
            yield path, approval_policy(policy).data()
        case CompilerSpec() as pin:
            yield path, CompilerPin(release=pin.release).data()
        case _:
            return


def approval_policy(policy: ApprovalPolicySpec) -> ApprovalPolicy:
    """Return the rules as a verdict reads them."""
    return ApprovalPolicy(
        approval_days=policy.approval_days,
        clock_gap_seconds=policy.clock_gap_seconds,
        emergency_hours=policy.emergency_hours,
        rules=tuple(
            PathRule(
                name=rule.name,
                paths=rule.paths,
                people=tuple(Requirement(role=role, count=count) for role, count in sorted(rule.people.items())),
                carry=rule.carry,
            )
            for rule in policy.rules
        ),
    )


def key_proof(name: str, proof: KeyProofSpec) -> KeyProof:
    """Return a proof as a verdict reads it; raises FormatError for a key or a moment that is none."""
    (key,) = _keys([proof.key])
    return KeyProof(
        name=name,
        holder=proof.holder,
        key=key,
        repository=proof.repository,
        signed_at=parse(proof.signed_at),
        signature=proof.signature,
    )


def _keys(lines: Iterable[str]) -> tuple[Key, ...]:
    keys = {key.fingerprint: key.line for key in map(PublicKey.parse, lines)}
    return tuple(Key(fingerprint=name, public=line) for name, line in sorted(keys.items()))


def policy_input(resource: Resource[Spec], model: Model) -> JSON:  # noqa: ARG001 -- a Domain's
    """Say what `conductor/deny` is told."""
    return as_input(resource, {})
