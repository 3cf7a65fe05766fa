"""Plan -> text for a reviewer with two minutes: what it does, what speaks against it, who is still needed.

Rules kept: whether it can be taken comes first; the same facts as JSON has, shortened where they are many and saying
so; nothing that a file's content could draw with on the terminal (`diagnostics/printable.py`); colour only where asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from compiler.diagnostics.full import full
from compiler.diagnostics.printable import shown
from compiler.plan import Landed, Plan, Point
from compiler.plan_consent import POLICY, TWO_PEOPLE, Consent, Need
from compiler.plan_differences import Difference, Operation
from compiler.plan_previous import Previous
from compiler.plan_resources import Effect, ResourceChange
from compiler.plan_verdict import Verdict, how, verdict
from runtime.contract.canonical import JSON
from runtime.contract.instant import text as moment

_FIELDS, _RENDERED, _VALUE, _LANDED, _PEOPLE = 12, 6, 72, 5, 4
LAYOUT = "only comments or layout"
_SIGNS = {Operation.ADD: "+", Operation.ALTER: "~", Operation.REMOVE: "-"}
_RED, _GREEN, _YELLOW, _CYAN, _BOLD, _DIM = "31", "32", "33", "36", "1", "2"
_TINTS = {Operation.ADD: _GREEN, Operation.ALTER: _YELLOW, Operation.REMOVE: _RED}
_VERDICTS = {
    Verdict.NO_GENESIS: ("?", _YELLOW),
    Verdict.CANNOT: ("✗", _RED),
    Verdict.MISSING: ("·", _YELLOW),
    Verdict.APPROVED: ("✓", _GREEN),
}
_DONE = {Operation.ADD: "create", Operation.ALTER: "update", Operation.REMOVE: "delete"}


def as_text(plan: Plan, *, colour: bool = False, hint: bool = True) -> str:
    """Return the plan as text. `hint`: whether to say how it is approved."""
    return "".join(f"{line.rstrip()}\n" for line in _Text(plan, Paint(on=colour)).lines(hint=hint))


def header(base: Point, head: Point, paint: Paint) -> str:
    """Return the line that says what leads where."""
    return paint(f"{shown(base.label)} → {shown(head.label)}", _BOLD) + f"  {shown(head.title)}"


class Paint:
    """Colours, or none."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, *codes: str) -> str:
        """Return the text in a colour."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.on and codes else text


class _Text:
    def __init__(self, plan: Plan, paint: Paint) -> None:
        self.plan = plan
        self.paint = paint

    def lines(self, *, hint: bool) -> Iterator[str]:
        plan = self.plan
        yield header(plan.base, plan.head, self.paint)
        if plan.change.empty:
            yield "Nothing changes: both have the same manifest."
            return
        yield self.paint(f"change sha256:{plan.change.digest}", _DIM)
        standing, sentence = verdict(plan)
        mark, tint = _VERDICTS[standing]
        yield self.paint(f"{mark} {sentence}", _BOLD, tint)
        yield from self.problems()
        yield from self.warnings()
        yield from self.resources()
        yield from self.objects()
        yield from self.consent()
        yield from self.waits()
        yield from self.landed()
        commit, stays = plan.head.commit, plan.forecast is None or plan.forecast.same
        if hint and standing is Verdict.MISSING and plan.consent is not None and commit and stays:
            which = how(plan.consent, commit[:12])
            yield ""
            yield f"To approve it: conductor approve --person NAME --key FILE {which} --push"

    def heading(self, title: str, summary: str) -> Iterator[str]:
        yield ""
        yield f"{self.paint(title, _BOLD)}  {summary}" if summary else self.paint(title, _BOLD)

    def resources(self) -> Iterator[str]:
        effects = self.plan.effects
        written = [item for item in effects.resources if item.path is not None]
        caused = [item for item in effects.resources if item.path is None]
        operations = Counter([*(item.operation for item in written), *(item.operation for item in effects.inputs)])
        words = ((Operation.ADD, "added"), (Operation.ALTER, "altered"), (Operation.REMOVE, "removed"))
        yield from self.heading(
            "Resources", ", ".join(f"{operations[key]} {word}" for key, word in words if operations[key])
        )
        for item in written:
            yield from self.resource(item)
        for other in effects.inputs:
            more = f"  {other.lines}" if other.lines else ""
            yield f"  {self.sign(other.operation)} {shown(other.path)}{self.paint(more, _DIM)}"
        if caused:
            yield from self.heading("Altered by what they refer to", str(len(caused)))
        for item in caused:
            yield from self.resource(item)

    def resource(self, item: ResourceChange) -> Iterator[str]:
        objects = sum(one.tenant == item.name for one in self.plan.effects.objects)
        where = self.paint(shown(item.path) if item.path else _count(objects, "object"), _DIM)
        yield f"  {self.sign(item.operation)} {item.kind} {self.paint(shown(item.name), _BOLD)}  {where}"
        if item.operation is Operation.REMOVE:
            return
        if item.layout_only:
            yield self.paint(f"      {LAYOUT}", _DIM)
        yield from self.fields(item.operation, item.differences)
        for effect in item.effects:
            told = _told(effect)
            if told:
                yield self.paint(f"      so {shown(effect.path)}", _DIM)
                yield from self.fields(effect.operation, told, _RENDERED, indent=8)
            elif effect.operation is Operation.ALTER and effect.differences and not effect.path.startswith("policy/"):
                yield self.paint(f"      so {shown(effect.path)}  {_count(len(effect.differences), 'field')}", _DIM)

    def objects(self) -> Iterator[str]:
        objects, releases = self.plan.effects.objects, self.plan.releases
        operations = Counter(item.operation for item in objects)
        operations.update(operation for operation, _ in releases)
        summary = ", ".join(f"{operations[key]} to {word}" for key, word in _DONE.items() if operations[key])
        yield from self.heading("Objects", summary or "none")
        rows = [(item.id.target, item.id.type, item.id.name) for item in objects]
        rows += [(name, "release", "current") for _, name in releases]
        widths = [max((len(row[index]) for row in rows), default=0) for index in range(2)]
        for item in objects:
            yield self.object_line(item.operation, item.id, widths)
            if item.operation is not Operation.REMOVE:
                yield from self.fields(item.operation, item.differences)
        for operation, name in releases:
            line = self.object_line(operation, (name, "release", "current"), widths)
            files = len(self.plan.effects.files)
            what = f"{_count(files, 'file')} of config/ and policy/" if files else "its manifest alone"
            yield line + self.paint(f"  {what}", _DIM)

        for sentence in self.plan.held:
            yield f"  {self.paint('!', _YELLOW)} the agent will hold this back: {shown(sentence)}"

    def object_line(self, operation: Operation, row: Iterable[str], widths: list[int]) -> str:
        target, kind, name = row
        return f"  {self.sign(operation)} {shown(target):<{widths[0]}}  {shown(kind):<{widths[1]}}  {shown(name)}"

    def fields(
        self, operation: Operation, differences: tuple[Difference, ...], most: int = _FIELDS, *, indent: int = 6
    ) -> Iterator[str]:
        """Fields of something that is added (its values) or altered (from what to what)."""
        told = differences if len(differences) <= most + 1 else differences[:most]
        width = min(44, max((len(item.field) for item in told), default=0))
        for item in told:
            old, new = self.paint(value_of(item.before), _RED), self.paint(value_of(item.after), _GREEN)
            value = {
                Operation.ADD: new if operation is Operation.ADD else f"left out → {new}",
                Operation.REMOVE: f"{old} → left out",
                Operation.ALTER: f"{old} → {new}",
            }[item.operation]
            yield f"{'':{indent}}{shown(item.field):<{width}}  {value}"
        if len(differences) > len(told):
            yield self.paint(f"{'':{indent}}… {len(differences) - len(told)} more: --format json has them all", _DIM)

    def problems(self) -> Iterator[str]:
        plan = self.plan
        against = () if plan.consent is None else plan.consent.against
        if plan.problems or against:
            yield from self.heading("Against it", "no approval mends this")
        if plan.problems:
            yield from full(plan.problems, plan.sources, colour=self.paint.on).rstrip("\n").split("\n")
        for problem in against:
            yield f"  {self.paint('✗', _RED)} {shown(problem.rule)}: {shown(problem.message)}"

    def warnings(self) -> Iterator[str]:
        plan = self.plan
        if plan.warnings or plan.uncovered:
            yield from self.heading("Warnings", "that this change adds")
        for item in plan.uncovered:
            yield f"  {self.paint('!', _YELLOW)} {shown(str(item))}"
        if plan.warnings:
            yield from full(plan.warnings, plan.sources, colour=self.paint.on).rstrip("\n").split("\n")

    def consent(self) -> Iterator[str]:
        consent = self.plan.consent
        if consent is None:
            yield from self.heading("Approvals", "none can be given: no genesis yet")
            yield "  = help: two people start the history: conductor genesis --person NAME --key FILE"
            return
        yield from self.heading("Approvals", self.standing(consent))
        width = max((len(item.person) for item in consent.given), default=0)
        for item in consent.given:
            roles = shown(", ".join(item.roles))
            held = "counted by the verdict" if item.until is None else f"holds until {moment(item.until)}"
            until = self.paint(f"signed {moment(item.signed_at)}, {held}", _DIM)
            yield f"  {self.paint('✓', _GREEN)} {shown(item.person):<{width}}  {roles}  {until}"
            if item.reason is not None:
                yield f"    {'':<{width}}  {self.paint('emergency:', _YELLOW)} {shown(item.reason)}"
        longest = max((len(need.rule) for need in consent.told), default=0)
        for need in consent.told:
            yield from self.need(need, longest)
        for problem in consent.rejected:
            yield f"  {self.paint('!', _YELLOW)} {shown(problem.message)}"

    def need(self, need: Need, width: int) -> Iterator[str]:
        mark = self.paint("✓", _GREEN) if need.met else self.paint("·", _YELLOW)
        seats = ", ".join(
            shown(f"{place.role} ({place.person})")
            if place.person
            else self.paint(f"{shown(place.role)} missing", _YELLOW)
            for place in need.places
        )
        if need.rule == TWO_PEOPLE:
            seats = shown(two_people(need))
        yield f"  {mark} {shown(need.rule):<{width}}  {seats}"
        if need.exact:
            yield f"    {'':<{width}}  {self.paint('exact: approvals count only until anything else is taken', _DIM)}"
        if need.reason:
            yield f"    {'':<{width}}  {shown(need.reason)}"
        if not need.met:
            yield f"    {'':<{width}}  {self.paint('could: ', _DIM)}{names_of(need.could)}"

    def standing(self, consent: Consent) -> str:
        if consent.emergency is not None:
            return self.paint(f"by emergency; the others within {consent.hours} hours", _YELLOW)
        if consent.allowed:
            return self.paint("complete", _GREEN)
        if self.plan.problems or consent.against:
            return self.paint("of no use as it is", _RED)
        return self.paint("not complete yet", _YELLOW) if consent.missing else self.paint("not met", _RED)

    def waits(self) -> Iterator[str]:
        if self.plan.waits:
            yield from self.heading(
                "Waits for", f"what {shown(self.plan.branch)} has before it and no verdict has taken"
            )
            yield from map(self.commit, self.plan.waits[-_LANDED:])

    def landed(self) -> Iterator[str]:
        landed, forecast = self.plan.landed, self.plan.forecast
        if not landed:
            return
        yield from self.heading("Since then on " + shown(self.plan.branch), _count(len(landed), "commit"))
        for item in landed[-_LANDED:]:
            yield self.commit(item)
        if len(landed) > _LANDED:
            yield self.paint(f"  … and {len(landed) - _LANDED} before", _DIM)
        if forecast is None:
            return
        if forecast.same:
            yield f"  {self.paint('✓', _GREEN)} merged now, it would still be this very change"
        elif forecast.errors:
            yield f"  {self.paint('✗', _RED)} merged now, it would not compile: {shown(forecast.errors[0])}"
        else:
            yield (
                f"  {self.paint('✗', _RED)} merged now, it would be another change "
                f"({_few(forecast.differs)}): merge {shown(self.plan.branch)} into it before it is approved"
            )

    def commit(self, item: Landed) -> str:
        state = self.paint("taken  ", _GREEN) if item.taken else self.paint("pending", _YELLOW)
        meets = self.paint(f"  meets this change at {_few(item.meets)}", _RED) if item.meets else ""
        return f"  {item.commit[:12]}  {state}  {shown(item.subject)}{meets}"

    def sign(self, operation: Operation) -> str:
        return self.paint(_SIGNS[operation], _TINTS[operation])


def two_people(need: Need) -> str:
    """Say who the two people are, and how many are missing."""
    there = [place.person for place in need.places if place.person]
    lacking = len(need.places) - len(there)
    more = ["nobody yet, two are needed" if not there else "one more is needed"] if lacking else []
    return ", ".join([*there, *more])


def missing_text(consent: Consent) -> str:
    """Say what is still missing, a line each."""
    lines: list[str] = []
    for need in consent.told:
        if need.met:
            continue
        roles = ", ".join(place.role for place in need.places if place.person is None)
        what = two_people(need) if need.rule == TWO_PEOPLE else roles
        reason = f" ({shown(need.reason)})" if need.reason else ""
        lines.append(f"  {shown(need.rule)}: {shown(what)}{reason}; could: {names_of(need.could)}\n")
    return "".join(lines)


def idle_text(consent: Consent, person: str) -> str:
    """Say of which unmet rules an approval fills no role: whoever gave it may have meant to."""
    idle = [
        f"`{shown(need.rule)}`"
        for need in consent.missing
        if need.rule not in {TWO_PEOPLE, POLICY} and all(place.person != person for place in need.places)
    ]
    if not idle:
        return ""
    return f"Yours fills no role of {' or '.join(idle)}; it counts as one of the two people that every change needs.\n"


def previous_text(before: Previous, person: str, paint: Paint) -> str:
    """Say what differs from what a person approved before."""
    lines = [
        "",
        paint(f"{shown(person)} approved another version of this", _BOLD)
        + f"  change {before.change[:12]}, {moment(before.signed_at)}",
    ]
    words = {
        Operation.ADD: "was no part of it",
        Operation.REMOVE: "is no part of it any more",
        Operation.ALTER: "is another than was approved",
    }
    for row in before.differs[:_FIELDS]:
        word = "starts from another state, and leads to the same" if row.starts_elsewhere else words[row.operation]
        lines.append(f"  {paint(_SIGNS[row.operation], _TINTS[row.operation])} {shown(row.path)}  {paint(word, _DIM)}")
        for item in row.fields[:_FIELDS]:
            old, new = paint(value_of(item.before), _RED), paint(value_of(item.after), _GREEN)
            lines.append(f"      {shown(item.field)}  approved {old}, now {new}")
    if len(before.differs) > _FIELDS:
        lines.append(paint(f"  … and {len(before.differs) - _FIELDS} rows more", _DIM))
    return "".join(f"{line}\n" for line in lines)


def value_of(value: JSON) -> str:
    """Return a value in a line: plain words as they are, the rest as JSON, cut where it is long."""
    plain = isinstance(value, str) and value != "" and value == value.strip()
    text = shown(value) if plain else json.dumps(value, ensure_ascii=False, default=str)
    text = shown(text)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _told(effect: Effect) -> tuple[Difference, ...]:
    """What of a rendered file is shown field by field: dashboards and alerts follow, and would drown it."""
    parts = effect.path.split("/")
    own = len(parts) == 4 and parts[0] == "config" and parts[2] not in {"dashboard", "alerts"}
    return tuple(item for item in effect.differences if item.field != "name") if own else ()


def names_of(names: tuple[str, ...]) -> str:
    """Return names in a line, the first few of many."""
    if not names:
        return "nobody"
    more = f" and {len(names) - _PEOPLE} more" if len(names) > _PEOPLE else ""
    return shown(", ".join(names[:_PEOPLE])) + more


def _few(paths: tuple[str, ...]) -> str:
    return shown(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
