"""Clone x change -> what a reader of its plan should know about this clone, beside the plan.

Rules kept: nothing here is part of a plan, or judges a change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.cli.clone import Clone
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.ledger.history import without_ledger


def warnings_of(clone: Clone, change: str | None, uncommitted: Iterable[str]) -> Iterator[str]:
    """What a reader of the plan of a change (its SHA-256, None where it has none) should know about this clone."""
    for item in () if change is None else clone.malformed(change)[:3]:
        yield f"{item.path} on the branch {APPROVALS} is no approval: {item.message}"
    found = tuple(uncommitted)
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        yield f"not looked at, because not committed: {', '.join(found[:3])}{more}"
    if clone.history is not None and (lacking := without_ledger(clone.history)) is not None:
        yield lacking
    if clone.history is not None and clone.history.findings:
        count = len(clone.history.findings)
        yield f"the ledger has {count} finding{'' if count == 1 else 's'}: `conductor verify` names them"
