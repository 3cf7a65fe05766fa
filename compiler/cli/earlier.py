"""Clone x person x change -> what differs from what that person approved of the same paths before.

Rules kept: what counts as theirs is signed with a key of theirs; their latest word counts, so nothing is shown where a
later approval of theirs of the same files has been taken already.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from compiler.cli.clone import Clone
from compiler.plan_previous import Previous, previous
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.predicates import Verdict
from runtime.governance.approvals import Approvals
from runtime.governance.case import Case, Reading
from runtime.ledger.history import History


def earlier(clone: Clone, history: History, person: str, change: Change, at: datetime) -> Previous | None:
    """Compare with the latest other change of theirs that meets this one and that no verdict has taken."""
    reading = Reading(Case(history.verified, change, (), at, {}, ""), history.governance)
    done = {*history.taken, change.digest}
    found: dict[str, tuple[datetime, Change]] = {}
    for source in clone.approvals:
        for digest in source.changes():
            if digest not in done and (when := _approved(source, digest, person, reading)) is not None:
                other = _change(source, digest)
                if other is not None and not other.paths.isdisjoint(change.paths):
                    found[digest] = (when, other)
    if not found:
        return None
    when, other = max(found.values(), key=lambda item: item[0])
    for digest in _taken_over(history, change):
        for source in clone.approvals:
            later = _approved(source, digest, person, reading)
            if later is not None and later > when:
                return None
    return previous(other, change, when)


def _approved(source: Approvals, digest: str, person: str, reading: Reading) -> datetime | None:
    """When somebody last approved a change."""
    times = [
        one.approval.signed_at
        for one in source.of(digest)
        if one.approval.kind != "withdrawal"
        and one.change == digest
        and reading.owner(one.fingerprint) == person
        and reading.authentic(one)
    ]
    return max(times, default=None)


def _change(source: Approvals, digest: str) -> Change | None:
    try:
        return source.change(digest)
    except FormatError:
        return None


def _taken_over(history: History, change: Change) -> Iterator[str]:
    """The changes of the same inputs that verdicts have taken; what another file caused is no newer version."""
    inputs = {path for path, _, _ in change.inputs}
    meeting = {item.sha256 for item in history.verified.timeline.later(0) if not item.paths.isdisjoint(inputs)}
    for entry in history.entries:
        if entry.digest in meeting and isinstance(entry.predicate, Verdict):
            yield entry.predicate.conductor.change
