"""What tests start from, path -> content: this repository's own inputs, its policy, and the golden cases' base."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from compiler.diagnostics.model import Diagnostics
from compiler.driver import compile_tree
from compiler.source import from_files, from_worktree

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "tests" / "cases" / "base"


@cache
def own_tree() -> Mapping[str, bytes]:
    """This repository's inputs."""
    return from_worktree(ROOT).files


@cache
def own_policy() -> Mapping[str, bytes]:
    """This repository's Rego, and what is built from it: a tree in which people approve needs one."""
    return {path: data for path, data in own_tree().items() if path.endswith((".rego", ".wasm", ".json"))}


@cache
def own_bundle() -> Mapping[str, bytes]:
    """What this repository's inputs compile to."""
    made = compile_tree(from_files(own_tree()), Diagnostics())
    assert made is not None
    return made


@cache
def base_tree() -> Mapping[str, bytes]:
    """The golden cases' base, with this repository's policy."""
    return {**from_worktree(BASE).files, **own_policy()}


def lay_out(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
