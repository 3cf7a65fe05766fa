"""A change, with what it starts from and leads to -> its consequences, the gravest first.

Rules kept: what cannot be read says nothing here; others refuse it. Nothing is said of a first commit's people and
rules: all of them are new, and the genesis names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.consequences.consequence import Consequence, Kind, Severity, in_order
from compiler.consequences.database import of_database
from compiler.consequences.policy import of_policy
from compiler.consequences.power import of_power
from compiler.consequences.rules import of_rules
from compiler.consequences.scopes import of_scopes
from compiler.consequences.targets import of_targets
from compiler.consequences.tenants import of_tenants
from compiler.consequences.watching import of_watching
from compiler.plan_flips import Decisions
from compiler.plan_resources import Effects, Inputs
from compiler.plan_rules import Uncovered
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.governance.config import FOLDER, Governance
from runtime.ledger.reported import Reported
from runtime.targets.config import targets_of


def consequences_of(
    change: Change,
    effects: Effects,
    inputs: Inputs,
    contents: tuple[Mapping[str, str], Mapping[str, str]],
    *,
    decisions: Decisions,
    uncovered: tuple[Uncovered, ...],
    held: Iterable[str],
    reported: Reported | None,
) -> tuple[Consequence, ...]:
    """Return what matters most. `contents` are those of both snapshots, `held` says what the agent will hold back,
    `reported` which drift was reported last."""
    before, after = contents
    targets = targets_of(after)
    found = [
        *of_tenants(change, effects, targets),
        *(Consequence(Kind.HELD_BACK, Severity.GRAVE, f"the agent will hold this back: {why}") for why in held),
        *of_database(effects.objects),
        *of_targets(targets_of(before), targets, reported),
        *of_scopes(decisions),
        *of_watching(effects.resources),
    ]
    if before:
        found += of_policy(inputs)
    olds, news = _governance(before), _governance(after)
    if olds is not None and news is not None and olds != news:
        found += [*of_power(olds, news), *of_rules(olds.policy, news.policy, uncovered)]
    return in_order(found)


def _governance(contents: Mapping[str, str]) -> Governance | None:
    try:
        return Governance.of({path: text for path, text in contents.items() if path.startswith(FOLDER)})
    except FormatError:
        return None
