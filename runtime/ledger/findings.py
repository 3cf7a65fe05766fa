"""What verification finds: a rule that does not hold, with the file or commit where.

Each rule has a code, `MC07xx`, that never changes its meaning; docs/diagnostics explains each. A finding belongs to one
of the three answers of `conductor verify` (plan, section 9).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What a finding speaks against."""

    INTEGRITY = "integrity"
    COMPLETENESS = "completeness"
    FRESHNESS = "freshness"


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold. `rule` is the name of the rule, `path` and `commit` say where."""

    rule: str
    code: str
    message: str
    path: str | None = None
    commit: str | None = None
    answer: Answer = Answer.INTEGRITY
    help: str | None = None


CODES: dict[str, str] = {
    # the genesis
    "genesis-signed": "MC0701",
    "genesis-commit": "MC0702",
    "trust-root": "MC0703",
    "unproven": "MC0704",
    "ledger-branch": "MC0705",
    # every entry
    "signed": "MC0710",
    "chain": "MC0711",
    "name": "MC0712",
    "time": "MC0713",
    "author": "MC0714",
    "foreign": "MC0717",
    "intent": "MC0715",
    "result": "MC0716",
    "main-seen": "MC0718",
    "current": "MC0719",
    "cause": "MC0724",
    "declared": "MC0725",
    # the commit that brings entries
    "commit-signed": "MC0720",
    "commit-evidence-only": "MC0721",
    "unchanged": "MC0722",
    "work-tree": "MC0723",
    # verdicts
    "change": "MC0730",
    "manifests": "MC0731",
    "compiled-inputs": "MC0732",
    "candidate": "MC0733",
    "approvals": "MC0735",
    "summary": "MC0736",
    "landed": "MC0737",
    "surviving-key": "MC0738",
    "counted": "MC0739",
    "emergency": "MC0741",
    "clearing": "MC0742",
    "consent": "MC0740",
    "rendered": "MC0745",
    # completeness
    "closed": "MC0750",
    "acted": "MC0751",
    "overdue": "MC0753",
    "accounted": "MC0755",
    "ancestor": "MC0752",
    "rewound": "MC0754",
    # freshness
    "extends": "MC0760",
    "heartbeat": "MC0761",
    "ahead": "MC0762",
    # where there is nothing to verify
    "no-genesis": "MC0700",
}
"""Rule -> code. Rules of consent (`runtime.governance.rules`) share MC0740; the finding's `rule` names which."""


_GRAVITY: dict[str, int] = {
    "extends": 1,
    "ancestor": 1,
    "rewound": 1,
    "foreign": 2,
    "work-tree": 2,
    "overdue": 3,
    "heartbeat": 4,
    "closed": 5,
    "acted": 5,
}
"""Rule -> how far it stands behind what is wrong with the chain and its verdicts: an end that was cut off, then what
changes no verdict, then what people owe, and last what an agent that runs does."""


def by_gravity(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Put the gravest first; those of one gravity stay in the order of history."""
    return tuple(sorted(found, key=lambda item: _GRAVITY.get(item.rule, 0)))


def finding(
    rule: str,
    message: str,
    *,
    path: str | None = None,
    commit: str | None = None,
    answer: Answer = Answer.INTEGRITY,
    help: str | None = None,  # noqa: A002 -- the word the reader sees
) -> Finding:
    """Build the finding of a rule; a rule of consent is written as it is named there."""
    return Finding(rule, CODES.get(rule, CODES["consent"]), message, path, commit, answer, help)
