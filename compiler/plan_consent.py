"""Case -> who has to approve, who has, and what no approval can mend (plan, section 7).

Rules kept: every answer is `judge`'s; the policy's transitions are asked once with those who count and once with
everybody, so that what lacks an approver is told from what is refused whoever approves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime.contract.canonical import JSON
from runtime.contract.instant import after, text
from runtime.governance.case import Case, Problem, Signed
from runtime.governance.debts import Debt
from runtime.governance.judge import judge
from runtime.governance.people import Approver, assign, could_help, places

TWO_PEOPLE, POLICY = "two-people", "policy"
_CURED_BY_APPROVALS = frozenset({TWO_PEOPLE, "by-path", "one-role-each", "transitions", "rights-before"})


@dataclass(frozen=True)
class Given:
    """An approval that counts: whose, in which roles, which file, from when until when it counts (None: for good, the
    verdict has counted it); for which `reason`, if it is an emergency."""

    person: str
    roles: tuple[str, ...]
    sha256: str
    signed_at: datetime
    until: datetime | None
    reason: str | None = None


@dataclass(frozen=True)
class Place:
    """A role that a rule asks for, and who fills it."""

    role: str
    person: str | None


@dataclass(frozen=True)
class Need:
    """A rule by path (or `two-people`, or the policy) that applies: its places, and who could fill an empty one."""

    rule: str
    places: tuple[Place, ...]
    could: tuple[str, ...]
    reason: str | None = None
    exact: bool = False
    """Whether its approvals count only until anything else is taken (`carry: exact`)."""

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return self.lacking == 0

    @property
    def lacking(self) -> int:
        """How many more people it takes."""
        return sum(place.person is None for place in self.places)


@dataclass(frozen=True)
class Consent:
    """Where consent stands. `against` are problems that no approval mends, `refused` the policy's among them.

    `emergency` is the approval that alone lets it through, `hours` within how many the others are due then; `debt` says
    that it has been taken so, and that this is about what is still owed.
    """

    given: tuple[Given, ...]
    needs: tuple[Need, ...]
    rejected: tuple[Problem, ...]
    against: tuple[Problem, ...]
    refused: tuple[Problem, ...]
    allowed: bool
    hours: int
    emergency: Given | None = None
    debt: Debt | None = None

    @property
    def missing(self) -> tuple[Need, ...]:
        """What is still needed."""
        return tuple(need for need in self.needs if not need.met)

    @property
    def told(self) -> tuple[Need, ...]:
        """The needs that a reader is told: not that two people are, where the others are met by no fewer anyway."""
        others = [need.lacking for need in self.missing if need.rule != TWO_PEOPLE]
        return tuple(
            need for need in self.needs if need.met or need.rule != TWO_PEOPLE or need.lacking > max(others, default=0)
        )

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {
            "allowed": self.allowed,
            "emergency": None if self.emergency is None else self.emergency.sha256,
            "emergency_hours": self.hours,
            "debt": None if self.debt is None else {"verdict": self.debt.verdict, "deadline": text(self.debt.deadline)},
            "given": [
                {
                    "person": item.person,
                    "roles": list(item.roles),
                    "sha256": item.sha256,
                    "signed_at": text(item.signed_at),
                    "until": None if item.until is None else text(item.until),
                    "reason": item.reason,
                }
                for item in self.given
            ],
            "needs": [
                {
                    "rule": need.rule,
                    "met": need.met,
                    "places": [{"role": place.role, "person": place.person} for place in need.places],
                    "could": list(need.could),
                    "reason": need.reason,
                    "carry": "exact" if need.exact else "changes",
                }
                for need in self.needs
            ],
            "rejected": [{"rule": item.rule, "message": item.message, "sha256": item.sha256} for item in self.rejected],
        }


def consent_of(case: Case) -> Consent:
    """Say where consent to a change stands."""
    judgement = judge(case)
    by_digest = {item.sha256: item for item in case.approvals}
    given = tuple(
        _given(case, name, by_digest[digest]) for name, digest in zip(judgement.people, judgement.counted, strict=True)
    )
    approvers = tuple(Approver(item.person, frozenset(item.roles), item.sha256, bool(item.reason)) for item in given)
    stopped = [item for item in judgement.problems if item.sha256 is not None and item not in judgement.rejected]
    refused = case.transition(_everybody(case))
    structural = tuple(
        item for item in judgement.problems if item.rule not in _CURED_BY_APPROVALS and item.sha256 is None
    )
    return Consent(
        given=given,
        needs=(*_needs(case, approvers), *_policy_needs(case, approvers, refused)),
        rejected=tuple(_told_once((*judgement.rejected, *stopped), by_digest)),
        against=structural,
        refused=refused,
        allowed=judgement.allowed,
        hours=case.before.policy.emergency_hours,
        emergency=next((item for item in given if item.sha256 == judgement.emergency), None),
        debt=case.debt,
    )


def _given(case: Case, name: str, signed: Signed) -> Given:
    said, person = signed.approval, case.before.people.get(name)
    for one in () if case.debt is None else case.debt.approvers:
        if one.sha256 == signed.sha256:
            return Given(name, tuple(sorted(one.roles)), one.sha256, said.signed_at, None, said.reason)
    until = min(said.expires_at, after(said.signed_at, timedelta(days=case.before.policy.approval_days)))
    roles = tuple(sorted(person.roles)) if person else ()
    return Given(name, roles, signed.sha256, said.signed_at, until, said.reason)


def _needs(case: Case, approvers: tuple[Approver, ...]) -> tuple[Need, ...]:
    there = {item.name for item in approvers}
    others = [
        person
        for person in case.before.people.values()
        if person.keys and not any(case.same(name, person.name) for name in there)
    ]
    anyone = tuple(sorted(person.name for person in others))
    names: list[str | None] = [*sorted(there), None, None]
    two = tuple(Place("anyone", name) for name in names[: max(2, len(there))])
    needs = [Need(TWO_PEOPLE, two, anyone if len(there) < 2 else ())]
    roles = [item.roles for item in approvers]
    for rule in case.before.policy.applying(case.change.paths):
        wanted = places(rule.people)
        filled = assign(roles, wanted).filled
        seats = tuple(
            Place(role, approvers[filled[index]].name if index in filled else None) for index, role in enumerate(wanted)
        )
        full = len(filled) == len(wanted)
        could = () if full else could_help(roles, wanted, others)
        needs.append(Need(rule.name, seats, could, exact=rule.carry == "exact"))
    return tuple(needs)


def _policy_needs(case: Case, approvers: tuple[Approver, ...], refused: tuple[Problem, ...]) -> tuple[Need, ...]:
    """What the policy holds against the change only because of who has not approved yet.

    Which role it asks for, it says itself: it is asked once more with somebody of each role, and with each person.
    """
    final = {item.message for item in refused}
    open_ = [item.message for item in case.transition(approvers) if item.message not in final]
    if not open_:
        return ()
    there = {item.name for item in approvers}
    people = [one for one in _everybody(case) if one.name not in there]
    roles = sorted({role for person in case.before.people.values() for role in person.roles})
    with_person = {one.name: _left(case, approvers, one) for one in people}
    with_role = {role: _left(case, approvers, Approver("", frozenset({role}), "")) for role in roles}
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for message in open_:
        role = " or ".join(role for role, left in with_role.items() if message not in left)
        could = tuple(name for name, left in with_person.items() if message not in left)
        grouped.setdefault((role, could), []).append(message)
    return tuple(
        Need(
            POLICY,
            (Place(role or "somebody else", None),),
            could,
            messages[0] + (f"; and {len(messages) - 1} more" if len(messages) > 1 else ""),
        )
        for (role, could), messages in grouped.items()
    )


def _left(case: Case, approvers: tuple[Approver, ...], one: Approver) -> frozenset[str]:
    """What the policy still holds against the change once one more has approved it."""
    return frozenset(item.message for item in case.transition((*approvers, one)))


def _told_once(rejected: Iterable[Problem], signed: Mapping[str, Signed]) -> Iterator[Problem]:
    """What does not count; of a withdrawal, what it took back says it all."""
    problems = tuple(rejected)
    withdrawn = {
        signed[item.sha256].fingerprint
        for item in problems
        if item.sha256 is not None and signed[item.sha256].approval.kind != "withdrawal"
    }
    for item in problems:
        one = None if item.sha256 is None else signed[item.sha256]
        if one is None or one.approval.kind != "withdrawal" or one.fingerprint not in withdrawn:
            yield item


def _everybody(case: Case) -> tuple[Approver, ...]:
    return tuple(
        Approver(person.name, frozenset(person.roles), person.name)
        for person in sorted(case.before.people.values(), key=lambda person: person.name)
        if person.keys
    )
