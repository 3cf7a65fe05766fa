"""History x statements filed x time -> the page of the debt ledger, as text and as JSON.

Rules kept: every debt there was stands on it, in order; what an open one still needs is the judge's answer, by the
rules of the time when it was opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from compiler.cli.emergencies import emergency_lines, sequence
from compiler.plan_consent import Consent, consent_of
from compiler.plan_text_approvals import missing_text
from runtime.contract.canonical import JSON
from runtime.governance.approvals import Approvals
from runtime.governance.case import Signed
from runtime.governance.debts import Debt
from runtime.governance.emergency import debt_case
from runtime.ledger.history import History
from runtime.ledger.story import resources


def open_of(approvals: Approvals, history: History) -> tuple[Signed, ...]:
    """What is filed under the change of the open debt."""
    return () if history.debt is None else approvals.of(history.debt.change.digest)


def debts_json(history: History, filed: Iterable[Signed], at: datetime) -> JSON:
    """Return every debt, with what the open one still needs."""
    told = tuple(filed)
    return [
        {
            **debt.to_json(at),
            "sequence": sequence(history, debt.verdict),
            "what": list(resources(debt.change)),
            "missing": [] if debt.settled else _needs(_consent(history, debt, told, at)),
        }
        for debt in history.debts
    ]


def debts_text(history: History, filed: Iterable[Signed], at: datetime) -> str:
    """Return the page."""
    if not history.debts:
        return "no debts: nothing was ever let through by emergency\n"
    told = tuple(filed)
    return "\n".join("".join(f"{line}\n" for line in _told(history, debt, told, at)) for debt in history.debts)


def _told(history: History, debt: Debt, filed: tuple[Signed, ...], at: datetime) -> Iterator[str]:
    yield from emergency_lines(history, debt, at)
    if debt.settled is not None:
        return
    consent = _consent(history, debt, filed, at)
    if consent.allowed:
        yield "  missing  nobody: the agent clears it"
        return
    yield "  missing"
    yield from (f"  {line}" for line in missing_text(consent).splitlines())
    yield "  to approve it: conductor approve --debt --person NAME --key FILE --push"


def _consent(history: History, debt: Debt, filed: tuple[Signed, ...], at: datetime) -> Consent:
    return consent_of(debt_case(history.verified, debt, filed, at=at))


def _needs(consent: Consent) -> list[JSON]:
    return [
        {
            "rule": need.rule,
            "roles": [place.role for place in need.places if place.person is None],
            "could": list(need.could),
        }
        for need in consent.missing
    ]
