"""An entry x the state before it -> the latest time that it may have, and where the ledger's clock then stands.

Rules kept: what runs ahead of what anybody vouches for moves no clock; it is noted once, however many entries are in
step with it, and until people vouch for its time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from runtime.contract.instant import after
from runtime.contract.predicates import Clearing, Verdict
from runtime.governance.case import Signed
from runtime.governance.clock import allowed, limit
from runtime.ledger.append import Tip
from runtime.ledger.entry import Entry

if TYPE_CHECKING:
    from runtime.ledger.replaying import Replaying

Jump: TypeAlias = tuple[Entry, datetime]
"""An entry that ran ahead, and until when somebody vouched then."""


def limit_of(state: Replaying, entry: Entry) -> datetime:
    """The latest time that an entry may have, by the people whose statements it names."""
    statements: tuple[Signed, ...] = ()
    if entry.position.time > after(state.tip.time, allowed(state.governance)):
        match entry.predicate:
            case Verdict(conductor=detail):
                statements = state.statements(detail.change, detail.approvals)
            case Clearing() as clearing:
                statements = state.statements(clearing.change, clearing.approvals)
    return limit(state.governance, state.tip.time, statements)


def jumped(state: Replaying, entry: Entry, until: datetime) -> tuple[Jump, ...]:
    """The jumps with an entry that runs ahead, unless it is only in step with one that did before it."""
    before, moment = state.tip.latest, entry.position.time
    in_step = before > state.tip.time and before <= moment <= after(before, allowed(state.governance))
    return state.jumps if in_step else (*state.jumps, (entry, until))


def moved(before: Tip, after: Tip, *, runs_ahead: bool) -> Tip:
    """Where the chain ends after an entry, whose own time `after` has."""
    moment = after.time
    sound = before.time if runs_ahead else max(before.time, moment)
    return replace(after, time=sound, last=None if moment == sound else moment)
