"""The rules of consent: `CONSENT`, a tuple of named pure functions, each one sentence of the plan's section 7.

An approval rule looks at one signed statement and says why it does not count (None: it does not object); it is shown
who already counts. A change rule looks at the change and those who count and says what is not met. No rule leans on
another: each refuses something that no other refuses, which tests/attacks shows by dropping exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from runtime.contract import instant
from runtime.contract.change import Row
from runtime.contract.errors import FormatError
from runtime.contract.plural import plural
from runtime.contract.possession import Holder
from runtime.governance.case import Reading, Signed, made
from runtime.governance.config import Agent, PathRule, Person
from runtime.governance.emergency import (
    carry_exact,
    debt_first,
    emergency_hours,
    governance_by_two,
    incident_commander,
    no_deprovision,
    one_debt,
    safeguards_by_two,
)
from runtime.governance.people import Approver, assign, places
from runtime.governance.proofs import proves
from runtime.signing.keys import fingerprint

Counted: TypeAlias = tuple[Approver, ...]

WITHDREW = "withdrew it at"
"""By these words of a refusal whoever reads the ledger knows a withdrawal."""


@dataclass(frozen=True)
class ApprovalRule:
    """What one signed statement must be to count. `number` is the rule of section 7, `story` what it keeps out."""

    name: str
    number: int
    story: str
    function: Callable[[Reading, Signed, Counted], str | None]


@dataclass(frozen=True)
class ChangeRule:
    """What must hold of the change and of those whose approvals count."""

    name: str
    number: int
    story: str
    function: Callable[[Reading, Counted], Iterable[str]]


Rule: TypeAlias = ApprovalRule | ChangeRule


def short(sha256: str) -> str:
    """The first 12 digits, for sentences."""
    return sha256[:12]


# 1. Consent ----------------------------------------------------------------------------------------------------------


def _authentic(reading: Reading, signed: Signed, _: Counted) -> str | None:
    if reading.owner(signed.fingerprint) is None:
        return f"{signed.fingerprint} is no person's key"
    if not reading.authentic(signed):
        return f"its signature is not by {signed.fingerprint}"
    return None


def _proved(reading: Reading, signed: Signed, _: Counted) -> str | None:
    """A key that the genesis names without its holder's signature counts once its holder has proved it: before, or in
    the very change. Later keys come with their proof (`possession`)."""
    case, name = reading.case, reading.owner(signed.fingerprint)
    if name is None or signed.fingerprint not in case.verified.unproved:
        return None
    holder = Holder("person", name)
    key = next((item for item in reading.rights.people[name].keys if item.fingerprint == signed.fingerprint), None)
    if key is None or (case.after is not None and proves(case.after, holder, key, case.verified.repository)):
        return None
    return (
        f"{signed.fingerprint} has not signed the genesis that names it, so nothing proves that it is {name}'s: "
        f"`conductor key prove --person {name} --key FILE`, and have that taken, or approve the change that brings it"
    )


def _subject(reading: Reading, signed: Signed, _: Counted) -> str | None:
    if signed.change == reading.case.change.digest:
        return None
    other = f"change {short(signed.change)}" if signed.change else "no change"
    return f"it is about {other}, not about {short(reading.case.change.digest)}"


def _counted_once(reading: Reading, signed: Signed, counted: Counted) -> str | None:
    name = reading.owner(signed.fingerprint)
    there = next((approver.name for approver in counted if reading.case.same(approver.name, name)), None)
    if there is None:
        return None
    who = name if name == there else f"{name}, who was {there},"
    return f"{who} is counted already: people are counted, never keys or signatures"


def _two_people(reading: Reading, counted: Counted) -> Iterable[str]:
    if len(counted) < 2 and not reading.emergency:
        there = f"only {counted[0].name} has" if counted else "nobody has yet"
        yield f"two different people approve every change, and {there}"


def _applying(reading: Reading) -> tuple[PathRule, ...]:
    """The rules that say who must approve: none, where an emergency does without."""
    return () if reading.emergency else reading.rights.policy.applying(reading.case.change.paths)


def _by_path(reading: Reading, counted: Counted) -> Iterable[str]:
    for rule in _applying(reading):
        for item in rule.people:
            there = [approver.name for approver in counted if item.role in approver.roles]
            if len(there) < item.count:
                yield f"rule `{rule.name}` asks for {item.count} of {item.role}; {len(there)} approved"


def _one_role_each(reading: Reading, counted: Counted) -> Iterable[str]:
    roles = [approver.roles for approver in counted]
    for rule in _applying(reading):
        enough = all(sum(item.role in has for has in roles) >= item.count for item in rule.people)
        assignment = assign(roles, places(rule.people))
        if enough and not assignment.complete:
            yield (
                f"rule `{rule.name}`: within one rule a person fills one role, and then nobody is left "
                f"for {', '.join(assignment.empty)}"
            )


def _this_repository(reading: Reading, _: Counted) -> Iterable[str]:
    change, verified = reading.case.change, reading.case.verified
    if change.repository != verified.repository:
        yield f"the change is of repository {change.repository}, this is {verified.repository}"


def _this_branch(reading: Reading, _: Counted) -> Iterable[str]:
    change, verified = reading.case.change, reading.case.verified
    if change.branch != verified.branch:
        yield f"the change is for branch {change.branch}, this is {verified.branch}"


# 2. Before -----------------------------------------------------------------------------------------------------------


def _rights_before(reading: Reading, _: Counted) -> Iterable[str]:
    if reading.rights is not reading.case.before:
        yield "it is met only with people, keys or rules that the change itself gives"


def _policies(path: str) -> bool:
    return path.startswith("policies/")


def _policies_alone(reading: Reading, _: Counted) -> Iterable[str]:
    paths = [path for path, _, _ in reading.case.change.inputs]
    others = [path for path in paths if not _policies(path)]
    if others and len(others) < len(paths):
        yield f"a change of policies/ changes nothing else, and this one changes {_few(others)}"


def _governed_by_policies(reading: Reading, _: Counted) -> Iterable[str]:
    if any(_policies(path) for path, _, _ in reading.case.change.inputs):
        return
    rows = [path for path, _, _ in reading.case.change.bundle]
    governed = [
        path
        for path in rows
        if path.startswith("config/governance/") or (path.startswith("policy/") and path.split("/")[-1] != "data.json")
    ]
    if governed:
        yield f"only a change of policies/ may alter {_few(governed)}"


def alters_governance(reading: Reading) -> bool:
    """Whether people, keys, rules or policy are part of the change."""
    return any(path.startswith(("policies/", "config/governance/")) for path in reading.case.change.paths)


def _can_be_met(reading: Reading, _: Counted) -> Iterable[str]:
    if not alters_governance(reading):
        return
    after = reading.case.after
    if after is None:
        yield "after it nobody could read people, agents and rules any more"
        return
    able = [frozenset(person.roles) for person in after.people.values() if person.keys]
    if len(able) < 2:
        yield "after it fewer than two people would have a key"
    for rule in after.policy.rules:
        assignment = assign(able, places(rule.people))
        if not assignment.complete:
            yield f"its own people could not meet its rule `{rule.name}`: nobody for {', '.join(assignment.empty)}"


def _agent_left(reading: Reading, _: Counted) -> Iterable[str]:
    after = reading.case.after
    if alters_governance(reading) and after is not None and not any(agent.keys for agent in after.agents.values()):
        yield "after it no agent would have a key, so nothing could be taken any more"


def _real_fingerprint(line: str) -> str:
    try:
        return fingerprint(line)
    except FormatError as error:
        return f"no key ({error.message})"


def _one_name_a_key(reading: Reading, _: Counted) -> Iterable[str]:
    after = reading.case.after
    if not alters_governance(reading) or after is None:
        return
    owners: dict[str, str] = {}
    holders: tuple[Person | Agent, ...] = (*after.people.values(), *after.agents.values())
    for holder in holders:
        name = f"{type(holder).__name__.lower()} {holder.name}"
        for key in holder.keys:
            real = _real_fingerprint(key.public)
            if real != key.fingerprint:
                yield f"{name} names {key.fingerprint} for a key that is {real}"
            if owners.setdefault(real, name) != name:
                yield f"key {real} would stand under two names: {owners[real]} and {name}"


def _possession(reading: Reading, _: Counted) -> Iterable[str]:
    case = reading.case
    after = case.after
    if not alters_governance(reading) or after is None:
        return
    for holder, keys in after.holdings.items():
        known = case.before.holdings.get(holder, ())
        for key in keys:
            if key not in known and not proves(after, holder, key, case.verified.repository):
                yield (
                    f"{holder.kind} {holder.name} would get the key {key.fingerprint}, and nothing proves that it is "
                    f"theirs: `conductor key prove --{holder.kind} {holder.name} --key FILE`, and commit what it writes"
                )


# 3. Fresh ------------------------------------------------------------------------------------------------------------


def _after_known(reading: Reading, signed: Signed, _: Counted) -> str | None:
    if reading.case.verified.timeline.position(signed.approval.after) is not None:
        return None
    return f"it was made after {short(signed.approval.after)}, which is no verdict of this history"


def _unspent(reading: Reading, signed: Signed, _: Counted) -> str | None:
    timeline = reading.case.verified.timeline
    position = timeline.position(signed.approval.after)
    spent = None if position is None else timeline.altered(reading.case.change.paths, position)
    if spent is None:
        return None
    path, taken = spent
    return f"it is spent: verdict {short(taken.sha256)}, later than what its maker knew, altered {path}"


def _begun(reading: Reading, signed: Signed, _: Counted) -> str | None:
    if signed.approval.signed_at <= reading.case.at:
        return None
    return f"it counts from {instant.text(signed.approval.signed_at)} on, and that is still to come"


def _unexpired(reading: Reading, signed: Signed, _: Counted) -> str | None:
    if reading.case.at < signed.approval.expires_at:
        return None
    return f"it expired at {instant.text(signed.approval.expires_at)}"


def _approval_days(reading: Reading, signed: Signed, _: Counted) -> str | None:
    days = reading.rights.policy.approval_days
    if reading.case.at < instant.after(signed.approval.signed_at, timedelta(days=days)):
        return None
    return f"it is of {instant.text(signed.approval.signed_at)}, and approvals hold {plural(days, 'day')}"


def _not_withdrawn(reading: Reading, signed: Signed, _: Counted) -> str | None:
    """A withdrawal takes back its maker's statements about the change up to its own moment, itself among them.

    Its maker is who had its key at any time since what the statement's maker knew: that somebody was renamed, or that
    a key was replaced, gives no approval back. What was approved after a key was lost, that key withdraws no more.
    """
    name = reading.owner(signed.fingerprint)
    for other in reading.case.approvals:
        if (
            other.approval.kind == "withdrawal"
            and other.change == signed.change
            and other.approval.signed_at >= signed.approval.signed_at
            and _same_hand(reading, signed, other)
        ):
            when = instant.text(other.approval.signed_at)
            return f"it is a withdrawal, of {when}" if other is signed else f"{name} {WITHDREW} {when}"
    return None


def _same_hand(reading: Reading, signed: Signed, other: Signed) -> bool:
    """Whether one person made both statements, by the people and keys of now, or of any time since the first one."""
    timeline = reading.case.verified.timeline
    position = timeline.position(signed.approval.after)
    then = () if position is None else timeline.governances(position)
    for governance in (reading.rights, *then):
        owners = governance.owner_of_key
        name = owners.get(other.fingerprint)
        if name is not None and owners.get(signed.fingerprint) == name and made(governance, other):
            return True
    return False


# 4. Next, 5. Transitions, and the pin ---


def taken_back(rows: Iterable[Row], main: Mapping[str, str], returned: Collection[str] = ()) -> tuple[str, ...]:
    """Inputs of a change that main's head (path -> SHA-256 of the raw blob) has at their old value again, or had since
    (`returned`): what was taken back is over, whatever is made of its files later."""
    return tuple(path for path, before, _ in rows if main.get(path) == before or path in returned)


def _still_stands(reading: Reading, _: Counted) -> Iterable[str]:
    back = taken_back(reading.case.change.inputs, reading.case.main, reading.case.returned)
    if back:
        yield f"main has taken it back: {_few(back)} went back to its old value"


def _transitions(reading: Reading, counted: Counted) -> Iterable[str]:
    return (problem.message for problem in reading.case.transition(counted))


def _pinned_release(reading: Reading, _: Counted) -> Iterable[str]:
    after, release = reading.case.after, reading.case.release
    if after is not None and after.compiler.release != release:
        yield f"it pins release {after.compiler.release}, and release {release} judged it"


def _few(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


CONSENT: tuple[Rule, ...] = (
    ApprovalRule("authentic", 1, "a person's key signed it: no forger's, no stranger's, no agent's", _authentic),
    ApprovalRule("proved", 1, "its maker has shown that they have the key, which the genesis alone shows not", _proved),
    ApprovalRule("subject", 1, "it is about exactly this change", _subject),
    ApprovalRule("after-known", 3, "its maker stood in this history when making it", _after_known),
    ApprovalRule("unspent", 3, "nothing it speaks of has changed since", _unspent),
    ApprovalRule("carry-exact", 3, "where a rule asks for it, nothing was taken since what its maker saw", carry_exact),
    ApprovalRule("begun", 3, "it counts from the moment of its signature", _begun),
    ApprovalRule("unexpired", 3, "it counts until it expires", _unexpired),
    ApprovalRule("approval-days", 3, "it counts no longer than P's rules let any approval count", _approval_days),
    ApprovalRule("not-withdrawn", 3, "its maker has not taken it back", _not_withdrawn),
    ApprovalRule("incident-commander", 1, "an emergency is signed by an incident commander", incident_commander),
    ApprovalRule("emergency-hours", 3, "an emergency counts no longer than P's rules let one last", emergency_hours),
    ApprovalRule("counted-once", 1, "people are counted, never keys", _counted_once),
    ChangeRule("two-people", 1, "at least two different people approve every change", _two_people),
    ChangeRule("by-path", 1, "every rule that matches a row has its people among them", _by_path),
    ChangeRule("one-role-each", 1, "within one rule a person fills one role", _one_role_each),
    ChangeRule("governance-by-two", 1, "no emergency alters policies or governance", governance_by_two),
    ChangeRule(
        "no-deprovision", 1, "no emergency ends a tenant, nor does anything while a debt is open", no_deprovision
    ),
    ChangeRule(
        "safeguards-by-two",
        1,
        "no emergency adopts, or loosens what guards data or says where it is",
        safeguards_by_two,
    ),
    ChangeRule("one-debt", 1, "no emergency while a debt is open", one_debt),
    ChangeRule("this-repository", 1, "the change is of this repository", _this_repository),
    ChangeRule("this-branch", 1, "the change is for this branch", _this_branch),
    ChangeRule("rights-before", 2, "nobody approves with rights that the change itself gives", _rights_before),
    ChangeRule("policies-alone", 2, "a change of policies changes no other input", _policies_alone),
    ChangeRule("governed-by-policies", 2, "only a change of policies alters governance", _governed_by_policies),
    ChangeRule("can-be-met", 2, "new rules can be met by their own people", _can_be_met),
    ChangeRule("agent-left", 2, "an agent's key is left", _agent_left),
    ChangeRule("one-name-a-key", 2, "no key stands under two names", _one_name_a_key),
    ChangeRule("possession", 2, "whoever is to have a new key has shown that they have it", _possession),
    ChangeRule("still-stands", 4, "main has not taken the change back", _still_stands),
    ChangeRule("debt-first", 4, "past the deadline of a debt nothing passes but what has to do with it", debt_first),
    ChangeRule("transitions", 5, "P's policy allows the step at this time, with these approvers", _transitions),
    ChangeRule("pinned-release", 5, "the release that the head pins judged it", _pinned_release),
)
