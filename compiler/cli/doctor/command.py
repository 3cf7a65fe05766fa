"""`conductor doctor`: looks at everything, changes nothing, and ends with 1 if something fails."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.doctor import clone, installation, machine
from compiler.cli.doctor.line import Line, State, fail
from compiler.cli.options import HERE, Repo
from compiler.cli.progress import progress
from compiler.cli.terminal import colourful
from compiler.diagnostics.printable import shown, shown_json
from runtime.contract.errors import ConductorError, FormatError
from runtime.git.repository import Repository
from runtime.governance.config import Governance

_COLOURS = {State.OK: typer.colors.GREEN, State.WARN: typer.colors.YELLOW, State.FAIL: typer.colors.RED}


class ReportFormat(StrEnum):
    """How the lines are written."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    repo: Repo = HERE,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="A private key to check, besides those in ~/.ssh."),
    ] = None,
    *,
    targets: Annotated[
        bool,
        typer.Option(
            "--targets", help="Check as an agent host: connect to every target; every secret must be present."
        ),
    ] = False,
    form: Annotated[ReportFormat, typer.Option("--format", help="Output format.")] = ReportFormat.TEXT,
) -> None:
    """List what is missing on this machine or in this repository, each with the command that fixes it.

    Changes nothing, fetches nothing and asks for no passphrase. Exits with 1 if something fails; warnings are about
    things that only some people need.
    """
    with progress("looking"):
        lines = list(_lines(repo, [file.expanduser() for file in key or ()], targets=targets))
    if form is ReportFormat.JSON:
        written = json.dumps([line.to_json() for line in lines], indent=2, ensure_ascii=False)
        sys.stdout.write(shown_json(written) + "\n")
    else:
        sys.stdout.write(as_text(lines, colour=colourful(sys.stdout)))
    raise typer.Exit(1 if any(line.state is State.FAIL for line in lines) else 0)


def as_text(lines: list[Line], *, colour: bool) -> str:
    """One line each, and one more for the command that mends it; at the end, how many of which."""
    told = []
    for line in lines:
        state = f"{line.state.value:<4}"
        painted = typer.style(state, fg=_COLOURS[line.state]) if colour else state
        told.append(f"{painted}  {line.topic}: {shown(line.message)}")
        if line.command is not None:
            told.append(f"        = help: {shown(line.command)}")
    counts = {state: sum(line.state is state for line in lines) for state in State}
    told += ["", ", ".join(f"{count} {state.value}" for state, count in counts.items())]
    return "\n".join(told) + "\n"


def _lines(repo: Path, keys: list[Path], *, targets: bool) -> Iterator[Line]:
    yield from machine.programs(repo)
    yield machine.committer(repo if repo.is_dir() else Path())
    try:
        git = Repository(repo)
    except ConductorError as error:
        yield from machine.keys(Path.home(), os.environ, keys, None)
        yield fail("repository", error.message, "git clone URL, or conductor init DIR for a new one")
        return
    with git:
        yield from clone.lines(git)
        history, told = clone.history_of(git)
        yield from told
        snapshot, read = (None, []) if git.bare else installation.read(git.path)
        yield from read
        if snapshot is None and history is not None:
            snapshot = history.snapshot
        governance = history.governance if history is not None else None
        if governance is None and snapshot is not None:
            try:
                governance = Governance.of(snapshot.contents)
            except FormatError:
                governance = None  # a tree without people compiles, and nobody's key can be told
    yield from machine.keys(Path.home(), os.environ, keys, governance)
    if snapshot is not None:
        yield from installation.identities(snapshot)
        yield from installation.references(snapshot, needed=targets)
        yield from installation.reached(snapshot) if targets else ()
