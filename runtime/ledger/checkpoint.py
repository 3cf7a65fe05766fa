"""History x time -> a checkpoint; checkpoint x clone -> the history as it was, to go on from (ADR 0111).

A checkpoint is what an auditor keeps who has verified a ledger, to verify only what comes after it the next time. Rules
kept: none is made of what does not hold, or would not be read back as it was; none is believed but by the SHA-256 that
its holder noted, under the genesis asked for, and by the very code that made it (`ADMISSION`); what is not in the file
is in git, by SHA-256; a clone that does not lead on from there is verified as a whole, and must hold its last entry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from pydantic import ValidationError

from runtime.contract.canonical import MAX_SNAPSHOT, encode, sha256
from runtime.contract.change import Snapshot
from runtime.contract.errors import ConductorError, FormatError, UsageError
from runtime.contract.genesis import Genesis
from runtime.contract.instant import after
from runtime.contract.manifest import Manifest
from runtime.contract.predicates import Release
from runtime.contract.validation import reason
from runtime.git.interface import FileChange, Git, TreeFile
from runtime.governance.config import Governance
from runtime.governance.debts import Debt
from runtime.ledger import owed as asked
from runtime.ledger.append import Tip
from runtime.ledger.beside import Beside, Ends, Heads, TangledError, as_known
from runtime.ledger.blobs import Blobs
from runtime.ledger.earlier import Counts, Earlier, Lies, implied
from runtime.ledger.ending import AHEAD
from runtime.ledger.entry import BY_PEOPLE, EVIDENCE, LEDGER, Entry, read_entry
from runtime.ledger.history import History, TrustRoot, continued, standing
from runtime.ledger.kept import (
    Commits,
    Differing,
    End,
    File,
    Kept,
    Line,
    Odd,
    Owed,
    Seen,
    applied,
    approvers_of,
    columns,
    differing,
    known_of,
    owed,
    timeline_of,
)
from runtime.ledger.lifecycle import Lifecycle
from runtime.ledger.reading import withdrawals
from runtime.ledger.replaying import Replaying, Rules
from runtime.ledger.start import genesis_path
from runtime.ledger.verify import Report
from runtime.ledger.wanted import Wanted
from runtime.release import VERSION, code_sha256

LARGEST = MAX_SNAPSHOT
"""Bytes of a checkpoint, at most."""


class CheckpointError(ConductorError):
    """No checkpoint can be made of this history."""


class RefusedError(UsageError):
    """A checkpoint is not to be believed, or not for this."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the checkpoint is refused: {why}",
            help="verify in full, without it: conductor verify --trust-root sha256:…; then keep a new one",
        )


@dataclass(frozen=True)
class Offered:
    """A checkpoint, and what whoever offers it says: the SHA-256 that they noted, the trust root if they gave one (64
    hex digits each)."""

    data: bytes
    noted: str
    trust_root: str | None = None

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.data)

    @cached_property
    def kept(self) -> Kept:
        """What it says; raises RefusedError where it is none."""
        try:
            return Kept.model_validate_json(self.data)
        except ValidationError as error:
            raise RefusedError(f"it is none of this release's: {reason(error)}") from None


@dataclass(frozen=True)
class Admits:
    """A named rule: `check` answers with what does not hold, as sentences."""

    name: str
    check: Callable[[Offered], tuple[str, ...]]


def checkpoint_digest(offered: Offered) -> tuple[str, ...]:
    """A checkpoint is the file that its holder noted."""
    if offered.sha256 == offered.noted:
        return ()
    return (f"it is sha256:{offered.sha256}, and you noted sha256:{offered.noted}",)


def checkpoint_start(offered: Offered) -> tuple[str, ...]:
    """A checkpoint is of the history that was asked for."""
    if offered.trust_root in {None, offered.kept.genesis}:
        return ()
    return (f"it starts from genesis sha256:{offered.kept.genesis}, and you gave sha256:{offered.trust_root}",)


