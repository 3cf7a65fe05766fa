"""Clone x history -> changes that are not on main and that somebody has approved: what a pull request proposes.

The branch `approvals` is all that tells of them, as far as it has been fetched. Rules kept: who counts, and who is
missing, is `judge`'s answer, asked as if main took the change now; whether approvals will count then is `queue`'s, as
`plan` and `approve` say it; what no approval counts for is told only while a branch stands at the commit that was
approved; so many changes that somebody with a known key has signed are opened, and how many folders were not is said:
what anybody may push hides none of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from compiler.cli.clone import Clone
from compiler.cli.queue import Way, queue
from compiler.cli.standpoint import Known, default_base, landed_since, point_of
from compiler.plan_queue import Queue, elsewhere
from runtime.agent.decide import Decision
from runtime.agent.status import Lacking
from runtime.contract.canonical import JSON
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.instant import text
from runtime.contract.predicates import Seen
from runtime.git.inputs import digests, digests_from
from runtime.governance.case import Case, Reading, Signed
from runtime.governance.judge import judge
from runtime.governance.rules import CONSENT
from runtime.ledger.history import History
from runtime.release import VERSION

OPENED = 256
"""Changes with a statement of a known key: only who has one can make more."""

_SPENT = ("unspent", "carry-exact")
"""Rules by which an approval that counted does not any more, because of what was taken since."""


@dataclass(frozen=True)
class Proposed:
    """A change, the commit that was last approved, who has, and who is missing (nobody: it may be merged). `spent` are
    those whose approvals what was taken since has undone; `queue` says whether the others count (None: the commit is
    not here, so nobody can say)."""

    change: str
    commit: str
    subject: str
    since: datetime
    approved_by: tuple[str, ...]
    spent: tuple[str, ...]
    lacking: tuple[Lacking, ...]
    queue: Queue | None

    @property
    def counts(self) -> bool:
        """Whether an agent could take it with the approvals it has, and those it lacks, once it is merged."""
        return not self.spent and (self.queue is None or self.queue.usable)

    def to_json(self) -> JSON:
        """As `--format json` has it."""
        return {
            "change": self.change,
            "commit": self.commit,
            "subject": self.subject,
            "since": text(self.since),
            "approved_by": list(self.approved_by),
            "spent": list(self.spent),
            "lacking": [item.model_dump(mode="json") for item in self.lacking],
            "queue": None if self.queue is None else self.queue.to_json(),
        }


def proposed(
    clone: Clone, history: History, known: Collection[str], decision: Decision, at: datetime
) -> tuple[tuple[Proposed, ...], int]:
    """Return them, the oldest first, and how many folders were not opened; `known` are the changes on main, `decision`
    what is decided about those."""
    done = {*history.taken, *known}
    folders = dict.fromkeys(digest for source in clone.approvals for digest in source.changes() if digest not in done)
    if not folders:
        return (), 0
    desk = _Desk(clone, history, decision, at, digests(clone.git, clone.main), clone.git.tips())
    left = iter(folders)
    signed = ((digest, statements) for digest in left if (statements := tuple(_theirs(clone, history, digest, at))))
    made = [desk.proposed(digest, statements) for digest, statements in islice(signed, OPENED)]
    found = sorted((item for item in made if item is not None), key=lambda item: (item.since, item.change))
    return tuple(found), sum(1 for _ in left)


@dataclass(frozen=True)
class _Desk:
    clone: Clone
    history: History
    decision: Decision
    at: datetime
    main: Mapping[str, str]
    tips: Collection[str]

    def proposed(self, digest: str, signed: tuple[Signed, ...]) -> Proposed | None:
        git, history = self.clone.git, self.history
        change = _change(self.clone, digest)
        if change is None:
            return None
        seen = max(signed, key=lambda one: one.approval.signed_at).approval.seen
        near = self._near(change, seen)
        if all(self.main.get(path) == after for path, _, after in change.inputs):
            return None  # main has it by now
        if near is not None and git.is_ancestor(seen.head, self.clone.main):
            return None  # it was merged, and what became of it is said there
        case = self._case(change, signed)
        answer = judge(case)
        spent = tuple(name for name in _counted_before(case) if name not in answer.people)
        begins = not elsewhere(change, history.snapshot.manifest)
        if not ((answer.people and begins) or ((answer.people or spent) and seen.head in self.tips)):
            return None
        return Proposed(
            change=digest,
            commit=seen.head,
            subject="" if near is None else git.commit(seen.head).subject,
            since=min(one.approval.signed_at for one in signed),
            approved_by=answer.people,
            spent=spent,
            lacking=tuple(Lacking(rule=item.rule, roles=item.roles, could=item.people) for item in answer.missing),
            queue=None if near is None else self._queue(case, seen, near),
        )

    def _case(self, change: Change, signed: tuple[Signed, ...]) -> Case:
        altered = {path for path, _, _ in change.inputs}
        main = {path: value for path, value in self.main.items() if path not in altered}
        main |= {path: after for path, _, after in change.inputs if after is not None}
        history = self.history
        return Case(history.verified, change, signed, self.at, main, VERSION, history.transition(change, self.at))

    def _near(self, change: Change, seen: Seen) -> Known | None:
        """The commit that was approved, with its inputs; None if it is not here, or has not what was approved."""
        git = self.clone.git
        if git.resolve(seen.head) != seen.head:
            return None
        inputs = digests_from(git, self.clone.main, self.main, seen.head)
        has_it = all(inputs.get(path) == after for path, _, after in change.inputs)
        return Known(seen.head, inputs) if has_it else None

    def _queue(self, case: Case, seen: Seen, near: Known) -> Queue | None:
        clone, git = self.clone, self.clone.git
        base = seen.base if seen.base and git.resolve(seen.base) == seen.base else default_base(clone, seen.head)
        _, forecast = landed_since(clone, base, case.change, None, near, merged=False)
        start = point_of(git, base, None, "unknown")
        way = Way(start, seen.head, case, merged=False, forecast=forecast)
        return queue(clone, self.history, way, self.at, self.decision)


def _counted_before(case: Case) -> tuple[str, ...]:
    """Who would count, had nothing been taken since they approved."""
    return judge(case, tuple(rule for rule in CONSENT if rule.name not in _SPENT)).people


def _theirs(clone: Clone, history: History, digest: str, at: datetime) -> Iterator[Signed]:
    """Statements that people of the last verified commit have signed."""
    if not (filed := clone.statements(digest)):
        return
    empty = Change(history.genesis.repository, clone.branch, (), (), {})
    reading = Reading(Case(history.verified, empty, (), at, {}, VERSION), history.governance)
    for one in filed:
        if one.change == digest and reading.owner(one.fingerprint) is not None and reading.authentic(one):
            yield one


def _change(clone: Clone, digest: str) -> Change | None:
    for source in clone.approvals:
        with suppress(FormatError):
            if (change := source.change(digest)) is not None:
                return change
    return None
