"""Tip of the chain x predicate x agent's key -> the next entry's path and envelope; entries -> one signed commit.

Rules kept: an entry names the SHA-256 of the whole file before it (of the genesis for the first); its time is never
before that of the entry before it; nothing is signed that would not be read back; an agent's commit adds files under
`evidence/` and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runtime.contract.change import Change
from runtime.contract.envelope import Envelope
from runtime.contract.errors import EnvironmentFailedError, FormatError
from runtime.contract.instant import text
from runtime.contract.objects import Action
from runtime.contract.predicates import (
    NAMESPACE,
    ActionRecord,
    Clearing,
    DigestSet,
    Drift,
    Heartbeat,
    Intent,
    LedgerPosition,
    Outcome,
    Refusal,
    Release,
    ResourceDescriptor,
    Result,
    Unmet,
    Verdict,
    VerdictDetail,
    Verifier,
)
from runtime.contract.predicates import Entry as EntryPredicate
from runtime.contract.statement import Statement, Subject, subject
from runtime.git.interface import Author, Git, TreeFile
from runtime.git.objects import FILE_MODE, object_id
from runtime.governance.emergency import REPLACED
from runtime.governance.rules import CONSENT
from runtime.ledger.blobs import LARGEST
from runtime.ledger.entry import approval_path, change_path, kind_of, path_of
from runtime.ledger.story import headline
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey
from runtime.signing.sshsig import sign_commit


def level(rule: str) -> str:
    """Return how a verdict says that it has asked a rule."""
    return f"CONDUCTOR_{rule.upper().replace('-', '_')}"


def levels(*, emergency: bool) -> tuple[str, ...]:
    """Return what a verdict says was checked: every rule of consent, by name, that is not replaced by an emergency."""
    return tuple(sorted(level(rule.name) for rule in CONSENT if not (emergency and rule.name in REPLACED)))


@dataclass(frozen=True)
class Tip:
    """Where the chain ends: the last entry's sequence number and file digest; 0 and the genesis at its start.

    `time` is the last sound one, before which nothing may be dated; `last` the last entry's own, which differs where
    that entry ran ahead of what anybody vouches for. `main` is what the last entry named as main's head, and what the
    next one will; None for a ledger on main itself.
    """

    sequence: int
    digest: str
    time: datetime
    main: str | None = None
    last: datetime | None = None

    @property
    def latest(self) -> datetime:
        """The last entry's own time."""
        return self.time if self.last is None else self.last

    def moment(self, now: datetime) -> datetime:
        """Return the time of an entry written `now`: never before the last one's, in whole seconds.

        Clocks of two machines differ a little; one that is a minute behind is wrong and raises.
        """
        now = now.astimezone(UTC).replace(microsecond=0)
        behind = (self.time - now).total_seconds()
        if behind > 60:
            raise EnvironmentFailedError(
                f"this machine's clock says {text(now)}, {int(behind)} seconds before the ledger's last entry",
                help="set the clock; the ledger's times never go back behind what was sound",
            )
        return max(now, self.time)


@dataclass(frozen=True)
class Writer:
    """Who writes: the agent's name, its key, the release that runs, and the turn of the loop in which it writes; and
    whether it writes only because it was told that a gap is real."""

    agent: str
    key: PrivateKey
    release: Release
    turn: str
    after_gap: bool = False

    @property
    def author(self) -> Author:
        """Who its commits are by."""
        return Author(self.agent, f"{self.agent}@conductor.invalid")


@dataclass(frozen=True)
class Written:
    """An entry that is not committed yet. `files` is all that its commit adds, `tip` where the chain ends then."""

    path: str
    envelope: Envelope
    statement: Statement
    brings: Mapping[str, bytes]
    tip: Tip

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self.envelope.digest

    @property
    def files(self) -> dict[str, bytes]:
        """Path -> content."""
        return {**self.brings, self.path: self.envelope.data}


@dataclass(frozen=True)
class Grounds:
    """What a verdict rests on: the commits, both manifests' digests, the change, its approvals (digest -> file as
    bytes), the changes that landed in between; which of the approvals let it through by emergency."""

    base: str
    head: str
    before: str
    after: str
    change: Change
    approvals: Mapping[str, bytes]
    landed: tuple[str, ...]
    emergency: str | None = None


