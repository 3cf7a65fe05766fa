"""A change x the verified state x what waits on main before it -> whether approvals given now will count.

An approval binds what changes, and an agent takes changes from the last verified commit P on. So, by the rules of
consent (`runtime.governance.rules`):
- where a path of the change does not start as P has it, a verdict has to alter that path first, and `unspent` lets no
  approval from before that verdict count: given now, it never counts;
- what is before the change and meets none of its paths is taken first, and the approvals carry over it, unless a rule
  that applies says `carry: exact`;
- where the change starts at P and holds what is before it as well, an agent takes it whole, as long as that is not
  taken alone first: then this is another change;
- what is on main and not in the branch makes it another change once merged, where the two meet: approvals of this one
  count only if main takes that back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from runtime.contract.canonical import JSON
from runtime.contract.change import Change, Row
from runtime.contract.manifest import Manifest


class Relation(StrEnum):
    """Where something that waits on main lies, seen from a change."""

    UNDER = "under"
    """Before its base."""
    PART = "part"
    """Between its base and its head."""
    BESIDE = "beside"
    """On main, and not in the branch: before it once it is merged."""


class Counts(StrEnum):
    """Whether approvals given now will count."""

    YES = "yes"
    WHILE = "while"
    """As long as nothing that the change holds is taken alone first."""
    ONLY_IF = "only-if"
    """Only if what is before it is taken back, or not taken after all."""
    NEVER = "never"


@dataclass(frozen=True)
class Before:
    """A change that waits on main, and is taken before this one, or with it. `lacks` says what it waits for (None: the
    agent takes it next), `approve` whether that is approvals."""

    commit: str
    subject: str
    by: str
    relation: Relation
    meets: tuple[str, ...]
    """Paths of this change that it alters too, inputs first."""
    lacks: str | None
    approve: bool

    @property
    def name(self) -> str:
        """Its commit, in short."""
        return self.commit[:12]


@dataclass(frozen=True)
class Ground:
    """What a change is seen from. `base` is the name of where it starts, `stale` whether main has left that behind,
    `unverified` whether no verdict has taken that; `taken` whether one has taken this very change; `exact` the rule
    that carries no approval over other changes, `merged` the rows by which it would be another, merged now."""

    branch: str
    base: str
    elsewhere: tuple[str, ...] = ()
    """Its paths that do not start as the last verified commit has them."""
    stale: bool = False
    unverified: bool = False
    taken: bool = False
    exact: str | None = None
    merged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Queue:
    """What is before a change, and what that means for approvals given now: a sentence, and what to do instead.
    `pushed` is false of what is on this clone's main and not on the remote's, where an agent looks."""

    before: tuple[Before, ...] = ()
    counts: Counts = Counts.YES
    sentence: str = ""
    help: str = ""
    pushed: bool = True

    @property
    def usable(self) -> bool:
        """Whether an agent could take it with approvals given now, though nothing be taken back."""
        return self.counts in {Counts.YES, Counts.WHILE}

    @property
    def after(self) -> Before | None:
        """What an agent has to take first, where the approvals carry over it: the first that waits for something."""
        first = [item for item in self.before if item.relation is not Relation.PART]
        return next((item for item in first if item.lacks is not None), next(iter(first), None))

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {
            "counts": self.counts.value,
            "sentence": self.sentence or None,
            "help": self.help or None,
            "before": [
                {
                    "commit": item.commit,
                    "subject": item.subject,
                    "by": item.by,
                    "relation": item.relation.value,
                    "meets": list(item.meets),
                    "lacks": item.lacks,
                }
                for item in self.before
            ],
        }


def queue_of(ground: Ground, before: tuple[Before, ...]) -> Queue:
    """Say what is before a change, and whether approvals given now will count."""
    under, part, beside = (tuple(item for item in before if item.relation is one) for one in Relation)
    if ground.taken:
        return Queue(before, Counts.NEVER, "A verdict has taken this already: approvals given now will not count.")
    if ground.elsewhere:
        return Queue(before, Counts.NEVER, *_spent(ground, under))
    if first := next((item for item in part if item.lacks is None), None):
        return Queue(
            before,
            Counts.ONLY_IF,
            f"Approvals given now count only if {first.name} is not taken, and the agent takes it next: after it this "
            "is another change.",
            "approve this once a verdict has taken that",
        )
    if first := next((item for item in beside if item.meets), None):
        return Queue(
            before,
            Counts.ONLY_IF,
            f"Approvals given now count only if {first.name} is taken back: it is on {ground.branch} before this, and "
            f"alters {few(first.meets)} too.",
            f"see that {first.name} is taken first, merge {ground.branch} into this, and approve it then",
        )
    if ground.merged:
        return Queue(
            before,
            Counts.ONLY_IF,
            f"Approvals given now will not count as {ground.branch} stands: merged now, this is another change "
            f"({few(ground.merged)}).",
            f"merge {ground.branch} into it, and approve it then",
        )
    if ground.exact is not None and (under or beside or ground.unverified):
        return Queue(
            before,
            Counts.ONLY_IF,
            "Approvals given now count only if nothing before this is taken: rule "
            f"`{ground.exact}` carries none over other changes.",
            "approve this once a verdict has taken what is before it",
        )
    if part:
        return Queue(
            before,
            Counts.WHILE,
            f"Approvals given now count as long as {part[0].name}, which this holds as well, is not taken alone first.",
        )
    return Queue(before)


def _spent(ground: Ground, under: tuple[Before, ...]) -> tuple[str, str]:
    """Why approvals of a change that does not start at P never count, and what to do."""
    never, then = "Approvals given now will not count", "approve this once a verdict has taken that"
    meeting = tuple(item for item in under if item.meets)
    if meeting:
        first = meeting[0]
        return (
            f"{never}: {first.name} before this alters {few(first.meets)} too, and once it is taken, they are spent.",
            f"see that {first.name} is taken first, and {then}",
        )
    if ground.stale:
        return (
            f"{never}: {few(ground.elsewhere)} is another on {ground.branch} by now.",
            f"merge {ground.branch} into it, and approve it then",
        )
    return (
        f"{never}: {ground.base}, where this starts, alters {few(ground.elsewhere)} too, and is not taken yet.",
        f"see that {ground.base} is taken first, and {then}",
    )


def elsewhere(change: Change, verified: Manifest) -> tuple[str, ...]:
    """The paths of a change that do not start as the verified state has them, inputs first."""
    return (*_elsewhere(change.inputs, verified.inputs), *_elsewhere(change.bundle, verified.bundle))


def _elsewhere(rows: tuple[Row, ...], there: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(path for path, before, _ in rows if there.get(path) != before)


def few(paths: tuple[str, ...]) -> str:
    """Return the first of some paths, and how many more there are."""
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
