"""Entries of the ledger, one after the other -> what genesis and changes still ask for, and because of what.

The agent takes the causes of its actions from here (ADR 0077), and whoever verifies asks whether it did (ADR 0116).
Rules kept: a difference has the cause of the last verdict that altered the object (of the genesis, before any intent),
until a result says that it was done; what was held back keeps its cause for as long as the ledger's last report names
it; every other difference is drift.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from runtime.contract.canonical import JSON
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.objects import Action, Object, ObjectId, decode_objects
from runtime.contract.predicates import ActionRecord, Drift, Intent, Result

GENESIS = "genesis"
DRIFT = "drift"
OBJECTS = "objects/"

Altered = tuple[ObjectId, Object | None, Object | None]
"""An object, as it was declared and as it is now."""


@dataclass
class Owed:
    """Plain data. `objects` are still asked for, each because of what; `releases` is the change that every release
    still has to follow; `reported` is what the last report of drift names."""

    started: bool = False
    """Whether an intent has said that it makes the genesis, or the last of it."""
    objects: dict[ObjectId, str] = field(default_factory=dict)
    releases: str | None = None
    reported: dict[ObjectId, str] = field(default_factory=dict)
    since: str | None = None
    """The change that was taken last, while no intent has come after it."""
    rest: int = 0
    """How many actions the last intent has left to those that follow it."""

    def copy(self) -> Owed:
        """Return one that goes on by itself."""
        return replace(self, objects=dict(self.objects), reported=dict(self.reported))

    def to_json(self) -> dict[str, JSON]:
        """Return it as JSON."""
        said = (self.objects, self.reported)
        objects, reported = ([[*found, why] for found, why in sorted(causes.items())] for causes in said)
        told: dict[str, JSON] = {"started": self.started, "releases": self.releases, "since": self.since}
        return {**told, "rest": self.rest, "objects": [*objects], "reported": [*reported]}

    @classmethod
    def from_json(cls, value: Mapping[str, JSON]) -> Owed:
        """Read what `to_json` gave."""
        objects, reported = ({ObjectId(*found): why for *found, why in value[word]} for word in ("objects", "reported"))
        return cls(value["started"], objects, value["releases"], reported, value["since"], value["rest"])

    def because(self, found: ObjectId) -> str:
        """The cause of a difference in one object."""
        if not self.started:
            return GENESIS
        if found.type == "release" and self.releases is not None:
            return self.releases
        return self.objects.get(found, DRIFT)

    def of(self, wanted: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of the wanted objects, and of those to be deleted, that genesis or a change still asks something of."""
        return {found for found in {*wanted, *self.objects} if self.because(found) != DRIFT}

    def cause(self, actions: Iterable[ActionRecord | Action]) -> str:
        """Because of what an intent with these actions is written next."""
        if not self.started:
            return GENESIS
        return self.since or next((item.because for item in actions if item.because != DRIFT), DRIFT)

    def taken(self, change: str, altered: Iterable[Altered]) -> None:
        """A verdict has taken this change."""
        self.releases = self.since = change
        self.objects.update((found, change) for found, old, new in altered if old != new)

    def said(self, entry: Intent | Drift) -> None:
        """Take in what the agent is about to do, or what it reports."""
        if isinstance(entry, Intent):
            self.started = self.started or not entry.rest
            self.since, self.rest = None, entry.rest
        elif entry.response == "report":
            self.reported = {named(item): item.because for item in entry.actions}
            self.objects.update(_asked(self.reported))

    def ended(self, intent: Intent, result: Result) -> None:
        """A result answers for an intent: all is settled but what it says was not done, and what is reported."""
        outcomes = zip(intent.actions, result.outcomes, strict=False)
        left = _asked({named(item): item.because for item, outcome in outcomes if outcome.outcome != "done"})
        if intent.rest:  # what is not in it is still owed because of what it was owed for
            tried = {named(item) for item in intent.actions}
            self.objects = {found: why for found, why in self.objects.items() if found not in tried} | left
        else:
            self.objects, self.releases = _asked(self.reported) | left, None


def named(item: ActionRecord) -> ObjectId:
    """The object of an action."""
    return ObjectId(item.target, item.type, item.name)


def altered(change: Change) -> Iterator[Altered]:
    """Return every object of the files that a change touches, before and after."""
    for path, (before, after) in change.contents.items():
        if path.startswith(OBJECTS):
            old, new = objects_in(before), objects_in(after)
            for found in old.keys() | new.keys():
                yield found, old.get(found), new.get(found)


def objects_in(text: str | None) -> dict[ObjectId, Object]:
    """The objects of a file; none where there is no file, or it is none of ours."""
    try:
        return {} if text is None else {item.id: item for item in decode_objects(text.encode())}
    except FormatError:
        return {}


def _asked(causes: dict[ObjectId, str]) -> dict[ObjectId, str]:
    return {found: why for found, why in causes.items() if why != DRIFT}
