"""Attacks by an agent's clock: entries from the future, and what somebody would gain by them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from runtime.ledger.findings import Answer
from runtime.ledger.rules import CHAIN
from runtime.testing.chronicle import Chronicle
from runtime.testing.small_tree import document, key_of, policy, small_tree
from runtime.testing.statements import approval

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

NEW = {"tenants/initech.yaml": document(blueprint="basic")}
FUTURE = datetime.fromisoformat("2031-01-01T00:00:00Z")


def begun() -> Chronicle:
    """A history whose genesis has been made real."""
    chronicle = Chronicle.start()
    chronicle.apply()
    return chronicle


def test_a_heartbeat_of_2031_makes_all_approvals_expired(kept_out_by: KeptOutBy) -> None:
    """I had the agent's key for a minute. I wrote one heartbeat, of 2031: whatever they approve from now on has expired
    by the time that the ledger says it is, and the change that would take my key away is never taken.

    Rule: `ahead`.
    """
    chronicle = begun()
    honest = chronicle.tip
    poison = chronicle.heartbeat(at=FUTURE)
    chronicle.push(poison)
    commit = chronicle.edit(NEW)
    chronicle.tip = type(honest)(poison.tip.sequence, poison.tip.digest, honest.time)
    chronicle.push(chronicle.verdict(commit))
    kept_out_by("ahead", CHAIN, lambda rules: chronicle.replay(rules=rules).commit != commit)
    assert [(item.rule, item.answer) for item in chronicle.replay().findings] == [("ahead", Answer.FRESHNESS)]


def test_a_verdict_dated_ahead_skips_a_waiting_time(kept_out_by: KeptOutBy) -> None:
    """They approved today, and it may be done in a fortnight only. My agent's clock says that the fortnight is over.

    Rule: `ahead`.
    """
    chronicle = begun()
    commit = chronicle.edit(NEW)
    approvals = [chronicle.approval(chronicle.change(commit), name, days=30) for name in ("mara", "tomas", "ines")]
    chronicle.push(chronicle.verdict(commit, approvals, at=chronicle.now + timedelta(days=13)))
    kept_out_by("ahead", CHAIN, lambda rules: chronicle.replay(rules=rules).commit == commit)


def test_one_person_and_the_agent_set_the_clock(kept_out_by: KeptOutBy) -> None:
    """The agent is mine, and so is one person's key. I sign that it is three weeks later; Tomas signed today.

    Rule: `ahead`.
    """
    chronicle = Chronicle.start(small_tree(**{"policies/approvals.yaml": policy(approval_days=60).data()}))
    chronicle.apply()
    commit, later = chronicle.edit(NEW), chronicle.now + timedelta(days=21)
    change, known = chronicle.change(commit), chronicle.verdicts[-1]
    mine = approval(change, key_of("mara"), after=known, at=later)
    chronicle.push(chronicle.verdict(commit, [mine, chronicle.approval(change, "tomas", days=60)], at=later))
    kept_out_by("ahead", CHAIN, lambda rules: chronicle.replay(rules=rules).commit == commit)
