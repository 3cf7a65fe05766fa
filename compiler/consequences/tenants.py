"""Objects and tenants' configuration, before and after -> whose data ends, whose application is locked out or let in
again, whose data is guarded less.

Rules kept: read from the objects that the agent deletes and alters, not from a state's name, so that nothing ends
unsaid whatever leads there; tenants that one line leads to stand in one sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan_differences import Difference, Operation
from compiler.plan_resources import Effects, ObjectChange, ResourceChange
from runtime.contract.canonical import JSON
from runtime.contract.change import Change
from runtime.contract.objects import ARCHIVE
from runtime.contract.plural import plural
from runtime.ledger.story import few
from runtime.targets.config import TargetConfig
from runtime.tenants.config import FOLDER, TenantConfig

_LOCKS_OUT = Difference(Operation.ALTER, "login", before=True, after=False)
_LOCKED = "locks out the application of {}: it cannot log in any more, and its data is kept"
_SAME = Difference(Operation.ALTER, "")
_LETS_IN = Difference(Operation.ALTER, "login", before=False, after=True)


def of_tenants(change: Change, effects: Effects, targets: Mapping[str, TargetConfig]) -> Iterator[Consequence]:
    """Say what happens to tenants. `targets` are those after the change."""
    objects = effects.objects
    yield from _ended(objects, targets)
    for difference, kind, severity, words in (
        (_LOCKS_OUT, Kind.TENANT_LOCKED_OUT, Severity.GRAVE, _LOCKED),
        (_LETS_IN, Kind.TENANT_LET_IN, Severity.NOTE, "lets the application of {} log in again"),
    ):
        names = _named(item for item in objects if item.id.type == "role" and difference in item.differences)
        if names:
            yield Consequence(kind, severity, words.format(few(names)), names)
    adopted = _named(item for item in objects if item.adopt)
    if adopted:
        yield Consequence(
            Kind.TENANT_ADOPTED,
            Severity.GRAVE,
            f"adopts {few(adopted)}: what is there becomes Conductor's, privileges and settings that are not declared"
            " are taken away (`conductor agent once --dry-run --head COMMIT` says which), rows stay until a deprovision"
            " drops them",
            adopted,
        )
    yield from _guarded_less(change, effects.resources)


def _named(items: Iterator[ObjectChange]) -> tuple[str, ...]:
    return tuple(sorted({item.tenant for item in items if item.tenant is not None}))


def _ended(objects: tuple[ObjectChange, ...], targets: Mapping[str, TargetConfig]) -> Iterator[Consequence]:
    archived = {item.tenant for item in objects if item.id.type == ARCHIVE and item.operation is Operation.ADD}
    groups: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for item in objects:
        if item.operation is Operation.REMOVE and item.id.type == "schema":
            groups[item.id.target, item.tenant in archived].add(item.tenant or item.id.name)
    for (target, kept), found in sorted(groups.items()):
        names = tuple(sorted(found))
        archive = targets[target].archive if target in targets else None
        if not kept:
            sentence = (
                f"would end {few(names)} on {target} without an archive; refused: a schema that holds anything is"
                " dropped only once it is archived, by `state: deprovisioned`"
            )
            yield Consequence(Kind.TENANT_ENDED, Severity.GRAVE, sentence, names)
            continue
        whose = "its schema" if len(names) == 1 else "their schemas"
        if archive is None:
            where = f"archives nowhere (spec/targets/{target}.yaml has no `archive`)"
        else:
            where = f"archives to {archive.folder}"
        sentence = f"ends {few(names)} for good: {where}, then drops {whose} on {target} with all rows, and the roles"
        yield Consequence(Kind.TENANT_ENDED, Severity.FINAL, sentence, names)


_CLASSES = ("internal", "confidential", "restricted")


class _Guards(NamedTuple):
    """What guards data."""

    legal_hold: bool
    retention_days: int
    min_retention_days: int
    classification: int = 0
    """The place of its data's class among all, the least guarded first."""

    @classmethod
    def of(cls, tenant: TenantConfig) -> _Guards:
        policies = tenant.policies
        place = _CLASSES.index(policies.data_classification) if policies.data_classification in _CLASSES else 0
        return cls(tenant.legal_hold, tenant.retention_days, policies.min_retention_days, place)

    @classmethod
    def as_written(cls, legal_hold: JSON, *days: JSON) -> _Guards:
        """From fields of a blueprint; what is the same on both sides, or left out, is nothing."""
        return cls(legal_hold is True, *(item if isinstance(item, int) else 0 for item in days))


