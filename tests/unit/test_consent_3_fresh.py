"""Section 7, rule 3: an approval holds while nothing it speaks of has changed."""

from __future__ import annotations

from datetime import timedelta

from runtime.governance.judge import judge
from runtime.testing.court import Court, rules_of
from runtime.testing.small_tree import document, key_of, person, policy, small_tree

NOTES = {"spec/notes.yaml": document(text="new")}
BACK = {"spec/notes.yaml": document(text="nothing asks for this one")}
OTHER = {"spec/other.yaml": document(text="other")}


def test_approvals_survive_verdicts_over_other_paths(court: Court) -> None:
    approvals = court.approve(court.change(NOTES), "mara", "tomas")
    later = court.after(OTHER).after({"tenants/new.yaml": document(blueprint="basic")})
    assert judge(later.case(later.change(NOTES), approvals)).allowed


def test_own_verdict_spends_an_approval(court: Court) -> None:
    change = court.change(NOTES)
    approvals = court.approve(change, "mara", "tomas")
    again = court.after(NOTES).after(BACK)
    assert again.change(NOTES).digest == change.digest
    judgement = judge(again.case(again.change(NOTES), approvals))
    assert rules_of(judgement) == {"unspent", "two-people"}
    assert judge(again.case(change, again.approve(change, "mara", "tomas"))).allowed


def test_revert_needs_consent_of_its_own(court: Court) -> None:
    approvals = court.approve(court.change(NOTES), "mara", "tomas")
    later = court.after(NOTES)
    assert rules_of(judge(later.case(later.change(BACK), approvals))) == {"subject", "two-people"}


def test_superseded_version_made_again_needs_new_consent(court: Court) -> None:
    first = court.change(NOTES)
    approvals = court.approve(first, "mara", "tomas")
    back = court.after({"spec/notes.yaml": document(text="another")}).after(BACK)
    assert back.change(NOTES).digest == first.digest
    assert rules_of(judge(back.case(first, approvals))) == {"unspent", "two-people"}


def test_one_shared_path_of_many_spends(court: Court) -> None:
    both = {**NOTES, **OTHER}
    approvals = court.approve(court.change(both), "mara", "tomas")
    later = court.after(OTHER).after({"spec/other.yaml": None})
    judgement = judge(later.case(later.change(both), approvals))
    assert rules_of(judgement) == {"unspent", "two-people"}
    assert "altered spec/other.yaml" in judgement.problems[0].message


def test_rendered_file_that_another_change_altered_spends() -> None:
    court = Court.open()
    tenant = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
    approvals = court.approve(court.change(tenant), "mara", "tomas")
    blueprint = {"tenants/blueprints/basic.yaml": document(size="xl")}
    later = court.after(blueprint).after({"tenants/blueprints/basic.yaml": document(size="s")})
    assert later.change(tenant).digest == court.change(tenant).digest
    assert rules_of(judge(later.case(later.change(tenant), approvals))) == {"unspent", "two-people", "by-path"}


def test_approval_after_a_later_verdict_counts(court: Court) -> None:
    later = court.after({"spec/notes.yaml": document(text="another")})
    change = later.change(NOTES)
    assert judge(later.case(change, later.approve(change, "mara", "tomas"))).allowed


def test_late_approver_who_knew_an_older_verdict_does_not_count(court: Court) -> None:
    later = court.after({"spec/notes.yaml": document(text="another")}).after(BACK)
    change = later.change(NOTES)
    genesis = court.verified.timeline.last.sha256
    late = later.sign(change, key_of("tomas"), after=genesis)
    assert rules_of(judge(later.case(change, (late, *later.approve(change, "mara"))))) == {"unspent", "two-people"}


def test_after_must_be_a_verdict_of_this_history(court: Court) -> None:
    change = court.change(NOTES)
    invented = court.sign(change, key_of("tomas"), after="ab" * 32)
    judgement = judge(court.case(change, (invented, *court.approve(change, "mara"))))
    assert rules_of(judgement) == {"after-known", "two-people"}


