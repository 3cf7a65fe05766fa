"""`conductor schema`: the JSON Schemas and reference pages, written or compared."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import HERE, Repo
from compiler.diagnostics.printable import shown
from compiler.domains.registry import ALL
from compiler.reference import PAGES, SCHEMAS, reference
from runtime.contract.plural import plural


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("schema")(schema)


def schema(
    *,
    repo: Repo = HERE,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if they are not up to date.")
    ] = False,
) -> None:
    """Write the JSON Schema and reference page of every kind, in `compiler/schemas/` and `docs/kinds/`."""
    files = reference(ALL)
    stale = dict(_stale(repo, files))
    if check:
        for path, why in sorted(stale.items()):
            sys.stdout.write(f"{shown(path)}: {why}\n")
        if stale:
            sys.stdout.write("  = help: conductor schema\n")
            raise typer.Exit(1)
        sys.stdout.write(f"{plural(len(files), 'file')}: up to date\n")
        return
    for path in stale:
        if path in files:
            (repo / path).parent.mkdir(parents=True, exist_ok=True)
            (repo / path).write_text(files[path], encoding="utf-8")
        else:
            (repo / path).unlink()
        sys.stdout.write(f"{shown(path)}\n")
    sys.stdout.write(f"{plural(len(files), 'file')}: {len(stale) or 'none'} written\n")


def _stale(repo: Path, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Files that differ, are missing, or belong to a kind that is gone."""
    for path, text in files.items():
        file = repo / path
        if not file.is_file():
            yield path, "is missing"
        elif file.read_text(encoding="utf-8") != text:
            yield path, "is not up to date"
    for folder, pattern in ((SCHEMAS, "*.json"), (PAGES, "*.md")):
        for file in sorted((repo / folder).glob(pattern)):
            path = f"{folder}/{file.name}"
            if path not in files:
                yield path, "belongs to no kind"
