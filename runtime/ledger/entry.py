"""One entry of the ledger: a file's bytes and path -> Entry; position x kind x digest -> path.

Paths: `evidence/ledger/<yyyy>/<mm>/<seq:09d>-<kind>-<sha256, 8 hex>.sigstore.json` (plan, section 9); a change and its
approvals under `evidence/approvals/<first two digits>/<change>/` (ADR 0085). Rules kept: the path is a function of the
file's content, so a file lies in one place only.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.contract.envelope import SUFFIX, Envelope, decode_envelope
from runtime.contract.errors import FormatError
from runtime.contract.predicates import ENTRY_KINDS, LedgerPosition
from runtime.contract.predicates import Entry as EntryPredicate
from runtime.contract.statement import Statement

LEDGER = "evidence/ledger/"
APPROVALS = "evidence/approvals/"
GENESIS = "evidence/genesis/"
GENESIS_APPROVALS = f"{APPROVALS}genesis/"
EVIDENCE = "evidence/"
BY_PEOPLE = frozenset({"evidence/README.md"})
"""What lies under `evidence/` and is none."""

_KIND_OF: dict[type[EntryPredicate], str] = {predicate: kind for kind, predicate in ENTRY_KINDS.items()}


@dataclass(frozen=True)
class Entry:
    """An entry, the path it came under, and the commit that brought it."""

    path: str
    commit: str
    envelope: Envelope
    statement: Statement
    predicate: EntryPredicate
    digest: str

    @property
    def kind(self) -> str:
        """`verdict`, `intent`, `result`, `refusal`, `drift` or `heartbeat`."""
        return _KIND_OF[type(self.predicate)]

    @property
    def position(self) -> LedgerPosition:
        """Where it stands."""
        return self.predicate.ledger

    @property
    def sequence(self) -> int:
        """Its number; the first is 1."""
        return self.predicate.ledger.sequence


def kind_of(predicate: EntryPredicate) -> str:
    """Return the word for a predicate's kind."""
    return _KIND_OF[type(predicate)]


def path_of(position: LedgerPosition, kind: str, digest: str) -> str:
    """Return the path of an entry."""
    moment = position.time
    return f"{LEDGER}{moment.year:04d}/{moment.month:02d}/{position.sequence:09d}-{kind}-{digest[:8]}{SUFFIX}"


def read_entry(path: str, commit: str, data: bytes) -> Entry:
    """Read a file of the ledger; raises FormatError for anything that is no entry."""
    envelope = decode_envelope(data)
    statement = envelope.statement
    predicate = statement.predicate
    if not isinstance(predicate, EntryPredicate):
        raise FormatError(f"{type(predicate).__name__} is no entry of the ledger")
    return Entry(path, commit, envelope, statement, predicate, envelope.digest)


def change_path(change: str) -> str:
    """Return where a change's content lies on main."""
    return f"{_folder(change)}change.json"


def approval_path(change: str, approval: str) -> str:
    """Return where an approval that a verdict used lies on main."""
    return f"{_folder(change)}{approval}{SUFFIX}"


def _folder(change: str) -> str:
    """Return the folder of a change, in one of 256: each tree of git that a change writes anew stays short."""
    return f"{APPROVALS}{change[:2]}/{change}/"
