"""Approvers x requirements -> who fills which role, who is missing, who could help (plan, section 7, rule 1).

Rules kept: within one rule a person fills one role, by any assignment that fits (a maximum matching of people to
role places, found by augmenting paths); people are counted, never keys; the same people may count for several rules,
so every rule is matched on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from runtime.governance.config import Person, Requirement

Known: TypeAlias = Mapping[str, frozenset[str]]
"""Name or fingerprint -> all names and fingerprints of that person, of whatever time."""


@dataclass(frozen=True)
class Approver:
    """One counted approval: whose it is, in which roles that person stands, by which statement; whether that lets the
    change through alone."""

    name: str
    roles: frozenset[str]
    sha256: str
    emergency: bool = False


@dataclass(frozen=True)
class Assignment:
    """A largest assignment: place (index into the rule's places) -> index of the approver who fills it."""

    places: tuple[str, ...]
    filled: Mapping[int, int]

    @property
    def complete(self) -> bool:
        """Whether every place is filled."""
        return len(self.filled) == len(self.places)

    @property
    def empty(self) -> tuple[str, ...]:
        """Roles of the places that nobody fills, sorted, one entry a place."""
        return tuple(sorted(role for index, role in enumerate(self.places) if index not in self.filled))


def places(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """Every place of a rule: the role, once for each person it asks for."""
    return tuple(item.role for item in requirements for _ in range(item.count))


def assign(roles: Sequence[frozenset[str]], wanted: tuple[str, ...]) -> Assignment:
    """Give each approver (by their roles) at most one place, filling as many places as can be filled."""
    holder: dict[int, int] = {}

    def seat(approver: int, tried: set[int]) -> bool:
        for index, role in enumerate(wanted):
            if role not in roles[approver] or index in tried:
                continue
            tried.add(index)
            if index not in holder or seat(holder[index], tried):
                holder[index] = approver
                return True
        return False

    for approver in range(len(roles)):
        seat(approver, set())
    return Assignment(wanted, dict(sorted(holder.items())))


def acquainted(known: Known, people: Iterable[Person]) -> Known:
    """Add the people of another time: whoever shares a key, or a name, with somebody known is that person."""
    groups = dict(known)
    for person in people:
        one = frozenset((person.name, *(key.fingerprint for key in person.keys)))
        whole = one.union(*(groups[item] for item in one if item in groups))
        groups.update(dict.fromkeys(whole, whole))
    return groups


def could_help(roles: Sequence[frozenset[str]], wanted: tuple[str, ...], others: Iterable[Person]) -> tuple[str, ...]:
    """Names of those among `others` whose approval would fill one place more, sorted."""
    now = len(assign(roles, wanted).filled)
    return tuple(
        sorted(
            person.name
            for person in others
            if person.keys and len(assign([*roles, frozenset(person.roles)], wanted).filled) > now
        )
    )
