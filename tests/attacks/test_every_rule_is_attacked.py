"""No rule of consent or of the ledger is there without an attack that it alone keeps out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from runtime.governance.rules import CONSENT
from runtime.ledger.rules import CHAIN

RULES = {rule.name for rule in (*CONSENT, *CHAIN)}


def stories() -> list[str]:
    """What every attack's docstring says."""
    files = sorted(Path(__file__).parent.glob("test_attacks_*.py"))
    nodes = [node for file in files for node in ast.parse(file.read_text(encoding="utf-8")).body]
    tests = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return [ast.get_docstring(node) or "" for node in tests]


def test_every_rule_has_its_attack_and_every_attack_its_rule() -> None:
    named = [re.findall(r"Rule: `([a-z-]+)`\.$", story) for story in stories() if "Rule:" in story]
    assert all(len(names) == 1 for names in named)
    assert {name for (name,) in named} == RULES


def test_the_names_of_rules_are_theirs_alone() -> None:
    assert len(RULES) == len(CONSENT) + len(CHAIN)
    assert len({rule.check for rule in CHAIN}) == len(CHAIN)
