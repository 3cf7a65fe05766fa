"""A verdict by emergency -> a debt; a clearing, or a verdict after which all is as before -> that debt settled.

Judged again by whoever replays, with what the clearing names: by the rules of the P before the verdict, and by the
people and keys of now. Rules kept: a clearing that what it names does not justify is a finding and clears nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from runtime.contract.instant import after
from runtime.contract.manifest import Manifest
from runtime.contract.predicates import Clearing, Verdict
from runtime.governance.case import Case, Judgement
from runtime.governance.debts import Debt, How, Settled
from runtime.governance.emergency import debt_case
from runtime.governance.judge import judge
from runtime.governance.people import Approver, acquainted
from runtime.ledger.entry import Entry, approval_path
from runtime.ledger.facts import ClearingFacts, Stage
from runtime.ledger.findings import Finding, finding

if TYPE_CHECKING:
    from runtime.ledger.replaying import Replaying


def opened(case: Case, entry: Entry, verdict: Verdict, judgement: Judgement) -> Debt:
    """The debt that a sound verdict by emergency leaves."""
    detail, before = verdict.conductor, case.before
    by = next(one for one in case.approvals if one.sha256 == judgement.emergency)
    roles = {name: frozenset(person.roles) for name, person in before.people.items()}
    return Debt(
        verdict=entry.digest,
        base=detail.base,
        commit=detail.head,
        change=case.change,
        signed=case.approvals,
        approvers=tuple(
            Approver(name, roles.get(name, frozenset()), sha256)
            for name, sha256 in zip(judgement.people, judgement.counted, strict=True)
        ),
        by=before.owner_of_key.get(by.fingerprint, by.fingerprint),
        reason=by.approval.reason or "",
        policy=before.policy,
        opened=entry.position.time,
        deadline=after(entry.position.time, timedelta(hours=before.policy.emergency_hours)),
        known=acquainted({}, before.people.values()),
    )


def repaid(state: Replaying, manifest: Manifest, entry: Entry, judgement: Judgement) -> tuple[Debt, ...]:
    """The debts once a verdict has led to a manifest: one of which nothing is left is taken back. One that stays gets
    to know the people after it, so that whoever changes name and keys step by step is followed."""
    *others, debt = state.debts
    if debt.left(manifest):
        return (*others, debt.meeting(state.verified.governance.people.values()))
    return (*others, _settled(debt, "taken back", entry, judgement.people))


def cleared(state: Replaying, entry: Entry, clearing: Clearing, *, void: bool) -> list[Finding]:
    """Clear the debt, or say why nothing is cleared. `void`: it may not be, whatever the entry names."""
    debt = state.verified.debt
    signed = state.statements(clearing.change, clearing.approvals)
    for digest in clearing.approvals:
        state.name(approval_path(clearing.change, digest))
    judgement = None
    if debt is not None:
        judgement = judge(debt_case(state.verified, debt, signed, at=entry.position.time), state.rules.consent)
    idle = () if judgement is None or not judgement.allowed else tuple(item.message for item in judgement.rejected)
    facts = ClearingFacts(entry, clearing, debt, frozenset(item.sha256 for item in signed), idle)
    problems = [(rule.name, message) for rule in state.rules.by_stage[Stage.CLEARING] for message in rule.check(facts)]
    if judgement is not None and not judgement.allowed:
        problems.extend((item.rule, item.message) for item in judgement.problems)
    if debt is not None and judgement is not None and not void and not problems:
        state.debts = (*state.debts[:-1], _settled(debt, "cleared", entry, judgement.people))
    return [
        finding(rule, f"clearing {entry.sequence} clears nothing: {message}", path=entry.path, commit=entry.commit)
        for rule, message in problems
    ]


def _settled(debt: Debt, how: How, entry: Entry, people: tuple[str, ...]) -> Debt:
    return debt.settle(Settled(how, entry.digest, entry.position.time, people))
