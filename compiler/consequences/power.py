"""People and agents before x after -> who may approve, as what, with which key, who may let a change through alone.

Rules kept: a role is told by what it lets somebody do; a key by whose word it is from now on.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.consequences.consequence import Consequence, Kind, Severity
from runtime.contract.plural import plural
from runtime.governance.config import ApprovalPolicy, Governance, Key, Person
from runtime.governance.emergency import ROLE
from runtime.ledger.story import few


def of_power(before: Governance, after: Governance) -> Iterator[Consequence]:
    """Say who gains and who loses power."""
    for name in sorted(before.people.keys() | after.people.keys()):
        yield from _person(name, before.people.get(name), after.people.get(name), after.policy)
    for name in sorted(before.agents.keys() | after.agents.keys()):
        old, new = before.agents.get(name), after.agents.get(name)
        if new is None:
            yield Consequence(Kind.AGENT, Severity.NOTE, f"agent {name} writes the ledger no more", (name,))
        elif old is None:
            words = f"agent {name} acts and writes the ledger from now on, with {_keys(new.keys)}"
            yield Consequence(Kind.AGENT, Severity.GRAVE, words, (name,))
        else:
            yield from _moved(Kind.AGENT, name, old.keys, new.keys)
            if new.heartbeat_seconds > old.heartbeat_seconds:
                words = f"agent {name} may be silent {new.heartbeat_seconds} seconds, {old.heartbeat_seconds} before"
                yield Consequence(Kind.GUARD, Severity.GRAVE, words, (name,))
            if new.ledger_head != old.ledger_head:
                words = f"agent {name} keeps the ledger's head in {new.ledger_head}, before in {old.ledger_head}"
                yield Consequence(Kind.GUARD, Severity.GRAVE, words, (name,))
    if after.compiler != before.compiler:
        words = f"release {after.compiler.release} plans and judges from now on, {before.compiler.release} before"
        yield Consequence(Kind.POLICY, Severity.NOTE, words)


def _person(name: str, old: Person | None, new: Person | None, policy: ApprovalPolicy) -> Iterator[Consequence]:
    olds, news = (frozenset(() if person is None else person.roles) for person in (old, new))
    if ROLE in news - olds:
        words = f"{name} becomes {ROLE}: may let one change through alone, in an emergency"
        yield Consequence(Kind.ALONE, Severity.GRAVE, words, (name,))
    seats = sorted(news - olds - {ROLE})
    if new is None:
        yield Consequence(Kind.APPROVER, Severity.NOTE, f"{name} approves nothing any more", (name,))
        return
    if old is None:
        words = f"{name} may approve from now on, with {_keys(new.keys)}"
        words += f", as {', '.join(seats)}{_rules(seats, policy)}" if seats else ""
        yield Consequence(Kind.APPROVER, Severity.GRAVE, words, (name,))
        return
    if seats:
        words = f"{name} may approve as {', '.join(seats)} from now on{_rules(seats, policy)}"
        yield Consequence(Kind.APPROVER, Severity.GRAVE, words, (name,))
    if lost := sorted(olds - news):
        yield Consequence(Kind.APPROVER, Severity.NOTE, f"{name} is no longer {', '.join(lost)}", (name,))
    yield from _moved(Kind.KEY, name, old.keys, new.keys)


def _rules(roles: list[str], policy: ApprovalPolicy) -> str:
    asking = [rule.name for rule in policy.rules if any(item.role in roles for item in rule.people)]
    if not asking:
        return " (no rule asks for that)"
    return f" ({plural(len(asking), 'rule asks', 'rules ask')} for that: {few(asking)})"


def _keys(keys: tuple[Key, ...]) -> str:
    return f"the key {', '.join(key.fingerprint for key in keys)}" if keys else "no key yet"


def _moved(kind: Kind, name: str, olds: tuple[Key, ...], news: tuple[Key, ...]) -> Iterator[Consequence]:
    does = "signs as" if kind is Kind.KEY else "writes the ledger as agent"
    kept = sum(key in olds for key in news)
    for key in news:
        if key not in olds:
            beside = f", beside {plural(kept, 'key')}" if kept else ", and no key from before does"
            words = f"the key {key.fingerprint} {does} {name} from now on{beside}"
            yield Consequence(kind, Severity.GRAVE, words, (name, key.fingerprint))
    for key in olds:
        if key not in news:
            words = f"the key {key.fingerprint} {does} {name} no more"
            yield Consequence(kind, Severity.NOTE, words, (name, key.fingerprint))
