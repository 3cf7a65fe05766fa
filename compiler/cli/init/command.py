"""`conductor init`: a folder becomes a repository that compiles, ready for two people to start its history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.genesis import BRANCH
from compiler.cli.init.answers import Answers
from compiler.cli.init.asking import Given, answer, pairs
from compiler.cli.init.disk import begin, require_room, write
from compiler.cli.init.fork import look_at
from compiler.cli.init.layout import inputs_of, lay_out
from compiler.cli.init.telling import fork_text, laid_out_text
from compiler.cli.progress import progress
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.diagnostics.concise import concise
from compiler.diagnostics.model import Diagnostics
from compiler.diagnostics.printable import shown_lines
from compiler.driver import check_tree
from compiler.source import from_files
from runtime.contract.errors import ConductorError, UsageError
from runtime.git.repository import Repository


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder; created if missing.")] = Path(),
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Name of the platform.")] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person", metavar="NAME=FILE", help="A person who approves, and their public key; give at least two."
        ),
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option("--roles", metavar="NAME=ROLE,…", help="Roles of a person, if not the default ones."),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="NAME", help="Region of the first database (default eu-central).")
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option("--dsn", metavar="REFERENCE", help="Reference to the connection string, e.g. env:CONDUCTOR_PG."),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--identity", metavar="ID", help="Database identity (detected if reachable)."),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="NAME", help="A first tenant (default: none).")
    ] = None,
    agent_key: Annotated[
        Path | None,
        typer.Option(
            "--agent-key",
            metavar="FILE",
            help="The agent's key, created if missing, or a .pub (default: below ~/.config/conductor).",
        ),
    ] = None,
    package: Annotated[
        str | None,
        typer.Option("--package", metavar="REQUIREMENT", help="What CI installs with pip (default: this release)."),
    ] = None,
    fork: Annotated[
        bool,
        typer.Option(
            "--fork", help="DIR is a copy of an existing history: list what must change before it starts its own."
        ),
    ] = False,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin", metavar="URL", help="With --fork: this copy's own remote, as `git remote -v` shows it."
        ),
    ] = None,
    trust_root: TrustRoot = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing; use defaults for missing options.")] = False,
) -> None:
    """Create a new repository with YAML, Rego and CI, and print the next steps.

    Asks for missing options, and overwrites nothing.
    """
    if fork:
        _fork(directory, origin, digest_of("--trust-root", trust_root))
        return
    if origin is not None or trust_root is not None:
        raise UsageError("--origin and --trust-root need --fork", help="conductor init --fork DIR")
    given = Given(
        folder=directory,
        platform=name,
        people=pairs(person),
        roles=pairs(roles),
        region=region,
        dsn=dsn,
        identity=identity,
        tenant=tenant,
        agent_key=agent_key,
        package=package,
        yes=yes,
    )
    answers, todo = answer(given)
    folder = directory.resolve()
    with progress("laying out"):
        try:
            files = lay_out(answers)
            _compiles(files)
            require_room(folder, files)
        except ConductorError:
            _take_back_key(answers)
            raise
        folder.mkdir(parents=True, exist_ok=True)
        left = write(folder, files)
        made, branch = begin(folder)
    if branch != BRANCH:
        todo = (
            *todo,
            f"`{branch or 'no branch'}` is checked out, but history starts on {BRANCH}: git switch {BRANCH}.",
        )
    sys.stdout.write(shown_lines(laid_out_text(answers, folder, len(files) - len(left), left, todo, made=made)))


def _fork(directory: Path, origin: str | None, trust_root: str | None) -> None:
    with Repository(directory) as git, progress("looking"):
        found = look_at(git, origin=origin, trust_root=trust_root)
    sys.stdout.write(shown_lines(fork_text(found, directory)))
    raise typer.Exit(1 if found.musts else 0)


def _take_back_key(answers: Answers) -> None:
    """Where nothing is laid out, the agent's key that was made for it goes as well."""
    if answers.agent_new:
        for file in (answers.agent_private, f"{answers.agent_private}.pub"):
            Path(file).unlink(missing_ok=True)


def _compiles(files: dict[str, bytes]) -> None:
    diagnostics = Diagnostics()
    check_tree(from_files(inputs_of(files)), diagnostics)
    if diagnostics.failed:
        raise ConductorError(
            "these answers do not produce valid YAML; nothing was written:\n" + concise(diagnostics),
            help="change the answers",
        )
