"""An open debt x what has been filed since -> its clearing, as soon as the rules of its time are met.

Rules kept: nothing else is written with it, and whoever verifies judges it again; a debt that nobody pays stops no
loop, it only keeps out what may not pass before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runtime.agent.attest import Book
from runtime.agent.clock import in_step
from runtime.agent.state import State
from runtime.agent.world import World
from runtime.governance.approvals import Approvals
from runtime.governance.case import Signed, Verified
from runtime.governance.debts import Debt
from runtime.governance.emergency import debt_case
from runtime.governance.judge import judge
from runtime.ledger import append
from runtime.ledger.append import Written


def clear(world: World, state: State, book: Book) -> Written | None:
    """Write that the debt is cleared and push it; None where there is none, or approvals are missing."""
    at = state.tip.moment(world.clock())
    debt = state.history.debt
    approvals = None if debt is None else payment(state.history.verified, debt, filed(world, state, debt), at)
    if debt is None or approvals is None or not in_step(state, at):
        return None
    state.authorise(world, None)
    state.require_release()
    entry = append.clearing(state.tip, world.writer, at, verdict=debt.verdict, change=debt.change, approvals=approvals)
    book.append([entry])
    return entry


def filed(world: World, state: State, debt: Debt) -> tuple[Signed, ...]:
    """Everything that is filed under a debt's change."""
    return Approvals(world.git, state.approvals).of(debt.change.digest)


def payment(verified: Verified, debt: Debt, statements: tuple[Signed, ...], at: datetime) -> Mapping[str, bytes] | None:
    """The approvals that clear a debt (SHA-256 -> file); None while the rules of its time are not met."""
    judgement = judge(debt_case(verified, debt, statements, at=at))
    if not judgement.allowed:
        return None
    new = frozenset(judgement.counted) - {one.sha256 for one in debt.signed}
    return {one.sha256: one.envelope.data for one in statements if one.sha256 in new}


def overdue(state: State, at: datetime) -> tuple[str, ...]:
    """What a person must see to: a debt past its deadline."""
    debt = state.history.debt
    return (debt.sentence(at),) if debt is not None and debt.overdue(at) else ()
