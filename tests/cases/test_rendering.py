"""Every folder of `rendering/`: the bundle's files that differ from those of the base."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.driver import compile_tree
from compiler.source import from_worktree
from tests.cases.golden import HERE, Golden, Trees

CASES = sorted(path for path in (HERE / "rendering").iterdir() if path.is_dir())


def bundle_of(tree: Path) -> dict[str, bytes]:
    diagnostics = Diagnostics()
    source = from_worktree(tree)
    bundle = compile_tree(source, diagnostics)
    assert bundle is not None, full(diagnostics, source.files)
    return bundle


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_tree_renders_exactly_these_files_and_changes_no_other(case: Path, trees: Trees, golden: Golden) -> None:
    before = bundle_of(trees.base())
    after = bundle_of(trees.failing(case))
    differing = {path for path in after if after[path] != before.get(path)}
    for path in sorted(differing):
        golden.check(case / "bundle" / path, after[path].decode())
    gone = sorted(before.keys() - after.keys())
    if gone or (case / "gone.txt").exists():
        golden.check(case / "gone.txt", "".join(f"{path}\n" for path in gone))
    shown = {path.relative_to(case / "bundle").as_posix() for path in (case / "bundle").rglob("*") if path.is_file()}
    assert shown == differing