def checkpoint_release(offered: Offered) -> tuple[str, ...]:
    """What a checkpoint says was found by the same code, so no mistake of another release is carried on."""
    release, here = offered.kept.release, _this_release()
    if release == here:
        return ()
    made, this = (f"{one.version}, code sha256:{one.sha256[:12]}…" for one in (release, here))
    return (f"Conductor {made}, made it, and this is {this}: other rules may have been asked",)


ADMISSION: tuple[Admits, ...] = (
    Admits("checkpoint-digest", checkpoint_digest),
    Admits("checkpoint-start", checkpoint_start),
    Admits("checkpoint-release", checkpoint_release),
)
"""What must hold of a checkpoint before anything in it is believed."""


def admit(offered: Offered, rules: tuple[Admits, ...] = ADMISSION) -> Kept:
    """Read a checkpoint; raises RefusedError, before anything else is read of one that is not what was noted."""
    for rule in rules:
        for message in rule.check(offered):
            raise RefusedError(message)
    return offered.kept


def checkpoint(report: Report) -> bytes:
    """Write down what a history had come to when it was verified and found sound; raises CheckpointError where it was
    not, or where a checkpoint cannot tell it."""
    history, at = report.history, report.at
    if history is None or at is None or not report.ok:
        raise CheckpointError(
            "no checkpoint is written after a failed verification", help="`conductor verify` lists the failures"
        )
    if not history.trust_root.proven:
        raise CheckpointError("a checkpoint needs a trust root, and none was given", help="--trust-root sha256:…")
    last, state = history.last, history.state
    if last is None:
        raise CheckpointError("the ledger has no entry yet", help="verify in full: there is nothing to leave out")
    kept = _kept(history, last, _seen(history, at))
    data = encode(kept.model_dump(mode="json"))
    settled = state.tree == state.inputs_at(state.commit) and state.main == state.inputs_at(state.line[-1][0])
    if not settled or _again(state, kept, data) != kept:
        raise CheckpointError(
            "no checkpoint can tell how this history stands: its commits do not say it, as where a folder of inputs is "
            "larger than what is read",
            help="verify in full: conductor verify --trust-root sha256:…",
        )
    return data


def go_on(
    git: Git, head: str, offered: Offered, rules: Rules, *, now: datetime, heads: Heads | None = None
) -> History | None:
    """The history up to a head, of which only what came after a checkpoint is read. None where all has to be read: the
    head does not lead on from there along first parents, a merge has brought evidence since, or its last entry had not
    been written at the time to judge by. Raises RefusedError as `resume` does."""
    end = offered.kept.end
    if after(now, AHEAD) < (end.last or end.time):
        return None
    with suppress(TangledError):
        before = resume(git, offered, rules)
        return None if before is None else continued(git, head, before, heads or as_known(git))
    return None


