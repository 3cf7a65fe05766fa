"""Plan -> Markdown, fit for a comment on a pull request. The form is `templates/plan.md.jinja`.

Rules kept: content of files never becomes Markdown or HTML: what has a meaning there is escaped; at most eight fields a
row and 60,000 characters in all, because forges refuse longer comments.
"""

from __future__ import annotations

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from compiler.consequences.consequence import Severity
from compiler.diagnostics.printable import shown
from compiler.markdown import cell, code
from compiler.paint import Paint
from compiler.plan import Plan, Point
from compiler.plan_consent import TWO_PEOPLE, Need
from compiler.plan_differences import Difference, Operation
from compiler.plan_page import Page, names_of
from compiler.plan_resources import DONE, WORDS, ObjectChange, ResourceChange
from compiler.plan_text import LAYOUT, MEANS
from compiler.plan_text_approvals import two_people
from compiler.plan_text_flips import TITLE, because, sentence, summary
from compiler.plan_values import moved
from compiler.plan_verdict import Verdict, how, verdict
from runtime.contract.instant import text as moment

_FIELDS, _FLIPS, _TENANTS = 8, 12, 100
_LINES, _WIDTH = 150, 240
_WEIGHTS = {Severity.FINAL: "🛑", Severity.GRAVE: "⚠️", Severity.NOTE: "🔹"}
_MAX_CHARACTERS = 60_000
_MARKS = {
    Verdict.NO_GENESIS: "❔",
    Verdict.CANNOT: "❌",
    Verdict.QUEUED: "❌",
    Verdict.MISSING: "⏳",
    Verdict.APPROVED: "✅",
}


def as_markdown(plan: Plan, *, full: bool = False) -> str:
    """Return the plan as Markdown; `full`: with all fields of a row, as far as a forge takes them."""
    page = Page(Paint(on=False), full=full)
    text = _template().render(
        fields=lambda item: _fields(item, page),
        attributes=lambda item: _attributes(item, page),
        plan=plan,
        title=title(plan.base, plan.head, _verdict(plan)),
        how=None if plan.consent is None else how(plan.consent, plan.head.commit or ""),
        mark=_WEIGHTS,
        diff=_diff,
        against=() if plan.consent is None else plan.consent.against,
        objects=_objects(plan),
        flips=page.some(plan.decisions.flips, _FLIPS),
        tenants=lambda item: cell(names_of(item.tenants, len(item.tenants) if full else _TENANTS)),
        flip_title=f"{TITLE}: {summary(plan.decisions)}",
        sign={Operation.ADD: "`+`", Operation.ALTER: "`~`", Operation.REMOVE: "`-`"},
    )
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    if len(text) <= _MAX_CHARACTERS:
        return text
    return text[:_MAX_CHARACTERS].rsplit("\n", 1)[0] + "\n\n… cut off here; `conductor plan` shows all of it.\n"


@cache
def _template() -> Template:
    # Markdown is no HTML: values are escaped by the filters `cell` and `code`, each where it stands
    environment = Environment(  # noqa: S701 -- see above
        loader=PackageLoader("compiler", "templates"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {
        "cell": cell,
        "code": code,
        "seats": _seats,
        "sentence": lambda item: cell(sentence(item)),
        "because": lambda item: cell(because(item)),
        "names": lambda names: cell(names_of(names)),
        "moment": moment,
    }
    return environment.get_template("plan.md.jinja")


def title(base: Point, head: Point, sentence: str) -> str:
    """Return what every plan begins with."""
    leads = f"`{code(base.label)}` → `{code(head.label)}`"
    return f"### Conductor plan: {cell(head.title)}\n\n{sentence}\n\n{leads}\n"


def _verdict(plan: Plan) -> str:
    if plan.change.empty:
        return "Nothing changes: both have the same manifest."
    standing, sentence = verdict(plan)
    return f"{_MARKS[standing]} {cell(sentence)}"


def _objects(plan: Plan) -> str:
    done = [item.word for item in plan.effects.objects] + [DONE[operation] for operation, _ in plan.releases]
    return "Objects: " + ", ".join(f"{done.count(word)} to {word}" for word in WORDS if word in done)


def _fields(item: ResourceChange, page: Page) -> str:
    if item.operation is Operation.REMOVE:
        return ""
    if item.path is None:
        return "follows from what it refers to"
    return LAYOUT if item.layout_only else _told(item.operation, item.differences, page)


def _attributes(item: ObjectChange, page: Page) -> str:
    if item.operation is Operation.REMOVE:
        return ""
    if item.id.type in MEANS:
        return MEANS[item.id.type]
    told = _told(item.operation, item.differences, page)
    return f"**adopt what is there**<br>{told}".removesuffix("<br>") if item.adopt else told


def _diff(lines: tuple[str, ...]) -> str:
    """A fenced block: four backticks, because a line may hold three."""
    told = [shown(line)[:_WIDTH].replace("````", "'''") for line in lines[:_LINES]]
    more = [f"… {len(lines) - len(told)} lines more: `conductor plan --full` shows them"] if len(lines) > _LINES else []
    return "\n".join(["````diff", *told, "````", *more])


def _told(operation: Operation, differences: tuple[Difference, ...], page: Page) -> str:
    told = page.some(differences, _FIELDS)
    lines = [_difference(operation, item, page) for item in told]
    if len(differences) > len(told):
        lines.append(f"… {len(differences) - len(told)} more: `conductor plan --full` shows them")
    return "<br>".join(lines)


def _difference(operation: Operation, item: Difference, page: Page) -> str:
    field = f"`{code(item.field)}`"
    lists = moved(item.before, item.after) if item.operation is Operation.ALTER else None
    if lists is not None:
        signed = [*(f"+ `{code(one)}`" for one in lists.came), *(f"- `{code(one)}`" for one in lists.went)]
        told = page.some(signed, _FIELDS)
        more = [f"… {len(signed) - len(told)} more"] if len(signed) > len(told) else []
        return f"{field} {', '.join([*told, *more]) or 'in another order'}"
    before, after = (f"`{code(text)}`" for text in page.pair(item.before, item.after))
    match item.operation:
        case Operation.ADD:
            return f"{field} {after}" if operation is Operation.ADD else f"{field} left out → {after}"
        case Operation.REMOVE:
            return f"{field} {before} → left out"
        case Operation.ALTER:
            return f"{field} {before} → {after}"


def _seats(need: Need) -> str:
    if need.rule == TWO_PEOPLE:
        return cell(two_people(need))
    told = ", ".join(f"{place.role} ({place.person or 'missing'})" for place in need.places)
    told += ", only until anything else is taken" if need.exact else ""
    return cell(f"{told}: {need.reason}" if need.reason else told)
