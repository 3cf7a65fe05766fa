"""Decisions that flip -> what people may use, or may not any more, because of the roles that they get or lose.

Rules kept: tenants at which somebody gains the same stand in one sentence; where from, the flips say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from compiler.consequences.consequence import Consequence, Kind, Severity
from compiler.plan_flips import Decisions
from runtime.ledger.story import few


def of_scopes(decisions: Decisions) -> Iterator[Consequence]:
    """Say what people gain and lose."""
    told: dict[tuple[str, bool, str], tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for item in decisions.flips:
        for tenant in item.tenants if item.person else ():
            roles, scopes = told[item.person, not item.gained, tenant]
            roles.update(item.roles)
            scopes.update(item.scopes)
    alike: dict[tuple[str, bool, str, str], list[str]] = defaultdict(list)
    for (person, lost, tenant), (roles, scopes) in sorted(told.items()):
        alike[person, lost, ", ".join(sorted(roles)), ", ".join(sorted(scopes))].append(tenant)
    for (person, lost, as_, what), names in alike.items():
        if lost:
            words = f"{person}, no longer {as_}, loses {what} at {few(names)}"
        else:
            words = f"{person}, as {as_}, gains {what} at {few(names)}"
        yield Consequence(Kind.SCOPES, Severity.NOTE if lost else Severity.GRAVE, words, (person, *names))
