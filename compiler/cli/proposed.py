"""Clone x history -> changes that are not on main and that somebody has approved: what a pull request proposes.

The branch `approvals` is all that tells of them, as far as it has been fetched. Rules kept: who counts, and who is
missing, is `judge`'s answer, asked as if main took the change now; a change that does not start as the last verified
commit has it is left out, because its approvals count for nothing; so many folders are opened, and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from compiler.cli.standpoint import Clone
from runtime.agent.status import Lacking
from runtime.contract.canonical import JSON
from runtime.contract.change import Change
from runtime.contract.errors import FormatError
from runtime.contract.instant import text
from runtime.git.inputs import digests
from runtime.governance.case import Case, Reading, Signed
from runtime.governance.judge import judge
from runtime.ledger.history import History
from runtime.release import VERSION

OPENED = 256


@dataclass(frozen=True)
class Proposed:
    """A change, the commit that was last approved, who has, and who is missing (nobody: it may be merged)."""

    change: str
    commit: str
    subject: str
    since: datetime
    approved_by: tuple[str, ...]
    lacking: tuple[Lacking, ...]

    def to_json(self) -> JSON:
        """As `--format json` has it."""
        return {
            "change": self.change,
            "commit": self.commit,
            "subject": self.subject,
            "since": text(self.since),
            "approved_by": list(self.approved_by),
            "lacking": [item.model_dump(mode="json") for item in self.lacking],
        }


def proposed(clone: Clone, history: History, known: Collection[str], at: datetime) -> tuple[Proposed, ...]:
    """Return them, the oldest first; `known` are the changes on main."""
    done = {*history.taken, *known}
    folders = dict.fromkeys(digest for source in clone.approvals for digest in source.changes() if digest not in done)
    found = (_proposed(clone, history, digest, at) for digest in list(folders)[:OPENED])
    return tuple(sorted((item for item in found if item is not None), key=lambda item: (item.since, item.change)))


def _proposed(clone: Clone, history: History, digest: str, at: datetime) -> Proposed | None:
    signed = tuple(_theirs(clone, history, digest, at))
    change = _change(clone, digest) if signed else None
    if change is None or not _starts_here(change, history):
        return None
    main = digests(clone.git, clone.main)
    main = {path: value for path, value in main.items() if path not in {row[0] for row in change.inputs}}
    main |= {path: after for path, _, after in change.inputs if after is not None}
    case = Case(history.verified, change, signed, at, main, VERSION, history.transition(change, at))
    answer = judge(case)
    if not answer.people:
        return None
    commit = max(signed, key=lambda one: one.approval.signed_at).approval.seen.head
    here = clone.git.resolve(commit) == commit
    return Proposed(
        change=digest,
        commit=commit,
        subject=clone.git.commit(commit).subject if here else "",
        since=min(one.approval.signed_at for one in signed),
        approved_by=answer.people,
        lacking=tuple(Lacking(rule=item.rule, roles=item.roles, could=item.people) for item in answer.missing),
    )


def _theirs(clone: Clone, history: History, digest: str, at: datetime) -> Iterator[Signed]:
    """Statements that people of the last verified commit have signed."""
    empty = Change(history.genesis.repository, clone.branch, (), (), {})
    reading = Reading(Case(history.verified, empty, (), at, {}, VERSION), history.governance)
    for one in clone.statements(digest):
        if one.change == digest and reading.owner(one.fingerprint) is not None and reading.authentic(one):
            yield one


def _change(clone: Clone, digest: str) -> Change | None:
    for source in clone.approvals:
        with suppress(FormatError):
            if (change := source.change(digest)) is not None:
                return change
    return None


def _starts_here(change: Change, history: History) -> bool:
    manifest = history.snapshot.manifest
    return all(manifest.inputs.get(path) == before for path, before, _ in change.inputs) and all(
        manifest.bundle.get(path) == before for path, before, _ in change.bundle
    )
