"""Changes taken and results, one after the other -> since when a tenant is suspended, and since when it is gone.

These are the facts that policy is told about a change (plan, section 7, rule 5). Rules kept: a fact is a signed result
that says `done` of exactly what P asks of that tenant, and its time is the entry's, where that is one that counts; of
a result that runs ahead of what anybody vouches for it is no later than the first sound time after it; the first such
result counts, so that drift which is healed later begins nothing anew; a tenant that is resumed, or whose file goes,
leaves no fact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from runtime.contract.canonical import JSON, decode
from runtime.contract.change import Change, Snapshot
from runtime.contract.errors import FormatError
from runtime.contract.instant import parse, text
from runtime.contract.objects import ABSENCE, Object, ObjectId, decode_objects
from runtime.contract.predicates import ActionRecord, Intent, Result

_TENANTS = "config/tenants/tenant/"
_OBJECTS = "objects/tenant/"
_ENDING = ("suspended", "deprovisioned")


@dataclass
class Lifecycle:
    """What is known of tenants that are suspended or gone, by name."""

    suspended: dict[str, datetime] = field(default_factory=dict)
    deprovisioned: dict[str, datetime] = field(default_factory=dict)
    _absent: dict[str, frozenset[ObjectId]] = field(default_factory=dict)
    _ahead: set[str] = field(default_factory=set)
    """Tenants of which a fact has a time that nobody vouches for yet."""

    def copy(self) -> Lifecycle:
        """Return one that goes on by itself."""
        return Lifecycle(dict(self.suspended), dict(self.deprovisioned), dict(self._absent), set(self._ahead))

    def to_json(self) -> dict[str, JSON]:
        """Return it as JSON."""
        return {
            "suspended": {name: text(at) for name, at in self.suspended.items()},
            "deprovisioned": {name: text(at) for name, at in self.deprovisioned.items()},
            "absent": {name: sorted(map(list, found)) for name, found in self._absent.items()},
            "ahead": sorted(self._ahead),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Lifecycle:
        """Read what `to_json` gave."""
        suspended, deprovisioned = (
            {name: parse(at) for name, at in value[word].items()} for word in ("suspended", "deprovisioned")
        )
        absent = {name: frozenset(ObjectId(*item) for item in found) for name, found in value["absent"].items()}
        return cls(suspended, deprovisioned, absent, set(value["ahead"]))

    def taken(self, change: Change) -> None:
        """A verdict has taken this change."""
        for name, (before, after) in _tenants(change):
            if before is None or _state(after) not in _ENDING:
                for facts in (self.suspended, self.deprovisioned, self._absent):
                    facts.pop(name, None)

    def ended(self, snapshot: Snapshot, intent: Intent, result: Result, *, ahead: bool = False) -> None:
        """A result has answered for the open intent; `snapshot` is P's, `ahead` whether its time counts for nothing."""
        for record, outcome in zip(intent.actions, result.outcomes, strict=False):
            if outcome.outcome != "done" or record.tenant is None or record.after is None:
                continue
            if ahead:
                self._ahead.add(record.tenant)
            if record.type == ABSENCE:
                self._gone(snapshot, record, record.tenant, result.ledger.time)
            elif _forbids_login(record) and record.tenant not in self.suspended:
                item = _wanted(snapshot, record.tenant).get(_id(record))
                if item is not None and item.attributes == record.after:
                    self.suspended[record.tenant] = result.ledger.time

    def reached(self, at: datetime) -> None:
        """The ledger's clock stands at a sound time: what came before it was not later."""
        for name in self._ahead:
            for facts in (self.suspended, self.deprovisioned):
                if name in facts:
                    facts[name] = min(facts[name], at)
        self._ahead.clear()

    def facts(self, change: Change, at: datetime) -> Mapping[str, JSON]:
        """`now`, and of each tenant in the change what is known: seconds since 1970-01-01, for wasm has no clock."""
        known = (("suspended", self.suspended), ("deprovisioned", self.deprovisioned))
        tenants: dict[str, JSON] = {
            name: {word: _seconds(facts[name]) for word, facts in known if name in facts}
            for name, _ in _tenants(change)
        }
        return {"now": _seconds(at), "tenants": tenants}

    def _gone(self, snapshot: Snapshot, record: ActionRecord, tenant: str, at: datetime) -> None:
        wanted = {found for found in _wanted(snapshot, tenant) if found.type == ABSENCE}
        absent = self._absent.get(tenant, frozenset()) | ({_id(record)} & wanted)
        self._absent[tenant] = absent
        if wanted and wanted <= absent:
            self.deprovisioned.setdefault(tenant, at)


def _forbids_login(record: ActionRecord) -> bool:
    """Whether it is about an application role (the one that has a password), which is not to log in any more."""
    after = record.after or {}
    return record.type == "role" and "password" in after and after.get("login") is False


def _id(record: ActionRecord) -> ObjectId:
    return ObjectId(record.target, record.type, record.name)


def _wanted(snapshot: Snapshot, tenant: str) -> Mapping[ObjectId, Object]:
    """What P asks of a tenant; nothing where that cannot be read."""
    text = snapshot.contents.get(f"{_OBJECTS}{tenant}.json")
    try:
        return {} if text is None else {item.id: item for item in decode_objects(text.encode())}
    except FormatError:
        return {}


def _tenants(change: Change) -> Iterator[tuple[str, tuple[str | None, str | None]]]:
    for path, pair in change.contents.items():
        if path.startswith(_TENANTS):
            yield path.removeprefix(_TENANTS).removesuffix(".json"), pair


def _state(text: str | None) -> JSON:
    try:
        match None if text is None else decode(text.encode(), floats=True):
            case {"state": state}:
                return state
    except FormatError:
        pass
    return None


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
