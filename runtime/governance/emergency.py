"""Emergencies: the rules of consent that they are bound by, and how what they leave open is judged.

An emergency reading of a case waives `REPLACED`, who must approve, and nothing else. In return: an incident commander
signs it; it alters no policy, ends no tenant, adopts nothing, loosens nothing that guards data, and comes only while
no other debt is open. While one is, nothing ends a tenant; past its deadline nothing passes but what has to do with it.
The functions stand in `CONSENT` (`runtime.governance.rules`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from runtime.contract import instant
from runtime.contract.canonical import JSON, decode
from runtime.contract.errors import FormatError
from runtime.contract.objects import Object, decode_objects
from runtime.governance.case import Case, Problem, Reading, Signed, Verified
from runtime.governance.debts import Debt
from runtime.governance.people import Approver

ROLE = "incident-commander"
REPLACED = frozenset({"two-people", "by-path", "one-role-each"})
"""The rules that an emergency replaces, and that the clearing of its debt asks: who must approve."""
_OBJECTS = "objects/"
_TENANT = "config/tenants/tenant/"
_TARGET = "config/targets/target/"
_ENDED = "deprovisioned"
_EVERYTHING = 100
_WHERE = ("archive", "dsn", "identity", "region", "type")
"""What a target is, and where it and its archive are."""


def incident_commander(reading: Reading, signed: Signed, _: tuple[Approver, ...]) -> str | None:
    """Only an incident commander signs an emergency."""
    name = reading.owner(signed.fingerprint)
    if signed.approval.kind != "emergency" or name is None or ROLE in reading.roles(name):
        return None
    return f"it is an emergency, and {name} is no {ROLE}"


def emergency_hours(reading: Reading, signed: Signed, _: tuple[Approver, ...]) -> str | None:
    """No emergency lies ready: it counts as long as its debt may be open, whatever it says of its own end."""
    hours = reading.rights.policy.emergency_hours
    until = instant.after(signed.approval.signed_at, timedelta(hours=hours))
    if signed.approval.kind != "emergency" or reading.case.at < until:
        return None
    return f"it is an emergency of {instant.text(signed.approval.signed_at)}, and an emergency lasts {hours} hours"


def governance_by_two(reading: Reading, _: tuple[Approver, ...]) -> Iterable[str]:
    """No emergency alters policies or governance."""
    altered = [path for path in reading.case.change.paths if path.startswith(("policies/", "config/governance/"))]
    if reading.emergency and altered:
        yield f"no emergency alters policies, and this one alters {min(altered)}"


def no_deprovision(reading: Reading, _: tuple[Approver, ...]) -> Iterable[str]:
    """No emergency ends a tenant, nor does anything while a debt is open: what the emergency made possible would be
    done before anybody looked at it. What the emergency itself added may be taken away again."""
    debt = reading.case.verified.debt
    for path, (before, after) in reading.case.change.contents.items():
        if not path.startswith(_TENANT) or not _ends(before, after):
            continue
        name = path.removeprefix(_TENANT).removesuffix(".json")
        if debt is not None and not debt.restores(reading.case.change, path):
            yield f"nothing ends a tenant while the debt of verdict {debt.verdict[:12]} is open, and this ends {name}"
        elif reading.emergency:
            yield f"no emergency ends a tenant, and this one ends {name}"


def safeguards_by_two(reading: Reading, _: tuple[Approver, ...]) -> Iterable[str]:
    """No emergency lifts a legal hold, shortens a retention, or alters what a target is and where, which one is the
    control database, what a target may lose at once and where its archive goes; none leads an object to another secret:
    whoever knows the value of that one would have the object. None adopts, either: what that takes from somebody nobody
    can approve afterwards. What is rendered is looked at, so that a blueprint loosens nothing either."""
    if not reading.emergency:
        return
    for path, (before, after) in reading.case.change.contents.items():
        for folder, loosened in ((_TENANT, _freed), (_TARGET, _moved), (_OBJECTS, _led_elsewhere)):
            if path.startswith(folder):
                name = path.rsplit("/", 1)[-1].removesuffix(".json")
                words = loosened(before, after)
                yield from (f"no emergency {word}, and this one does it to {name}" for word in words)


def _led_elsewhere(before: str | None, after: str | None) -> Iterable[str]:
    """What is there already, and its secrets, are others'."""
    old, new = _objects(before), _objects(after)
    if {item.id for item in new if item.adopt} - {item.id for item in old if item.adopt}:
        yield "adopts what somebody else made"
    kept, now = _references(old), _references(new)
    if any(kept[one] != now[one] for one in kept.keys() & now.keys()):
        yield "alters the reference of a secret"


def _references(objects: Iterable[Object]) -> Mapping[tuple[str, str], Mapping[str, JSON]]:
    """What leads to secrets, by type and name: who moves to another target takes them along."""
    return {
        (item.id.type, item.id.name): {
            key: value
            for key, value in item.attributes.items()
            if isinstance(value, str) and value.startswith(("env:", "file:"))
        }
        for item in objects
    }


