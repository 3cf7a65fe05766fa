"""Section 7, rule 1: consent."""

from __future__ import annotations

from dataclasses import replace

from runtime.governance.case import Missing, Signed
from runtime.governance.judge import judge
from runtime.testing.court import Court, rules_of
from runtime.testing.small_tree import RULES, document, key_of, person, policy, small_tree

SUSPEND = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
NOTES = {"spec/notes.yaml": document(text="new")}


def test_two_people_with_the_roles_of_the_rule_are_enough(court: Court) -> None:
    change = court.change(SUSPEND)
    judgement = judge(court.case(change, court.approve(change, "mara", "tomas")))
    assert judgement.allowed
    assert judgement.people == ("mara", "tomas")
    assert len(judgement.counted) == 2
    assert judgement.problems == ()
    assert judgement.missing == ()


def test_nobody_approved_says_whom_each_rule_asks_for(court: Court) -> None:
    judgement = judge(court.case(court.change(SUSPEND), ()))
    assert rules_of(judgement) == {"two-people", "by-path"}
    assert judgement.missing == (
        Missing("two-people", ("anyone", "anyone"), ("ines", "mara", "tomas")),
        Missing("tenants", ("platform", "pm"), ("mara", "tomas")),
    )


def test_one_person_is_not_enough_even_where_no_rule_matches(court: Court) -> None:
    change = court.change(NOTES)
    judgement = judge(court.case(change, court.approve(change, "mara")))
    assert rules_of(judgement) == {"two-people"}
    assert judgement.missing == (Missing("two-people", ("anyone",), ("ines", "tomas")),)


def test_row_that_no_rule_matches_needs_the_two_people_only(court: Court) -> None:
    change = court.change(NOTES)
    assert judge(court.case(change, court.approve(change, "ines", "tomas"))).allowed


def test_two_people_without_the_role_are_not_enough(court: Court) -> None:
    change = court.change(SUSPEND)
    judgement = judge(court.case(change, court.approve(change, "ines", "tomas")))
    assert rules_of(judgement) == {"by-path"}
    assert judgement.missing == (Missing("tenants", ("pm",), ("mara",)),)


def test_every_rule_that_matches_a_row_applies_and_the_same_people_count_for_several(court: Court) -> None:
    change = court.change({**SUSPEND, "flags/checkout.yaml": document(tenants=["acme"], on=True)})
    two = court.approve(change, "mara", "tomas")
    assert judge(court.case(change, two)).missing == (Missing("flags", ("sec-tl",), ("ines",)),)
    assert judge(court.case(change, (*two, *court.approve(change, "ines")))).allowed


def test_rules_look_at_the_bundle_half_too() -> None:
    rules = {"sizes": (("config/tenants/tenant/*.json",), ("platform", "pm"))}
    court = Court.open(small_tree(**{"policies/approvals.yaml": policy(rules).data()}))
    change = court.change({"tenants/blueprints/basic.yaml": document(size="xl")})
    assert {path for path, _, _ in change.inputs} == {"tenants/blueprints/basic.yaml"}
    assert rules_of(judge(court.case(change, court.approve(change, "ines", "tomas")))) == {"by-path"}
    assert judge(court.case(change, court.approve(change, "mara", "tomas"))).allowed


def test_within_one_rule_a_person_fills_one_role() -> None:
    files = small_tree(**{"policies/people/mara.yaml": person("mara", "platform", "pm").data()})
    court = Court.open(files)
    change = court.change(SUSPEND)
    judgement = judge(court.case(change, court.approve(change, "mara", "ines")))
    assert rules_of(judgement) == {"one-role-each"}
    assert judgement.missing == (Missing("tenants", judgement.missing[0].roles, ("tomas",)),)
    assert judge(court.case(change, court.approve(change, "mara", "tomas"))).allowed


def test_people_are_counted_never_keys() -> None:
    files = small_tree(**{"policies/people/mara.yaml": person("mara", "admin", keys=2).data()})
    court = Court.open(files)
    change = court.change(NOTES)
    both = (court.sign(change, key_of("mara", 1)), court.sign(change, key_of("mara", 2)))
    judgement = judge(court.case(change, both))
    assert rules_of(judgement) == {"counted-once", "two-people"}
    assert judgement.people == ("mara",)


def test_signature_of_another_key_does_not_count(court: Court) -> None:
    change = court.change(NOTES)
    real = court.sign(change, key_of("mara"))
    forged = Signed.of(replace(court.sign(change, key_of("mallory")).envelope, keyid=real.fingerprint))
    judgement = judge(court.case(change, (forged, *court.approve(change, "tomas"))))
    assert rules_of(judgement) == {"authentic", "two-people"}
    assert judgement.rejected[0].sha256 == forged.sha256


def test_stranger_and_agent_do_not_count(court: Court) -> None:
    change = court.change(NOTES)
    tomas = court.approve(change, "tomas")
    assert rules_of(judge(court.case(change, (court.sign(change, key_of("mallory")), *tomas)))) == {
        "authentic",
        "two-people",
    }
    assert rules_of(judge(court.case(change, (court.sign(change, key_of("conductor-eu")), *tomas)))) == {
        "authentic",
        "two-people",
    }


def test_approval_of_another_change_does_not_count(court: Court) -> None:
    change, other = court.change(NOTES), court.change(SUSPEND)
    judgement = judge(court.case(change, (*court.approve(other, "mara"), *court.approve(change, "tomas"))))
    assert rules_of(judgement) == {"subject", "two-people"}


def test_change_of_another_repository_or_branch_is_refused_though_everybody_approved(court: Court) -> None:
    fork = court.change(NOTES, repository="f" * 32)
    release = court.change(NOTES, branch="release")
    assert rules_of(judge(court.case(fork, court.approve(fork, "mara", "tomas")))) == {"this-repository"}
    assert rules_of(judge(court.case(release, court.approve(release, "mara", "tomas")))) == {"this-branch"}


def test_one_that_does_not_count_never_hides_one_that_does(court: Court) -> None:
    change = court.change(NOTES)
    late = court.sign(change, key_of("mara"), signed_at=court.later(days=3).now)
    good = court.approve(change, "mara", "tomas")
    judgement = judge(court.case(change, (late, *good)))
    assert judgement.allowed
    assert [problem.rule for problem in judgement.rejected] == ["begun"]


def test_order_in_which_approvals_are_found_does_not_matter(court: Court) -> None:
    change = court.change(NOTES)
    found = (*court.approve(change, "mara", "tomas"), *court.later(hours=1).approve(change, "mara"))
    case = court.later(hours=2).case(change, found)
    assert judge(case) == judge(replace(case, approvals=tuple(reversed(found))))


def test_every_rule_of_the_installation_asks_for_two_people_at_most() -> None:
    assert all(len(roles) == 2 for _, roles in RULES.values())
