"""verdict -> observe -> diff -> intent -> apply -> result, until there is nothing left to do (plan, section 8).

An open debt is cleared as soon as its approvals are there (`runtime.agent.debts`).

Rules kept: the lock comes before the verdict and is held until the result is pushed; without every secret that is
needed nothing is observed and nothing written; an open intent is closed, by looking again, before anything else;
verdict and intent are pushed before the first action; each intent gets exactly one result; the first intent makes what
the genesis asks for; a loop that finds nothing writes nothing but the heartbeat.
Kill it at any line: what it finds on the next start tells it where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from runtime.agent.apply import LockLostError, perform
from runtime.agent.attest import BeatenError, Book
from runtime.agent.causes import aims
from runtime.agent.clock import in_time, marking, require_step, unvouched
from runtime.agent.closing import close
from runtime.agent.debts import clear, overdue
from runtime.agent.decide import Decision, Nothing, Refuse, Take, for_another_release
from runtime.agent.journal import Journal
from runtime.agent.observe import opened
from runtime.agent.state import Goal, State, VoidError, read
from runtime.agent.steps import Draft, compare
from runtime.agent.world import Control, World
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.predicates import Intent, Result
from runtime.governance.debts import Debt
from runtime.ledger import append
from runtime.ledger.append import Written
from runtime.ledger.head import carry
from runtime.ledger.owed import DRIFT
from runtime.ledger.pin import pin, settle
from runtime.targets.config import TargetConfig
from runtime.targets.interface import RetryableError

ROUNDS = 64
"""How many verdicts and repairs one call does at most."""


def unseen(_: State) -> None:
    """Pass what a look finds: nobody watches."""


class BusyError(RetryableError):
    """Another agent is at work."""


@dataclass(frozen=True)
class Outcome:
    """What a call did: the entries it wrote, what a person must look at, what keeps failing, what it decided last (with
    all that is pending), and which targets are away."""

    state: State
    entries: tuple[Written, ...] = ()
    problems: tuple[str, ...] = ()
    decision: Decision = Nothing()  # noqa: RUF009 -- a frozen value
    away: tuple[str, ...] = ()
    waiting: bool = False

    @property
    def sequence(self) -> int:
        """Number of the ledger's last entry."""
        return self.entries[-1].tip.sequence if self.entries else self.state.tip.sequence

    @property
    def held(self) -> int:
        """How many changes are not taken before a person does something about them."""
        return sum(item.held for item in self.decision.pending)

    @property
    def releases(self) -> tuple[str, ...]:
        """Why another release has to take the first pending change, where it has to."""
        return for_another_release(self.decision.pending)

    @property
    def debt(self) -> Debt | None:
        """The debt of an emergency that was open when it last looked."""
        return self.state.history.debt

    @property
    def failures(self) -> tuple[str, ...]:
        """What the last result says of actions that failed."""
        results = [entry.statement.predicate for entry in self.entries]
        last = next((item for item in reversed(results) if isinstance(item, Result)), None)
        return () if last is None else tuple(item.message or "" for item in last.outcomes if item.outcome == "failed")

    @property
    def healed(self) -> frozenset[bytes]:
        """What its intents set out to make so because of drift."""
        intents = [entry.statement.predicate for entry in self.entries]
        records = [item for intent in intents if isinstance(intent, Intent) for item in intent.actions]
        return aims(record.action() for record in records if record.because == DRIFT)

    @property
    def failed(self) -> bool:
        """Whether an action failed that has not been done since."""
        return self.waiting or bool(self.failures)


