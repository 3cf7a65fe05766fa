"""History x time -> its emergencies and its withdrawals, line by line: who, why, by when, and how it ended.

Made of the ledger alone, so that whoever verifies reads it as well; `debts_text` adds who an open one still needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from compiler.diagnostics.printable import shown
from runtime.contract.instant import text
from runtime.governance.debts import Debt
from runtime.ledger.history import History
from runtime.ledger.reading import Withdrawal
from runtime.ledger.story import few, resources


def what_of(debt: Debt) -> str:
    """Say what was let through."""
    return few(resources(debt.change)) or f"change {debt.change.digest[:12]}"


def end_of(history: History, debt: Debt) -> str | None:
    """Say how a debt ended: when, by which entry, by whom; None while it is open."""
    if (settled := debt.settled) is None:
        return None
    late = ", after its deadline" if settled.at > debt.deadline else ""
    return f"{text(settled.at)}{late}, entry {sequence(history, settled.entry)}: {' and '.join(settled.people)}"


def emergency_lines(history: History, debt: Debt, at: datetime) -> Iterator[str]:
    """Tell one emergency."""
    yield shown(f"{debt.state(at)}: {debt.by} let through: {what_of(debt)}")
    yield shown(f"  reason   {debt.reason}")
    yield f"  change   sha256:{debt.change.digest}"
    opened = f"{text(debt.opened)} by verdict {sequence(history, debt.verdict)}, commit {debt.commit[:12]}"
    yield f"  opened   {opened}"
    yield f"  due      {text(debt.deadline)}"
    if debt.settled is not None:
        yield shown(f"  {debt.settled.how:<8} {end_of(history, debt)}")


def withdrawal_line(one: Withdrawal) -> str:
    """Tell one withdrawal."""
    refused = f"refusal {one.refusal.sequence} of {text(one.refusal.position.time)}"
    return f"{refused}, change {one.change[:12]}: {one.message}; {ended(one)}"


def ended(one: Withdrawal) -> str:
    """Say what became of the change that a withdrawal kept out."""
    return "no verdict has taken it since" if one.taken is None else f"verdict {one.taken} took the change later"


def owing(history: History, at: datetime) -> str:
    """Say in the verdict's line that a debt is open; nothing where none is."""
    debt = history.debt
    if debt is None:
        return ""
    since = "are overdue since" if debt.overdue(at) else "are due by"
    return f"; the approvals of {debt.by}'s emergency {since} {text(debt.deadline)}"


def sequence(history: History, digest: str) -> int | None:
    """Return an entry's number."""
    entry = history.entry(digest)
    return None if entry is None else entry.sequence
