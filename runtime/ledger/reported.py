"""Entries -> the drift that was last reported and not undone: in which entry, and of how many objects of each target.

Rules kept: only the last report counts, since it tells all that drifted when it was written; what Conductor did not
make is left alone whatever a target declares, so it is not counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runtime.contract.objects import is_foreign
from runtime.contract.predicates import Drift
from runtime.ledger.entry import Entry


@dataclass(frozen=True)
class Reported:
    """Drift that nobody has undone, as it was last reported."""

    entry: int
    objects: Mapping[str, int]
    """Target -> how many."""


def last_reported(entries: Sequence[Entry]) -> Reported | None:
    """Return what was reported last; None if nothing ever was."""
    for entry in reversed(entries):
        match entry.predicate:
            case Drift(response="report", actions=actions):
                return Reported(entry.sequence, Counter(one.target for one in actions if not is_foreign(one.before)))
            case _:
                pass
    return None
