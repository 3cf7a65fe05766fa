"""Standpoint -> Plan: what a change does, what speaks against it, whose approval it needs (plan, section 1).

Between two commits, not against the live system: that is drift. Pure: git, clock and ledger have been asked before.

Rules kept: sound is a change that could be taken once enough people approve; a flag that has expired, or is dated in
the future, fails only where the change adds or alters it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from compiler.aside import Allowed, allowed_here
from compiler.broken import Broken
from compiler.consequences.consequence import Consequence
from compiler.consequences.found import consequences_of
from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostic, Label, Severity, Span
from compiler.plan_consent import Consent, consent_of
from compiler.plan_differences import Operation
from compiler.plan_flips import Decisions, Side, decisions_between
from compiler.plan_queue import Queue
from compiler.plan_resources import Effects, Inputs, ResourceChange, effects_of
from compiler.plan_rules import Uncovered, uncovered
from compiler.plan_secrets import NewSecret, new_secrets
from compiler.rego import WASM
from runtime.contract.change import Change
from runtime.contract.deleting import held_back
from runtime.contract.objects import ENDS, decode_objects
from runtime.flags.config import FOLDER as FLAGS
from runtime.flags.config import FlagConfig, last_day, starts_later
from runtime.governance.case import Case
from runtime.ledger.reported import Reported
from runtime.targets.config import targets_of


@dataclass(frozen=True)
class Point:
    """A commit and how its manifest is known: from the `ledger`, `compiled` here, `empty` where there is none, or
    `unknown`."""

    commit: str | None
    name: str
    subject: str
    source: str
    commits: int = 0
    """How many commits that alter inputs lead there from the base; the subject is that of the last."""

    @property
    def title(self) -> str:
        """What the change calls itself."""
        return self.subject if self.commits < 2 else f"{self.commits} commits, last: {self.subject}"

    @property
    def label(self) -> str:
        """The name that it was asked for by, and the commit that this is now."""
        short = "" if self.commit is None else self.commit[:12]
        return f"{self.name} ({short})" if short and self.name != short else self.name


@dataclass(frozen=True)
class Landed:
    """A commit of main that came after the base and changes inputs. `meets` are paths that this change has too; `same`
    says that it brought this very change, and waits."""

    commit: str
    subject: str
    taken: bool
    meets: tuple[str, ...]
    same: bool = False


@dataclass(frozen=True)
class Forecast:
    """What the change would be if it were merged into main now: `same`, or the rows by which it would differ."""

    same: bool
    differs: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standpoint:
    """All that a plan is made from. `case` is None before there is a genesis."""

    branch: str
    base: Point
    head: Point
    change: Change
    inputs: Inputs
    files: Mapping[str, bytes]
    """All inputs of the head."""
    warnings: tuple[Diagnostic, ...]
    """What `check` warns of at the head and did not at the base."""
    before: Mapping[str, str]
    """Contents of the base's snapshot."""
    after: Mapping[str, str]
    """Contents of the head's snapshot."""
    case: Case | None
    merged: bool
    """Whether the head is on main already."""
    queue: Queue | None
    landed: tuple[Landed, ...]
    forecast: Forecast | None
    today: date
    allowed: Allowed = allowed_here
    """Asks a policy about scopes."""
    broken: Broken | None = None
    """That main does not compile, where the change starts there."""
    reported: Reported | None = None
    """Drift that nobody has undone, as the ledger tells it last."""


@dataclass(frozen=True)
class Plan:
    """What a reader is told; every format is drawn from it."""

    branch: str
    base: Point
    head: Point
    change: Change
    effects: Effects
    releases: tuple[tuple[Operation, str], ...]
    """What happens to each release: a target of that type gets `config/` and `policy/` anew with every change."""
    held: tuple[str, ...]
    """What the agent will hold back: more deletions on a target than it may do at once."""
    consequences: tuple[Consequence, ...]
    """What of it matters most, the gravest first."""
    consent: Consent | None
    problems: tuple[Diagnostic, ...]
    warnings: tuple[Diagnostic, ...]
    """What `check` warns of since this change."""
    decisions: Decisions
    """Who may do what after it and may not before, and the other way round."""
    uncovered: tuple[Uncovered, ...]
    secrets: tuple[NewSecret, ...]
    """What an agent will need before it takes this, and did not need before."""
    merged: bool
    """Whether the head is on main already."""
    queue: Queue | None
    """What waits on main before it, and whether approvals given now will count."""
    landed: tuple[Landed, ...]
    forecast: Forecast | None
    sources: Mapping[str, bytes]
    """The inputs as the head has them: what problems and warnings point into."""
    broken: Broken | None = None

    @property
    def sound(self) -> bool:
        """Whether it could be taken once enough people approve."""
        return not self.problems and (self.consent is None or not self.consent.against)

    @property
    def approved(self) -> bool:
        """Whether it could be taken now."""
        counts = self.queue is None or self.queue.usable
        return self.change.empty or (self.sound and self.consent is not None and self.consent.allowed and counts)


