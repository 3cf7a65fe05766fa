"""Every code has a page, a case and a use; every page and case has its code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from compiler.diagnostics import codes
from compiler.diagnostics.model import Code

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem for path in (ROOT / "docs" / "diagnostics").glob("MC*.md")}
CASES = {path.name for path in (ROOT / "tests" / "cases" / "diagnostics").iterdir() if path.is_dir()}
CONSTANTS = {name: code for name, code in vars(codes).items() if isinstance(code, Code)}
NOT_OF_A_TREE = {
    "MC0920": "a transition is refused between two commits: tests/cases/plan",
    **{
        code: "a history is needed: tests/attacks, tests/unit/test_ledger_verify.py"
        for code in codes.ALL
        if code[:4] == "MC07"
    },
}
"""Codes that one tree alone cannot give: where their case is."""


def used() -> set[str]:
    """Names of codes that the product's code mentions, its list of them apart."""
    names: set[str] = set()
    for folder in ("compiler", "runtime"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "codes.py":
                tree = ast.parse(path.read_text(encoding="utf-8"))
                names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
                names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return names


@pytest.mark.parametrize("code", codes.ALL.values(), ids=lambda code: code.id)
def test_a_code_has_a_page_and_a_case(code: Code) -> None:
    assert code.id in PAGES, f"write docs/diagnostics/{code.id}.md"
    if code.id not in NOT_OF_A_TREE:
        assert any(name.startswith(f"{code.id}-{code.name}") for name in CASES), f"make a case {code.id}-{code.name}/"


def test_every_code_is_used() -> None:
    names = used()
    assert [name for name in CONSTANTS if name not in names] == []


def test_no_id_and_no_name_is_given_twice() -> None:
    assert len(codes.ALL) == len(CONSTANTS)
    assert len({code.name for code in CONSTANTS.values()}) == len(CONSTANTS)


def test_every_page_and_case_has_its_code() -> None:
    assert {page for page in PAGES if page not in codes.ALL} == set()
    assert {case for case in CASES if case[:6] not in codes.ALL} == set()


@pytest.mark.parametrize("code", codes.ALL.values(), ids=lambda code: code.id)
def test_a_code_speaks_in_the_house_style(code: Code) -> None:
    assert re.fullmatch(r"MC[0-9]{4}", code.id)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code.name)
    assert not code.summary.endswith(".")
