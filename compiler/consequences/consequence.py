"""One thing that a change does to somebody, said so that nobody has to know what a field is for.

Rules kept: the sentence stands alone, names few and says how many more there are; `subjects` has all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runtime.contract.canonical import JSON


class Severity(StrEnum):
    """How much it matters, the gravest first."""

    FINAL = "final"
    """Nothing brings it back."""
    GRAVE = "grave"
    """Somebody may do more, is asked less, is guarded less, or is locked out."""
    NOTE = "note"
    """The other way round, or nothing that is lost."""


class Kind(StrEnum):
    """What happens; the order is that of the list, within a severity."""

    TENANT_ENDED = "tenant-ended"
    TENANT_LOCKED_OUT = "tenant-locked-out"
    TENANT_ACCESS = "tenant-access"
    TENANT_LIMIT = "tenant-limit"
    TENANT_LET_IN = "tenant-let-in"
    TENANT_ADOPTED = "tenant-adopted"
    HELD_BACK = "held-back"
    ALONE = "alone"
    APPROVER = "approver"
    SCOPES = "scopes"
    KEY = "key"
    AGENT = "agent"
    RULE = "rule"
    GUARD = "guard"
    TARGET = "target"
    POLICY = "policy"


@dataclass(frozen=True)
class Consequence:
    """What happens, how much it matters, the sentence, and whom it is about."""

    kind: Kind
    severity: Severity
    sentence: str
    subjects: tuple[str, ...] = ()

    def to_json(self) -> JSON:
        """Return the JSON value."""
        return {
            "kind": self.kind.value,
            "severity": self.severity.value,
            "sentence": self.sentence,
            "subjects": list(self.subjects),
        }


def in_order(found: list[Consequence]) -> tuple[Consequence, ...]:
    """The gravest first, then by kind; equals as they were found."""
    severities, kinds = list(Severity), list(Kind)
    return tuple(sorted(found, key=lambda item: (severities.index(item.severity), kinds.index(item.kind))))
