"""What the rules of the ledger are asked about: facts, put together by whoever replays (`runtime.ledger.replaying`).

Stages, in the order in which they are asked:
- genesis: the file the history starts from;
- touched: a commit that changes or removes evidence;
- commit: a commit that brings entries;
- authentic: whether a file of the ledger is an agent's at all; one that is not is foreign, and is not asked further;
- link: whether an entry is the next of the chain; one that is not waits for the one before it;
- entry: what an entry says, in its place;
- verdict: whether what a verdict names exists and is what it says;
- clearing: whether what a clearing names is the open debt, and approvals of it;
- end: whether what has been read leads on from what somebody has seen of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from runtime.contract.change import Change
from runtime.contract.genesis import Genesis
from runtime.contract.predicates import Clearing, Verdict, VerdictDetail
from runtime.git.interface import FileChange
from runtime.governance.config import Governance
from runtime.governance.debts import Debt
from runtime.ledger.entry import Entry
from runtime.ledger.owed import Owed
from runtime.ledger.wanted import Wanted


class Stage(StrEnum):
    """When a rule is asked."""

    GENESIS = "genesis"
    TOUCHED = "touched"
    COMMIT = "commit"
    AUTHENTIC = "authentic"
    LINK = "link"
    ENTRY = "entry"
    VERDICT = "verdict"
    CLEARING = "clearing"
    END = "end"


@dataclass(frozen=True)
class GenesisFacts:
    """A genesis, the names of those whom it names and who signed it with a key of theirs, and the inputs of the commit
    that it names (None: that commit is not on the line before it)."""

    genesis: Genesis
    signers: frozenset[str]
    inputs: Mapping[str, str] | None


@dataclass(frozen=True)
class TouchedFacts:
    """One path that a commit changes under `evidence/`."""

    change: FileChange


@dataclass(frozen=True)
class CommitFacts:
    """A commit that brings entries: the fingerprint its SSH signature verifies under (None: none does), the agents'
    keys in force before it or after the verdicts in it, and the paths it changes."""

    signer: str | None
    keys: frozenset[str]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class AuthenticFacts:
    """An entry, and whether a key of an agent in force made its signature (`by`: that agent's name)."""

    entry: Entry
    by: str | None


@dataclass(frozen=True)
class LinkFacts:
    """An entry, and where the chain ends before it."""

    entry: Entry
    sequence: int
    digest: str


@dataclass(frozen=True)
class EntryFacts:
    """An entry in its place: the last sound time before it, the latest time that it may have, the name of the agent
    whose key signed it, and the intent that has no result yet.

    `apart` is whether the ledger is on a branch of its own; then `carried` is whether that branch holds the commit that
    the entry names as main's head, and `leads` whether that leads on from the one that the entry before it names.
    On main `leads` is whether the commit that brings the entry comes after those that brought the entries before it.
    `commit` is P, `wanted` what it declares, and `owed` what genesis and changes still ask for.
    """

    entry: Entry
    last: datetime
    limit: datetime
    by: str | None
    open_intent: Entry | None
    apart: bool
    carried: bool
    leads: bool
    commit: str
    wanted: Wanted
    owed: Owed


@dataclass(frozen=True)
class VerdictFacts:
    """A verdict with what was found of what it names.

    `base` and `before` are P and its manifest's digest. `change` is None where no file of main has its SHA-256;
    `starts` is whether it starts at P's snapshot; `after` the digest of the manifest that it leads to. `inputs` are the
    rows in which the candidate's blobs differ from P's. `candidate` is whether the head descends from P on main's
    first-parent line, as it was when the verdict was made. `approvals` are the SHA-256 that were found
    on main; `idle` says, of a change that those allow, which of them does not count, and why. `landed` are the verdicts
    since the earliest approval's `after`. `governance` is what the change leaves. `allowed` is whether anything
    lets the change through, `emergency` the approval that alone does.
    """

    entry: Entry
    verdict: Verdict
    repository: str
    branch: str
    base: str
    before: str
    change: Change | None
    starts: bool
    after: str | None
    inputs: tuple[tuple[str, str | None, str | None], ...] | None
    candidate: bool
    approvals: frozenset[str]
    idle: tuple[str, ...]
    landed: tuple[str, ...]
    governance: Governance | None
    allowed: bool
    emergency: str | None

    @property
    def detail(self) -> VerdictDetail:
        """What the SLSA summary has no word for."""
        return self.verdict.conductor


@dataclass(frozen=True)
class ClearingFacts:
    """A clearing, and the debt that is open (None: none is). `approvals` are the SHA-256 of what it names that were
    found on main; `idle` says, where those are enough, which of them does not count, and why."""

    entry: Entry
    clearing: Clearing
    debt: Debt | None
    approvals: frozenset[str]
    idle: tuple[str, ...]


@dataclass(frozen=True)
class EndFacts:
    """An earlier head that somebody kept (SHA-256 of an entry or of the genesis, or a commit), and whether the history
    holds it."""

    since: str
    held: bool


Facts: TypeAlias = Any
"""What the stage gives."""
