"""The same inputs -> the same bytes: twice, under another hash seed, in another folder and file order."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.model import Diagnostics
from compiler.driver import check_tree, compile_tree
from compiler.source import SourceTree, from_worktree
from runtime.contract.change import Snapshot
from runtime.contract.manifest import INPUT_FOLDERS
from tests.cases.inputs import ROOT


def digest(tree: SourceTree) -> str:
    diagnostics = Diagnostics()
    bundle = compile_tree(tree, diagnostics)
    assert bundle is not None, as_json(diagnostics)
    return Snapshot.of(tree.digests(), bundle).manifest.digest


@pytest.fixture(scope="module")
def tree() -> SourceTree:
    return from_worktree(ROOT)


def test_the_same_tree_gives_the_same_bytes_twice(tree: SourceTree) -> None:
    first, second = compile_tree(tree, Diagnostics()), compile_tree(tree, Diagnostics())
    assert first is not None
    assert first == second
    assert list(first) == sorted(first)


@pytest.mark.parametrize("seed", range(5))
def test_another_order_of_files_gives_the_same_manifest_and_findings(tree: SourceTree, seed: int) -> None:
    paths = list(tree.files)
    random.Random(seed).shuffle(paths)  # noqa: S311 -- an order, not a secret
    shuffled = SourceTree({path: tree.files[path] for path in paths})
    assert digest(shuffled) == digest(tree)
    broken = {path: data.replace(b"spec:", b"sepc:") for path, data in shuffled.files.items()}
    one, other = Diagnostics(), Diagnostics()
    check_tree(SourceTree(broken), one)
    check_tree(SourceTree(dict(sorted(broken.items()))), other)
    assert len(one) > 5
    assert as_json(one) == as_json(other)


def test_another_folder_hash_seed_locale_and_time_zone_give_the_same_manifest(tree: SourceTree, tmp_path: Path) -> None:
    elsewhere = tmp_path / "some where else"
    for folder in INPUT_FOLDERS:
        shutil.copytree(ROOT / folder, elsewhere / folder)
    printed = set()
    for seed, zone in (("1", "Pacific/Apia"), ("4242", "America/St_Johns")):
        result = subprocess.run(
            [sys.executable, "-m", "compiler.cli", "build", "--repo", ".", "-o", str(tmp_path / f"bundle-{seed}")],
            cwd=elsewhere,
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        printed.add(result.stdout)
    assert printed == {f"sha256:{digest(tree)}\n"}
    one, other = (
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "bundle-1", tmp_path / "bundle-4242")
    )
    assert one == other
