"""IntelGraph's own tree, damaged at random -> findings, and never a crash."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings

from compiler.cli.check import findings
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.full import full
from compiler.driver import compiled
from compiler.source import from_files
from tests.cases.inputs import own_tree
from tests.property.damage import DAMAGES, Damage, damaged

TODAY = date(2026, 11, 24)


@given(DAMAGES)
@settings(max_examples=200, deadline=None)  # a loaded machine is no failure
def test_a_damaged_tree_gives_findings_or_compiles(damages: list[Damage]) -> None:
    tree = from_files(damaged(own_tree(), damages))
    found = findings(tree, TODAY)
    assert full(found, tree.files) or not len(found)
    assert as_json(found)
    result = compiled(tree)
    assert bool(result.errors) == found.failed
    assert bool(result.bundle) != found.failed
