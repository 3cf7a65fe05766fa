"""An agent whose clock and the ledger are far apart: what it refuses, and the ways on where the gap is real."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from compiler.cli.verify_markdown import as_markdown
from compiler.cli.verify_text import as_text
from runtime.agent.clock import ClockGapError
from runtime.agent.loop import once
from runtime.contract.errors import EnvironmentFailedError
from runtime.governance import clock
from runtime.ledger import append
from runtime.ledger.findings import Answer
from runtime.ledger.reading import lines
from runtime.ledger.verify import verify
from runtime.signing.sshsig import sign_commit
from runtime.testing.court import Court
from runtime.testing.fleet import Fleet
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import AGENT, document, key_of

MONTH = timedelta(days=31)
INITECH = "initech"


@pytest.fixture
def fleet() -> Fleet:
    """One whose genesis has been made real."""
    fleet = Fleet.started()
    once(fleet.world())
    return fleet


def rules(fleet: Fleet) -> list[tuple[str, Answer]]:
    return [(item.rule, item.answer) for item in fleet.history().findings]


def test_an_agent_that_is_a_month_ahead_writes_nothing_and_says_how_to_go_on(fleet: Fleet) -> None:
    before = fleet.story()
    fleet.now += MONTH
    with pytest.raises(ClockGapError, match="31 days after the ledger's last sound time") as caught:
        once(fleet.world())
    assert "8 days are allowed" in caught.value.message
    assert "--after-gap" in str(caught.value.help)
    assert fleet.story() == before


def test_an_agent_that_is_a_minute_behind_writes_nothing(fleet: Fleet) -> None:
    fleet.now -= timedelta(minutes=2)
    with pytest.raises(EnvironmentFailedError, match="before the ledger's last entry"):
        once(fleet.world())


def test_a_silence_of_a_heartbeat_and_what_governance_allows_is_none(fleet: Fleet) -> None:
    fleet.now += clock.allowed(fleet.history().governance)
    once(fleet.world())
    assert fleet.story()[-1] == "heartbeat"
    assert rules(fleet) == []


def test_what_two_people_approve_after_the_gap_vouches_for_the_time(fleet: Fleet) -> None:
    fleet.now += MONTH
    fleet.approved(initech={})
    once(fleet.world())
    assert fleet.story()[-3:] == ["verdict", "intent", "result"]
    assert rules(fleet) == []
    assert fleet.history().tip.time == fleet.now


def test_old_approvals_vouch_for_no_new_time(fleet: Fleet) -> None:
    fleet.approved(initech={})
    fleet.now += timedelta(days=10)
    with pytest.raises(ClockGapError):
        once(fleet.world())
    outcome = once(replace(fleet.world(), after_gap=True))
    assert fleet.entries("verdict") == []
    assert "approve it anew" in outcome.problems[0]


def test_whoever_says_that_the_gap_is_real_has_it_in_the_ledger_until_people_vouch_for_it(fleet: Fleet) -> None:
    fleet.now += MONTH
    once(replace(fleet.world(), after_gap=True))
    assert fleet.story()[-1] == "heartbeat"
    assert rules(fleet) == [("ahead", Answer.FRESHNESS)]
    assert "its agent was told that the gap is real" in fleet.history().findings[0].message
    fleet.now += timedelta(days=1)
    once(fleet.world())
    assert fleet.story()[-1] == "heartbeat", "the gap is in the ledger: nobody needs to say it again"
    assert rules(fleet) == [("ahead", Answer.FRESHNESS)]
    fleet.approved(initech={})
    once(replace(fleet.world(), after_gap=True))
    assert fleet.story()[-3:] == ["verdict", "intent", "result"]
    assert rules(fleet) == []
    history = fleet.history()
    marked = [entry for entry in history.entries if entry.position.after_gap]
    assert [entry.kind for entry in marked] == ["heartbeat"], "one entry needed the word, and says so for good"
    told = next(line for line in lines(history) if line.entry == marked[0])
    assert told.told.endswith("because: heartbeat; after a gap that its agent was told is real")
    report = verify(fleet.people, history.head, now=fleet.now, trust_root=history.genesis.digest, policies=no_objection)
    assert report.after_gap == tuple(marked)
    said = f"entry {marked[0].sequence} says that the agent was told that the silence before it is real (--after-gap)"
    assert said in as_text(report, colour=False)
    assert said in as_markdown(report, "conductor verify")


def test_after_an_entry_from_the_future_an_honest_agent_goes_on(fleet: Fleet) -> None:
    history = fleet.history()
    future = fleet.now + timedelta(days=3650)
    poison = append.heartbeat(
        history.tip, fleet.world().writer, future, commit=history.commit, manifest=history.snapshot.manifest.digest
    )
    fleet.pull()
    fleet.people.commit_files(
        poison.files, message="From the future", author=fleet.world().writer.author, sign=sign_commit(key_of(AGENT))
    )
    fleet.publish()
    fleet.now += timedelta(hours=1)
    fleet.approved(initech={})
    once(fleet.world())
    assert fleet.story()[-3:] == ["verdict", "intent", "result"]
    assert rules(fleet) == [("ahead", Answer.FRESHNESS)]
    assert fleet.history().tip.time == fleet.now
    fleet.now += timedelta(days=1)
    once(fleet.world())
    assert fleet.story()[-1] == "heartbeat"


def test_a_moment_is_vouched_for_by_two_people_and_by_no_two_keys() -> None:
    court = Court.open()
    change = court.change({"spec/notes.yaml": document(text="new")})
    governance, later = court.verified.governance, court.later(days=3)
    mara, tomas = later.approve(change, "mara")[0], court.approve(change, "tomas")[0]
    stranger = later.sign(change, key_of("mallory"))
    assert clock.vouched(governance, (mara, stranger)) is None
    assert clock.vouched(governance, (mara, mara)) is None
    assert clock.vouched(governance, (mara, tomas)) == court.now
    assert clock.vouched(governance, (mara, *later.approve(change, "tomas"), tomas)) == later.now
