"""The input files of a small installation: three people, an agent, a few tenants and flags, and rules of approval.

The tiny compiler reads them. Everything is repeatable: keys come from names (`key_of`), times from `START`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from runtime.contract.canonical import JSON, encode
from runtime.governance.config import Agent, ApprovalPolicy, CompilerPin, Key, PathRule, Person, Requirement
from runtime.release import VERSION
from runtime.signing.keys import PrivateKey

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
REPOSITORY = "0123456789abcdef" * 2
BRANCH = "main"
AGENT = "conductor-eu"

ROLES: dict[str, tuple[str, ...]] = {
    "mara": ("admin", "mc", "pm", "incident-commander"),
    "tomas": ("platform", "backend"),
    "ines": ("sec-tl", "security"),
}
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tenants": (("tenants/**", "config/tenants/**"), ("platform", "pm")),
    "flags": (("flags/**", "config/flags/**"), ("backend", "sec-tl")),
    "policies": (("policies/**", "config/governance/**", "policy/*.*"), ("mc", "sec-tl")),
}


def seed_of(name: str, number: int = 1) -> bytes:
    """The seed of `key_of`, for who needs the key in a file."""
    return sha256(f"{name}/{number}".encode()).digest()


def key_of(name: str, number: int = 1) -> PrivateKey:
    """The private key of that name; the same on every call."""
    return PrivateKey.from_seed(seed_of(name, number))


def public(key: PrivateKey) -> Key:
    """The key as governance has it."""
    return Key(fingerprint=key.fingerprint, public=key.public_line)


def person(name: str, *roles: str, keys: int = 1) -> Person:
    """A person with so many keys."""
    return Person(name=name, keys=tuple(public(key_of(name, number + 1)) for number in range(keys)), roles=roles)


def agent(name: str = AGENT, keys: int = 1) -> Agent:
    """An agent with so many keys."""
    held = tuple(public(key_of(name, number + 1)) for number in range(keys))
    return Agent(name=name, keys=held, heartbeat_seconds=86400, ledger_head="control")


def policy(
    rules: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] | None = None,
    *,
    approval_days: int = 14,
    clock_gap_seconds: int = 604_800,
    emergency_hours: int = 24,
    exact: tuple[str, ...] = (),
) -> ApprovalPolicy:
    """Rules by path: name -> (globs, roles; a role named twice asks for two); of `exact` ones nothing carries over."""
    wanted = RULES if rules is None else rules
    return ApprovalPolicy(
        approval_days=approval_days,
        clock_gap_seconds=clock_gap_seconds,
        emergency_hours=emergency_hours,
        rules=tuple(
            PathRule(
                name=name,
                paths=paths,
                people=tuple(Requirement(role=role, count=roles.count(role)) for role in dict.fromkeys(roles)),
                carry="exact" if name in exact else "changes",
            )
            for name, (paths, roles) in wanted.items()
        ),
    )


def document(**spec: JSON) -> bytes:
    """An input file of the tiny compiler."""
    return encode(spec)


def small_tree(**more: bytes) -> dict[str, bytes]:
    """All input files, path -> content; `more` are further ones, or other ones."""
    files = {
        "tenants/blueprints/basic.yaml": document(size="s"),
        "tenants/acme.yaml": document(blueprint="basic"),
        "tenants/globex.yaml": document(blueprint="basic"),
        "flags/checkout.yaml": document(tenants=["acme"], on=False),
        "spec/notes.yaml": document(text="nothing asks for this one"),
        "policies/approvals.yaml": policy().data(),
        "policies/compiler.yaml": CompilerPin(release=VERSION).data(),
        f"policies/agents/{AGENT}.yaml": agent().data(),
        "policies/transition.rego": b"package conductor\n",
        "policies/policy.wasm": b"a stand-in: `runtime.testing.memory_policy` is asked",
        **{f"policies/people/{name}.yaml": person(name, *roles).data() for name, roles in ROLES.items()},
    }
    return {**files, **more}
