"""Attacks by an agent's clock: entries from the future, and what somebody would gain by them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from runtime.agent.causes import Memory
from runtime.contract.instant import FIRST
from runtime.contract.predicates import Outcome
from runtime.ledger import append
from runtime.ledger.findings import Answer
from runtime.ledger.rules import CHAIN
from runtime.ledger.verify import verify
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import document, key_of, policy, small_tree
from runtime.testing.statements import approval

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

NEW = {"tenants/initech.yaml": document(blueprint="basic")}
FUTURE = datetime.fromisoformat("2031-01-01T00:00:00Z")
END = datetime.fromisoformat("9999-12-31T23:59:59Z")


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


def test_two_heartbeats_of_the_end_of_time_end_nobodys_reading() -> None:
    """There is no moment after that one to compare with. Whoever reads the ledger goes on all the same."""
    chronicle = begun()
    honest = chronicle.tip
    for _ in range(2):
        chronicle.push(chronicle.heartbeat(at=END))
    history = chronicle.replay()
    assert [item.rule for item in history.findings] == ["ahead"]
    chronicle.tip = replace(chronicle.tip, time=honest.time, last=END)
    commit = chronicle.edit(NEW)
    chronicle.push(chronicle.verdict(commit))
    assert chronicle.replay().commit == commit


def test_statements_and_a_verdict_of_the_end_of_time_end_nobodys_reading() -> None:
    """Two people and the agent are mine: what we date so is a finding or not, and never a crash."""
    chronicle = begun()
    commit = chronicle.edit(NEW)
    change = chronicle.change(commit)
    approvals = [chronicle.approval(change, name, at=END, days=0) for name in ("mara", "tomas", "ines")]
    chronicle.push(chronicle.verdict(commit, approvals, at=END))
    chronicle.push(chronicle.heartbeat(at=END))
    history = chronicle.replay()
    assert history.commit != commit, "what has expired is not taken"
    assert history.tip.time == END, "two people vouch for it"


def test_a_clock_at_either_end_of_time_verifies() -> None:
    chronicle = begun()
    for now in (FIRST, END):
        report = verify(chronicle.git, chronicle.head, now=now, policies=no_objection)
        assert [item.rule for item in report.problems] == ["heartbeat"], now


@pytest.mark.parametrize("seconds", [-(2**53) + 1, 2**53 - 1])
def test_a_result_that_asks_to_be_tried_again_outside_of_all_time_stops_no_agent(seconds: int) -> None:
    """I had the agent's key: my result says when to try again, 285 million years from now or before."""
    chronicle, memory = Chronicle.start(), Memory()
    intent = chronicle.intent()
    chronicle.push(intent)
    failed = Outcome(index=0, outcome="failed", message="later", facts={"retry_after_seconds": seconds})
    result = append.result(chronicle.standing(), writer(), chronicle.later(), intent=intent.digest, outcomes=[failed])
    chronicle.push(result)
    for entry in chronicle.replay().entries:
        memory.read(entry, lambda _: chronicle.change(chronicle.head))
    assert memory.failing is not None
    assert memory.failing.again_at is not None
    assert chronicle.now <= memory.failing.again_at <= chronicle.now + timedelta(hours=1)