def once(
    world: World, *, known: State | None = None, patient: bool = False, seen: Callable[[State], None] = unseen
) -> Outcome:
    """Go on until there is nothing to do. `known` is what the last call found; `patient`: what failed is tried again
    only when its time has come, or when something has changed. `seen` is told what each look finds."""
    state = known if known is not None else read(world)
    seen(state)
    config = state.desired.control
    outcome = Outcome(state)
    entries: tuple[Written, ...] = ()
    _require_control(world, state)
    with world.control(config) as control:
        if not control.lock(state.repository):
            raise BusyError("another agent holds the lock of the control database", help="wait until it is done")
        world.at("locked")
        genesis = state.history.genesis
        settle(
            control, state.repository, genesis.digest, state.history.genesis_commit, told=world.trust_root is not None
        )
        pin(world.git, genesis.digest, world.clock())
        beaten, healed = 0, frozenset[bytes]()
        for _ in range(ROUNDS):
            if not control.held():
                raise LockLostError("the lock in the control database was lost", help="whoever holds it goes on")
            state = read(world, state)
            seen(state)
            if state.desired.control != config:
                break
            try:
                outcome = cycle(world, control, state, patient=patient)
            except VoidError as error:  # nobody's odd push keeps what others have approved from being taken
                state = replace(state, void={**state.void, error.commit: error.message})
                continue
            except BeatenError:
                world.at("beaten")
                beaten += 1
                if beaten == ROUNDS:
                    raise
                continue
            entries = (*entries, *outcome.entries)
            again = outcome.healed & healed  # somebody undoes it as fast as it is done: no round more for that
            healed |= outcome.healed
            if not outcome.entries or outcome.failed or again or world.stopping():
                return replace(outcome, entries=entries)
    if state.desired.control != config:
        world.at("the control database is another one now: the lock is there")
        outcome = once(world, known=state, patient=patient, seen=seen)
        entries = (*entries, *outcome.entries)
    return replace(outcome, entries=entries)


def _require_control(world: World, state: State) -> None:
    """Read the secret that leads to the lock; if it is missing, name all the others that are missing too."""
    world.secrets.forget()
    try:
        world.secrets(state.desired.control.dsn)
    except EnvironmentFailedError:
        state.goal(world).require_secrets(world)
        raise


def _carry_memory(world: World, control: Control, config: TargetConfig, goal: Goal) -> None:
    """Before another database becomes the control database, let it remember where the ledger ends: an empty one would
    believe every main. One that cannot be reached becomes none."""
    if goal.desired.control != config:
        with world.control(goal.desired.control) as other:
            carry(control, other, goal.repository)


def cycle(world: World, control: Control, state: State, *, patient: bool) -> Outcome:
    """One verdict at most, and what it takes to make it so."""
    book = Book.of(world, control, state)
    book.catch_up(state)
    if state.history.open_intent is not None:
        require_step(world, state)
        return Outcome(state, (close(marking(world, state), state, book, state.history.open_intent),))
    state.require_main()
    if (cleared := clear(world, state, book)) is not None:
        return Outcome(state, (cleared,))
    tip, started = state.tip, state.memory.started
    at = tip.moment(world.clock())
    wanted = state.decide(world, at)
    decision = in_time(world, state, wanted)
    take = decision if isinstance(decision, Take) else None
    if take is None:  # else two people vouch for the time
        world = marking(world, state)
    state.authorise(world, take)
    goal = state.goal(world, take)
    if take is None:
        state.require_release()
    goal.require_secrets(world)
    draft = Draft(tip, world.writer, at)
    with opened(world, goal) as targets:
        # an intent settles what it does not name: none is written while what failed must wait
        todo = compare(goal, targets, at, patient=patient and take is None)
        if take is not None:
            _carry_memory(world, control, state.desired.control, goal)
            verified = state.history.verified
            draft.verdict(take, base=verified.commit, before=verified.snapshot.manifest.digest)
        elif isinstance(decision, Refuse):
            draft.refusal(decision, goal)
        draft.drift(todo, goal)
        intent = draft.intent(todo, goal) if todo.actions or take is not None or not started else None
        agent = state.agent(world)
        if (
            not draft.entries
            and agent is not None
            and abs(at - tip.latest) >= timedelta(seconds=agent.heartbeat_seconds)
        ):
            draft.heartbeat(goal)
        entries = list(draft.entries)
        head = book.append(
            entries,
            still=None if take is None else lambda main: state.same(world, take, at, main),
            check=lambda head: state.require_standing(world, take, head),
        )
        if intent is not None:
            journal = Journal(world.git, intent.digest)
            outcomes = perform(
                todo.actions,
                targets.targets,
                intent=intent.tip.sequence,
                held=control.held,
                stopping=world.stopping,
                at=world.at,
                note=lambda index, facts: journal.note(index, facts, world.clock()),
            )
            result = append.result(intent.tip, world.writer, world.clock(), intent=intent.digest, outcomes=outcomes)
            book.append([result], on=head)
            entries.append(result)
        return Outcome(
            state,
            tuple(entries),
            problems=(
                *(item.reason for item in todo.blocked),
                *overdue(state, at),
                *unvouched(wanted, decision),
                *state.void.values(),
            ),
            decision=decision,
            away=tuple(error.message for error in targets.away.values()),
            waiting=todo.waiting,
        )
