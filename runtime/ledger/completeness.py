"""History x time -> what is still to come: actions, a result, an intent, an approval that is owed.

What a history leaves out on its way is found where it is read (`runtime.ledger.accounts`); here its end is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from runtime.contract.plural import plural
from runtime.contract.predicates import Intent
from runtime.ledger.entry import Entry
from runtime.ledger.findings import Answer, Finding, finding
from runtime.ledger.history import History

_NEXT = "the next agent that runs does it"


def incomplete(history: History, now: datetime) -> Iterator[Finding]:
    """Return what the end of a history leaves open."""
    yield from _closed(history)
    yield from _acted(history)
    yield from _overdue(history, now)


def _closed(history: History) -> Iterator[Finding]:
    """Every intent has its result."""
    opened = history.open_intent
    if opened is not None:
        count = len(opened.predicate.actions) if isinstance(opened.predicate, Intent) else 0
        message = (
            f"intent {opened.sequence} has no result: nobody has said what became of its {plural(count, 'action')}"
        )
        yield _lacking("closed", message, opened, "the next agent that runs closes it")


def _acted(history: History) -> Iterator[Finding]:
    """The genesis, and what was taken last, have been acted on, to the last action."""
    owed = history.state.owed
    if owed.since is not None and (last := history.entry(history.verified.timeline.last.sha256)) is not None:
        said = "is taken, and nothing says that it was done"
        yield _lacking("acted", f"verdict {last.sequence} was followed by no intent: it {said}", last, _NEXT)
    if history.entries and not owed.started and not owed.rest:
        message = "the genesis was followed by no intent: nothing says that it was ever made so"
        yield _lacking("acted", message, history.entries[0], _NEXT)
    if owed.rest and history.open_intent is None:
        left = next(entry for entry in reversed(history.entries) if isinstance(entry.predicate, Intent))
        message = f"intent {left.sequence} has left {plural(owed.rest, 'action')} to others, and none came"
        yield _lacking("acted", message, left, _NEXT)


def _overdue(history: History, now: datetime) -> Iterator[Finding]:
    """A debt of an emergency is cleared, or taken back, by its deadline."""
    debt = history.debt
    if debt is not None and debt.overdue(now):
        who = "who is missing says `conductor approve --debt`, or two people approve its revert"
        yield _lacking("overdue", debt.sentence(now), history.entry(debt.verdict), who)


def _lacking(rule: str, message: str, entry: Entry | None, told: str) -> Finding:
    path, commit = (None, None) if entry is None else (entry.path, entry.commit)
    return finding(rule, message, path=path, commit=commit, answer=Answer.COMPLETENESS, help=told)