def resume(git: Git, offered: Offered, rules: Rules) -> History | None:
    """The history as it was when a checkpoint was made that has been admitted; None where this clone does not hold it.
    Raises RefusedError where it holds something else under the same names."""
    kept = offered.kept
    named, head = kept.commits, kept.line.commits[-1]
    if any(git.resolve(oid) != oid for oid in (head, named.evidence, named.verified)):
        return None
    blobs = Blobs(git)
    earlier = _earlier(blobs, kept, offered.sha256)
    genesis = _genesis(earlier, kept)
    state = Replaying(
        git,
        genesis,
        rules,
        blobs,
        started=kept.end.time,
        signed=(),
        beside=None if genesis.ledger is None else Beside(git, named.trunk, (), plain=True),
    )
    state.earlier, state.commit = earlier, named.verified
    state.seen, state.seen_last = list(named.seen), named.seen_last
    state.bringers.stand(head, kept.line.main)
    end, start = kept.end, genesis.snapshot
    state.tip = Tip(end.sequence, end.digest, end.time, end.main, end.last)
    state.snapshot = Snapshot(
        Manifest(
            applied(start.manifest.inputs, kept.snapshot.inputs), applied(start.manifest.bundle, kept.snapshot.bundle)
        ),
        applied(start.contents, kept.snapshot.contents),
    )
    if state.snapshot.manifest.digest != kept.snapshot.manifest:
        raise RefusedError("what differs from the genesis does not lead to the manifest that it names")
    state.governance = Governance.of(state.snapshot.contents)
    state.timeline = timeline_of(kept.timeline, state.timeline.last)
    state.owners = {key: name for rights in state.timeline.governances(0) for key, name in rights.owner_of_key.items()}
    state.unproved = frozenset(kept.unproved)
    state.lifecycle, state.owed = Lifecycle.from_json(kept.lifecycle), asked.Owed.from_json(kept.asked)
    state.wanted = Wanted(state.snapshot)
    state.debts = () if kept.debt is None else (_debt(state, kept.debt),)
    changes = {
        number: tuple(FileChange(path, _read(before), _read(after)) for path, before, after in found)
        for number, found in kept.line.changes
    }
    state.line = [(oid, changes.get(number, ())) for number, oid in enumerate(kept.line.commits)]
    state.index = {oid: number for number, (oid, _) in enumerate(state.line)}
    state.straight = kept.line.straight
    state.tree, state.main = state.inputs_at(named.verified), state.inputs_at(head)
    ends = Ends(head, named.ledger, named.genesis, named.trunk, named.evidence)
    return standing(git, state, ends, TrustRoot(kept.genesis, proven=True))


def _kept(history: History, last: Entry, seen: Seen) -> Kept:
    state, genesis = history.state, history.genesis
    before, here = genesis.snapshot, history.snapshot
    # what is asked of the line later begins at P, or at what was seen of main
    asked = [state.index[oid] for oid in (state.commit, *state.seen, *state.seen_last) if oid in state.index]
    first = min(asked, default=len(state.line) - 1)
    line = state.line[first:]
    opened = None if history.debt is None else history.entry(history.debt.verdict)
    told = dict.fromkeys((entry.path, entry.commit) for entry in (last, opened) if entry is not None)
    return Kept(
        format=1,
        release=_this_release(),
        genesis=genesis.digest,
        seen=seen,
        end=End(**vars(state.tip)),
        commits=Commits(
            ledger=history.ledger,
            evidence=history.evidence,
            genesis=history.genesis_commit,
            trunk=history.trunk,
            verified=state.commit,
            seen=tuple(state.seen),
            seen_last=state.seen_last,
        ),
        snapshot=Differing(
            manifest=here.manifest.digest,
            inputs=differing(before.manifest.inputs, here.manifest.inputs),
            bundle=differing(before.manifest.bundle, here.manifest.bundle),
            contents=differing(before.contents, here.contents),
        ),
        timeline=columns(state.timeline),
        unproved=tuple(sorted(state.unproved)),
        lifecycle=state.lifecycle.to_json(),
        asked=state.owed.to_json(),
        debt=None if history.debt is None else owed(history.debt),
        line=Line(
            commits=tuple(oid for oid, _ in line),
            changes=tuple(
                (number, tuple((change.path, change.before, change.after) for change in changes))
                for number, (_, changes) in enumerate(line)
                if number and changes
            ),
            straight=max(0, state.straight - first),
            main=state.bringers.main_of(line[-1][0]),
        ),
        odd=_odd(history),
        strays=_strays(history),
        entries=tuple(told),
    )


def _again(state: Replaying, kept: Kept, data: bytes) -> Kept | None:
    """What would be kept of what a checkpoint gives back."""
    read = resume(state.git, Offered(data, sha256(data)), state.rules)
    return None if read is None or read.last is None else _kept(read, read.last, kept.seen)


def _seen(history: History, at: datetime) -> Seen:
    earlier = history.earlier
    kinds = Counter(entry.kind for entry in history.entries)
    counts = Counts({}, 0, 0, 0) if earlier is None else earlier.counts
    whole, whole_to = (at, history.tip.sequence) if earlier is None else earlier.whole
    return Seen(
        at=at,
        whole=whole,
        whole_to=whole_to,
        kinds=dict(kinds + Counter(counts.kinds)),
        emergencies=counts.emergencies + sum(debt.settled is not None for debt in history.debts),
        withdrawals=counts.withdrawals + len(withdrawals(history)),
        after_gap=counts.after_gap + sum(entry.position.after_gap for entry in history.entries),
    )


