"""Commits of main -> the geneses that they bring, with who signed each.

`evidence/genesis/<sha256>.json` and, under `evidence/approvals/genesis/`, the statements over its SHA-256 by people
whom it names (plan, section 7, rule 7). Rules kept: a file is what its name says, or it is none; only people count, and
only with keys that the genesis gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runtime.contract.envelope import SUFFIX, Envelope, decode_envelope
from runtime.contract.errors import FormatError
from runtime.contract.genesis import Genesis
from runtime.contract.predicates import GenesisApproval
from runtime.governance.config import Governance
from runtime.ledger.blobs import Blobs
from runtime.ledger.entry import GENESIS, GENESIS_APPROVALS
from runtime.ledger.line import Place
from runtime.signing.envelopes import verified_by


@dataclass(frozen=True)
class Start:
    """A genesis, the commit that brought it (its number among the places), the names of the people who signed it and
    the keys they did it with, the time of the last of their statements, and the files that belong to it."""

    genesis: Genesis
    number: int
    commit: str
    signers: frozenset[str]
    keys: frozenset[str]
    at: datetime
    paths: frozenset[str]


def read_starts(blobs: Blobs, places: list[Place]) -> list[Start]:
    """Return every genesis of main, in the order in which they came."""
    brought = [
        (number, change.path, data)
        for number, place in enumerate(places)
        for change in place.changes
        if change.after is not None and change.path.startswith((GENESIS, GENESIS_APPROVALS))
        if (data := blobs.evidence(change.after)) is not None
    ]
    statements = [
        (number, path, envelope)
        for number, path, data in brought
        if path.startswith(GENESIS_APPROVALS) and (envelope := _envelope(data)) is not None
    ]
    found: list[Start] = []
    for number, path, data in brought:
        if not path.startswith(GENESIS):
            continue
        genesis = read_genesis(path, data)
        if genesis is None:
            continue
        mine = [
            (where, envelope) for when, where, envelope in statements if when <= number and signed(genesis, envelope)
        ]
        place = places[number]
        signers = {signed(genesis, envelope) or "" for _, envelope in mine}
        at = max((_signed_at(envelope) for _, envelope in mine), default=place.commit.committed_at)
        paths = frozenset({path, *(where for where, _ in mine)})
        keys = frozenset(envelope.keyid for _, envelope in mine)
        found.append(Start(genesis, number, place.commit.oid, frozenset(signers), keys, at, paths))
    return found


def read_genesis(path: str, data: bytes) -> Genesis | None:
    """Read a genesis file; None if it is not what its name says, or names nobody who could act."""
    try:
        genesis = Genesis.from_bytes(data)
        Governance.of(genesis.snapshot.contents)
    except FormatError:
        return None
    return genesis if path == genesis_path(genesis.digest) else None


def signed(genesis: Genesis, envelope: Envelope) -> str | None:
    """Return the name of the person of the genesis who signed it with this statement, or None."""
    try:
        statement = envelope.statement
        if not isinstance(statement.predicate, GenesisApproval) or statement.digest_of("genesis") != genesis.digest:
            return None
        governance = Governance.of(genesis.snapshot.contents)
        by = verified_by(envelope, governance.public_keys)
    except FormatError:
        # whoever can push can bring a genesis of nonsense, also one whose keys are none: it must stop nobody
        return None
    return None if by is None else governance.owner_of_key.get(by)


def genesis_path(digest: str) -> str:
    """Return where a genesis lies."""
    return f"{GENESIS}{digest}.json"


def statement_path(digest: str) -> str:
    """Return where a statement over a genesis lies."""
    return f"{GENESIS_APPROVALS}{digest}{SUFFIX}"


def _envelope(data: bytes) -> Envelope | None:
    try:
        return decode_envelope(data)
    except FormatError:
        return None


def _signed_at(envelope: Envelope) -> datetime:
    predicate = envelope.statement.predicate
    assert isinstance(predicate, GenesisApproval)  # noqa: S101 -- `signed` has looked
    return predicate.signed_at
