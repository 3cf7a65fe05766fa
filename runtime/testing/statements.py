"""Statements of people, by whatever key and about whatever one says: approvals, withdrawals, and those of a genesis."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from runtime.contract.change import Change
from runtime.contract.genesis import Genesis
from runtime.contract.predicates import Approval, GenesisApproval, Seen
from runtime.contract.statement import Statement, subject
from runtime.governance.case import Signed
from runtime.ledger.genesis import Pending
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey

Kind: TypeAlias = Literal["approval", "emergency", "withdrawal"]
KINDS: tuple[Kind, ...] = ("approval", "emergency", "withdrawal")
NOTHING_SEEN = Seen(base=None, head="c0" * 20)


def approval(
    change: Change | str,
    key: PrivateKey,
    *,
    after: str,
    at: datetime,
    until: datetime | None = None,
    seen: Seen = NOTHING_SEEN,
    kind: Kind = "approval",
) -> Signed:
    """A statement about a change (or its digest), good for 30 days unless told."""
    until = until or at + timedelta(days=30)
    reason = "the database is down" if kind == "emergency" else None
    predicate = Approval(kind=kind, after=after, signed_at=at, expires_at=until, seen=seen, reason=reason)
    digest = change if isinstance(change, str) else change.digest
    return Signed.of(sign(Statement(subject=subject(change=digest), predicate=predicate), key))


def signed_genesis(genesis: Genesis, keys: Iterable[PrivateKey], at: datetime) -> Pending:
    """A genesis with a statement by each of these keys, whether it names them or not."""
    statement = Statement(subject=subject(genesis=genesis.digest), predicate=GenesisApproval(signed_at=at))
    return Pending(genesis, tuple(sign(statement, key) for key in keys))
