"""The ledger so far -> because of what an object differs now: genesis, the change that asked for it, or drift.

Rules kept: a difference has the cause of the last verdict that altered the object (of the genesis, before any intent),
until a result says that it was done; what was held back keeps its cause for as long as the ledger's last report names
it; every other difference is drift. So an action that failed is tried again because of its change, not as drift.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from runtime.agent.apply import retry_after
from runtime.agent.desired import OBJECTS
from runtime.contract import instant
from runtime.contract.canonical import encode
from runtime.contract.change import Change
from runtime.contract.objects import ABSENCE, Action, Object, ObjectId, Operation, decode_objects
from runtime.contract.predicates import Drift, Intent, Refusal, Result, Unmet, Verdict
from runtime.contract.predicates import Entry as Predicate
from runtime.ledger.entry import Entry

GENESIS = "genesis"
DRIFT = "drift"
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

    former: dict[ObjectId, Object] = field(default_factory=dict)
    started: bool = False
    reported: tuple[Action, ...] = ()
    refused: set[tuple[str, tuple[Unmet, ...]]] = field(default_factory=set)
    failing: Failing | None = None
    proved: set[ObjectId] = field(default_factory=set)
    """Absences that a result says were looked for and found, since a change asked for them."""
    adopting: set[ObjectId] = field(default_factory=set)
    """What a change, or the genesis, said `adopt: true` of, and nothing has come of that yet."""
    altered: set[ObjectId] = field(default_factory=set)
    """What an emergency has altered since: so it is to be is not how two people said that it may be adopted."""
    _objects: dict[ObjectId, str] = field(default_factory=dict)
    _releases: str | None = None
    _intents: dict[str, Intent] = field(default_factory=dict)

    def copy(self) -> Memory:
        """Return one that goes on by itself."""
        return replace(
            self,
            former=dict(self.former),
            refused=set(self.refused),
            proved=set(self.proved),
            adopting=set(self.adopting),
            altered=set(self.altered),
            _objects=dict(self._objects),
            _intents=dict(self._intents),
        )

    def because(self, found: ObjectId) -> str:
        """The cause of a difference in one object."""
        if not self.started:
            return GENESIS
        if found.type == "release" and self._releases is not None:
            return self._releases
        return self._objects.get(found, DRIFT)

    def adopts(self, found: ObjectId) -> bool:
        """Whether what has this name without being ours is what was approved to become ours. What has it later is
        something that nobody has approved."""
        return found not in self.altered and (not self.started or found in self.adopting)

    def owed(self, wanted: Iterable[ObjectId]) -> list[ObjectId]:
        """Those of the wanted objects, and of those to be deleted, that genesis or a change still asks something of."""
        return [found for found in {*wanted, *self._objects} if self.because(found) != DRIFT]

    def read(self, entry: Entry, change_of: Callable[[str], Change]) -> None:
        """Take the next entry in."""
        predicate: Predicate = entry.predicate
        match predicate:
            case Verdict():
                conductor = predicate.conductor
                self.taken(change_of(conductor.change), emergency=conductor.emergency is not None)
            case Intent():
                self.started = self.started or not predicate.rest
                self._intents = {entry.digest: predicate}
            case Result():
                intent = self._intents.get(predicate.intent)
                if intent is not None:
                    self._ended(intent, predicate)
            case Drift() if predicate.response == "report":
                self.reported = tuple(record.action() for record in predicate.actions)
                self._objects.update(held(self.reported))
            case Refusal():
                self.refused.add((predicate.change, predicate.unmet))
            case _:
                pass

    def taken(self, change: Change, *, emergency: bool) -> None:
        """A verdict has taken this change."""
        self._releases = change.digest
        for path, (before, after) in change.contents.items():
            if path.startswith(OBJECTS):
                old, new = _objects(before), _objects(after)
                self.former.update(old)
                self.proved -= new.keys() - old.keys()
                for found in old.keys() | new.keys():
                    if old.get(found) != new.get(found):
                        self._objects[found] = change.digest
                        if emergency:
                            self.altered.add(found)
                    if _adopt(new.get(found)) and not _adopt(old.get(found)):
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
        if intent.rest:  # what is not in it is still owed because of what it was owed for
            done = {record.action().id for record in intent.actions}
            self._objects = {found: why for found, why in self._objects.items() if found not in done} | held(left)
        else:
            self._objects = held([*self.reported, *left])
            self._releases = None
        if intent.because == GENESIS:
            held_back = (*self.reported, *left)
            self.adopting.update(action.id for action in held_back if action.operation is Operation.ADOPT)
        self.adopting.intersection_update(self._objects)
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


def held(actions: Iterable[Action]) -> dict[ObjectId, str]:
    """The causes of actions that are still to be done, drift left out."""
    return {action.id: action.because for action in actions if action.because != DRIFT}


def _adopt(item: Object | None) -> bool:
    return item is not None and item.adopt


def _objects(text: str | None) -> Mapping[ObjectId, Object]:
    return {} if text is None else {item.id: item for item in decode_objects(text.encode())}
