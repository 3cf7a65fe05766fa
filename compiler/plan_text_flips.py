"""Decisions that flip -> the words that text and Markdown share, and their section for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.printable import shown
from compiler.paint import DIM, GREEN, RED, YELLOW
from compiler.plan_flips import ANYWHERE, ELSEWHERE, HOME, Cause, Decisions, Flips
from compiler.plan_page import HOW, Page, names_of
from runtime.contract.policy_input import ROLES
from runtime.policy.scopes import ANOTHER

TITLE = "Decisions that flip"
LINES, TENANTS = 12, 4
"""How many are told."""


def summary(decisions: Decisions) -> str:
    """Return how many are gained and lost."""
    if decisions.unknown is not None:
        return f"not known: {decisions.unknown}"
    counts = ((decisions.count(gained=True), "gained"), (decisions.count(gained=False), "lost"))
    return ", ".join(f"{count:,} {word}" for count, word in counts if count) or "none"


def sentence(item: Flips) -> str:
    """Return who gains or loses what, where."""
    roles = "every role" if len(item.roles) == len(ROLES) else ", ".join(item.roles)
    one = len(item.roles) == 1 or roles == "every role" or not item.held
    if item.person:
        roles, one = f"{item.person}, {'as' if item.gained else 'no longer'} {', '.join(item.roles)},", True
    who = roles if item.held else f"ANYBODY who says to be {'anything' if roles == 'every role' else roles}"
    verb = ("gains" if one else "gain") if item.gained else ("loses" if one else "lose")
    count = len(item.tenants)
    own = "from the tenant's own region" if count == 1 else "each from the tenant's own region"
    where = {HOME: own, ELSEWHERE: "from other regions", ANOTHER: "from a region without tenants", ANYWHERE: ""}
    at = item.tenants[0] if count == 1 else f"{count:,} tenants of {item.blueprint}"
    places = [where.get(place, f"from {place}") for place in item.regions]
    told = f"{who} {verb} {', '.join(item.scopes)} at {at}"
    return f"{told}, {', '.join(places)}" if any(places) else told


def because(item: Flips) -> str:
    """Return what it is put down to."""
    if item.cause is Cause.TENANT:
        return f"tenants/{item.tenants[0]}.yaml" if len(item.tenants) == 1 else "their own files"
    if item.cause is Cause.REGIONS:
        return names_of(item.because, TENANTS)
    return ", ".join(item.because)


def flips(decisions: Decisions, page: Page) -> Iterator[str]:
    """Return the section, each line with what opens up under it."""
    if not decisions.asked:
        return
    paint, told = page.paint, shown(summary(decisions))
    yield from page.heading(TITLE, told if decisions.unknown is None else paint(told, RED))
    few = page.some(decisions.flips, LINES)
    for item in few:
        sign = paint("+", GREEN if item.held else RED) if item.gained else paint("-", YELLOW)
        yield f"  {sign} {shown(sentence(item))}  {paint(shown(because(item)), DIM)}"
        names = page.some(item.tenants, TENANTS)
        left = len(item.tenants) - len(names)
        if left:
            yield f"      {paint(shown(', '.join(names)) + f' … {left} more: {HOW}', DIM)}"
        elif len(names) > 1:
            yield from page.listed(names, 6)
    yield from page.more(decisions.flips, few, 2)