def verdict(tip: Tip, writer: Writer, at: datetime, grounds: Grounds) -> Written:
    """Write that a commit is taken."""
    change, approvals = grounds.change, tuple(sorted(grounds.approvals))
    predicate = Verdict(
        verifier=Verifier(id=f"{NAMESPACE}/agent/{writer.agent}", version={"conductor": writer.release.version}),
        timeVerified=tip.moment(at),
        resourceUri=resource_uri(change.repository, change.branch, grounds.head),
        policy=policy_of(change.repository, grounds.base, grounds.before),
        inputAttestations=attestations_of(change.digest, approvals),
        verificationResult="PASSED",
        verifiedLevels=levels(emergency=grounds.emergency is not None),
        slsaVersion="1.1",
        ledger=_position(tip, writer, at),
        conductor=VerdictDetail(
            base=grounds.base,
            head=grounds.head,
            before=grounds.before,
            after=grounds.after,
            change=change.digest,
            approvals=approvals,
            landed=grounds.landed,
            emergency=grounds.emergency,
        ),
    )
    brings = {approval_path(change.digest, digest): data for digest, data in grounds.approvals.items()}
    brings[change_path(change.digest)] = change.data
    subjects = subject(**{"manifest": grounds.after, "change.json": change.digest})
    return _written(subjects, predicate, writer, brings)


def intent(
    tip: Tip,
    writer: Writer,
    at: datetime,
    *,
    because: str,
    manifest: str,
    actions: Sequence[Action],
    rest: int = 0,
    as_declared: int = 0,
) -> Written:
    """Write what is about to be done. `because` is `genesis`, `drift` or the SHA-256 of a change; `rest`, how many
    actions follow later; `as_declared`, how many objects that are owed were found as they should be."""
    records = tuple(ActionRecord.of(action) for action in actions)
    predicate = Intent(
        ledger=_position(tip, writer, at),
        because=because,
        manifest=manifest,
        actions=records,
        rest=rest,
        as_declared=as_declared,
    )
    return _written(subject(manifest=manifest), predicate, writer)


def result(tip: Tip, writer: Writer, at: datetime, *, intent: str, outcomes: Sequence[Outcome]) -> Written:
    """Write how the intent (SHA-256 of its file) ended: one outcome for each of its actions."""
    predicate = Result(ledger=_position(tip, writer, at), intent=intent, outcomes=tuple(outcomes))
    return _written(subject(intent=intent), predicate, writer)


def refusal(
    tip: Tip, writer: Writer, at: datetime, *, base: str, head: str, change: Change, unmet: Sequence[Unmet]
) -> Written:
    """Write that a change is not allowed, and why; its content comes with it."""
    predicate = Refusal(
        ledger=_position(tip, writer, at), base=base, head=head, change=change.digest, unmet=tuple(unmet)
    )
    return _written(subject(change=change.digest), predicate, writer, {change_path(change.digest): change.data})


def drift(tip: Tip, writer: Writer, at: datetime, *, manifest: str, heal: bool, actions: Sequence[Action]) -> Written:
    """Write that a running system is not as the manifest says."""
    records = tuple(ActionRecord.of(action) for action in actions)
    position = _position(tip, writer, at)
    predicate = Drift(ledger=position, manifest=manifest, response="heal" if heal else "report", actions=records)
    return _written(subject(manifest=manifest), predicate, writer)


def clearing(
    tip: Tip, writer: Writer, at: datetime, *, verdict: str, change: Change, approvals: Mapping[str, bytes]
) -> Written:
    """Write that the approvals are there that a verdict by emergency lacked (digest -> file as bytes)."""
    named = tuple(sorted(approvals))
    predicate = Clearing(ledger=_position(tip, writer, at), verdict=verdict, change=change.digest, approvals=named)
    brings = {approval_path(change.digest, digest): data for digest, data in approvals.items()}
    return _written(subject(change=change.digest), predicate, writer, brings)


def heartbeat(tip: Tip, writer: Writer, at: datetime, *, commit: str, manifest: str) -> Written:
    """Write that there is nothing to do."""
    predicate = Heartbeat(ledger=_position(tip, writer, at), commit=commit, manifest=manifest)
    return _written(subject(manifest=manifest), predicate, writer)


