"""Attacks by size: what nobody would read back is never signed, and a large installation fits all the same."""

from __future__ import annotations

import pytest

from runtime.agent import steps
from runtime.agent.loop import once
from runtime.contract import canonical, envelope
from runtime.contract.envelope import MAX_BYTES, MAX_PAYLOAD, Envelope, decode_envelope
from runtime.contract.errors import FormatError
from runtime.contract.predicates import Intent
from runtime.ledger import append
from runtime.signing import envelopes
from runtime.testing.fleet import Fleet, target
from runtime.testing.small_tree import key_of


def test_the_largest_statement_that_is_signed_is_read_back() -> None:
    key = key_of("mara")
    data = Envelope(b"x" * MAX_PAYLOAD, b"s" * 72, key.fingerprint).data
    assert len(data) <= MAX_BYTES
    assert decode_envelope(data).payload == b"x" * MAX_PAYLOAD


def test_an_entry_that_nobody_would_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenant sets a value of five megabytes; the agent signs it, pushes it, and never reads its own ledger again."""
    fleet = Fleet.started()
    once(fleet.world())
    before = fleet.remote.refs["refs/heads/main"]
    monkeypatch.setattr(envelopes, "MAX_PAYLOAD", 2000)
    fleet.systems["pg-eu"].world[next(iter(fleet.systems["pg-eu"].world))].attributes = {"x": "y" * 2000}
    with pytest.raises(FormatError, match="is not signed"):
        once(fleet.world())
    assert fleet.remote.refs["refs/heads/main"] == before


def test_a_change_that_nobody_would_read_is_not_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet.started()
    once(fleet.world())
    fleet.approved(initech={})
    monkeypatch.setattr(append, "LARGEST", 100)
    with pytest.raises(FormatError, match="nobody could verify it"):
        once(fleet.world())
    assert fleet.story() == ["intent", "result"]


@pytest.mark.parametrize("drift", ["heal", "report"])
def test_what_one_intent_cannot_say_the_next_ones_do(drift: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in turn, because of what it was asked for: the rest of genesis or of a change is no drift."""
    monkeypatch.setattr(steps, "SAID", 2 * 1024)
    fleet = Fleet.started(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True, drift=drift)})
    once(fleet.world())
    change = fleet.approved(**{f"tenant-{number}": {} for number in range(6)})
    once(fleet.world())
    intents = [entry.predicate for entry in fleet.entries("intent") if isinstance(entry.predicate, Intent)]
    assert len(intents) > 4
    assert [bool(item.rest) for item in intents].count(False) == 2
    causes = {action.because for item in intents for action in item.actions}
    assert causes == {"genesis", change}
    assert len(fleet.systems["pg-eu"].world) == 2 * 8
    assert fleet.entries("drift") == []
    assert fleet.history().findings == ()
    assert once(fleet.world()).entries == ()


def test_ten_thousand_tenants_fit() -> None:
    """Genesis and change carry contents: of IntelGraph's own tenants 5.5 kB each, some more as JSON in JSON."""
    assert canonical.MAX_SNAPSHOT > 10_000 * 5_500 * 1.3
    assert envelope.MAX_PAYLOAD > 3_000_000
