"""How things stand: what runs, what waits and for whom, told by the ledger alone, as text, as JSON and as a page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from compiler.cli.status_text import as_text
from runtime.agent import stock as stocktaking
from runtime.agent.decide import Nothing
from runtime.agent.loop import once
from runtime.agent.metrics import SHOWN
from runtime.agent.state import read
from runtime.agent.status import INTENT_SECONDS, READY_SECONDS, Status
from runtime.agent.status_page import page
from runtime.agent.stock import Stock, take_stock
from runtime.contract.objects import ObjectId
from runtime.governance.approvals import Approvals
from runtime.ledger.entry import Entry
from runtime.targets.interface import TerminalError
from runtime.testing.fleet import DAY, Fleet, target
from runtime.testing.memory_target import MemoryObject
from runtime.testing.small_tree import document

ACME = ObjectId("pg-eu", "role", "acme_app")
Written = Callable[[Status], str]


def stock(fleet: Fleet) -> Status:
    """How things stand now."""
    world = fleet.world()
    state = read(world)
    filed = Approvals(world.git, state.approvals).of
    return take_stock(
        state.history, state.decide(world, fleet.now), world.git, filed, compile=world.compile, at=fleet.now
    )


def push(fleet: Fleet, **tenants: bytes) -> None:
    """Merge tenants as they are, sound or not."""
    fleet.pull()
    fleet.people.commit_files({f"tenants/{name}.yaml": data for name, data in tenants.items()}, at=fleet.now)
    fleet.publish()


def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the entries that are read from now on, as they are read."""
    seen: list[int] = []
    read_one = stocktaking._Told.read  # noqa: SLF001 -- what costs time

    def noted(told: stocktaking._Told, entry: Entry, *, took: bool) -> None:
        seen.append(entry.sequence)
        read_one(told, entry, took=took)

    monkeypatch.setattr(stocktaking._Told, "read", noted)  # noqa: SLF001 -- see above
    return seen


def written(status: Status) -> tuple[str, ...]:
    """In every form."""
    return as_text(status), page(status, None).decode(), status.data().decode()


@pytest.fixture
def settled() -> Fleet:
    """An installation in which everything is as it should be."""
    fleet = Fleet.started()
    once(fleet.world())
    return fleet