def record(git: Git, parent: str, entries: Sequence[Written], writer: Writer, *, at: datetime) -> str:
    """Write one signed commit that adds the entries and what they bring; returns its id. No ref moves.

    What lies there already is left alone if it is that very file, and replaced if somebody else has put another there.
    Where the entries name main's head, a merge that changes no file brings it first, unless it is behind `parent`.
    """
    parent = _carrying(git, parent, entries, writer, at)
    files: dict[str, bytes] = {}
    for entry in entries:
        files.update(entry.files)
    present = {
        f"{folder}/{name}": file
        for folder in {path.rpartition("/")[0] for path in files}
        for name, file in git.folder(parent, folder).items()
    }
    return git.write(
        parent,
        {path: data for path, data in files.items() if not _is(present.get(path), data)},
        message=message(entries),
        author=writer.author,
        at=at,
        sign=sign_commit(writer.key),
    )


def _carrying(git: Git, parent: str, entries: Sequence[Written], writer: Writer, at: datetime) -> str:
    """The commit to put them on: one that reaches main as they name it, so that the ledger's branch holds all of it."""
    main = entries[-1].tip.main
    if main is None or git.is_ancestor(main, parent):
        return parent
    told = f"See main at {main[:12]}\n"
    return git.write_merge([parent, main], {}, message=told, author=writer.author, at=at, sign=sign_commit(writer.key))


def _is(there: TreeFile | None, data: bytes) -> bool:
    if there is None or there.mode != FILE_MODE:
        return False
    return there.oid == object_id("blob", data, "sha1" if len(there.oid) == 40 else "sha256")


def message(entries: Iterable[Written]) -> str:
    """Return the commit message: what happened, as an auditor reads it, then trailers: files and turn."""
    entries = tuple(entries)
    told = [headline(entry.statement, entry.brings) for entry in entries]
    files = [f"{entry.path.rsplit('/', 1)[-1]}" for entry in entries]
    said = (entry.statement.predicate for entry in entries)
    turns = dict.fromkeys(predicate.ledger.turn for predicate in said if isinstance(predicate, EntryPredicate))
    trailers = (*(f"Evidence: {name}" for name in files), *(f"Turn: {turn}" for turn in turns))
    return "\n".join(("; ".join(told), "", *trailers, ""))


def resource_uri(repository: str, branch: str, head: str) -> str:
    """Return how a verdict names the commit that it takes."""
    return f"urn:conductor:{repository}:{branch}:{head}"


def policy_of(repository: str, base: str, before: str) -> ResourceDescriptor:
    """Return how a verdict names the rules it was judged by: those of the manifest before it."""
    return ResourceDescriptor(uri=f"urn:conductor:{repository}:policy:{base}", digest=DigestSet(sha256=before))


def attestations_of(change: str, approvals: Iterable[str]) -> tuple[ResourceDescriptor, ...]:
    """Return how a verdict names its approvals."""
    return tuple(
        ResourceDescriptor(uri=approval_path(change, digest), digest=DigestSet(sha256=digest)) for digest in approvals
    )


def tip_after(position: LedgerPosition, digest: str) -> Tip:
    """Return where the chain ends with an entry, given its file's SHA-256."""
    return Tip(position.sequence, digest, position.time, position.main)


def _position(tip: Tip, writer: Writer, at: datetime) -> LedgerPosition:
    return LedgerPosition(
        sequence=tip.sequence + 1,
        previous=tip.digest,
        time=tip.moment(at),
        agent=writer.agent,
        release=writer.release,
        main=tip.main,
        turn=writer.turn,
        after_gap=writer.after_gap,
    )


def _written(
    subjects: tuple[Subject, ...],
    predicate: EntryPredicate,
    writer: Writer,
    brings: Mapping[str, bytes] | None = None,
) -> Written:
    for path, data in (brings or {}).items():
        if len(data) > LARGEST:
            raise FormatError(
                f"{path} would have {len(data)} bytes; at most {LARGEST} are read, so nobody could verify it",
                help="split the change into several steps",
            )
    statement = Statement(subject=subjects, predicate=predicate)
    envelope = sign(statement, writer.key)
    position = predicate.ledger
    path = path_of(position, kind_of(predicate), envelope.digest)
    return Written(path, envelope, statement, brings or {}, tip_after(position, envelope.digest))