_OF_BLUEPRINT = ("spec.legal_hold", "spec.retention_days", "spec.policies.min_retention_days")
"""Where they stand there."""


def _guarded_less(change: Change, resources: Iterable[ResourceChange]) -> Iterator[Consequence]:
    """Of tenants; and of blueprints as far as no tenant of theirs shows it, for those to come."""
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    limits: dict[str, list[str]] = defaultdict(list)
    shown: set[tuple[str, int, str]] = set()
    for path, (before, after) in change.contents.items():
        if path.startswith(f"{FOLDER}tenant/") and before is not None and after is not None:
            old, new = (TenantConfig.from_bytes(text.encode()) for text in (before, after))
            for row in _weaker(_Guards.of(old), _Guards.of(new)):
                groups[row].append(new.name)
                shown.add((new.blueprint, *row))
            for words in _may_use(old, new):
                limits[words].append(new.name)
    for (_, words), names in sorted(groups.items()):
        yield Consequence(Kind.GUARD, Severity.GRAVE, words.format(few(names)), tuple(names))
    for words, names in sorted(limits.items()):
        yield Consequence(Kind.TENANT_LIMIT, Severity.GRAVE, words.format(few(names)), tuple(names))
    for item in resources:
        if item.kind == "Blueprint" and item.operation is Operation.ALTER:
            for row in _weaker(*_of_blueprint(item.differences)):
                if (item.name, *row) not in shown:
                    sentence = row[1].format(f"new tenants of blueprint {item.name}")
                    yield Consequence(Kind.GUARD, Severity.GRAVE, sentence, (item.name,))


def _may_use(old: TenantConfig, new: TenantConfig) -> Iterator[str]:
    """What it may cost much more, and use much less. The texts hold no other braces."""
    cost, was = new.budgets, old.budgets
    if cost.currency != was.currency or Decimal(cost.monthly) > 2 * Decimal(was.monthly):
        yield f"{{}} may cost {cost.monthly} {cost.currency} a month (was {was.monthly} {was.currency})"
    quotas = old.quotas.model_dump()
    for name, quota in new.quotas.model_dump().items():
        if quota * 2 < quotas[name]:
            yield f"quota {name} of {{}} is {quota} (was {quotas[name]})"


def _of_blueprint(differences: Iterable[Difference]) -> tuple[_Guards, _Guards]:
    """Its guards before and after."""
    fields = {item.field: item for item in differences}
    found = [fields.get(name, _SAME) for name in _OF_BLUEPRINT]
    return _Guards.as_written(*(item.before for item in found)), _Guards.as_written(*(item.after for item in found))


def _weaker(old: _Guards, new: _Guards) -> Iterator[tuple[int, str]]:
    """What guards its data less: an order, and the sentence without the name. The texts hold no other braces."""
    if old.legal_hold and not new.legal_hold:
        yield 0, "lifts the legal hold of {}: its data may be deleted"
    if new.retention_days < old.retention_days:
        days = plural(new.retention_days, "day")
        yield 1, f"data of {{}} is kept {days} from a suspension on, {old.retention_days} before"
    if new.classification < old.classification:
        yield (
            3,
            f"data of {{}} is held to be only {_CLASSES[new.classification]}, {_CLASSES[old.classification]} before",
        )
    least, was = new.min_retention_days, old.min_retention_days
    if least < was:
        yield 2, f"data of {{}} may be declared to be kept only {plural(least, 'day')}, at least {was} before"
