"""A tree of which most was read by an earlier run -> the findings and the bundle of one that is read for the first
time, to the last byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from compiler.cli.remembered import Remembered, keep, recall
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.domains.registry import ALL
from compiler.driver import check_tree
from compiler.render import render
from compiler.source import SourceTree, from_files
from compiler.values import NO_VALUES, Values
from tests.cases.inputs import own_tree
from tests.property.damage import DAMAGES, Damage, damaged


def outcome(tree: SourceTree, values: Values) -> tuple[str, object]:
    diagnostics = Diagnostics()
    checked = check_tree(tree, diagnostics, values=values)
    return full(diagnostics, tree.files), render(checked, tree.files, ALL) if checked.sound else None


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("cache") / "values"
    remembered = Remembered()
    outcome(from_files(own_tree()), remembered)
    keep(file, remembered)
    return file


@given(damages=DAMAGES)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_remembered_changes_no_finding_and_no_byte(kept: Path, damages: list[Damage]) -> None:
    tree = from_files(damaged(own_tree(), damages))
    assert outcome(tree, recall(kept)) == outcome(tree, NO_VALUES)


def test_the_same_tree_is_not_read_again(kept: Path) -> None:
    remembered = recall(kept)
    outcome(from_files(own_tree()), remembered)
    assert remembered.lines is None
