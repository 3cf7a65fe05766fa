"""Section 7, rule 5: steps are asked of P's policy, with those who count."""

from __future__ import annotations

from runtime.agent.decide import Refuse, Take
from runtime.governance.case import Problem, no_policy
from runtime.governance.judge import judge
from runtime.governance.people import Approver
from runtime.testing.court import Court
from runtime.testing.installation import Installation
from runtime.testing.small_tree import document, key_of

NOTES = {"spec/notes.yaml": document(text="new")}


def test_policy_that_objects_refuses_what_everybody_approved() -> None:
    court = Court.open()
    change = court.change(NOTES)

    def never(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
        return (Problem("transitions", "not on a Friday"),)

    judgement = judge(court.case(change, court.approve(change, "mara", "tomas"), transition=never))
    assert judgement.problems == (Problem("transitions", "not on a Friday"),)


def test_policy_is_asked_with_those_who_count_and_the_roles_they_had_before() -> None:
    court = Court.open()
    change = court.change(NOTES)
    asked: list[tuple[str, frozenset[str]]] = []

    def admins(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
        asked.extend((one.name, one.roles) for one in approvers)
        return () if any("admin" in one.roles for one in approvers) else (Problem("transitions", "an admin is needed"),)

    late = court.sign(change, key_of("mara"), signed_at=court.later(days=1).now)
    judgement = judge(court.case(change, (*court.approve(change, "ines", "tomas"), late), transition=admins))
    assert [problem.rule for problem in judgement.problems] == ["begun", "transitions"]
    assert asked == [("ines", frozenset({"sec-tl", "security"})), ("tomas", frozenset({"platform", "backend"}))]
    assert judge(court.case(change, court.approve(change, "mara", "tomas"), transition=admins)).allowed


def test_no_policy_refuses_everything() -> None:
    court = Court.open()
    change = court.change(NOTES)
    judgement = judge(court.case(change, court.approve(change, "mara", "tomas"), transition=no_policy))
    assert [problem.rule for problem in judgement.problems] == ["transitions"]


def test_step_that_the_policy_refuses_is_not_taken_and_the_rest_is() -> None:
    house = Installation.start()
    head = house.git.commit_files({}, remove=["tenants/globex.yaml"])
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    decision = house.step()
    assert isinstance(decision, Refuse)
    assert [problem.message for problem in decision.judgement.problems] == [
        "Tenant globex: a tenant under a legal hold cannot be removed"
    ]
    house.git.revert(head)
    other = house.git.commit_files(NOTES)
    house.approve(other, "mara", "tomas", base=house.genesis.commit)
    assert isinstance(house.step(), Take)
