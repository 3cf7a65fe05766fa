"""`conductor demo`: plays the story in a folder and leaves everything there to look at."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

import compiler
from compiler.cli.app import run
from compiler.cli.demo import scenes
from compiler.cli.demo.example import keep
from compiler.cli.demo.picture import draw
from compiler.cli.demo.serving import serve as go_on
from compiler.cli.demo.stage import Stage
from compiler.cli.demo.world import keys, opened
from compiler.cli.options import HERE, Repo, today_or, where
from runtime.contract.errors import EnvironmentFailedError, UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Folder for all files (default: a new temporary folder)."),
    ] = None,
    repo: Repo = HERE,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Also draw the terminal as an SVG.")
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option("--example", metavar="DIR", hidden=True, help="Also keep the history as docs/example."),
    ] = None,
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Keep the servers and the agent running until Ctrl-C.")
    ] = False,
) -> None:
    """Run the whole workflow on a real PostgreSQL: genesis, approvals, a tenant's life, drift, audit, tampering."""
    begun = time.monotonic()
    folder, source = _empty(directory), _source(repo)
    stage = Stage(folder, _run)
    stage.say(f"Everything of this demo lies in {folder}, called $DEMO below.")
    public = keys(folder)
    tenants = sorted(path.stem for path in (source / "tenants").glob("*.yaml"))
    with opened(folder, tenants, today_or(None)) as world:
        scenes.prepare(world, stage, source, public)
        for scene in scenes.PLAY:
            scene(world, stage)
        _epilogue(folder, stage, time.monotonic() - begun)
        if example is not None:
            keep(folder, stage, example)
        if picture is not None:
            picture.write_text(draw(stage.transcript))
        if serve:
            go_on(world, stage)


def _run(arguments: list[str]) -> int:
    """Run a command of ours as the console script does, in this process."""
    try:
        run(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _epilogue(folder: Path, stage: Stage, seconds: float) -> None:
    stage.scene(
        "Where everything lies",
        f"In {folder}:",
        "  repo/        the engineers' clone: its history is the story you just read",
        "  remote.git/  what everybody pushes to; its branch `approvals` holds what people signed",
        "  auditor/     the auditor's clone",
        "  keys/        three people's and the agent's private keys, the public ones beside",
        "  trust-root   what the auditor was told",
        "  secrets/     DSNs and passwords of this demo's two PostgreSQL servers, which end with it;",
        "               who runs the agent by hand needs its passwords: . secrets/environment",
        "  release/     what flag servers, dashboards and alerting read, swapped whole by a symlink",
        "",
        "What to type next:",
    )
    program = "conductor" if shutil.which("conductor") else quote(sys.argv[0])
    repo = folder / "repo"
    for line in (
        f"git{where(repo, '-C')} log --stat evidence/",
        f'{program} verify{where(repo)} --trust-root "$(cat {quote(f"{folder}/trust-root")})"',
        f"{program} evidence show 8{where(repo)}",
        f"$EDITOR {quote(str(repo / 'tenants/velora-retail.yaml'))} && {program} check{where(repo)}",
        f"git{where(repo, '-C')} switch -qc try-it && git{where(repo, '-C')} commit -aqm 'Try it'",
        f"{program} plan{where(repo)}",
        f"{program} demo --serve",
    ):
        stage.show(line, style="bold cyan")
    stage.say(f"\nThat took {seconds:.0f} seconds.")


def _source(repo: Path) -> Path:
    """The folder whose YAML is copied: the one that is named, or the checkout this installation runs from."""
    named = repo.resolve()
    checkout = Path(compiler.__file__).resolve().parent.parent
    return named if (named / "tenants").is_dir() else checkout


def _empty(directory: Path | None) -> Path:
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="conductor-demo-"))
    folder = directory.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", help="name a folder that is not there yet: conductor demo --dir DIR")
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailedError(
            f"{folder} cannot be made: {error.strerror}", help="name another: --dir DIR"
        ) from None
    return folder
