"""Case -> Judgement: may this change be taken, and if not, why and who is still needed (plan, section 7).

Rules kept: pure; the answer depends on nothing but the case and the rules; the order in which approvals were found
does not matter; who counts is decided approval by approval, so one that does not count never hides one that does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runtime.governance.case import Case, Judgement, Missing, Problem, Reading, Signed
from runtime.governance.emergency import REPLACED, stopped
from runtime.governance.people import Approver, assign, could_help, places
from runtime.governance.rules import CONSENT, ApprovalRule, ChangeRule, Rule, short


def judge(case: Case, rules: tuple[Rule, ...] = CONSENT) -> Judgement:
    """Judge a case by the rules. It is an emergency only where nothing else lets it through."""
    if case.debt is not None:
        rules = tuple(rule for rule in rules if isinstance(rule, ApprovalRule) or rule.name in REPLACED)
    answers = [(reading, _judge(reading, rules)) for reading in case.readings]
    allowed = next((answer for _, answer in answers if answer.allowed), None)
    if allowed is not None:
        return allowed
    (_, before), *others = answers
    ordinary = [answer for reading, answer in others if not reading.emergency]
    claimed = [answer for reading, answer in others if reading.emergency and reading.rights is case.before]
    return replace(before, problems=(*before.problems, *_alone(ordinary), *_stopped(before, claimed)))


def _stopped(before: Judgement, claimed: Iterable[Judgement]) -> Iterable[Problem]:
    """What keeps an emergency out, beside what keeps the change out anyway."""
    for answer in claimed:
        if answer.emergency is not None:
            yield from stopped((item for item in answer.problems if item not in before.problems), answer.emergency)


def _alone(others: Iterable[Judgement]) -> Iterable[Problem]:
    """What alone keeps another reading out: so that who counts on rights to come reads why they do not count."""
    for answer in others:
        unmet = [problem for problem in answer.problems if problem.sha256 is None]
        if len({problem.rule for problem in unmet}) == 1:
            yield from unmet


def _judge(reading: Reading, rules: tuple[Rule, ...]) -> Judgement:
    counted, rejected = _count(reading, [rule for rule in rules if isinstance(rule, ApprovalRule)])
    by = next((approver.sha256 for approver in counted if approver.emergency), None) if reading.emergency else None
    unmet = tuple(
        Problem(rule.name, message)
        for rule in rules
        if isinstance(rule, ChangeRule)
        for message in rule.function(reading, counted)
    )
    return Judgement(
        allowed=not unmet and (by is not None or not reading.emergency),
        problems=(*rejected, *unmet) if unmet else (),
        counted=tuple(approver.sha256 for approver in counted),
        people=tuple(approver.name for approver in counted),
        missing=tuple(_missing(reading, counted)) if unmet else (),
        rejected=rejected,
        emergency=by,
    )


def _count(reading: Reading, rules: list[ApprovalRule]) -> tuple[tuple[Approver, ...], tuple[Problem, ...]]:
    """Who counts, by name; and every statement that does not count, with the first rule that says why.

    Of one person's approvals the latest counts: it lasts longest and knew most. Who counted when a debt was opened,
    counts for good.
    """
    debt = reading.case.debt
    counted: tuple[Approver, ...] = () if debt is None else debt.approvers
    known = {approver.sha256 for approver in counted}
    rejected: list[Problem] = []
    latest_first = sorted(reading.case.approvals, key=lambda one: (one.approval.signed_at, one.sha256), reverse=True)
    for signed in {one.sha256: one for one in latest_first if one.sha256 not in known}.values():
        problem = _objection(reading, signed, counted, rules)
        if problem is not None:
            rejected.append(problem)
            continue
        name = reading.owner(signed.fingerprint) or signed.fingerprint
        emergency = signed.approval.kind == "emergency"
        counted = (*counted, Approver(name, reading.roles(name), signed.sha256, emergency))
    return tuple(sorted(counted, key=lambda one: (one.name, one.sha256))), tuple(rejected)


def _objection(
    reading: Reading, signed: Signed, counted: tuple[Approver, ...], rules: list[ApprovalRule]
) -> Problem | None:
    for rule in rules:
        message = rule.function(reading, signed, counted)
        if message is not None:
            who = reading.owner(signed.fingerprint) or "an unknown key"
            sentence = f"approval {short(signed.sha256)} by {who} does not count: {message}"
            return Problem(rule.name, sentence, signed.sha256)
    return None


def _missing(reading: Reading, counted: tuple[Approver, ...]) -> Iterable[Missing]:
    """Who is still needed: the two people first, then rule by rule."""
    there = {approver.name for approver in counted}
    others = [
        person
        for person in reading.case.before.people.values()
        if person.keys and not any(reading.case.same(name, person.name) for name in there)
    ]
    roles = [approver.roles for approver in counted]
    if len(there) < 2:
        yield Missing("two-people", ("anyone",) * (2 - len(there)), tuple(sorted(person.name for person in others)))
    for rule in reading.case.before.policy.applying(reading.case.change.paths):
        wanted = places(rule.people)
        assignment = assign(roles, wanted)
        if not assignment.complete:
            yield Missing(rule.name, assignment.empty, could_help(roles, wanted, others))
