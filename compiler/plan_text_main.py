"""Plan -> the sections of its text about main: what waits before the change, and what has come since."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics.printable import shown
from compiler.paint import BOLD, DIM, GREEN, RED, YELLOW
from compiler.plan import Landed, Plan
from compiler.plan_page import COMMITS, Page
from compiler.plan_queue import Before, Relation
from runtime.contract.plural import plural

_MEETS = {Relation.UNDER: "alters {} too", Relation.PART: "is part of this", Relation.BESIDE: "alters {} too"}


def before(plan: Plan, page: Page) -> Iterator[str]:
    """Return what waits before the change, and for what."""
    queue = plan.queue
    if queue is None or not queue.before:
        return
    number = plural(len(queue.before), "change")
    yield from page.heading(f"Before it on {shown(plan.branch)}", f"{number} that no verdict has taken")
    told = page.some(queue.before, COMMITS)
    for item in told:
        yield from _waiting(item, page)
    yield from page.more(queue.before, told, 2)
    if queue.sentence and queue.usable:  # else it is the first line of all
        yield f"  {page.paint('!', BOLD, YELLOW)} {page.paint(shown(queue.sentence), BOLD)}"


def _waiting(item: Before, page: Page) -> Iterator[str]:
    waits = "the agent takes it next" if item.lacks is None else f"waits for {item.lacks}"
    yield f"  {item.name}  {shown(item.subject)}, by {shown(item.by)}"
    met = page.few(item.meets) if item.meets and item.relation is not Relation.PART else ""
    what = _MEETS[item.relation].format(met) if met or item.relation is Relation.PART else ""
    yield f"    {page.paint(f'{what}; ', RED) if what else ''}{page.paint(shown(waits), YELLOW)}"
    if item.approve:
        yield f"    {page.paint(f'conductor approve --person NAME --key FILE --head {item.name} --push', DIM)}"


def landed(plan: Plan, page: Page) -> Iterator[str]:
    """Return what has come to main since the base, and what the change would be, merged now."""
    paint, forecast = page.paint, plan.forecast
    waiting = {item.commit for item in plan.queue.before} if plan.queue is not None else set[str]()
    since = [item for item in plan.landed if item.commit not in waiting]
    if not since and forecast is None:
        return
    branch = shown(plan.branch)
    yield from page.heading(f"Since then on {branch}", plural(len(since), "commit") if since else "")
    told = since if page.full else since[-COMMITS:]
    for item in told:
        yield _commit(item, page)
    if len(since) > len(told):
        yield paint(f"  … and {len(since) - len(told)} before", DIM)
    if forecast is None:
        return
    if forecast.same:
        yield f"  {paint('✓', GREEN)} merged now, it would still be this very change"
    elif forecast.errors:
        yield f"  {paint('✗', RED)} merged now, it would not compile: {shown(forecast.errors[0])}"
    else:
        yield (
            f"  {paint('✗', RED)} merged now, it would be another change "
            f"({page.few(forecast.differs)}): merge {branch} into it before it is approved"
        )


def _commit(item: Landed, page: Page) -> str:
    state = page.paint("taken  ", GREEN) if item.taken else page.paint("pending", YELLOW)
    meets = page.paint(f"  meets this change at {page.few(item.meets)}", RED) if item.meets else ""
    same = f"  this change is on main already, as {item.commit[:12]}" if item.same else ""
    return f"  {item.commit[:12]}  {state}  {shown(item.subject)}{same}{meets}"
