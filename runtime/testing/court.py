"""A small installation to bring cases in: three people, an agent, a few tenants and flags, and a history of verdicts.

Everything is repeatable: keys come from names, times from `START`. Nothing here judges; it makes what is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal

from runtime.contract.canonical import JSON, encode
from runtime.contract.change import Change, Snapshot, between, taken
from runtime.contract.statement import Approval, Seen, Statement, subject
from runtime.governance.case import Case, Problem, Signed, Taken, Timeline, Transition, Verified
from runtime.governance.config import Agent, ApprovalPolicy, CompilerPin, Governance, Key, PathRule, Person, Requirement
from runtime.governance.people import Approver
from runtime.release import VERSION
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey
from runtime.testing.tiny_compiler import compile_files

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
REPOSITORY = "0123456789abcdef" * 2
BRANCH = "main"
GENESIS = sha256(b"genesis").hexdigest()
COMMIT = "c0" * 20

ROLES: dict[str, tuple[str, ...]] = {
    "mara": ("admin", "mc", "pm"),
    "tomas": ("platform", "backend"),
    "ines": ("sec-tl", "security"),
}
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tenants": (("tenants/**", "config/tenants/**"), ("platform", "pm")),
    "flags": (("flags/**", "config/flags/**"), ("backend", "sec-tl")),
    "policies": (("policies/**", "config/governance/**", "policy/*.*"), ("mc", "sec-tl")),
}


def key_of(name: str, number: int = 1) -> PrivateKey:
    """The private key of that name; the same on every call."""
    return PrivateKey.from_seed(sha256(f"{name}/{number}".encode()).digest())


def public(key: PrivateKey) -> Key:
    """The key as governance has it."""
    return Key(fingerprint=key.fingerprint, public=key.public_line)


def person(name: str, *roles: str, keys: int = 1) -> Person:
    """A person with so many keys."""
    return Person(name=name, keys=tuple(public(key_of(name, number + 1)) for number in range(keys)), roles=roles)


def agent(name: str = "conductor-eu", keys: int = 1) -> Agent:
    """An agent with so many keys."""
    held = tuple(public(key_of(name, number + 1)) for number in range(keys))
    return Agent(name=name, keys=held, heartbeat_seconds=86400, ledger_head="control")


def policy(
    rules: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] | None = None, *, approval_days: int = 14
) -> ApprovalPolicy:
    """Rules by path: name -> (globs, roles; a role named twice asks for two)."""
    wanted = RULES if rules is None else rules
    return ApprovalPolicy(
        approval_days=approval_days,
        rules=tuple(
            PathRule(
                name=name,
                paths=paths,
                people=tuple(Requirement(role=role, count=roles.count(role)) for role in dict.fromkeys(roles)),
            )
            for name, (paths, roles) in wanted.items()
        ),
    )


def document(**spec: JSON) -> bytes:
    """An input file of the tiny compiler."""
    return encode(spec)


def installation(**more: bytes) -> dict[str, bytes]:
    """Input files of a small installation."""
    files = {
        "tenants/blueprints/basic.yaml": document(size="s"),
        "tenants/acme.yaml": document(blueprint="basic"),
        "tenants/globex.yaml": document(blueprint="basic"),
        "flags/checkout.yaml": document(tenants=["acme"], on=False),
        "spec/notes.yaml": document(text="nothing asks for this one"),
        "policies/approvals.yaml": policy().data(),
        "policies/compiler.yaml": CompilerPin(release=VERSION).data(),
        "policies/agents/conductor-eu.yaml": agent().data(),
        "policies/transition.rego": b"package conductor\n",
        **{f"policies/people/{name}.yaml": person(name, *roles).data() for name, roles in ROLES.items()},
    }
    return {**files, **more}


def snapshot_of(files: Mapping[str, bytes]) -> Snapshot:
    """What the tiny compiler makes of the files; raises ValueError if they do not compile."""
    compiled = compile_files(files)
    if compiled.snapshot is None:
        raise ValueError(compiled.errors)
    return compiled.snapshot


def anything_goes(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
    """A policy without an objection."""
    del approvers
    return ()


@dataclass(frozen=True)
class Court:
    """P with its input files, and the time."""

    files: Mapping[str, bytes]
    verified: Verified
    now: datetime = START

    @classmethod
    def open(cls, files: Mapping[str, bytes] | None = None) -> Court:
        """Start at a genesis."""
        files = installation() if files is None else files
        snapshot = snapshot_of(files)
        governance = Governance.of(snapshot.contents)
        timeline = Timeline([Taken(GENESIS, frozenset(), None)])
        return cls(files, Verified(REPOSITORY, BRANCH, COMMIT, snapshot, governance, timeline))

    def edited(self, edits: Mapping[str, bytes | None]) -> dict[str, bytes]:
        """P's files with some replaced, added or (None) removed."""
        files: dict[str, bytes | None] = {**self.files, **edits}
        return {path: data for path, data in files.items() if data is not None}

    def change(
        self, edits: Mapping[str, bytes | None], *, repository: str = REPOSITORY, branch: str = BRANCH
    ) -> Change:
        """The change from P that edits would be."""
        after = snapshot_of(self.edited(edits))
        return between(self.verified.snapshot, after, repository=repository, branch=branch)

    def sign(
        self,
        change: Change | str,
        key: PrivateKey,
        *,
        after: str | None = None,
        signed_at: datetime | None = None,
        expires_at: datetime | None = None,
        kind: Literal["approval", "withdrawal"] = "approval",
    ) -> Signed:
        """A statement about a change, by whatever key."""
        signed_at = signed_at or self.now
        predicate = Approval(
            kind=kind,
            after=after or self.verified.timeline.last.sha256,
            signed_at=signed_at,
            expires_at=expires_at or signed_at + timedelta(days=30),
            seen=Seen(base=None, head=COMMIT),
        )
        digest = change if isinstance(change, str) else change.digest
        return Signed.of(sign(Statement(subject=subject(change=digest), predicate=predicate), key))

    def approve(self, change: Change, *names: str) -> tuple[Signed, ...]:
        """An approval by each of these people, now."""
        return tuple(self.sign(change, key_of(name)) for name in names)

    def case(
        self,
        change: Change,
        approvals: tuple[Signed, ...],
        *,
        at: datetime | None = None,
        main: Mapping[str, str] | None = None,
        release: str = VERSION,
        transition: Transition = anything_goes,
    ) -> Case:
        """Bring the case; main's head is where the change leads, unless told."""
        if main is None:
            ends = {path: digest for path, _, digest in change.inputs if digest is not None}
            gone = {path for path, _, digest in change.inputs if digest is None}
            here = {p: digest for p, digest in self.verified.snapshot.manifest.inputs.items() if p not in gone}
            main = {**here, **ends}
        return Case(self.verified, change, approvals, at or self.now, main, release, transition)

    def after(self, edits: Mapping[str, bytes | None], *, hours: float = 1) -> Court:
        """P once a verdict has taken these edits."""
        change = self.change(edits)
        now = self.now + timedelta(hours=hours)
        timeline = self.verified.timeline.copy()
        timeline.append(Taken(sha256(f"verdict {len(timeline)}".encode()).hexdigest(), change.paths, now))
        snapshot = taken(self.verified.snapshot, change)
        verified = replace(
            self.verified, snapshot=snapshot, governance=Governance.of(snapshot.contents), timeline=timeline
        )
        return Court(self.edited(edits), verified, now)

    def later(self, **passed: float) -> Court:
        """The same, later (timedelta's words)."""
        return replace(self, now=self.now + timedelta(**passed))
