"""Plan -> the section `Approvals` of its text: who has approved, who is missing, what does not count and why."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.printable import shown
from compiler.paint import DIM, GREEN, RED, YELLOW
from compiler.plan import Plan
from compiler.plan_consent import POLICY, TWO_PEOPLE, Consent, Need
from compiler.plan_page import Page, names_of
from runtime.contract.instant import text as moment
from runtime.contract.plural import plural


def approvals(plan: Plan, page: Page) -> Iterator[str]:
    """Return the section's lines."""
    consent, paint = plan.consent, page.paint
    if consent is None:
        yield from page.heading("Approvals", "none can be given: no genesis yet")
        yield "  = help: two people start the history: conductor genesis --person NAME --key FILE"
        return
    yield from page.heading("Approvals", _standing(plan, consent, page))
    width = max((len(item.person) for item in consent.given), default=0)
    for item in consent.given:
        roles = shown(", ".join(item.roles))
        held = "counted by the verdict" if item.until is None else f"holds until {moment(item.until)}"
        until = paint(f"signed {moment(item.signed_at)}, {held}", DIM)
        yield f"  {paint('✓', GREEN)} {shown(item.person):<{width}}  {roles}  {until}"
        if item.reason is not None:
            yield f"    {'':<{width}}  {paint('emergency:', YELLOW)} {shown(item.reason)}"
    longest = max((len(need.rule) for need in consent.told), default=0)
    for need in consent.told:
        yield from _need(need, longest, page)
    for problem in consent.rejected:
        yield f"  {paint('!', YELLOW)} {shown(problem.message)}"


def _need(need: Need, width: int, page: Page) -> Iterator[str]:
    paint = page.paint
    mark = paint("✓", GREEN) if need.met else paint("·", YELLOW)
    seats = ", ".join(
        shown(f"{place.role} ({place.person})") if place.person else paint(f"{shown(place.role)} missing", YELLOW)
        for place in need.places
    )
    if need.rule == TWO_PEOPLE:
        seats = shown(two_people(need))
    yield f"  {mark} {shown(need.rule):<{width}}  {seats}"
    if need.exact:
        yield f"    {'':<{width}}  {paint('exact: approvals count only until anything else is taken', DIM)}"
    if need.reason:
        yield f"    {'':<{width}}  {shown(need.reason)}"
    if not need.met:
        yield f"    {'':<{width}}  {paint('could: ', DIM)}{page.names(need.could)}"


def _standing(plan: Plan, consent: Consent, page: Page) -> str:
    paint = page.paint
    if plan.problems or consent.against:
        return paint("of no use as it is", RED)
    if plan.queue is not None and not plan.queue.usable:
        return paint("given now, they do not count: see above", RED)
    if consent.emergency is not None:
        return paint(f"by emergency; the others within {plural(consent.hours, 'hour')}", YELLOW)
    if consent.allowed:
        return paint("complete", GREEN)
    return paint("not complete yet", YELLOW) if consent.missing else paint("not met", RED)


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