def _odd(history: History) -> Odd:
    """What the tree of the evidence does not say of what is remembered."""
    state, before = history.state, history.earlier
    changes = state.git.changes(None if before is None else before.commit, history.evidence, EVIDENCE.rstrip("/"))
    files = {change.path: change.after for change in changes if change.path not in BY_PEOPLE}
    state.blobs.fetch(file for file in files.values() if file is not None)
    odd: Odd = {}
    for path in {*files, *state.named, *state.brought, *(() if before is None else before.odd)}:
        state.recall(path)
        file = files[path] if path in files else None if before is None else before.file(path)
        known = Lies(path in state.named, state.named.get(path), tuple(state.brought.get(path, ())))
        if known != implied(state.blobs, path, file):
            odd[path] = known
    return odd


def _strays(history: History) -> tuple[str, ...]:
    """What somebody brought as a file of the ledger, and is none of its entries."""
    state, before = history.state, history.earlier
    changes = state.git.changes(None if before is None else before.commit, history.evidence, LEDGER.rstrip("/"))
    lie = {change.after.oid for change in changes if change.after is not None}
    return tuple(sorted({*state.bringers.files, *(() if before is None else before.strays)} - lie))


def _earlier(blobs: Blobs, kept: Kept, digest: str) -> Earlier:
    seen = kept.seen
    earlier = Earlier(
        blobs=blobs,
        commit=kept.commits.evidence,
        odd={path: Lies(*lies) for path, lies in kept.odd.items()},
        strays=frozenset(kept.strays),
        sha256=digest,
        head=kept.end.digest,
        at=seen.at,
        whole=(seen.whole, seen.whole_to),
        taken=len(kept.timeline.seconds),
        counts=Counts(seen.kinds, seen.emergencies, seen.withdrawals, seen.after_gap),
        entries=(),
    )
    wanted = {kept.end.digest, *([] if kept.debt is None else [kept.debt.verdict])}
    entries = tuple(_entry(earlier, path, commit) for path, commit in kept.entries)
    if {entry.digest for entry in entries} != wanted:
        raise RefusedError("an entry that it names is another one in this clone")
    return replace(earlier, entries=entries)


def _entry(earlier: Earlier, path: str, commit: str) -> Entry:
    file = earlier.file(path)
    data = None if file is None else earlier.blobs.evidence(file)
    try:
        return read_entry(path, commit, data or b"")
    except FormatError as error:
        raise RefusedError(f"{path}, which it names, is no entry in this clone: {error.message}") from None


def _genesis(earlier: Earlier, kept: Kept) -> Genesis:
    for oid in earlier.at_path(genesis_path(kept.genesis)).blobs:
        data = earlier.blobs.data(oid)
        if sha256(data) == kept.genesis:
            return Genesis.from_bytes(data)
    raise RefusedError("the genesis that it starts from is another one in this clone")


def _debt(state: Replaying, kept: Owed) -> Debt:
    change, signed = state.change(kept.change), state.statements(kept.change, kept.signed)
    if change is None or len(signed) != len(kept.signed):
        raise RefusedError(f"the change of verdict {kept.verdict[:12]}, or its approvals, are others in this clone")
    return Debt(
        verdict=kept.verdict,
        base=kept.base,
        commit=kept.commit,
        change=change,
        signed=signed,
        approvers=approvers_of(kept),
        by=kept.by,
        reason=kept.reason,
        policy=kept.policy,
        opened=kept.opened,
        deadline=kept.deadline,
        known=known_of(kept.known),
    )


def _this_release() -> Release:
    return Release(version=VERSION, sha256=code_sha256())


def _read(file: File) -> TreeFile | None:
    return None if file is None else TreeFile(*file)
