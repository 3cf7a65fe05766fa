"""`conductor policy build | test`: policy.wasm from the real OPA, and the Rego's own tests."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from compiler import rego
from compiler.cli.options import HERE, Format, Repo, read_tree, written
from compiler.cli.progress import progress
from compiler.diagnostics.model import Diagnostics
from compiler.diagnostics.printable import shown_lines
from compiler.opa import Opa, RegoError
from compiler.source import SourceTree
from runtime.contract.errors import UsageError
from runtime.policy.engine import Policy
from runtime.whole import replace


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build policy.wasm and test the Rego.")
    group.command("build", short_help="Build policy.wasm and its lock from policies/.")(build)
    group.command("test", short_help="Check the Rego and run its tests.")(run_tests)
    app.add_typer(group, name="policy")


def build(
    repo: Repo = HERE,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if anything is out of date.")
    ] = False,
) -> None:
    """Build policy.wasm and policy.lock.json from the Rego in policies/ with the pinned OPA, unless a test fails.

    `conductor policy test` is stricter: the Rego must be formatted, and its tests must cover every line.
    """
    with progress("building the policy"):
        tree = read_tree(repo, None)
        sources = _sources(tree)
        diagnostics = Diagnostics()
        rego.check_builtins(sources, diagnostics)
        if diagnostics.failed:
            sys.stderr.write(written(diagnostics, tree, Format.FULL, sys.stderr))
            raise typer.Exit(1)
        opa, tests = Opa.find(repo), rego.tests(tree.files)
        wasm = opa.build(sources)
        Policy.load(wasm)
        failing = opa.failing(sources, tests)
        if failing is not None:
            raise RegoError(f"tests fail, so nothing was written:\n{failing}", help="fix the Rego or its tests")
        count = opa.count(sources, tests)
        made = {rego.WASM: wasm, rego.LOCK: rego.Lock.of(sources, wasm).data}
    stale = {path: data for path, data in made.items() if tree.files.get(path) != data}
    for path in made:
        state = "unchanged" if path not in stale else "differs" if check else "written"
        sys.stdout.write(f"{path} {state}\n")
    sys.stdout.write(f"{count} tests passed\n")
    if check and stale:
        raise typer.Exit(1)
    put(repo, stale)


def run_tests(repo: Repo = HERE) -> None:
    """Check the Rego in strict mode: its format, its tests, and that the tests cover every line."""
    with progress("testing the policy"):
        tree = read_tree(repo, None)
        sources, tests, opa = _sources(tree), rego.tests(tree.files), Opa.find(repo)
        faults = list(opa.faults(sources, tests))
        count = 0 if faults else opa.count(sources, tests)
    for fault in faults:
        sys.stdout.write(f"{shown_lines(fault)}\n")
    if faults:
        raise typer.Exit(1)
    sys.stdout.write(f"{count} tests passed and reach every line of {len(sources)} files\n")


def _sources(tree: SourceTree) -> dict[str, bytes]:
    if sources := rego.sources(tree.files):
        return sources
    raise UsageError("there is no Rego under policies/", help="name the repository with --repo DIR")


def put(repo: Path, files: Mapping[str, bytes]) -> None:
    """Put each file in its place whole. What is half written lies beside the folders, where nothing is an input."""
    for path, data in files.items():
        replace(repo / path, data, mode=0o644, scratch=repo, prefix=".policy-")
