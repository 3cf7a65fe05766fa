"""A change that one person let through -> the debt of the approvals that it lacks. Pure values.

An emergency replaces exactly who must approve, and for a while: a debt is open from its verdict until the approvals
that were missing are there (`cleared`), or until all that it altered is as it was before (`taken back`). What others
made of it since is still owed: they approved what they altered, not what they found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from runtime.contract.canonical import JSON
from runtime.contract.change import Change
from runtime.contract.instant import text
from runtime.contract.manifest import Manifest
from runtime.governance.config import ApprovalPolicy, Person
from runtime.governance.people import Approver, Known, acquainted

if TYPE_CHECKING:
    from runtime.governance.case import Signed

How: TypeAlias = Literal["cleared", "taken back"]


@dataclass(frozen=True)
class Settled:
    """How a debt ended: by which entry (SHA-256 of a clearing, or of the verdict that took the last of it back), when,
    with whose approvals."""

    how: How
    entry: str
    at: datetime
    people: tuple[str, ...]


@dataclass(frozen=True)
class Debt:
    """What a verdict by emergency left open. `base` and `commit` are where its change leads from and to, `signed` the
    statements that it counted and `approvers` who they are by the people of then; `policy` are the rules of then."""

    verdict: str
    base: str
    commit: str
    change: Change
    signed: tuple[Signed, ...]
    approvers: tuple[Approver, ...]
    by: str
    reason: str
    policy: ApprovalPolicy
    opened: datetime
    deadline: datetime
    settled: Settled | None = None
    known: Known = field(default_factory=dict)
    """Who is who: names and keys, then and since."""

    def overdue(self, at: datetime) -> bool:
        """Whether it is open past its deadline."""
        return self.settled is None and at >= self.deadline

    def left(self, manifest: Manifest, change: Change | None = None) -> tuple[str, ...]:
        """Paths that are not as before it, by a manifest; or, with a change that leads on from there, after it."""
        here: dict[str, str | None] = {**manifest.inputs, **manifest.bundle}
        if change is not None:
            here.update({path: after for path, _, after in (*change.inputs, *change.bundle)})
        return tuple(path for path, before in self._before.items() if here.get(path) != before)

    def restores(self, change: Change, path: str) -> bool:
        """Whether a change gives a path of the debt what it held before."""
        rows = (*change.inputs, *change.bundle)
        return path in self._before and any(row[0] == path and row[2] == self._before[path] for row in rows)

    def meeting(self, people: Iterable[Person]) -> Debt:
        """Get to know the people of a later time."""
        return replace(self, known=acquainted(self.known, people))

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one person's."""
        return one == other or other in self.known.get(one, ())

    @property
    def _before(self) -> Mapping[str, str | None]:
        return {path: before for path, before, _ in (*self.change.inputs, *self.change.bundle)}

    def settle(self, settled: Settled) -> Debt:
        """End it."""
        return replace(self, settled=settled)

    def to_json(self, at: datetime) -> Mapping[str, JSON]:
        """Return the debt as it stands at a time."""
        settled = self.settled
        return {
            "verdict": self.verdict,
            "commit": self.commit,
            "change": self.change.digest,
            "by": self.by,
            "reason": self.reason,
            "approved_by": sorted(one.name for one in self.approvers),
            "opened": text(self.opened),
            "deadline": text(self.deadline),
            "state": self.state(at),
            "settled": None
            if settled is None
            else {"how": settled.how, "entry": settled.entry, "at": text(settled.at), "people": list(settled.people)},
        }

    def state(self, at: datetime) -> str:
        """`open`, `overdue`, `cleared` or `taken back`."""
        if self.settled is not None:
            return self.settled.how
        return "overdue" if self.overdue(at) else "open"

    def sentence(self, at: datetime) -> str:
        """Say how an open debt stands, and what ends it."""
        due = f"its approvals are overdue since {text(self.deadline)}"
        due = due if self.overdue(at) else f"its approvals are due by {text(self.deadline)}"
        return (
            f"{self.by} let change {self.change.digest[:12]} through by emergency at {text(self.opened)} "
            f"({self.reason}): {due}"
        )
