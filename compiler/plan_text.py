"""Plan -> text for a reviewer with two minutes: what it does, what speaks against it, who is still needed.

Rules kept: whether it can be taken comes first; the same facts as JSON has, shortened where they are many and saying
so; nothing that a file's content could draw with on the terminal (`diagnostics/printable.py`); colour only where asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from compiler.consequences.consequence import Severity
from compiler.diagnostics.full import full as found
from compiler.diagnostics.printable import shown
from compiler.paint import BOLD, DIM, GREEN, RED, YELLOW, Paint
from compiler.plan import Plan, Point
from compiler.plan_differences import Difference, Operation
from compiler.plan_page import FIELDS, HOW, RENDERED, Page
from compiler.plan_previous import Previous
from compiler.plan_resources import DONE, WORDS, Effect, ResourceChange
from compiler.plan_text_approvals import approvals
from compiler.plan_text_flips import flips
from compiler.plan_text_main import before, landed
from compiler.plan_verdict import Verdict, how, verdict
from runtime.contract.instant import text as moment
from runtime.contract.objects import ABSENCE, ARCHIVE
from runtime.contract.plural import plural
from runtime.ledger.story import SHOWN

LAYOUT = "only comments or layout"
_SIGNS = {Operation.ADD: "+", Operation.ALTER: "~", Operation.REMOVE: "-"}
_TINTS = {Operation.ADD: GREEN, Operation.ALTER: YELLOW, Operation.REMOVE: RED}
_LINES = {"+": GREEN, "-": RED}
_WEIGHTS = {Severity.FINAL: ("✗", RED), Severity.GRAVE: ("!", YELLOW), Severity.NOTE: ("·", GREEN)}
MEANS = {ARCHIVE: "all of its data, kept where it can be brought back from", ABSENCE: "the proof that nothing is left"}
"""What objects stand for that are nothing in a running system."""
_VERDICTS = {
    Verdict.NO_GENESIS: ("?", YELLOW),
    Verdict.CANNOT: ("✗", RED),
    Verdict.QUEUED: ("✗", RED),
    Verdict.MISSING: ("·", YELLOW),
    Verdict.APPROVED: ("✓", GREEN),
}


def as_text(plan: Plan, *, colour: bool = False, hint: bool = True, full: bool = False) -> str:
    """Return the plan as text. `hint`: whether to say how it is approved; `full`: whether to cut nothing."""
    page = Page(Paint(on=colour), full=full)
    return "".join(f"{line.rstrip()}\n" for line in _Text(plan, page).lines(hint=hint))


def header(base: Point, head: Point, paint: Paint) -> str:
    """Return the line that says what leads where."""
    return paint(f"{shown(base.label)} → {shown(head.label)}", BOLD) + f"  {shown(head.title)}"


class _Text:
    def __init__(self, plan: Plan, page: Page) -> None:
        self.plan = plan
        self.page = page
        self.paint = page.paint

    def lines(self, *, hint: bool) -> Iterator[str]:
        plan = self.plan
        yield header(plan.base, plan.head, self.paint)
        if plan.change.empty:
            yield "Nothing changes: both have the same manifest."
            return
        yield self.paint(f"change sha256:{plan.change.digest}", DIM)
        standing, sentence = verdict(plan)
        mark, tint = _VERDICTS[standing]
        yield self.paint(f"{mark} {shown(sentence)}", BOLD, tint)
        if plan.broken is not None:
            yield self.paint(f"! {shown(plan.broken.sentence)}", BOLD, YELLOW)
        if standing is Verdict.QUEUED and plan.queue is not None and plan.queue.help:
            yield f"  = help: {shown(plan.queue.help)}"
        yield from self.consequences()
        yield from self.problems()
        yield from before(plan, self.page)
        yield from self.warnings()
        yield from flips(plan.decisions, self.page)
        yield from self.resources()
        yield from self.objects()
        yield from approvals(plan, self.page)
        yield from landed(plan, self.page)
        commit, stays = plan.head.commit, plan.forecast is None or plan.forecast.same
        if hint and standing is Verdict.MISSING and plan.consent is not None and commit and stays:
            which = how(plan.consent, commit[:12])
            yield ""
            yield f"To approve it: conductor approve --person NAME --key FILE {which} --push"

    def consequences(self) -> Iterator[str]:
        if self.plan.consequences:
            yield from self.page.heading("What matters most", "")
        for item in self.plan.consequences:
            mark, tint = _WEIGHTS[item.severity]
            yield f"  {self.paint(mark, BOLD, tint)} {self.paint(shown(item.sentence), BOLD)}"
            if self.page.full and len(item.subjects) > SHOWN:
                yield from self.page.listed(item.subjects, 6)

    def resources(self) -> Iterator[str]:
        effects = self.plan.effects
        written = [item for item in effects.resources if item.path is not None]
        caused = [item for item in effects.resources if item.path is None]
        operations = Counter([*(item.operation for item in written), *(item.operation for item in effects.inputs)])
        words = ((Operation.ADD, "added"), (Operation.ALTER, "altered"), (Operation.REMOVE, "removed"))
        yield from self.page.heading(
            "Resources", ", ".join(f"{operations[key]} {word}" for key, word in words if operations[key])
        )
        for item in written:
            yield from self.resource(item)
        for other in effects.inputs:
            more = f"  {other.lines}" if other.lines else ""
            more += f": {HOW}" if other.diff and not self.page.full else ""
            yield f"  {self.sign(other.operation)} {shown(other.path)}{self.paint(more, DIM)}"
            for line in other.diff if self.page.full else ():
                yield f"      {self.paint(shown(line), _LINES.get(line[:1], DIM))}"
        if caused:
            yield from self.page.heading("Altered by what they refer to", str(len(caused)))
        for item in caused:
            yield from self.resource(item)

    def resource(self, item: ResourceChange) -> Iterator[str]:
        objects = sum(one.tenant == item.name for one in self.plan.effects.objects)
        count = plural(objects, "object") if objects else plural(len(item.effects), "file")
        where = self.paint(shown(item.path) if item.path else count, DIM)
        yield f"  {self.sign(item.operation)} {item.kind} {self.paint(shown(item.name), BOLD)}  {where}"
        if item.operation is Operation.REMOVE:
            return
        if item.layout_only:
            yield self.paint(f"      {LAYOUT}", DIM)
        yield from self.fields(item.operation, item.differences)
        for effect in item.effects:
            told = _told(effect, item.differences)
            if told:
                yield self.paint(f"      so {shown(effect.path)}", DIM)
                yield from self.fields(effect.operation, told, RENDERED, indent=8)
            elif effect.operation is Operation.ALTER and effect.differences and not effect.path.startswith("policy/"):
                yield self.paint(f"      so {shown(effect.path)}  {plural(len(effect.differences), 'field')}", DIM)

    def objects(self) -> Iterator[str]:
        objects, releases = self.plan.effects.objects, self.plan.releases
        done = Counter(item.word for item in objects)
        done.update(DONE[operation] for operation, _ in releases)
        summary = ", ".join(f"{done[word]} to {word}" for word in WORDS if done[word])
        yield from self.page.heading("Objects", summary or "none")
        rows = [(item.id.target, item.id.type, item.id.name) for item in objects]
        rows += [(name, "release", "current") for _, name in releases]
        widths = [max((len(row[index]) for row in rows), default=0) for index in range(2)]
        for item in objects:
            adopts = self.paint("  adopt what is there", YELLOW) if item.adopt else ""
            means = MEANS.get(item.id.type, "")
            yield self.object_line(item.operation, item.id, widths) + adopts + self.paint(f"  {means}", DIM)
            if item.operation is not Operation.REMOVE:
                yield from self.fields(item.operation, item.differences)
        for operation, name in releases:
            line = self.object_line(operation, (name, "release", "current"), widths)
            files = len(self.plan.effects.files)
            what = f"{plural(files, 'file')} of config/ and policy/" if files else "its manifest alone"
            yield line + self.paint(f"  {what}", DIM)

    def object_line(self, operation: Operation, row: Iterable[str], widths: list[int]) -> str:
        target, kind, name = row
        return f"  {self.sign(operation)} {shown(target):<{widths[0]}}  {shown(kind):<{widths[1]}}  {shown(name)}"

    def fields(
        self, operation: Operation, differences: tuple[Difference, ...], most: int = FIELDS, *, indent: int = 6
    ) -> Iterator[str]:
        """Fields of something that is added (its values) or altered (from what to what)."""
        told = self.page.some(differences, most)
        width = min(44, max((len(item.field) for item in told), default=0))
        for item in told:
            yield f"{'':{indent}}{shown(item.field):<{width}}  {self.page.difference(operation, item)}"
        yield from self.page.more(differences, told, indent)

    def problems(self) -> Iterator[str]:
        plan = self.plan
        against = () if plan.consent is None else plan.consent.against
        if plan.problems or against:
            yield from self.page.heading("Against it", "no approval mends this")
        if plan.problems:
            yield from found(plan.problems, plan.sources, colour=self.paint.on).rstrip("\n").split("\n")
        for problem in against:
            yield f"  {self.paint('✗', RED)} {shown(problem.rule)}: {shown(problem.message)}"

    def warnings(self) -> Iterator[str]:
        plan = self.plan
        if plan.warnings or plan.secrets:
            yield from self.page.heading("Warnings", "that this change adds")
        secrets = self.page.some(plan.secrets, RENDERED)
        for item in secrets:
            yield f"  {self.paint('!', YELLOW)} {shown(str(item))}"
        yield from self.page.more(plan.secrets, secrets, 2)
        if plan.warnings:
            yield from found(plan.warnings, plan.sources, colour=self.paint.on).rstrip("\n").split("\n")

    def sign(self, operation: Operation) -> str:
        return self.paint(_SIGNS[operation], _TINTS[operation])


def previous_text(previous: Previous, person: str, page: Page) -> str:
    """Say what differs from what a person approved before."""
    paint = page.paint
    lines = [
        "",
        paint(f"{shown(person)} approved another change of these files before", BOLD)
        + f"  change {previous.change[:12]}, {moment(previous.signed_at)}",
    ]
    words = {
        Operation.ADD: "was no part of it",
        Operation.REMOVE: "is no part of it any more",
        Operation.ALTER: "is another than was approved",
    }
    rows = page.some(previous.differs, FIELDS)
    for row in rows:
        word = "starts from another state, and leads to the same" if row.starts_elsewhere else words[row.operation]
        lines.append(f"  {paint(_SIGNS[row.operation], _TINTS[row.operation])} {shown(row.path)}  {paint(word, DIM)}")
        fields = page.some(row.fields, FIELDS)
        for item in fields:
            old, new = (
                paint(value, tint) for value, tint in zip(page.pair(item.before, item.after), (RED, GREEN), strict=True)
            )
            lines.append(f"      {shown(item.field)}  approved {old}, now {new}")
        lines += page.more(row.fields, fields, 6)
    lines += page.more(previous.differs, rows, 2)
    return "".join(f"{line}\n" for line in lines)


def _told(effect: Effect, written: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """What of a rendered file is shown field by field: dashboards and alerts follow, and would drown it; keys are told
    by whoever wrote them."""
    parts = effect.path.split("/")
    own = len(parts) == 4 and parts[0] == "config" and parts[2] not in {"dashboard", "alerts"}
    keys = any(item.field == "spec.keys" for item in written)
    told = (item for item in effect.differences if item.field != "name")
    return tuple(item for item in told if not (keys and item.field.startswith("keys["))) if own else ()
