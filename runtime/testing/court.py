"""A small installation to bring cases in: a history of verdicts over `runtime.testing.small_tree`, without git.

Nothing here judges; it makes what is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from runtime.contract.change import Change, Snapshot, between, taken
from runtime.governance.case import Case, Judgement, Problem, Signed, Taken, Timeline, Transition, Verified
from runtime.governance.config import Governance
from runtime.governance.debts import Debt
from runtime.governance.emergency import debt_case
from runtime.governance.people import Approver, acquainted
from runtime.release import VERSION
from runtime.signing.keys import PrivateKey
from runtime.testing.small_tree import BRANCH, REPOSITORY, START, key_of, small_tree
from runtime.testing.statements import Kind, approval
from runtime.testing.tiny_compiler import compile_files

GENESIS = sha256(b"genesis").hexdigest()
COMMIT = "c0" * 20


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


def rules_of(judgement: Judgement) -> set[str]:
    """Names of the rules that object."""
    return {problem.rule for problem in judgement.problems}


@dataclass(frozen=True)
class Court:
    """P with its input files, and the time."""

    files: Mapping[str, bytes]
    verified: Verified
    now: datetime = START

    @classmethod
    def open(cls, files: Mapping[str, bytes] | None = None) -> Court:
        """Start at a genesis."""
        files = small_tree() if files is None else files
        snapshot = snapshot_of(files)
        governance = Governance.of(snapshot.contents)
        timeline = Timeline([Taken(GENESIS, frozenset(), None, governance)])
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
        kind: Kind = "approval",
    ) -> Signed:
        """A statement about a change, by whatever key."""
        after = after or self.verified.timeline.last.sha256
        return approval(change, key, after=after, at=signed_at or self.now, until=expires_at, kind=kind)

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
        snapshot = taken(self.verified.snapshot, change)
        governance, name = Governance.of(snapshot.contents), sha256(f"verdict {len(timeline)}".encode()).hexdigest()
        timeline.append(Taken(name, change.paths, now, governance))
        verified = replace(self.verified, snapshot=snapshot, governance=governance, timeline=timeline)
        return Court(self.edited(edits), verified, now)

    def emergency(self, edits: Mapping[str, bytes | None], name: str = "mara", *, hours: float = 1) -> Court:
        """P once a verdict has taken these edits by emergency: its debt is open."""
        change, then = self.change(edits), self.after(edits, hours=hours)
        signed = self.sign(change, key_of(name), kind="emergency")
        before = self.verified.governance
        debt = Debt(
            verdict=then.verified.timeline.last.sha256,
            base=self.verified.commit,
            commit=COMMIT,
            change=change,
            signed=(signed,),
            approvers=(Approver(name, frozenset(before.people[name].roles), signed.sha256, emergency=True),),
            by=name,
            reason=signed.approval.reason or "",
            policy=before.policy,
            opened=then.now,
            deadline=then.now + timedelta(hours=before.policy.emergency_hours),
            known=acquainted({}, before.people.values()),
        )
        return replace(then, verified=replace(then.verified, debts=(*then.verified.debts, debt)))

    def clearing(self, *approvals: Signed) -> Case:
        """The case of the open debt's clearing, with these approvals."""
        debt = self.verified.debt
        if debt is None:
            raise ValueError("no debt is open")
        return debt_case(self.verified, debt, approvals, at=self.now)

    def later(self, **passed: float) -> Court:
        """The same, later (timedelta's words)."""
        return replace(self, now=self.now + timedelta(**passed))
