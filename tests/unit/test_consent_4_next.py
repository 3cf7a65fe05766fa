"""Section 7, rule 4: what is taken next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runtime.agent.decide import Nothing, Reason, Refuse, StoppedError, Take, compile_once, decide
from runtime.contract.compiling import Compiled
from runtime.governance.case import Missing
from runtime.governance.config import CompilerPin
from runtime.testing.installation import Installation
from runtime.testing.small_tree import document

ACME = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
GLOBEX = {"tenants/globex.yaml": document(blueprint="basic", seats=5)}
NOTES = {"spec/notes.yaml": document(text="new")}


def taken(decision: object) -> str:
    assert isinstance(decision, Take)
    return decision.commit


def test_nothing_changed_is_nothing_to_take(house: Installation) -> None:
    assert house.step() == Nothing()


def test_approved_change_is_taken_and_then_nothing_is_left(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    decision = house.step()
    assert isinstance(decision, Take)
    assert decision.commit == head
    assert len(decision.approvals) == 2
    assert house.history().commit == head
    assert house.history().findings == ()
    assert house.step() == Nothing()


def test_unapproved_change_is_refused_with_what_is_missing(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.approve(head, "tomas", base=house.genesis.commit)
    decision = house.step()
    assert isinstance(decision, Refuse)
    assert decision.refused.commit == head
    assert decision.judgement.missing == (
        Missing("two-people", ("anyone",), ("ines", "mara")),
        Missing("tenants", ("pm",), ("mara",)),
    )


def test_commits_without_a_change_of_inputs_take_nothing(house: Installation) -> None:
    house.git.commit_files({"README.md": "words", "tenants/README.md": "words", "runtime/x.py": "code"})
    assert house.step() == Nothing()


def test_first_candidate_goes_first_and_each_is_a_change_of_its_own(house: Installation) -> None:
    first = house.git.commit_files(ACME)
    second = house.git.commit_files(GLOBEX)
    house.approve(first, "mara", "tomas", base=house.genesis.commit)
    house.approve(second, "mara", "tomas", base=first)
    assert [taken(house.step()), taken(house.step())] == [first, second]


def test_unapproved_commit_holds_up_what_follows(house: Installation) -> None:
    first = house.git.commit_files(NOTES)
    second = house.git.commit_files(GLOBEX)
    house.approve(second, "mara", "tomas", base=first)
    decision = house.step()
    assert isinstance(decision, Refuse)
    assert [item.commit for item in decision.pending] == [first, second]
    house.approve(first, "mara", "ines", base=house.genesis.commit)
    assert [taken(house.step()), taken(house.step())] == [first, second]


def test_unapproved_commit_and_what_follows_are_taken_together_where_that_was_approved(house: Installation) -> None:
    house.git.commit_files(NOTES)
    second = house.git.commit_files(GLOBEX)
    house.approve(second, "mara", "tomas", base=house.genesis.commit)
    assert taken(house.step()) == second
    assert house.step() == Nothing()


def test_what_was_pending_and_taken_back_frees_what_follows(house: Installation) -> None:
    first = house.git.commit_files(NOTES)
    second = house.git.commit_files(GLOBEX)
    house.approve(second, "mara", "tomas", base=first)
    assert isinstance(house.step(), Refuse)
    third = house.git.revert(first)
    assert taken(house.step()) == third


def test_what_main_has_taken_back_while_pending_is_not_taken_however_late_it_is_approved(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.git.revert(head)
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    decision = house.step()
    assert isinstance(decision, Nothing)
    assert [(item.commit, item.reason, item.back) for item in decision.pending] == [
        (head, Reason.TAKEN_BACK, ("tenants/acme.yaml",))
    ]


def test_what_main_has_taken_back_is_over_whatever_is_made_of_its_file_later(house: Installation) -> None:
    typo = house.git.commit_files(ACME)
    house.approve(typo, "mara", "tomas", base=house.genesis.commit)
    both = house.git.commit_files(GLOBEX)
    house.git.commit_files({"tenants/acme.yaml": document(blueprint="basic")})
    later = house.git.commit_files({"tenants/acme.yaml": document(blueprint="basic", seats=9)})
    decision = house.step()
    assert isinstance(decision, Refuse)
    assert [(item.commit, item.reason) for item in decision.pending[:2]] == [
        (typo, Reason.TAKEN_BACK),
        (both, Reason.TAKEN_BACK),
    ]
    assert house.history().waiting[-1] == later
    assert not {typo, both} & set(house.history().waiting)
    house.approve(later, "mara", "tomas", base=house.genesis.commit)
    assert taken(house.step()) == later
    assert house.history(fresh=True).findings == ()


def test_what_was_taken_back_and_is_merged_again_is_a_candidate_of_its_own(house: Installation) -> None:
    first = house.git.commit_files(ACME)
    house.git.revert(first)
    again = house.git.commit_files(ACME)
    house.approve(first, "mara", "tomas", base=house.genesis.commit)
    assert taken(house.step()) == again
    assert house.history(fresh=True).findings == ()


def test_change_of_which_main_took_back_one_path_is_not_taken(house: Installation) -> None:
    head = house.git.commit_files({**ACME, **GLOBEX})
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    house.git.commit_files({"tenants/acme.yaml": document(blueprint="basic")})
    decision = house.step()
    assert isinstance(decision, Refuse)
    assert [item.reason for item in decision.pending] == [Reason.TAKEN_BACK, Reason.NOT_ALLOWED]


def test_removed_file_that_was_added_is_taken_back(house: Installation) -> None:
    head = house.git.commit_files({"tenants/new.yaml": document(blueprint="basic")})
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    house.git.commit_files({}, remove=["tenants/new.yaml"])
    assert isinstance(house.step(), Nothing)


def test_change_that_main_has_gone_on_from_still_stands(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    house.git.commit_files({"tenants/acme.yaml": document(blueprint="basic", state="other")})
    assert taken(house.step()) == head
    assert isinstance(house.step(), Refuse)


def test_what_does_not_compile_stays_pending_whatever_is_approved(house: Installation) -> None:
    house.git.commit_files({"tenants/new.yaml": document(blueprint="large")})
    decision = house.step()
    assert isinstance(decision, Nothing)
    assert decision.pending[0].reason is Reason.UNSOUND
    assert "unknown blueprint `large`" in decision.pending[0].errors[0]


def test_candidate_that_pins_another_release_is_neither_taken_nor_refused(house: Installation) -> None:
    head = house.git.commit_files({"policies/compiler.yaml": CompilerPin(release="9.0.0").data()})
    house.approve(head, "mara", "ines", base=house.genesis.commit)
    decision = house.step()
    assert isinstance(decision, Nothing)
    assert [item.reason for item in decision.pending] == [Reason.OTHER_RELEASE]
    assert "pins release 9.0.0" in decision.pending[0].errors[0]


def test_pull_requests_over_different_things_are_taken_in_either_order_of_merging() -> None:
    for order in (("acme", "globex"), ("globex", "acme")):
        house = Installation.start()
        for name, edit in (("acme", ACME), ("globex", GLOBEX)):
            house.git.branch(name)
            house.approve(house.git.commit_files(edit, branch=name), "mara", "tomas")
        merges = [house.git.merge(name) for name in order]
        assert [taken(house.step()), taken(house.step())] == merges
        assert house.step() == Nothing()
        assert house.history(fresh=True).findings == ()


def squash(house: Installation) -> str:
    return house.git.squash("pr")


def rebase(house: Installation) -> str:
    house.git.rebase("pr")
    return house.git.merge("pr")


@pytest.mark.parametrize("land", [squash, rebase])
def test_approvals_survive_squash_and_rebase(house: Installation, land: Callable[[Installation], str]) -> None:
    house.git.branch("pr")
    house.approve(house.git.commit_files(ACME, branch="pr"), "mara", "tomas")
    house.git.commit_files({"README.md": "somebody was first"})
    head = land(house)
    assert taken(house.step()) == head


def test_where_two_pull_requests_meet_the_older_approval_no_longer_counts(house: Installation) -> None:
    edits = {
        "tenant": ACME,
        "blueprint": {"tenants/blueprints/basic.yaml": document(size="xl")},
    }
    for name, edit in edits.items():
        house.git.branch(name)
        house.approve(house.git.commit_files(edit, branch=name), "mara", "tomas")
    first, second = house.git.merge("blueprint"), house.git.merge("tenant")
    assert taken(house.step()) == first
    decision = house.step()
    assert isinstance(decision, Refuse)
    house.approve(second, "mara", "tomas", base=first)
    assert taken(house.step()) == second


def test_verdict_names_what_landed_since_the_first_approval(house: Installation) -> None:
    house.git.branch("late")
    house.approve(house.git.commit_files(NOTES, branch="late"), "mara", "tomas")
    house.approve(house.git.commit_files(GLOBEX), "mara", "tomas", base=house.genesis.commit)
    assert isinstance(house.step(), Take)
    house.git.merge("late")
    decision = house.step()
    assert isinstance(decision, Take)
    assert decision.landed == (house.history().entries[0].digest,)


def test_everything_stops_where_p_is_not_on_main(house: Installation) -> None:
    house.approve(house.git.commit_files(ACME), "mara", "tomas", base=house.genesis.commit)
    assert isinstance(house.step(), Take)
    verified = house.history().verified
    other = house.git.commit_files(NOTES, branch="elsewhere")
    with pytest.raises(StoppedError, match="no ancestor"):
        decide(
            verified,
            house.git,
            other,
            approvals=lambda _: (),
            compile=house.compile,
            transition=house.history().transitions(house.now),
            at=house.now,
            release="0",
        )


def test_only_what_must_be_is_compiled(house: Installation) -> None:
    asked: list[str] = []
    inner = house.compile

    def counting(commit: str) -> Compiled:
        asked.append(commit)
        return inner(commit)

    house.compile = counting
    back = house.git.commit_files(NOTES)
    house.git.revert(back)
    first = house.git.commit_files(ACME)
    house.git.commit_files({"README.md": "words"})
    house.git.commit_files(GLOBEX)
    house.approve(first, "mara", "tomas", base=house.genesis.commit)
    asked.clear()
    assert taken(house.step()) == first
    assert asked == [first]


def test_trees_with_the_same_inputs_are_compiled_once(house: Installation) -> None:
    asked: list[str] = []

    def counting(commit: str) -> Compiled:
        asked.append(commit)
        return house.compile(commit)

    once = compile_once(counting, house.git, keep=1)
    first = house.git.commit_files(ACME)
    second = house.git.commit_files({"README.md": "words"})
    assert once(first) is once(second)
    third = house.git.commit_files(GLOBEX)
    once(third)
    once(second)
    assert asked == [first, third, second]


@pytest.mark.parametrize(("error", "asked"), [(ZeroDivisionError(), 1), (RecursionError(), 1), (MemoryError(), 2)])
def test_a_compiler_that_fails_is_asked_again_only_if_this_machine_is_why(
    house: Installation, error: Exception, asked: int
) -> None:
    counted: list[str] = []

    def failing(commit: str) -> Compiled:
        counted.append(commit)
        raise error

    once = compile_once(failing, house.git)
    first, second = once(house.main), once(house.main)
    assert first == second
    assert (first.snapshot, len(first.errors), len(counted)) == (None, 1, asked)
    assert (first.unanswered is None) == (asked == 1)
