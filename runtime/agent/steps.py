"""What is known, and what is there -> what is to be done, and the entries that say so.

Rules kept: `drift: report` is looked at and never acted on, `drift: heal` is; either is evidence, and what is reported
is written once, until it is different; what is held back (a foreign object, too many deletes) is reported likewise. A
report stands for what cannot be looked at, and is taken back only when nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from runtime.agent.causes import aims, differences
from runtime.agent.decide import Refuse, Take
from runtime.agent.diff import Attributes, Blocked, diff
from runtime.agent.observe import Opened
from runtime.agent.state import Goal
from runtime.contract.canonical import encode
from runtime.contract.envelope import MAX_PAYLOAD
from runtime.contract.objects import ABSENCE, Action, ObjectId, is_foreign
from runtime.contract.predicates import Unmet
from runtime.ledger import append
from runtime.ledger.append import Grounds, Tip, Writer, Written
from runtime.ledger.owed import DRIFT

SAID = MAX_PAYLOAD - 64 * 1024
"""Bytes of actions in one statement."""
MEASURED = 512
"""Bytes that a result may have of an action beyond what the intent has of it."""


@dataclass(frozen=True)
class Todo:
    """`actions` are to be done now, in order; `healed` are those of them that are drift; `reported` is what a person
    must look at; `waiting` says that what failed is not to be tried again yet."""

    actions: tuple[Action, ...]
    rest: int = 0
    """How many more there are: they come in the next turns, as many as one intent can say."""
    reported: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    waiting: bool = False
    differing: frozenset[ObjectId] = frozenset()
    """All that is not as it should be, whatever becomes of it now."""
    as_declared: int = 0
    """How many objects that genesis or a change still asks for are as they should be."""

    @property
    def healed(self) -> tuple[Action, ...]:
        """Drift that is about to be undone."""
        return tuple(action for action in self.actions if action.because == DRIFT)


def compare(goal: Goal, targets: Opened, at: datetime, *, patient: bool, owing: bool = True) -> Todo:
    """Look at what is there; raises RetryableError where a target is away that something is still owed to, unless this
    is only a look (`owing` is False)."""
    desired, memory = goal.desired, goal.memory
    owed = memory.owed.of(desired.objects)
    if owing:
        targets.needs(owed)
    found = diff(
        targets.within(desired.objects),
        unproved(targets.observe(desired.objects, adoptable(goal)), memory.proved),
        because=memory.owed.because,
        former=memory.former,
        limits=desired.limits,
    )
    actions: list[Action] = []
    reported = [item.action for item in found.blocked]
    reported += [action for action in memory.reported if action.id.target in targets.away]
    for action in found.actions:
        healing = action.because != DRIFT or desired.targets[action.id.target].drift == "heal"
        (actions if healing else reported).append(action)
    waiting = patient and memory.failing is not None and memory.failing.waits(aims(actions), at)
    now = sayable(actions)
    return Todo(
        actions=() if waiting else now,
        rest=0 if waiting else len(actions) - len(now),
        reported=sayable(reported),
        blocked=found.blocked,
        waiting=waiting,
        differing=frozenset(action.id for action in found.actions),
        as_declared=len(owed.difference(item.id for item in (*found.actions, *(one.action for one in found.blocked)))),
    )


def adoptable(goal: Goal) -> dict[ObjectId, Attributes]:
    """What may become ours, with what is wanted of it."""
    objects, memory = goal.desired.objects, goal.memory
    return {found: item.attributes for found, item in objects.items() if item.adopt and memory.adopts(found)}


def unproved(observed: Mapping[ObjectId, Attributes], proved: AbstractSet[ObjectId]) -> dict[ObjectId, Attributes]:
    """What was observed, without the absences that no result speaks of: whoever looks first says what was found."""
    return {
        found: attributes
        for found, attributes in observed.items()
        if found.type != ABSENCE or found in proved or is_foreign(attributes)
    }


def sayable(actions: Sequence[Action]) -> tuple[Action, ...]:
    """As many of the actions, from the first on, as one statement holds, and its result with what is measured."""
    size = 0
    for count, action in enumerate(actions):
        size += len(encode(action.to_json())) + MEASURED
        if size > SAID and count:
            return tuple(actions[:count])
    return tuple(actions)


class Draft:
    """Entries that follow one another, signed and not yet committed."""

    def __init__(self, tip: Tip, writer: Writer, at: datetime) -> None:
        self.entries: list[Written] = []
        self._tip, self._writer, self._at = tip, writer, at

    def _add(self, entry: Written) -> Written:
        self.entries.append(entry)
        self._tip = entry.tip
        return entry

    def verdict(self, take: Take, *, base: str, before: str) -> None:
        """The candidate is taken."""
        grounds = Grounds(
            base=base,
            head=take.commit,
            before=before,
            after=take.snapshot.manifest.digest,
            change=take.change,
            approvals={signed.sha256: signed.envelope.data for signed in take.approvals},
            landed=take.landed,
            emergency=take.judgement.emergency,
        )
        self._add(append.verdict(self._tip, self._writer, self._at, grounds))

    def refusal(self, refuse: Refuse, goal: Goal) -> None:
        """A change is refused, unless the ledger says so already, for the same reasons."""
        unmet = tuple(Unmet(rule=problem.rule, message=problem.message) for problem in refuse.judgement.problems)
        if (refuse.change.digest, unmet) not in goal.memory.refused:
            head = refuse.refused.commit
            self._add(
                append.refusal(
                    self._tip, self._writer, self._at, base=goal.commit, head=head, change=refuse.change, unmet=unmet
                )
            )

    def drift(self, todo: Todo, goal: Goal) -> None:
        """Drift that is healed; what is reported, if that is not what the last report said (nothing: when all of it is
        gone)."""
        before = goal.memory.reported
        left = not todo.reported and any(action.id in todo.differing for action in before)
        if differences(todo.reported) != differences(before) and not left:
            self._drift(todo.reported, goal, heal=False)
        if todo.healed:
            self._drift(todo.healed, goal, heal=True)

    def _drift(self, actions: Sequence[Action], goal: Goal, *, heal: bool) -> None:
        manifest = goal.desired.snapshot.manifest.digest
        self._add(append.drift(self._tip, self._writer, self._at, manifest=manifest, heal=heal, actions=actions))

    def intent(self, todo: Todo, goal: Goal) -> Written:
        """What is about to be done, and because of what."""
        manifest = goal.desired.snapshot.manifest.digest
        return self._add(
            append.intent(
                self._tip,
                self._writer,
                self._at,
                because=goal.memory.owed.cause(todo.actions),
                manifest=manifest,
                actions=todo.actions,
                rest=todo.rest,
                as_declared=0 if todo.rest else todo.as_declared,
            )
        )

    def heartbeat(self, goal: Goal) -> None:
        """Nothing to do, and still here."""
        manifest = goal.desired.snapshot.manifest.digest
        self._add(append.heartbeat(self._tip, self._writer, self._at, commit=goal.commit, manifest=manifest))
