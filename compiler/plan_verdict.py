"""Plan -> the one sentence that a reader wants first: whether it can be taken, and what is missing."""

from __future__ import annotations

from enum import Enum

from compiler.plan import Plan
from compiler.plan_consent import TWO_PEOPLE, Consent
from compiler.plan_queue import Queue
from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.governance.debts import Debt


class Verdict(Enum):
    """How a plan stands."""

    NO_GENESIS = "no genesis"
    CANNOT = "cannot"
    QUEUED = "queued"
    """Approvals given now do not count: something has to happen before it."""
    MISSING = "missing"
    APPROVED = "approved"


def verdict(plan: Plan) -> tuple[Verdict, str]:
    """Return how a plan stands, and the sentence."""
    if not plan.sound:
        return Verdict.CANNOT, "This cannot be taken, whoever approves it."
    if plan.consent is None:
        return Verdict.NO_GENESIS, "Nobody can approve this: there is no genesis yet."
    if (debt := plan.consent.debt) is not None:
        return _owed(plan.consent, debt)
    if plan.queue is not None and not plan.queue.usable:
        return Verdict.QUEUED, plan.queue.sentence
    if plan.approved and (by := plan.consent.emergency) is not None:
        due = f"the other approvals are due {plural(plan.consent.hours, 'hour')} after that"
        return Verdict.APPROVED, f"By emergency of {by.person}: the agent takes it{when(plan)}, and {due}."
    if plan.approved:
        return Verdict.APPROVED, f"Approved: the agent takes it{when(plan)}."
    if not plan.consent.missing:
        return Verdict.CANNOT, "This cannot be taken as it stands."
    return Verdict.MISSING, f"Approvals are missing: {_missing(plan.consent)}."


def when(plan: Plan) -> str:
    """Say when an agent takes what is approved."""
    return when_in(plan.queue, merged=plan.merged or any(item.same for item in plan.landed))


def when_in(queue: Queue | None, *, merged: bool) -> str:
    """The same of a change in its queue: once it is merged, and after what is before it."""
    first = None if queue is None else queue.after
    once = "" if merged else " once it is merged"
    if merged and queue is not None and not queue.pushed:
        once = " once it is pushed"
    if first is None:
        return once
    waits = "it takes next" if first.lacks is None else f"waits for {first.lacks}"
    return f"{once}{',' if once else ''} after {first.name}, which {waits}"


def _owed(consent: Consent, debt: Debt) -> tuple[Verdict, str]:
    if consent.allowed:
        return Verdict.APPROVED, "Taken by emergency, and approved since: the agent clears its debt."
    due = f"approvals are due by {text(debt.deadline)}"
    return Verdict.MISSING, f"Taken by emergency of {debt.by}: {due}: {_missing(consent)}."


def how(consent: Consent, commit: str) -> str:
    """Return how `conductor approve` is told what to approve."""
    return "--debt" if consent.debt is not None else f"--head {commit}"


def _missing(consent: Consent) -> str:
    """Who is needed, by role: each once, however many rules ask for it."""
    wanted: list[str] = []
    for need in consent.told:
        if need.rule == TWO_PEOPLE and not need.met:
            wanted.append("one more person" if need.lacking == 1 else "two people")
        else:
            wanted += [place.role for place in need.places if place.person is None]
    return ", ".join(dict.fromkeys(wanted))
