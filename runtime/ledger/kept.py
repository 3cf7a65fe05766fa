"""The form of a checkpoint: what a ledger had come to when somebody had verified it, as canonical JSON.

Rules kept: what git holds by a SHA-256 that is compared when it is read (genesis, changes, approvals, entries) is named
and not repeated; what P is, is told as what differs from the genesis; all that decides is in the file itself.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal, TypeAlias

from pydantic import Field

from runtime.contract.canonical import JSON
from runtime.contract.instant import Instant
from runtime.contract.predicates import CommitId, Release, Sha256, Wire
from runtime.governance.case import Taken, Timeline
from runtime.governance.config import ApprovalPolicy, Governance
from runtime.governance.debts import Debt
from runtime.governance.people import Approver, Known

Texts: TypeAlias = dict[str, str | None]
"""Path -> text, or SHA-256; None: it is gone."""
File: TypeAlias = tuple[str, str] | None
"""Mode and blob."""
Odd: TypeAlias = dict[str, tuple[bool, str | None, tuple[str, ...]]]
"""Path -> `runtime.ledger.earlier.Lies`."""


class End(Wire):
    """Where the chain ends (`runtime.ledger.append.Tip`)."""

    sequence: int = Field(ge=1)
    digest: Sha256
    time: Instant
    main: CommitId | None
    last: Instant | None


class Commits(Wire):
    """Commits, by git's ids: the head of the ledger's own branch, where the evidence lies, those that brought the
    genesis to its branch and to main, P; where entries have seen main since P, and where the last of them has."""

    ledger: CommitId | None
    evidence: CommitId
    genesis: CommitId
    trunk: CommitId
    verified: CommitId
    seen: tuple[CommitId, ...]
    seen_last: tuple[CommitId, ...]


class Seen(Wire):
    """When it was verified; when a ledger was last read from its genesis, and up to which entry; how much there was."""

    at: Instant
    whole: Instant
    whole_to: int = Field(ge=1)
    kinds: dict[str, int]
    emergencies: int
    withdrawals: int
    after_gap: int


class Differing(Wire):
    """How P's snapshot differs from that of the genesis; `manifest` is the digest of its manifest."""

    manifest: Sha256
    inputs: Texts
    bundle: Texts
    contents: Texts


class Columns(Wire):
    """The timeline: SHA-256 of each verdict (base64 of all), when (seconds after the one before), which of `paths` it
    altered; and after which of them people and keys were others, and how their files differ from those before."""

    verdicts: str
    seconds: tuple[int, ...]
    paths: tuple[str, ...]
    altered: tuple[tuple[int, ...], ...]
    governance: tuple[tuple[int, Texts], ...]


class Owed(Wire):
    """An open debt (`runtime.governance.debts.Debt`), and where the verdict lies that opened it."""

    verdict: Sha256
    base: CommitId
    commit: CommitId
    change: Sha256
    signed: tuple[Sha256, ...]
    approvers: tuple[tuple[str, tuple[str, ...], str, bool], ...]
    by: str
    reason: str
    policy: ApprovalPolicy
    opened: Instant
    deadline: Instant
    known: tuple[tuple[str, ...], ...]


class Line(Wire):
    """Main's line from P on, as far as the ledger has seen it: commits, what those by number did to the inputs, from
    which on each is the first parent of the next, and on what main the last one stands."""

    commits: tuple[CommitId, ...] = Field(min_length=1)
    changes: tuple[tuple[int, tuple[tuple[str, File, File], ...]], ...]
    straight: int
    main: CommitId


class Kept(Wire):
    """See the module. `odd` is what the tree of the evidence does not say of a path, `strays` are blobs of the ledger
    that are no entries,
    `entries` are path and commit of those that later ones are told beside. `asked` is what genesis and changes still
    ask for (`runtime.ledger.owed`)."""

    format: Literal[1]
    release: Release
    genesis: Sha256
    seen: Seen
    end: End
    commits: Commits
    snapshot: Differing
    timeline: Columns
    unproved: tuple[str, ...]
    lifecycle: dict[str, JSON]
    asked: dict[str, JSON]
    debt: Owed | None
    line: Line
    odd: Odd
    strays: tuple[str, ...]
    entries: tuple[tuple[str, CommitId], ...]


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> Texts:
    """How one half of a snapshot, or its contents, differ from an earlier one."""
    return {path: after.get(path) for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def applied(before: Mapping[str, str], texts: Texts) -> dict[str, str]:
    """What it was after that."""
    return {path: text for path, text in {**before, **texts}.items() if text is not None}


def columns(timeline: Timeline) -> Columns:
    """Write a timeline down."""
    start, *verdicts = timeline.later(-1)
    paths = sorted({path for item in verdicts for path in item.paths})
    place = {path: number for number, path in enumerate(paths)}
    moments = [0, *(int(item.at.timestamp()) if item.at is not None else 0 for item in verdicts)]
    files = {} if start.governance is None else start.governance.files
    governance: list[tuple[int, Texts]] = []
    for number, item in enumerate(verdicts, start=1):
        if item.governance is not None:
            governance.append((number, differing(files, item.governance.files)))
            files = item.governance.files
    return Columns(
        verdicts=b64encode(bytes.fromhex("".join(item.sha256 for item in verdicts))).decode(),
        seconds=tuple(after - before for before, after in pairwise(moments)),
        paths=tuple(paths),
        altered=tuple(tuple(sorted(place[path] for path in item.paths)) for item in verdicts),
        governance=tuple(governance),
    )


def timeline_of(kept: Columns, genesis: Taken) -> Timeline:
    """Read it again; `genesis` is what it starts with."""
    digests = b64decode(kept.verdicts, validate=True).hex()
    files = {} if genesis.governance is None else genesis.governance.files
    changed: dict[int, Governance] = {}
    for number, texts in kept.governance:
        files = applied(files, texts)
        changed[number] = Governance.of(files)
    verdicts: list[Taken] = []
    moment = 0
    for number, (passed, altered) in enumerate(zip(kept.seconds, kept.altered, strict=True), start=1):
        moment += passed
        paths = frozenset(kept.paths[place] for place in altered)
        digest = digests[64 * number - 64 : 64 * number]
        verdicts.append(Taken(digest, paths, datetime.fromtimestamp(moment, UTC), changed.get(number)))
    return Timeline((genesis, *verdicts))


def owed(debt: Debt) -> Owed:
    """Write an open debt down."""
    return Owed(
        verdict=debt.verdict,
        base=debt.base,
        commit=debt.commit,
        change=debt.change.digest,
        signed=tuple(one.sha256 for one in debt.signed),
        approvers=tuple((one.name, tuple(sorted(one.roles)), one.sha256, one.emergency) for one in debt.approvers),
        by=debt.by,
        reason=debt.reason,
        policy=debt.policy,
        opened=debt.opened,
        deadline=debt.deadline,
        known=tuple(sorted({tuple(sorted(group)) for group in debt.known.values()})),
    )


def approvers_of(kept: Owed) -> tuple[Approver, ...]:
    """Who had approved it by then."""
    return tuple(Approver(name, frozenset(roles), sha256, alone) for name, roles, sha256, alone in kept.approvers)


def known_of(groups: Iterable[Iterable[str]]) -> Known:
    """Who is who."""
    return {one: group for group in map(frozenset, groups) for one in group}
