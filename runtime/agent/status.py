"""What runs, what is verified, what waits and why: the answer of `conductor status` and of the agent's `/status`.

Typed and complete; the same value is printed as text, as JSON and as a page. Rules kept: nothing here looks anywhere
(`runtime.agent.stock` does); whatever a person has to see to is a sentence of `attention`, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from runtime.contract.canonical import encode
from runtime.contract.instant import Instant, text
from runtime.contract.plural import plural
from runtime.contract.strict import Strict

PROMISES = 2
"""The ledger is silent for too long after so many heartbeats, as `conductor verify` says too."""
NAMED = 2
"""So many commits of a change are named in its title."""
READY_SECONDS = 180
"""After how many seconds of silence what an agent could take is a person's business: longer than a few turns."""
INTENT_SECONDS = 3600
"""After how many seconds an intent without a result is a person's business: longer than any action takes."""


class Maker(Strict):
    """A commit that brought some of a change."""

    commit: str
    subject: str


def title_of(item: State | Waiting) -> str:
    """What a change is called: by the commits that brought it, where the one that stands for it brought none of it, as
    a revert of what lay over it."""
    made = [one.subject for one in item.brought_by]
    more = (f"{len(made) - NAMED} more",) if len(made) > NAMED else ()
    return "; ".join((*made[:NAMED], *more)) if made else item.subject


class State(Strict):
    """A state of the platform: a manifest, the commit that has it, and the entry that says so (0: the genesis)."""

    commit: str
    subject: str
    brought_by: tuple[Maker, ...] = ()
    """As of what waits."""
    manifest: str
    entry: int
    at: Instant


class Lacking(Strict):
    """A rule of consent that is not met: which roles it still asks for, and who could approve."""

    rule: str
    roles: tuple[str, ...]
    could: tuple[str, ...]


class Waiting(Strict):
    """A commit on main that is not taken. `command` is what a person types to unblock it (None: nothing does),
    `take_back` what takes it back (None: nothing is to be, or others come first). `after` is the first one before it
    that a person has to see to, `mended_by` a later one that compiles where this one does not. One that is `approved`
    the agent takes by itself, and what comes `behind` that is judged once it is taken."""

    commit: str
    subject: str
    brought_by: tuple[Maker, ...] = ()
    """The commits that brought what stands of it, where it brought none of that itself: it only took away what lay over
    them."""
    since: Instant
    reason: str
    why: tuple[str, ...]
    change: str | None
    approved_by: tuple[str, ...]
    lacking: tuple[Lacking, ...]
    command: str | None
    take_back: str | None
    after: str | None
    mended_by: str | None
    ready: Instant | None = None
    """Of what is approved: since when an agent could have taken it. None of the others, and of what it cannot see."""
    comes_with: str | None = None
    """The commit that is taken, or waits, with all that this one changed, where something under it was taken back."""

    @property
    def for_a_person(self) -> bool:
        """Whether it stays where it is until somebody does something."""
        return self.reason not in {"approved", "behind", "comes-with", "taken-back"} and self.mended_by is None


class Owed(Strict):
    """The open debt of an emergency. Without a `command` it is approved, and the agent clears it next."""

    by: str
    why: str
    change: str
    entry: int
    opened: Instant
    deadline: Instant
    overdue: bool
    lacking: tuple[Lacking, ...]
    command: str | None


class Failure(Strict):
    """An action that the last result says has failed."""

    entry: int
    at: Instant
    action: str
    message: str


DRIFT_HELP = (
    "right: declare it, and have that approved; wrong: undo it by hand, or have the agent undo it by `drift: heal` of "
    "its target (conductor explain runbooks/alert-drift)"
)
"""What a person does about drift that is only reported."""


AGENT_HELP = "its /healthz says what is wrong, `conductor explain runbooks/agent` what to do"
"""What a person does about an agent that takes nothing."""


class Drifted(Strict):
    """Drift as it was last reported and not undone: an object a line."""

    entry: int
    at: Instant
    objects: tuple[str, ...]


