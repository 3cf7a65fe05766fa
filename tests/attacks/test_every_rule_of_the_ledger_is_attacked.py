"""No rule of the ledger is there without an attack that it alone keeps out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from runtime.ledger.rules import CHAIN

STORIES = Path(__file__).with_name("test_attacks_on_the_ledger.py")


def test_every_rule_has_its_attack_and_every_attack_its_rule() -> None:
    tests = [node for node in ast.parse(STORIES.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    stories = [ast.get_docstring(node) or "" for node in tests if node.name.startswith("test_")]
    attacked = [match[1] for story in stories if (match := re.search(r"Rule: `([a-z-]+)`\.$", story))]
    assert len(attacked) == len(stories)
    assert set(attacked) == {rule.name for rule in CHAIN}


def test_the_names_of_rules_are_theirs_alone() -> None:
    assert len({rule.name for rule in CHAIN}) == len(CHAIN)
    assert len({rule.check for rule in CHAIN}) == len(CHAIN)
