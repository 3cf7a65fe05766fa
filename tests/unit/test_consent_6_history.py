"""Section 7, rule 6: history is what the verdicts say."""

from __future__ import annotations

from dataclasses import replace

from runtime.agent.decide import Take
from runtime.contract.compiling import Compiled
from runtime.governance.rules import CONSENT
from runtime.ledger.entry import approval_path
from runtime.testing.installation import Installation
from runtime.testing.small_tree import RULES, document, policy

ACME = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
NOTES = {"spec/notes.yaml": document(text="new")}
POLICIES = "policies/approvals.yaml"


def take(house: Installation, files: dict[str, bytes], *names: str, remove: tuple[str, ...] = ()) -> str:
    """Main changes, these people approve, the agent takes it."""
    base = house.history().commit
    head = house.git.commit_files(files, remove=remove)
    house.approve(head, *names, base=base)
    assert isinstance(house.step(), Take)
    return head


def test_approvals_alone_change_nothing_until_a_verdict_takes_the_commit(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    history = house.history(fresh=True)
    assert history.commit == house.genesis.commit
    assert history.pending == (head,)
    house.step()
    assert house.history(fresh=True).commit == head


def test_whoever_verifies_needs_no_compiler(house: Installation) -> None:
    head = take(house, ACME, "mara", "tomas")

    def none(commit: str) -> Compiled:
        raise AssertionError(commit)

    house.compile = none
    history = house.history(fresh=True)
    assert history.commit == head
    assert "suspended" in history.snapshot.contents["config/tenants/tenant/acme.json"]


def test_verdict_is_judged_by_the_people_and_rules_of_its_time(house: Installation) -> None:
    first = take(house, ACME, "mara", "tomas")
    take(house, {POLICIES: policy({"policies": RULES["policies"]}).data()}, "mara", "ines")
    take(house, {}, "mara", "ines", remove=("policies/people/tomas.yaml",))
    history = house.history(fresh=True)
    assert history.findings == ()
    assert "tomas" not in history.governance.people
    assert len([entry for entry in history.entries if entry.kind == "verdict"]) == 3
    assert first != history.commit


def test_rule_that_is_loosened_later_justifies_no_earlier_verdict(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.approve(head, "ines", "tomas", base=house.genesis.commit)
    without = tuple(rule for rule in CONSENT if rule.name != "by-path")
    decision = house.decide(consent=without)
    assert isinstance(decision, Take)
    house.record(house.verdict(decision))
    house.git.revert(head)
    take(house, {POLICIES: policy({"policies": RULES["policies"]}).data()}, "mara", "ines")
    history = house.history(fresh=True)
    assert [finding.rule for finding in history.findings] == ["by-path"]
    assert "suspended" not in history.snapshot.contents["config/tenants/tenant/acme.json"]


def test_verdict_that_names_too_few_approvals_is_a_finding_and_takes_nothing(house: Installation) -> None:
    head = house.git.commit_files(ACME)
    house.approve(head, "mara", "tomas", base=house.genesis.commit)
    decision = house.decide()
    assert isinstance(decision, Take)
    grounds = house.grounds(decision)
    one = dict(list(grounds.approvals.items())[:1])
    house.record(house.verdict(decision, replace(grounds, approvals=one)))
    history = house.history(fresh=True)
    assert history.commit == house.genesis.commit
    assert {finding.rule for finding in history.findings} >= {"two-people", "by-path"}
    assert isinstance(house.step(), Take), "the agent may still take it, with a verdict that holds"
    assert house.history(fresh=True).commit == head


def test_removing_an_approval_later_is_a_finding_and_changes_no_verdict(house: Installation) -> None:
    head = take(house, ACME, "mara", "tomas")
    entry = house.history().entries[0]
    change = entry.statement.digest_of("change.json") or ""
    signed = next(
        path.rsplit("/", 1)[-1].removesuffix(".sigstore.json")
        for path in house.git.files(house.main, f"evidence/approvals/{change[:2]}/{change}")
        if path.endswith(".sigstore.json")
    )
    house.git.commit_files({}, remove=[approval_path(change, signed)])
    history = house.history(fresh=True)
    assert history.commit == head
    assert {finding.rule for finding in history.findings} == {"unchanged"}


def test_what_was_read_with_fewer_approvals_is_read_the_same_with_more(house: Installation) -> None:
    head = take(house, NOTES, "mara", "ines")
    before = house.history(fresh=True)
    house.approve(head, "tomas", base=house.genesis.commit)
    after = house.history(fresh=True)
    assert (after.commit, after.entries, after.tip) == (before.commit, before.entries, before.tip)
