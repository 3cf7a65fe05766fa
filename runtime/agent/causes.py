"""The ledger so far -> what the agent knows: because of what an object differs now, what failed, what was refused.

Rule kept: the cause of a difference is the one that whoever verifies expects (`runtime.ledger.owed`). So an action that
failed is tried again because of its change, not as drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from runtime.agent.apply import retry_after
from runtime.contract import instant
from runtime.contract.canonical import encode
from runtime.contract.change import Change
from runtime.contract.objects import ABSENCE, Action, Object, ObjectId, Operation
from runtime.contract.predicates import Drift, Intent, Refusal, Result, Unmet, Verdict
from runtime.contract.predicates import Entry as Predicate
from runtime.ledger.entry import Entry
from runtime.ledger.owed import GENESIS, Owed, altered

LONGEST_WAIT = 3600
"""Seconds between two attempts at what keeps failing."""


@dataclass(frozen=True)
class Failing:
    """The actions that the last result left undone, how often in a row, and when they may be tried again (None: when
    something has changed)."""

    actions: frozenset[bytes]
    times: int
    again_at: datetime | None

    def waits(self, wanted: frozenset[bytes], now: datetime) -> bool:
        """Whether what is wanted is only what failed, and its time has not come."""
        return bool(wanted) and wanted <= self.actions and (self.again_at is None or now < self.again_at)


@dataclass
class Memory:
    """What the agent knows from the ledger. Grows entry by entry; `former` are objects wanted once."""

    owed: Owed = field(default_factory=Owed)
    former: dict[ObjectId, Object] = field(default_factory=dict)
    reported: tuple[Action, ...] = ()
    refused: set[tuple[str, tuple[Unmet, ...]]] = field(default_factory=set)
    failing: Failing | None = None
    proved: set[ObjectId] = field(default_factory=set)
    """Absences that a result says were looked for and found, since a change asked for them."""
    adopting: set[ObjectId] = field(default_factory=set)
    """What a change, or the genesis, said `adopt: true` of, and nothing has come of that yet."""
    altered: set[ObjectId] = field(default_factory=set)
    """What an emergency has altered since: so it is to be is not how two people said that it may be adopted."""
    _intents: dict[str, Intent] = field(default_factory=dict)

    def copy(self) -> Memory:
        """Return one that goes on by itself."""
        return replace(
            self,
            owed=self.owed.copy(),
            former=dict(self.former),
            refused=set(self.refused),
            proved=set(self.proved),
            adopting=set(self.adopting),
            altered=set(self.altered),
            _intents=dict(self._intents),
        )

    @property
    def started(self) -> bool:
        """Whether an intent has made the genesis, or the last of it."""
        return self.owed.started

    def adopts(self, found: ObjectId) -> bool:
        """Whether what has this name without being ours is what was approved to become ours. What has it later is
        something that nobody has approved."""
        return found not in self.altered and (not self.started or found in self.adopting)

    def read(self, entry: Entry, change_of: Callable[[str], Change]) -> None:
        """Take the next entry in."""
        predicate: Predicate = entry.predicate
        match predicate:
            case Verdict():
                conductor = predicate.conductor
                self.taken(change_of(conductor.change), emergency=conductor.emergency is not None)
            case Intent():
                self.owed.said(predicate)
                self._intents = {entry.digest: predicate}
            case Result():
                intent = self._intents.get(predicate.intent)
                if intent is not None:
                    self._ended(intent, predicate)
            case Drift() if predicate.response == "report":
                self.reported = tuple(record.action() for record in predicate.actions)
                self.owed.said(predicate)
            case Refusal():
                self.refused.add((predicate.change, predicate.unmet))
            case _:
                pass

    def taken(self, change: Change, *, emergency: bool) -> None:
        """A verdict has taken this change."""
        rows = list(altered(change))
        self.owed.taken(change.digest, rows)
        for found, old, new in rows:
            if old is not None:
                self.former[found] = old
            elif new is not None:
                self.proved.discard(found)
            if emergency and old != new:
                self.altered.add(found)
            if new is not None and new.adopt and not (old is not None and old.adopt):
                self.adopting.add(found)
                self.altered.discard(found)

    def _ended(self, intent: Intent, result: Result) -> None:
        left = [
            record.action()
            for record, outcome in zip(intent.actions, result.outcomes, strict=False)
            if outcome.outcome != "done"
        ]
        self.proved.update(
            action.id
            for record, outcome in zip(intent.actions, result.outcomes, strict=False)
            if outcome.outcome == "done" and record.type == ABSENCE and (action := record.action()).after is not None
        )
        self.owed.ended(intent, result)
        if intent.because == GENESIS:
            held_back = (*self.reported, *left)
            self.adopting.update(action.id for action in held_back if action.operation is Operation.ADOPT)
        self.adopting.intersection_update(self.owed.objects)
        self.failing = self._failed(aims(left), result)

    def _failed(self, left: frozenset[bytes], result: Result) -> Failing | None:
        if not any(outcome.outcome == "failed" for outcome in result.outcomes):
            return None
        times = self.failing.times + 1 if self.failing is not None and self.failing.actions == left else 1
        wait = retry_after(result.outcomes)
        if wait is None:
            return Failing(left, times, None)
        seconds = min(wait * 2 ** min(times - 1, 16), LONGEST_WAIT)
        return Failing(left, times, instant.after(result.ledger.time, timedelta(seconds=seconds)))


def aims(actions: Iterable[Action]) -> frozenset[bytes]:
    """What the actions want, whatever they start from: two attempts at the same thing are equal, though the first may
    have got half-way."""
    return frozenset(
        encode([str(action.id), None if action.after is None else dict(action.after)]) for action in actions
    )


def differences(actions: Iterable[Action]) -> frozenset[bytes]:
    """What actions say that was found: an object that is missing, that differs, or that nobody wants."""
    return frozenset(
        encode([action.operation.value, str(action.id), None if action.after is None else dict(action.after)])
        for action in actions
    )
