"""An intent without a result -> its result, by what was signed before the agent stopped or by looking again.

Rules kept: exactly one result for each intent, whoever writes it; what was done is told done once, by nobody else.
"""

from __future__ import annotations

from runtime.agent.apply import found
from runtime.agent.attest import Book, kept
from runtime.agent.journal import Journal
from runtime.agent.observe import opened
from runtime.agent.state import State
from runtime.agent.world import World
from runtime.contract.predicates import Intent, Result
from runtime.ledger import append
from runtime.ledger.append import Written
from runtime.ledger.entry import Entry


def close(world: World, state: State, book: Book, opened_by: Entry) -> Written:
    """Write the result that is missing and push it; raises RetryableError while a target that it needs is away."""
    entry = _signed_before(world, state, opened_by) or _looking_again(world, state, opened_by)
    book.append([entry])
    return entry


def _signed_before(world: World, state: State, opened_by: Entry) -> Written | None:
    entry = kept(world.git, state.tip)
    if entry is None or not isinstance(entry.statement.predicate, Result):
        return None
    return entry if entry.statement.predicate.intent == opened_by.digest else None


def _looking_again(world: World, state: State, opened_by: Entry) -> Written:
    intent = opened_by.predicate
    actions = [record.action() for record in intent.actions] if isinstance(intent, Intent) else []
    goal = state.goal(world)
    goal.require_secrets(world)
    with opened(world, goal) as targets:
        targets.needs(action.id for action in actions)
        observed = targets.observe(goal.desired.objects)
    outcomes = found(actions, observed, Journal(world.git, opened_by.digest).read())
    return append.result(state.tip, world.writer, world.clock(), intent=opened_by.digest, outcomes=outcomes)