def test_approval_counts_from_its_signature_on(court: Court) -> None:
    change = court.change(NOTES)
    approvals = court.approve(change, "mara", "tomas")
    early = court.now - timedelta(seconds=1)
    assert rules_of(judge(court.case(change, approvals, at=early))) == {"begun", "two-people"}
    assert judge(court.case(change, approvals, at=court.now)).allowed


def test_approval_counts_until_it_expires(court: Court) -> None:
    change = court.change(NOTES)
    end = court.now + timedelta(hours=2)
    approvals = tuple(court.sign(change, key_of(name), expires_at=end) for name in ("mara", "tomas"))
    assert judge(court.case(change, approvals, at=end - timedelta(seconds=1))).allowed
    assert rules_of(judge(court.case(change, approvals, at=end))) == {"unexpired", "two-people"}


def test_approval_counts_no_longer_than_the_rules_let_it() -> None:
    court = Court.open(small_tree(**{"policies/approvals.yaml": policy(approval_days=3).data()}))
    change = court.change(NOTES)
    approvals = court.approve(change, "mara", "tomas")
    end = court.now + timedelta(days=3)
    assert judge(court.case(change, approvals, at=end - timedelta(seconds=1))).allowed
    assert rules_of(judge(court.case(change, approvals, at=end))) == {"approval-days", "two-people"}


def test_withdrawal_takes_back_its_makers_earlier_approvals(court: Court) -> None:
    change = court.change(NOTES)
    approvals = court.approve(change, "mara", "tomas")
    later = court.later(hours=1)
    withdrawal = later.sign(change, key_of("mara"), kind="withdrawal")
    judgement = judge(later.case(change, (*approvals, withdrawal)))
    assert rules_of(judgement) == {"not-withdrawn", "two-people"}
    assert judgement.people == ("tomas",)


def test_who_approves_again_after_a_withdrawal_counts(court: Court) -> None:
    change = court.change(NOTES)
    withdrawal = court.later(hours=1).sign(change, key_of("mara"), kind="withdrawal")
    later = court.later(hours=2)
    found = (*court.approve(change, "mara", "tomas"), withdrawal, *later.approve(change, "mara"))
    assert judge(later.case(change, found)).people == ("mara", "tomas")


def test_withdrawal_of_the_same_second_wins(court: Court) -> None:
    change = court.change(NOTES)
    withdrawal = court.sign(change, key_of("mara"), kind="withdrawal")
    assert judge(court.case(change, (*court.approve(change, "mara", "tomas"), withdrawal))).people == ("tomas",)


def test_withdrawal_with_another_key_of_the_same_person_counts() -> None:
    files = small_tree(**{"policies/people/mara.yaml": person("mara", "admin", "mc", "pm", keys=2).data()})
    court = Court.open(files)
    change = court.change(NOTES)
    withdrawal = court.later(hours=1).sign(change, key_of("mara", 2), kind="withdrawal")
    later = court.later(hours=2)
    assert judge(later.case(change, (*court.approve(change, "mara", "tomas"), withdrawal))).people == ("tomas",)


def test_nobody_withdraws_for_somebody_else_or_another_change(court: Court) -> None:
    change, other = court.change(NOTES), court.change(OTHER)
    later = court.later(hours=1)
    found = (
        *court.approve(change, "mara", "tomas"),
        later.sign(change, key_of("ines"), kind="withdrawal"),
        later.sign(change, key_of("mallory"), kind="withdrawal"),
        later.sign(other, key_of("mara"), kind="withdrawal"),
    )
    assert judge(later.case(change, found)).allowed


def test_people_who_left_between_signature_and_verdict_do_not_count(court: Court) -> None:
    approvals = court.approve(court.change(NOTES), "tomas", "mara")
    roles = {"policies/approvals.yaml": policy({}).data()}
    later = court.after(roles).after({"policies/people/tomas.yaml": None})
    assert rules_of(judge(later.case(later.change(NOTES), approvals))) == {"authentic", "two-people"}
