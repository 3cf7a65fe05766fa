"""Statements of people x a ledger's last sound time -> how far the time of what comes next may go.

No clock can be proved. What a ledger can be held to is that its times do not run away from what others have said: an
entry is at most so much later than the last one that was sound, or than the moment that two different people have
signed at. One person's clock moves nothing, nor does an agent's alone.

Rules kept: pure; who counts as a person, and by which keys, is P's governance.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from runtime.contract.errors import FormatError
from runtime.contract.instant import after
from runtime.governance.case import Signed
from runtime.governance.config import Governance
from runtime.signing.envelopes import verified_by


def allowed(governance: Governance) -> timedelta:
    """How much later than the last sound time an entry may be: a heartbeat is due by then, and the gap is over."""
    heartbeat = max((agent.heartbeat_seconds for agent in governance.agents.values()), default=0)
    return timedelta(seconds=heartbeat + governance.policy.clock_gap_seconds)


def vouched(governance: Governance, statements: Iterable[Signed]) -> datetime | None:
    """The latest moment that two different people have reached, by what they signed; None if there are not two."""
    latest: dict[str, datetime] = {}
    for one in statements:
        name = governance.owner_of_key.get(one.fingerprint)
        if name is not None and _authentic(governance, one):
            latest[name] = max(one.approval.signed_at, latest.get(name, one.approval.signed_at))
    return sorted(latest.values())[-2] if len(latest) > 1 else None


def limit(governance: Governance, sound: datetime, statements: Iterable[Signed]) -> datetime:
    """The latest time that an entry may have which rests on these statements."""
    moment = vouched(governance, statements)
    return after(sound if moment is None else max(sound, moment), allowed(governance))


def _authentic(governance: Governance, one: Signed) -> bool:
    try:
        return verified_by(one.envelope, governance.public_keys) is not None
    except FormatError:
        return False
