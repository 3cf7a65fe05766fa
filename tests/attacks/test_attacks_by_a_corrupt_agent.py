"""The agent itself is corrupt: it signs verdicts over what the rules do not allow. Whoever verifies sees through it.

In each story everything else about the verdict is right: chain, signatures, digests. It takes nothing, the finding
names the rule, and only somebody who dropped that very rule would believe it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from runtime.agent.decide import Take
from runtime.governance.case import Signed
from runtime.governance.rules import CONSENT, Rule
from runtime.testing.installation import Installation
from runtime.testing.proofs import proof
from runtime.testing.small_tree import RULES, document, key_of, person, policy, small_tree

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

SUSPEND: Mapping[str, bytes] = {"tenants/acme.yaml": document(blueprint="basic", state="suspended")}
NOTES: Mapping[str, bytes] = {"spec/notes.yaml": document(text="new")}


def corrupt(house: Installation, name: str) -> str:
    """The agent decides without a rule, and signs and commits what comes of it; returns the commit that it takes."""
    decision = house.decide(consent=tuple(rule for rule in CONSENT if rule.name != name))
    assert isinstance(decision, Take)
    house.record(house.verdict(decision))
    return decision.commit


def seen_through(kept_out_by: KeptOutBy, house: Installation, name: str) -> None:
    before = house.history().commit
    head = corrupt(house, name)

    def believed(rules: tuple[Rule, ...]) -> bool:
        history = house.history(consent=rules, fresh=True)
        return history.commit == head and not history.findings

    kept_out_by(name, CONSENT, believed)
    history = house.history(fresh=True)
    assert history.commit == before
    assert name in {finding.rule for finding in history.findings}
    assert all(finding.path and finding.commit for finding in history.findings)


def test_second_approval_is_missing(kept_out_by: KeptOutBy, house: Installation) -> None:
    """Tomas and I are friends, the agent and I. It takes what I alone approved.

    Rule: `two-people`.
    """
    head = house.git.commit_files(NOTES)
    house.approve(head, "tomas", base=house.genesis.commit)
    seen_through(kept_out_by, house, "two-people")


def test_altered_approval(kept_out_by: KeptOutBy, house: Installation) -> None:
    """Mara's approval expires too early. I write a later date into it and keep her signature.

    Rule: `authentic`.
    """
    head = house.git.commit_files(SUSPEND)
    change = house.approve(head, "tomas", base=house.genesis.commit)
    assert change is not None
    early, later = (house.statement(change, key_of("mara"), days=days) for days in (1, 14))
    house.file(change, Signed.of(replace(later.envelope, signature=early.envelope.signature)))
    house.tick(days=2)
    seen_through(kept_out_by, house, "authentic")


def test_expired_approval(kept_out_by: KeptOutBy, house: Installation) -> None:
    """Both approved for a day. The agent was away for a week and does not look at dates.

    Rule: `unexpired`.
    """
    head = house.git.commit_files(SUSPEND)
    change = house.change(head, base=house.genesis.commit)
    assert change is not None
    house.file(change, *(house.statement(change, key_of(name), days=1) for name in ("mara", "tomas")))
    house.tick(days=7)
    seen_through(kept_out_by, house, "unexpired")


def test_one_person_with_two_keys(kept_out_by: KeptOutBy) -> None:
    """I sign with my laptop and with my token, and the agent counts keys.

    Rule: `counted-once`.
    """
    files = {
        "policies/people/mara.yaml": person("mara", "admin", "mc", "pm", "sre", keys=2).data(),
        "policies/people/ines.yaml": person("ines", "sec-tl", "sre").data(),
        "policies/approvals.yaml": policy({**RULES, "notes": (("spec/**",), ("sre", "sre"))}).data(),
    }
    house = Installation.start(small_tree(**files), also=[key_of("mara", 2)])
    head = house.git.commit_files(NOTES)
    change = house.change(head, base=house.genesis.commit)
    assert change is not None
    house.file(change, *(house.statement(change, key_of("mara", number)) for number in (1, 2)))
    seen_through(kept_out_by, house, "counted-once")


def test_rights_that_the_change_itself_gives(kept_out_by: KeptOutBy, house: Installation) -> None:
    """My change appoints Jon, Jon approves it, and the agent lets him.

    Rule: `rights-before`.
    """
    head = house.git.commit_files(
        {"policies/people/jon.yaml": person("jon", "mc", "sec-tl").data(), **proof("person/jon", key_of("jon"))}
    )
    house.approve(head, "jon", "ines", base=house.genesis.commit)
    seen_through(kept_out_by, house, "rights-before")


def test_old_approvals_of_what_was_taken_back(kept_out_by: KeptOutBy, house: Installation) -> None:
    """It was approved, taken, and taken back by two others. I merge it again, and the agent remembers what they said.

    Rule: `unspent`.
    """
    first = house.git.commit_files(SUSPEND)
    house.approve(first, "mara", "tomas", base=house.genesis.commit)
    house.step()
    back = house.git.revert(first)
    house.approve(back, "mara", "tomas", base=first)
    house.step()
    house.git.commit_files(SUSPEND)
    seen_through(kept_out_by, house, "unspent")


def test_change_that_main_has_taken_back(kept_out_by: KeptOutBy, house: Installation) -> None:
    """It was approved, merged, and reverted before the agent came. The agent takes the merge, not what came after.

    Rule: `still-stands`.
    """
    first = house.git.commit_files(SUSPEND)
    house.approve(first, "mara", "tomas", base=house.genesis.commit)
    ahead = house.copy()
    decision = ahead.decide()
    assert isinstance(decision, Take)
    house.git.revert(first)
    house.record(house.verdict(decision))

    def believed(rules: tuple[Rule, ...]) -> bool:
        history = house.history(consent=rules, fresh=True)
        return history.commit == first and not history.findings

    kept_out_by("still-stands", CONSENT, believed)
    assert {finding.rule for finding in house.history(fresh=True).findings} == {"still-stands"}


def test_change_that_main_took_back_before_it_edited_the_same_file_again(
    kept_out_by: KeptOutBy, house: Installation
) -> None:
    """It was approved, merged and reverted. Then somebody edits the same file for another reason, so that it is not at
    its old value any more, and the agent takes the merge nevertheless.

    Rule: `still-stands`.
    """
    first = house.git.commit_files(SUSPEND)
    house.approve(first, "mara", "tomas", base=house.genesis.commit)
    ahead = house.copy()
    decision = ahead.decide()
    assert isinstance(decision, Take)
    house.git.revert(first)
    house.git.commit_files({"tenants/acme.yaml": document(blueprint="basic", seats=9)})
    house.record(house.verdict(decision))

    def believed(rules: tuple[Rule, ...]) -> bool:
        history = house.history(consent=rules, fresh=True)
        return history.commit == first and not history.findings

    kept_out_by("still-stands", CONSENT, believed)
    assert {finding.rule for finding in house.history(fresh=True).findings} == {"still-stands"}