def plan(standpoint: Standpoint) -> Plan:
    """Make the plan."""
    change = standpoint.change
    effects = effects_of(change, standpoint.inputs)
    decisions = _decisions(standpoint)
    held, lost = _held(standpoint, effects), uncovered(standpoint.before, standpoint.after, standpoint.files)
    consent = None if standpoint.case is None or change.empty else consent_of(standpoint.case)
    return Plan(
        branch=standpoint.branch,
        base=standpoint.base,
        head=standpoint.head,
        change=change,
        effects=effects,
        releases=() if change.empty else _releases(standpoint),
        held=held,
        consequences=()
        if change.empty
        else consequences_of(
            change,
            effects,
            standpoint.inputs,
            (standpoint.before, standpoint.after),
            decisions=decisions,
            uncovered=lost,
            held=held,
            reported=standpoint.reported,
        ),
        consent=consent,
        problems=(*_ill_dated(standpoint), *_refused(standpoint.inputs, effects, consent)),
        warnings=standpoint.warnings,
        decisions=decisions,
        secrets=new_secrets(change, standpoint.before),
        uncovered=lost,
        merged=standpoint.merged,
        queue=standpoint.queue,
        landed=standpoint.landed,
        forecast=standpoint.forecast,
        sources=standpoint.files,
        broken=standpoint.broken,
    )


def _decisions(standpoint: Standpoint) -> Decisions:
    if not any(path.startswith("policy/") for path, _, _ in standpoint.change.bundle):
        return Decisions()  # the same policy sees the same data
    changed, wasm = [path for path, _, _ in standpoint.change.inputs], standpoint.files.get(WASM)
    before = Side(standpoint.inputs.before.get(WASM) if WASM in changed else wasm, standpoint.before)
    return decisions_between(before, Side(wasm, standpoint.after), changed, standpoint.allowed)


def _releases(standpoint: Standpoint) -> tuple[tuple[Operation, str], ...]:
    olds, news = (
        {name for name, target in targets_of(contents).items() if target.type == "release"}
        for contents in (standpoint.before, standpoint.after)
    )
    return tuple(
        (Operation.REMOVE if name not in news else Operation.ADD if name not in olds else Operation.ALTER, name)
        for name in sorted(olds | news)
    )


def _held(standpoint: Standpoint, effects: Effects) -> tuple[str, ...]:
    going = [(item.id, item.tenant) for item in effects.objects if item.operation is Operation.REMOVE]
    if not going:
        return ()  # reading every object there is takes long, and most changes delete nothing
    there = Counter(
        item.id.target
        for path, text in standpoint.before.items()
        if path.startswith("objects/")
        for item in decode_objects(text.encode())
        if item.id.type not in ENDS
    )
    limits = {name: target.max_delete_percent for name, target in targets_of(standpoint.after).items()}
    return tuple(held_back(going, there, limits).values())


def _ill_dated(standpoint: Standpoint) -> tuple[Diagnostic, ...]:
    code = replace(codes.FLAG_EXPIRED, severity=Severity.ERROR)
    found: list[Diagnostic] = []
    for path, (_, after) in sorted(standpoint.change.contents.items()):
        if not path.startswith(FLAGS) or after is None:
            continue
        flag = FlagConfig.from_bytes(after.encode())
        created = date.fromisoformat(flag.created)
        if starts_later(created, standpoint.today):
            span = _span(standpoint.inputs, f"flags/{flag.name}.yaml", ("spec", "created"))
            found.append(
                Diagnostic(
                    codes.FLAG_STARTS_LATER,
                    f"flag `{flag.name}` is dated in the future",
                    Label(span, f"the day is {standpoint.today}"),
                    help=f"set the day it is created: `created: {standpoint.today}`",
                )
            )
        elif flag.expired(standpoint.today):
            last = last_day(created, flag.ttl_seconds)
            span = _span(standpoint.inputs, f"flags/{flag.name}.yaml", ("spec", "ttl_seconds"))
            found.append(
                Diagnostic(
                    code,
                    f"flag `{flag.name}` has expired",
                    Label(span, f"its last day was {last}, and the day is {standpoint.today}"),
                    help="an expired flag is neither added nor altered: give it a new `created`, or remove it",
                )
            )
    return tuple(found)


def _refused(inputs: Inputs, effects: Effects, consent: Consent | None) -> tuple[Diagnostic, ...]:
    """What the verified policy refuses whoever approves, each at the resource it speaks of."""
    found: list[Diagnostic] = []
    for problem in consent.refused if consent is not None else ():
        resource = next(
            (item for item in effects.resources if problem.message.startswith(f"{item.kind} {item.name}: ")), None
        )
        message = problem.message.split(": ", 1)[1] if resource is not None else problem.message
        label = (
            Label(Span("policies/policy.wasm", 1, 1, 1, 1)) if resource is None else _place(inputs, resource, message)
        )
        found.append(
            Diagnostic(
                codes.TRANSITION_REFUSED,
                message,
                label,
                help="the policy of the last verified commit says so, and no approval mends it: change the change"
                " (or wait, where it names a day)",
            )
        )
    return tuple(found)


def _place(inputs: Inputs, resource: ResourceChange, message: str) -> Label:
    """Where in the YAML the refused step is: the field whose new value the message names, if there is one."""
    path = resource.path or next((effect.path for effect in resource.effects), "")
    if resource.operation is Operation.REMOVE:
        return Label(Span(path, 1, 1, 1, 1), "removed")
    for item in resource.differences:
        if item.operation is not Operation.REMOVE and "[" not in item.field and f"`{item.after}`" in message:
            return Label(_span(inputs, path, tuple(item.field.split("."))), "this is what changes")
    return Label(_span(inputs, path, ("metadata", "name")))


def _span(inputs: Inputs, path: str, pointer: tuple[str, ...]) -> Span:
    document = inputs.document(path)
    return Span(path, 1, 1, 1, 1) if document is None else document.span(pointer)
