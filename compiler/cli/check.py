"""`conductor check`: every mistake of the tree in one run."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.aside import Aside, Deny, deny_here
from compiler.cli.options import HERE, Format, FormatOption, Repo, Rev, Today, read_tree, today_or, written
from compiler.cli.progress import progress
from compiler.diagnostics.model import Diagnostics
from compiler.diagnostics.printable import shown
from compiler.source import WASM, SourceTree
from runtime.contract.errors import UsageError
from runtime.contract.plural import plural

if TYPE_CHECKING:
    from compiler.values import Values

LEAST = 500
"""Files; fewer are read as fast without a memory of earlier runs."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    repo: Repo = HERE,
    rev: Rev = None,
    today: Today = None,
    form: FormatOption = Format.FULL,
    *,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Check again after each change, until Ctrl-C. JSON: one line each time."),
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache",
            envvar="CONDUCTOR_NO_CACHE",
            help="Read every file again. Otherwise, large work trees are cached in ~/.cache/conductor.",
        ),
    ] = False,
) -> None:
    """Validate all YAML and report every mistake with file, line and column. Errors exit with 1, warnings with 0."""
    if watch:
        if rev is not None:
            raise UsageError(
                "--rev and --watch cannot be combined: a commit never changes", help="leave out --rev or --watch"
            )
        from compiler.cli import watch as watching  # noqa: PLC0415 -- for this option only

        watching.watch(repo, form, lambda: today_or(today))
    with progress("checking"):
        tree = read_tree(repo, rev)
        with Aside(tree.files.get(WASM)) as aside:
            if no_cache or rev is not None or len(tree.files) < LEAST:
                diagnostics = findings(tree, today_or(today), deny=aside.deny)
            else:
                diagnostics = _sooner(repo, tree, today_or(today), aside)
        note = _of_main(repo, diagnostics) if diagnostics.failed else None
    gc.freeze()  # what is left to do is to print and to end
    if note is not None:
        typer.secho(f"note: {shown(note)}", fg=typer.colors.YELLOW, err=True)
    sys.stdout.write(written(diagnostics, tree, form, repo=repo))
    if form is Format.FULL:
        sys.stdout.write(f"{summary(tree, diagnostics, repo)}\n")
    raise typer.Exit(1 if diagnostics.failed else 0)


def _sooner(repo: Path, tree: SourceTree, today: date, aside: Aside) -> Diagnostics:
    """Find the same, without reading again what an earlier run has read."""
    from compiler.cli.remembered import keep, place, recall  # noqa: PLC0415 -- as in `findings`
    from compiler.parse import WrongValueError  # noqa: PLC0415 -- see above

    file = place(repo)
    if file is None:
        return findings(tree, today, deny=aside.deny)
    remembered = recall(file)
    try:
        diagnostics = findings(tree, today, deny=aside.deny, values=remembered)
    except WrongValueError:
        with suppress(OSError):
            file.unlink()
        return findings(tree, today)
    keep(file, remembered)
    return diagnostics


def findings(tree: SourceTree, today: date, *, deny: Deny = deny_here, values: Values | None = None) -> Diagnostics:
    """Return every mistake of a tree, and what is wrong with its flags' days."""
    # the compiler is imported while the other process loads the policy
    from compiler.domains.flags.expiry import judge_days  # noqa: PLC0415 -- see above
    from compiler.driver import check_tree  # noqa: PLC0415 -- see above
    from compiler.values import NO_VALUES  # noqa: PLC0415 -- see above

    diagnostics = Diagnostics()
    checked = check_tree(tree, diagnostics, deny=deny, values=NO_VALUES if values is None else values)
    judge_days(checked.model, today, diagnostics)
    return diagnostics


def summary(tree: SourceTree, diagnostics: Diagnostics, repo: Path) -> str:
    """Return the line below the findings."""
    errors = sum(item.severity.value == "error" for item in diagnostics)
    warnings = len(diagnostics) - errors
    start = ""
    if len(diagnostics):
        start = "" if repo == HERE else f"paths start in {shown(os.path.relpath(repo))}: go there to type them\n"
        start = f"\n{start}"
    return f"{start}{plural(len(tree.files), 'file')}: {_some(errors, 'error')}, {_some(warnings, 'warning')}"


def _of_main(repo: Path, found: Diagnostics) -> str | None:
    from compiler.cli.broken_main import note_of  # noqa: PLC0415 -- git is for those who have made a mistake

    return note_of(repo, found)


def _some(number: int, what: str) -> str:
    return plural(number, what) if number else f"no {what}s"
