"""Desired objects x observed attributes -> actions in waves. Pure, and the same for every target.

Rules kept:
- what is wanted and absent is created, what differs is updated, what is ours and wanted no more is deleted;
- an object that exists without our mark is never touched: it is a problem, and so is everything of the same tenant and
  target that a later wave would build upon it; unless it may be adopted. A tenant's objects are adopted all or none;
- makes come first, wave by wave upwards; deletes come then, wave by wave downwards, because nothing is taken away
  before what used it has changed; the proof that something is absent comes last of all. Within a wave the order is
  tenant, target, type, name;
- no more than `max_delete_percent` of a target's objects, or one tenant's, are deleted at once (`held_back`): beyond
  it, none are; nor is then made what is only made because a tenant's objects go: its archive, and the proof of their
  absence;
- performing the actions leaves nothing to do, and the same arguments give the same list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from runtime.contract.canonical import JSON
from runtime.contract.deleting import held_back
from runtime.contract.objects import ABSENCE, ENDS, FOREIGN, Action, Object, ObjectId, Operation, is_foreign

Attributes = Mapping[str, JSON]
Stage = tuple[int, int]
"""Makes, deletes or proofs (0, 1, 2), and the wave: the actions of one stage need nothing of each other."""
MAKES, DELETES, PROOFS = range(3)


@dataclass(frozen=True)
class Blocked:
    """An action that is not to be done, and why: a person must look."""

    action: Action
    reason: str


@dataclass(frozen=True)
class Diff:
    """What to do, in order, and what is held back."""

    actions: tuple[Action, ...]
    blocked: tuple[Blocked, ...] = ()

    def stages(self) -> Iterator[tuple[Stage, tuple[Action, ...]]]:
        """The actions wave by wave: a failed one stops the next."""
        for stage, actions in groupby(self.actions, key=stage_of):
            yield stage, tuple(actions)


@dataclass(frozen=True)
class Limits:
    """How much of a target may go at once (`Target.max_delete_percent`); a target that is not named may lose all."""

    max_delete_percent: Mapping[str, int] = field(default_factory=dict)


def diff(
    desired: Iterable[Object],
    observed: Mapping[ObjectId, Attributes],
    *,
    because: Callable[[ObjectId], str],
    former: Mapping[ObjectId, Object] | None = None,
    limits: Limits | None = None,
) -> Diff:
    """Compare. `because` names the cause of a difference; `former` are objects wanted earlier: they tell the wave and
    the tenant of what is to be deleted (an object nobody ever named takes its type's wave)."""
    wanted = {item.id: item for item in desired}
    known = {**(former or {}), **wanted}
    makes = [action for item in wanted.values() if (action := _make(item, observed.get(item.id), because)) is not None]
    deletes = [
        _delete(found, attributes, known, because)
        for found, attributes in observed.items()
        if found not in wanted and not is_foreign(attributes)
    ]
    allowed, foreign = _without_foreign(makes, observed, wanted)
    kept, excess = _within_limits(deletes, observed, limits or Limits())
    allowed, early = _without_early_ends(allowed, excess)
    return Diff(
        actions=tuple(sorted((*allowed, *kept), key=_order)),
        blocked=tuple(sorted((*foreign, *excess, *early), key=lambda item: _order(item.action))),
    )


def stage_of(action: Action) -> Stage:
    """The stage an action belongs to."""
    if action.operation is Operation.DELETE:
        return DELETES, action.wave
    return PROOFS if action.id.type == ABSENCE else MAKES, action.wave


def _make(item: Object, found: Attributes | None, because: Callable[[ObjectId], str]) -> Action | None:
    if found == item.attributes:
        return None
    before, operation = found, Operation.CREATE if found is None else Operation.UPDATE
    if found is not None and is_foreign(found):
        adoptable = found.get("found")
        before = adoptable if isinstance(adoptable, dict) else FOREIGN
        operation = Operation.ADOPT if item.adopt else Operation.CREATE
    return Action(operation, item.id, before, item.attributes, item.wave, item.tenant, because(item.id))


def _delete(
    found: ObjectId, attributes: Attributes, known: Mapping[ObjectId, Object], because: Callable[[ObjectId], str]
) -> Action:
    item = known.get(found)
    if item is not None:
        wave, tenant = item.wave, item.tenant
    else:
        wave = max((other.wave for other in known.values() if other.id.type == found.type), default=0)
        tenant = None
    return Action(Operation.DELETE, found, attributes, None, wave, tenant, because(found))


def _without_foreign(
    makes: list[Action], observed: Mapping[ObjectId, Attributes], wanted: Mapping[ObjectId, Object]
) -> tuple[list[Action], list[Blocked]]:
    """Hold back what is foreign, what later waves of its tenant would build upon it, and what else of its tenant would
    be adopted."""
    first: dict[tuple[str, str | None], Action] = {}
    for action in sorted(makes, key=_order):
        if action.before == FOREIGN:
            first.setdefault((action.id.target, action.tenant), action)
    allowed: list[Action] = []
    blocked: list[Blocked] = []
    for action in makes:
        cause = first.get((action.id.target, action.tenant))
        if action.before == FOREIGN:
            blocked.append(Blocked(action, _why_foreign(wanted[action.id], observed[action.id])))
        elif cause is not None and (action.wave > cause.wave or action.operation is Operation.ADOPT):
            blocked.append(Blocked(action, f"{action.id} needs {cause.id}, which Conductor did not make"))
        else:
            allowed.append(action)
    return allowed, blocked


def _why_foreign(item: Object, found: Attributes) -> str:
    refused = found.get("refused")
    if isinstance(refused, list):
        return f"{item.id} is not adopted: {'; '.join(map(str, refused))}"
    why = f"{item.id} exists and Conductor did not make it"
    if item.adopt:
        why += ", and what `adopt: true` was approved for was another one: take it out and put it in again"
    return why


def _within_limits(
    deletes: list[Action], observed: Mapping[ObjectId, Attributes], limits: Limits
) -> tuple[list[Action], list[Blocked]]:
    """Hold back every delete of a target that would lose more than it may."""
    ours = Counter(
        found.target for found, attributes in observed.items() if not is_foreign(attributes) and found.type not in ENDS
    )
    reasons = held_back(((action.id, action.tenant) for action in deletes), ours, limits.max_delete_percent)
    kept = [action for action in deletes if action.id.target not in reasons]
    return kept, [Blocked(action, reasons[action.id.target]) for action in deletes if action.id.target in reasons]


def _without_early_ends(makes: list[Action], excess: list[Blocked]) -> tuple[list[Action], list[Blocked]]:
    """Hold back the archives and proofs of tenants whose objects may not go yet."""
    reasons = {(item.action.id.target, item.action.tenant): item.reason for item in excess}
    ends = [action for action in makes if action.id.type in ENDS]
    early = {
        action.id: reasons[action.id.target, action.tenant]
        for action in ends
        if (action.id.target, action.tenant) in reasons
    }
    allowed = [action for action in makes if action.id not in early]
    return allowed, [Blocked(action, early[action.id]) for action in ends if action.id in early]


def _order(action: Action) -> tuple[int, int, str, ObjectId]:
    phase, wave = stage_of(action)
    return phase, -wave if phase == DELETES else wave, action.tenant or "", action.id