class Refused(Strict):
    """The last refusal, while what was refused waits for a person still."""

    entry: int
    at: Instant
    commit: str
    change: str
    unmet: tuple[str, ...]


class Open(Strict):
    """An intent that has no result yet."""

    entry: int
    at: Instant


class Wrote(Strict):
    """An agent, and what it wrote last (None: nothing yet)."""

    name: str
    heartbeat_seconds: int | None
    entry: int | None
    kind: str | None
    at: Instant | None


class Status(Strict):
    """All of it, as it stands `at` a moment, by main's head `main`."""

    at: Instant
    branch: str
    main: str
    ledger: int
    """Number of the last entry."""
    ledger_at: Instant
    running: State | None
    verified: State
    waiting: tuple[Waiting, ...]
    debt: Owed | None
    drift: Drifted | None
    failures: tuple[Failure, ...]
    open_intent: Open | None
    refused: Refused | None
    agents: tuple[Wrote, ...]
    gap_allowed_seconds: int
    """How far an agent's clock may be ahead of the last entry before it writes no more, by P's governance."""
    overdue: bool
    """Whether the agents have been silent for longer than they promise."""
    findings: tuple[str, ...]
    """What reading the ledger found wrong: `conductor verify` says all of it."""
    gaps: tuple[str, ...]
    """What could not be looked at from here: the rest is said without it."""

    @property
    def attention(self) -> tuple[str, ...]:
        """What a person has to see to, a sentence each."""
        found = [*self.gaps, *(f"the ledger: {item}" for item in self.findings)]
        if self.debt is not None and self.debt.command is not None:
            due = "is overdue since" if self.debt.overdue else "is due by"
            found.append(f"the debt of {self.debt.by}'s emergency {due} {text(self.debt.deadline)}")
        held = [item for item in self.waiting if item.for_a_person]
        broken = next((item for item in held if item.reason == "unsound"), None)
        if broken is not None:
            found.append(
                f"{self.branch} does not compile since {broken.commit[:12]}, and nothing after that can be taken until "
                "it is mended"
            )
        if held:
            found.append(f"{plural(len(held), 'change')} on {self.branch} cannot be taken")
        if self.failures:
            found.append(f"{plural(len(self.failures), 'action')} failed")
        if self.drift is not None:
            found.append(f"{plural(len(self.drift.objects), 'object')} drifted, and drift is only reported there")
        if self.open_intent is not None and self.at - self.open_intent.at > timedelta(seconds=INTENT_SECONDS):
            found.append(f"intent {self.open_intent.entry} has had no result since {text(self.open_intent.at)}")
        found.extend(self._untaken())
        if self.overdue:
            found.append(f"no agent has written anything since {text(self.ledger_at)}")
        return tuple(found)

    def _untaken(self) -> Iterator[str]:
        """What is ready, and has stayed where it is though nothing was written for longer than a few turns."""
        ready = next((item for item in self.waiting if item.ready is not None), None)
        if ready is None or ready.ready is None or self.open_intent is not None:
            return
        silent = self.at - max(ready.ready, self.ledger_at)
        if silent > timedelta(seconds=READY_SECONDS):
            yield (
                f"{ready.commit[:12]} has been ready since {ago(self.at, ready.ready)}, and no agent has taken it; the "
                f"last entry was written {ago(self.at, self.ledger_at)}: look at the agent ({AGENT_HELP})"
            )

    def data(self) -> bytes:
        """Canonical JSON."""
        return encode({**self.model_dump(mode="json"), "attention": list(self.attention)})


def ago(at: Instant, moment: Instant) -> str:
    """How long before `at` a moment was, in one unit: `3 hours ago`."""
    seconds = int((at - moment).total_seconds())
    if seconds < 0:
        return "still to come"
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (unit == "minute" and seconds >= length):
            return f"{plural(seconds // length, unit)} ago"
    return "just now"