def _objects(content: str | None) -> tuple[Object, ...]:
    """The objects of a file; of one that cannot be read, nothing is made."""
    try:
        return () if content is None else decode_objects(content.encode())
    except FormatError:
        return ()


def _freed(content: str | None, later: str | None) -> Iterable[str]:
    """A tenant that is gone, or cannot be read, is ended: `no_deprovision` speaks of it."""
    before, after = _fields(content), _fields(later)
    if content is None or "state" not in after:
        return
    if before.get("legal_hold", False) is not False and after.get("legal_hold") is not True:
        yield "lifts a legal hold"
    if _number(after, "retention_days", 0) < _number(before, "retention_days", 0):
        yield "shortens a retention"


def _moved(content: str | None, later: str | None) -> Iterable[str]:
    """A target that is gone has lost all of it; one that is new may be anything but the control database, which holds
    the agent's lock and what it remembers of the ledger."""
    before, after = _fields(content), _fields(later)
    if before.get("control", False) != after.get("control", False):
        yield "names another control database"
    if content is None:
        return
    yield from (f"alters `{key}` of a target" for key in _WHERE if before.get(key) != after.get(key))
    if _number(after, "max_delete_percent", _EVERYTHING) > _number(before, "max_delete_percent", _EVERYTHING):
        yield "raises `max_delete_percent`"


def _number(fields: Mapping[str, JSON], key: str, otherwise: int) -> int:
    value = fields.get(key)
    return value if isinstance(value, int) else otherwise


def _ends(before: str | None, after: str | None) -> bool:
    state = _state(after)
    return state is None or (state == _ENDED and _state(before) != _ENDED)


def _state(content: str | None) -> str | None:
    state = _fields(content).get("state")
    return state if isinstance(state, str) else None


def _fields(content: str | None) -> Mapping[str, JSON]:
    """A file's fields; none of what is absent or cannot be read."""
    try:
        value = None if content is None else decode(content.encode(), floats=True)
    except FormatError:
        return {}
    return value if isinstance(value, dict) else {}


def one_debt(reading: Reading, _: tuple[Approver, ...]) -> Iterable[str]:
    """No emergency while a debt is open."""
    debt = reading.case.verified.debt
    if reading.emergency and debt is not None:
        yield f"one debt at a time, and that of verdict {debt.verdict[:12]} is open: {debt.by} let it through"


def debt_first(reading: Reading, _: tuple[Approver, ...]) -> Iterable[str]:
    """Past the deadline of a debt, only policies pass, and what makes all that it altered as it was before."""
    case = reading.case
    debt = case.verified.debt
    if debt is None or not debt.overdue(case.at) or _policies_only(case):
        return
    left = debt.left(case.verified.snapshot.manifest, case.change)
    if left:
        yield (
            f"the debt of verdict {debt.verdict[:12]} is overdue since {instant.text(debt.deadline)}: until it is "
            f"cleared only what takes it back may pass, and after this {left[0]} is not as it was before {debt.by} "
            "altered it; its approvals are given with `conductor approve --debt`"
        )


def _policies_only(case: Case) -> bool:
    rows = case.change.inputs
    return bool(rows) and all(path.startswith("policies/") for path, _, _ in rows)


def carry_exact(reading: Reading, signed: Signed, _: tuple[Approver, ...]) -> str | None:
    """Where a rule says `carry: exact`, nothing was taken since what its maker saw.

    A verdict without paths is none here: that of a debt, where the debt is judged.
    """
    timeline = reading.case.verified.timeline
    position = timeline.position(signed.approval.after)
    since = [] if position is None else [item for item in timeline.later(position) if item.paths]
    if not since:
        return None
    rules = reading.rights.policy.applying(reading.case.change.paths)
    exact = next((rule for rule in rules if rule.carry == "exact"), None)
    if exact is None:
        return None
    return (
        f"rule `{exact.name}` carries no approval over other changes, and verdict {since[-1].sha256[:12]} came after "
        "what its maker saw"
    )


def debt_case(verified: Verified, debt: Debt, statements: Iterable[Signed], *, at: datetime) -> Case:
    """Return the case of a debt's clearing: the same change, by the rules of then and the people of now.

    Its own verdict is left out of what could have spent an approval, and neither main nor the policy is asked again:
    the verdict was. Whoever has left since, or lost a key, clears nothing; whoever has another name is no other person.
    """
    debt = debt.meeting(verified.governance.people.values())
    then = replace(
        verified,
        governance=replace(verified.governance, policy=debt.policy),
        timeline=verified.timeline.without(debt.verdict),
    )
    return Case(then, debt.change, (*debt.signed, *statements), at, {}, "", lambda _: (), debt)


def stopped(problems: Iterable[Problem], sha256: str) -> Iterable[Problem]:
    """What keeps an emergency out, said of its statement."""
    for problem in problems:
        yield Problem(problem.rule, f"emergency {sha256[:12]} does not let it through: {problem.message}", sha256)
