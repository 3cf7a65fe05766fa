"""Two trees, the first taken as verified -> what `conductor plan` holds against the step to the second."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.driver import compile_tree
from compiler.plan import Point, Standpoint, plan
from compiler.plan_resources import Inputs
from compiler.rego import WASM
from compiler.source import SourceTree, from_worktree
from runtime.contract.change import Snapshot, between
from runtime.governance.case import Case, Taken, Timeline, Verified
from runtime.governance.config import Governance
from runtime.ledger.lifecycle import Lifecycle
from runtime.ledger.verdicts import transition_of
from runtime.policy.engine import Policy
from runtime.release import VERSION

REPOSITORY, BRANCH = "1" * 32, "main"


def step_text(before: Path, after: Path, today: date) -> str:
    """Draw what is found."""
    old, new = from_worktree(before), from_worktree(after)
    at = datetime.combine(today, time(), tzinfo=UTC)
    verified = _verified(_snapshot(old))
    snapshot = _snapshot(new)
    change = between(verified.snapshot, snapshot, repository=REPOSITORY, branch=BRANCH)
    policy = Policy.of(old.files[WASM], verified.snapshot.contents)
    asked = transition_of(policy, Lifecycle(), change, at)
    standpoint = Standpoint(
        branch=BRANCH,
        base=Point(None, "before", "", "ledger"),
        head=Point(None, "after", "", "compiled"),
        change=change,
        inputs=Inputs(old.files, new.files),
        files=new.files,
        warnings=(),
        before=verified.snapshot.contents,
        after=snapshot.contents,
        case=Case(verified, change, (), at, new.digests(), VERSION, asked),
        merged=True,
        queue=None,
        landed=(),
        forecast=None,
        today=today,
    )
    return full(plan(standpoint).problems, new.files)


def _snapshot(tree: SourceTree) -> Snapshot:
    diagnostics = Diagnostics()
    bundle = compile_tree(tree, diagnostics)
    assert bundle is not None, full(diagnostics, tree.files)
    return Snapshot.of(tree.digests(), bundle)


def _verified(snapshot: Snapshot) -> Verified:
    timeline = Timeline([Taken("0" * 64, frozenset(), None)])
    return Verified(REPOSITORY, BRANCH, "0" * 40, snapshot, Governance.of(snapshot.contents), timeline)