def test_of_a_ledger_that_has_grown_only_what_is_new_is_read(settled: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, running = reads(monkeypatch), Stock()
    state = read(settled.world())

    def stands() -> Status:
        return running.take(
            state.history, Nothing(), settled.agent_git, lambda _: (), compile=settled.world().compile, at=settled.now
        )

    assert (stands().ledger, seen) == (2, [1, 2])
    assert (stands().ledger, seen) == (2, [1, 2])
    settled.approved(hooli={})
    once(settled.world())
    state = read(settled.world(), state)
    assert stands() == take_stock(
        state.history, Nothing(), settled.agent_git, lambda _: (), compile=settled.world().compile, at=settled.now
    )
    assert seen == [1, 2, *range(3, state.tip.sequence + 1), *range(1, state.tip.sequence + 1)]


def test_of_a_ledger_that_was_replayed_from_its_start_nothing_is_kept(settled: Fleet) -> None:
    other, running = Fleet.started(), Stock()
    for fleet, entries in ((settled, 2), (other, 0), (settled, 2)):
        history = read(fleet.world()).history
        stands = running.take(
            history, Nothing(), fleet.agent_git, lambda _: (), compile=fleet.world().compile, at=fleet.now
        )
        assert stands == take_stock(
            history, Nothing(), fleet.agent_git, lambda _: (), compile=fleet.world().compile, at=fleet.now
        )
        assert (stands.ledger, stands.running is None) == (entries, entries == 0)


def test_before_the_first_turn_nothing_runs_and_the_genesis_is_verified() -> None:
    status = stock(Fleet.started())
    assert (status.running, status.verified.entry, status.attention) == (None, 0, ())
    assert "runs      nothing" in as_text(status)


def test_where_all_is_well_one_line_says_so(settled: Fleet) -> None:
    status = stock(settled)
    assert status.running is not None
    assert status.running.manifest == status.verified.manifest
    assert as_text(status).startswith("✓ nothing waits for a person\n")
    assert "verified  the same" in as_text(status)
    assert json.loads(status.data())["attention"] == []
    assert "Nothing waits for a person." in page(status, None).decode()


def test_a_merged_change_that_nobody_approved_says_who_is_missing_and_both_ways_out(settled: Fleet) -> None:
    settled.edit(hooli={})
    settled.now += timedelta(hours=3)
    status = stock(settled)
    (item,) = status.waiting
    commit = item.commit[:12]
    assert (item.reason, item.approved_by, item.why) == ("not-allowed", (), ())
    assert item.lacking[0].rule == "two-people"
    assert item.command == f"conductor approve --head {commit} --person NAME --key FILE --push"
    assert item.take_back == f"git revert --no-edit {commit}"
    assert status.attention == ("1 change on main cannot be taken",)
    for text in written(status):
        assert "conductor approve --head" in text
        assert "git revert --no-edit" in text
        assert "mara" in text


def test_what_is_approved_waits_for_the_agent_and_for_no_person(settled: Fleet) -> None:
    settled.approved(hooli={})
    status = stock(settled)
    assert [(item.reason, item.command) for item in status.waiting] == [("approved", None)]
    assert status.attention == ()
    assert as_text(status).startswith("✓")
    once(settled.world())
    assert stock(settled).waiting == ()


def test_what_is_ready_and_stays_untaken_for_longer_than_a_few_turns_sends_a_person_to_the_agent(
    settled: Fleet,
) -> None:
    settled.now += timedelta(hours=1)
    settled.approved(hooli={})
    settled.now += timedelta(seconds=READY_SECONDS)
    assert stock(settled).attention == ()
    settled.now += timedelta(seconds=1)
    (said,) = stock(settled).attention
    assert (
        "has been ready since 3 minutes ago, and no agent has taken it; the last entry was written 63 minutes" in said
    )
    assert "/healthz" in said
    once(settled.world())
    assert stock(settled).attention == ()


def test_of_many_mistakes_it_says_how_many_more_there_are(settled: Fleet) -> None:
    push(settled, **{f"t{number}": document(blueprint="bsic") for number in range(19)})
    assert "          and 14 more\n" in as_text(stock(settled))


def test_what_main_has_taken_back_waits_for_nobody(settled: Fleet) -> None:
    settled.edit(hooli={})
    settled.edit(hooli=None, umbrella={})
    assert {(item.reason, item.for_a_person) for item in stock(settled).waiting} >= {("taken-back", False)}


def test_what_was_taken_back_alarms_nobody_when_its_file_is_edited_later(settled: Fleet) -> None:
    settled.edit(acme={"seats": 7})
    settled.edit(acme={})
    settled.now += timedelta(hours=3)
    settled.approved(acme={"seats": 8})
    status = stock(settled)
    assert [(item.reason, item.for_a_person) for item in status.waiting] == [("taken-back", False), ("approved", False)]
    assert status.attention == ()
    oldest = next(shown for shown in SHOWN if shown.name == "conductor_pending_oldest_timestamp_seconds")
    assert oldest.value(status) is None


def test_the_whole_queue_is_told_in_its_order_with_what_unblocks_it(settled: Fleet) -> None:
    settled.edit(hooli={})
    push(settled, umbrella=document(blueprint="bsic"))
    push(settled, initech=document(blueprint="basic"))
    status = stock(settled)
    held, broken, inherits = status.waiting
    assert [(item.reason, item.after) for item in status.waiting] == [
        ("not-allowed", None),
        ("unsound", held.commit),
        ("unsound", held.commit),
    ]
    assert broken.command == f"conductor check --rev {broken.commit[:12]}"
    assert (inherits.why, inherits.command, inherits.take_back) == (
        (f"for the same reason as {broken.commit[:12]}",),
        None,
        None,
    )
    assert status.attention == (
        f"main does not compile since {broken.commit[:12]}, and nothing after that can be taken until it is mended",
        "3 changes on main cannot be taken",
    )
    settled.edit(umbrella={})
    mended = stock(settled).waiting
    assert [item.for_a_person for item in mended] == [True, False, False, True]
    assert mended[1].mended_by == mended[3].commit
    assert f"{mended[3].commit[:12]} mends it" in as_text(stock(settled))


def test_what_comes_behind_what_the_agent_takes_next_is_told_too(settled: Fleet) -> None:
    settled.approved(hooli={})
    settled.edit(umbrella={})
    status = stock(settled)
    assert [(item.reason, item.for_a_person) for item in status.waiting] == [("approved", False), ("behind", False)]
    behind = status.waiting[1].commit[:12]
    assert [line.split()[0] for line in as_text(status).splitlines() if behind in line] == ["then"]


def test_a_refusal_is_told_until_what_was_refused_is_approved_or_taken_back(settled: Fleet) -> None:
    settled.edit(hooli={})
    once(settled.world())
    refused = stock(settled).refused
    assert refused is not None
    assert (refused.entry, refused.unmet[0]) == (3, "two different people approve every change, and nobody has yet")
    settled.edit(hooli=None)
    assert stock(settled).refused is None, "it is over"
    change = settled.edit(hooli={"seats": 2})
    once(settled.world())
    assert stock(settled).refused is not None
    settled.approve(change, "mara", "tomas")
    assert stock(settled).refused is None
    once(settled.world())
    assert (stock(settled).refused, stock(settled).verified.entry) == (None, 5)


def test_drift_that_is_only_reported_is_for_a_person_until_it_is_gone() -> None:
    fleet = Fleet.started(
        **{
            "spec/targets/pg-eu.yaml": target("pg-eu", drift="report"),
            "spec/targets/pg-us.yaml": target("pg-us", control=True),
        }
    )
    once(fleet.world())
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": False}, 1)
    once(fleet.world())
    status = stock(fleet)
    assert status.drift is not None
    assert status.drift.objects == ("role acme_app has login false, declared true",)
    assert f"conductor evidence show {status.drift.entry}\n" in as_text(status)
    for text in (as_text(status), page(status, None).decode()):
        assert "conductor explain runbooks/alert-drift" in text
    assert status.attention == ("1 object drifted, and drift is only reported there",)
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": True}, 1)
    once(fleet.world())
    assert stock(fleet).drift is None


def test_an_action_that_failed_is_told_in_the_targets_words_until_it_is_done(settled: Fleet) -> None:
    settled.systems["pg-eu"].failures.append(TerminalError("the disk is full"))
    settled.approved(hooli={})
    once(settled.world())
    status = stock(settled)
    assert status.attention == ("1 action failed",)
    assert status.failures[0].message == "the disk is full"
    assert status.running is not None
    assert status.running.manifest != status.verified.manifest
    once(settled.world())
    healed = stock(settled)
    assert (healed.failures, healed.attention) == ((), ())
    assert healed.running is not None
    assert healed.running.commit == healed.verified.commit


def test_an_intent_without_a_result_is_for_a_person_once_no_action_can_take_so_long(settled: Fleet) -> None:
    class KilledError(Exception):
        pass

    def at(step: str) -> None:
        if step.startswith("before action"):
            raise KilledError

    settled.approved(hooli={})
    with pytest.raises(KilledError):
        once(replace(settled.world(), at=at))
    assert stock(settled).open_intent is not None
    assert stock(settled).attention == ()
    settled.now += timedelta(seconds=INTENT_SECONDS + 1)
    assert stock(settled).attention[0].startswith("intent 4 has had no result since")


def test_an_open_debt_says_who_owes_it_by_when_and_what_they_type(settled: Fleet) -> None:
    change = settled.edit(hooli={})
    settled.approve(change, "mara", kind="emergency")
    once(settled.world())
    debt = stock(settled).debt
    assert debt is not None
    assert (debt.by, debt.overdue, debt.deadline - debt.opened) == ("mara", False, DAY)
    assert debt.command == "conductor approve --debt --person NAME --key FILE --push"
    assert stock(settled).attention[0].startswith("the debt of mara's emergency is due by")
    for text in written(stock(settled)):
        assert "conductor approve --debt" in text
        assert "tomas" in text
    settled.now = debt.deadline
    assert stock(settled).attention[0].startswith("the debt of mara's emergency is overdue since")
    settled.approve(change, "tomas")
    owed = stock(settled).debt
    assert owed is not None
    assert owed.command is None, "the agent clears it"
    assert stock(settled).attention == (), "nobody has to do anything about it any more"
    assert "approved since: the agent clears it next" in as_text(stock(settled))
    assert "approved since, and the agent clears it next" in page(stock(settled), None).decode()
    once(settled.world())
    assert stock(settled).debt is None


def test_evidence_that_somebody_removed_is_for_a_person_first_of_all(settled: Fleet) -> None:
    settled.pull()
    settled.people.commit_files({}, remove=[settled.entries("result")[0].path], at=settled.now)
    settled.publish()
    status = stock(settled)
    assert status.findings
    assert status.attention[0].startswith("the ledger: ")
    assert "1 finding: conductor verify" in as_text(status)


def test_a_clone_that_lacks_the_ledger_does_not_say_that_all_is_well(settled: Fleet) -> None:
    blind = stock(settled).model_copy(update={"gaps": ("this clone has not the branch ledger",)})
    assert blind.attention == ("this clone has not the branch ledger",)
    assert as_text(blind).startswith("✗ this clone has not the branch ledger\n")


def test_silence_for_two_heartbeats_is_told_and_one_entry_ends_it(settled: Fleet) -> None:
    (agent,) = stock(settled).agents
    assert agent.heartbeat_seconds is not None
    settled.now += timedelta(seconds=2 * agent.heartbeat_seconds)
    assert not stock(settled).overdue
    settled.now += timedelta(seconds=1)
    assert stock(settled).attention[-1].startswith("no agent has written anything since")


def test_no_word_from_a_commit_reaches_the_page_as_markup_or_the_terminal_as_a_command(settled: Fleet) -> None:
    settled.edit(hooli={})
    status = stock(settled)
    hostile = status.model_copy(
        update={"waiting": (status.waiting[0].model_copy(update={"subject": "<script>x</script>\x1b[2J"}),)}
    )
    shown = page(hostile, "<b>\x1b")
    assert b"<script" not in shown
    assert b"<b>" not in shown
    assert b"\x1b" not in shown
    assert b"&lt;script&gt;" in shown
    assert "\x1b" not in as_text(hostile)
