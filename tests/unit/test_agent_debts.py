"""The agent and emergencies: it takes what one person lets through, says so, and clears the debt when it may."""

from __future__ import annotations

import pytest

from runtime.agent.dry import look
from runtime.agent.loop import once
from runtime.agent.state import WrongKeyError
from runtime.contract.predicates import Clearing, Verdict
from runtime.testing.fleet import DAY, Fleet
from runtime.testing.small_tree import document, key_of, person, policy

SUSPENDED = {"state": "suspended"}


def verdict(fleet: Fleet) -> Verdict:
    """The last one."""
    predicate = fleet.entries("verdict")[-1].predicate
    assert isinstance(predicate, Verdict)
    return predicate


def test_one_incident_commander_lets_a_change_through_and_the_verdict_says_so(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    taken = verdict(fleet)
    assert taken.conductor.emergency == taken.conductor.approvals[0]
    assert "CONDUCTOR_UNSPENT" in taken.verifiedLevels
    assert not {"CONDUCTOR_TWO_PEOPLE", "CONDUCTOR_BY_PATH", "CONDUCTOR_ONE_ROLE_EACH"} & set(taken.verifiedLevels)
    debt = fleet.history().debt
    assert debt is not None
    assert (debt.by, debt.deadline - debt.opened) == ("mara", DAY)
    assert once(fleet.world()).debt == debt


def test_what_two_people_approve_anyway_is_no_emergency(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert verdict(fleet).conductor.emergency is None
    assert "CONDUCTOR_TWO_PEOPLE" in verdict(fleet).verifiedLevels
    assert fleet.history().debts == ()


def test_debt_is_cleared_as_soon_as_who_was_missing_has_approved(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.approve(change, "ines")
    once(fleet.world())
    assert fleet.history().debt is not None, "of platform nobody has approved"
    fleet.approve(change, "tomas")
    assert look(fleet.world()).paid
    once(fleet.world())
    history = fleet.history()
    assert (history.debt, history.findings) == (None, ())
    clearing = history.entries[-1].predicate
    assert isinstance(clearing, Clearing)
    assert len(clearing.approvals) == 2
    (settled,) = [debt.settled for debt in history.debts]
    assert settled is not None
    assert (settled.how, settled.people) == ("cleared", ("ines", "mara", "tomas"))
    assert once(fleet.world()).entries == ()


def test_approval_of_who_did_not_know_the_verdict_yet_clears_as_well(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    fleet.approve(change, "ines")
    once(fleet.world())
    assert len(verdict(fleet).conductor.approvals) == 2
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.history().debt is None


def test_approval_given_after_the_verdict_without_knowing_of_it_clears_too(fleet: Fleet) -> None:
    genesis = fleet.history().genesis.digest
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.approve(change, "tomas", after=genesis)
    once(fleet.world())
    assert (fleet.history().debt, fleet.history().findings) == (None, ())


def test_nothing_but_its_own_verdict_may_lie_between_where_a_rule_is_exact() -> None:
    fleet = Fleet.started(**{"policies/approvals.yaml": policy(exact=("tenants",)).data()})
    once(fleet.world())
    genesis = fleet.history().genesis.digest
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    early = fleet.history().verified.timeline.last.sha256
    fleet.approve(fleet.merge({"spec/notes.yaml": document(text="new")}), "mara", "ines")
    once(fleet.world())
    fleet.approve(change, "tomas", after=early)
    once(fleet.world())
    assert fleet.history().debt is not None
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.history().debt is None
    again = Fleet.started(**{"policies/approvals.yaml": policy(exact=("tenants",)).data()})
    once(again.world())
    change = again.edit(acme=SUSPENDED)
    again.approve(change, "mara", kind="emergency")
    once(again.world())
    again.approve(change, "tomas", after=genesis)
    once(again.world())
    assert again.history().debt is None


def test_past_the_deadline_people_and_rules_can_still_be_put_right(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.now += DAY
    fleet.approve(fleet.merge({"policies/approvals.yaml": policy(approval_days=20).data()}), "mara", "ines")
    once(fleet.world())
    assert fleet.history().governance.policy.approval_days == 20


def test_agent_with_another_key_clears_nothing(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.approve(change, "tomas")
    with pytest.raises(WrongKeyError):
        once(fleet.world(key=key_of("mallory")))
    assert "clearing" not in fleet.story()


def test_past_the_deadline_only_what_takes_it_back_passes(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.now += DAY
    fleet.approved(globex=SUSPENDED)
    outcome = once(fleet.world())
    assert "overdue" in outcome.problems[0]
    assert fleet.story()[-1] == "refusal"
    fleet.edit(globex={})
    fleet.approved(acme={})
    once(fleet.world())
    history = fleet.history()
    assert history.debt is None
    assert [debt.settled.how for debt in history.debts if debt.settled] == ["taken back"]
    fleet.approved(globex=SUSPENDED)
    once(fleet.world())
    assert fleet.story()[-1] == "result"


def test_before_the_deadline_other_changes_go_their_way(fleet: Fleet) -> None:
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.approved(globex=SUSPENDED)
    outcome = once(fleet.world())
    assert outcome.problems == ()
    assert fleet.history().pending == ()
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.history().debt is None


def test_who_has_left_since_clears_nothing() -> None:
    fleet = Fleet.started(**{"policies/people/jon.yaml": person("jon", "platform", "backend").data()})
    once(fleet.world())
    change = fleet.edit(acme=SUSPENDED)
    fleet.approve(change, "mara", kind="emergency")
    once(fleet.world())
    fleet.approve(fleet.merge({}, remove=["policies/people/tomas.yaml"]), "mara", "ines")
    once(fleet.world())
    assert "tomas" not in fleet.history().governance.people
    fleet.approve(change, "tomas")
    once(fleet.world())
    assert fleet.history().debt is not None
    fleet.approve(change, "jon")
    once(fleet.world())
    assert fleet.history().debt is None
