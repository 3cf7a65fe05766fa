"""No rule of consent or of the ledger is there without an attack that it alone keeps out; and the attacks are told."""

from __future__ import annotations

import pytest

from runtime.governance.rules import CONSENT
from runtime.ledger.checkpoint import ADMISSION
from runtime.ledger.rules import CHAIN
from tests.attacks import listing

RULES = {rule.name for rule in (*CONSENT, *CHAIN, *ADMISSION)}
ATTACKS = [attack for chapter in listing.chapters() for attack in chapter.attacks]
AT_LEAST = 40
"""What was promised."""


def test_every_rule_has_its_attack_and_every_attack_its_rule() -> None:
    assert not [item.name for item in ATTACKS if "Rule:" in item.story], "a story ends with one rule"
    assert {item.rule for item in ATTACKS if item.rule is not None} == RULES


def test_the_names_of_rules_are_theirs_alone() -> None:
    assert len(RULES) == len(CONSENT) + len(CHAIN) + len(ADMISSION)
    assert len({rule.check for rule in CHAIN}) == len(CHAIN)


def test_there_are_as_many_attacks_as_were_promised() -> None:
    assert len([item for item in ATTACKS if item.rule is not None]) >= AT_LEAST


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("break-glass", "test_debt_that_is_never_paid"),
        ("withdrawal", "test_a_withdrawal_is_deleted_from_the_branch"),
        ("rotation", "test_an_agents_old_key_after_rotation"),
        ("fork", "test_a_fork_that_kept_everything_of_the_originals_alters_nothing_of_it"),
        ("protected main", "test_main_moved_back_behind_what_the_ledger_saw_is_found"),
    ],
)
def test_what_was_promised_to_be_attacked_is(what: str, name: str) -> None:
    assert name in {item.name for item in ATTACKS}, what


def test_the_page_tells_every_attack() -> None:
    written = listing.PAGE.read_text(encoding="utf-8")
    assert written == listing.page(), "python -m tests.attacks.listing"
