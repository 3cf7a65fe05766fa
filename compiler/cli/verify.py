"""`conductor verify`: every verdict in history and the whole ledger, offline, from a clone."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import HERE, Repo, colourful
from compiler.cli.progress import progress
from compiler.cli.verify_text import as_text
from runtime.contract.canonical import encode
from runtime.contract.errors import UsageError
from runtime.git.repository import Repository
from runtime.ledger.entry import EVIDENCE
from runtime.ledger.verify import Report, parse_digest
from runtime.ledger.verify import verify as assess
from runtime.release import VERSION


class ReportFormat(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    *,
    repo: Repo = HERE,
    trust_root: Annotated[
        str | None,
        typer.Option("--trust-root", metavar="sha256:…", help="SHA-256 of the genesis, as you were given it."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DIGEST", help="An earlier head: what `verify` printed as `head` then."),
    ] = None,
    rev: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="The head to verify; HEAD if left out.")
    ] = None,
    render: Annotated[bool, typer.Option("--render", help="Render the commits of this release again.")] = False,
    at: Annotated[
        datetime | None,
        typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%SZ"], help="The time to judge heartbeats by; now if left out."),
    ] = None,
    form: Annotated[ReportFormat, typer.Option("--format", help="How the report is written.")] = ReportFormat.TEXT,
) -> None:
    """Check every verdict in history and the whole ledger. Needs no network, no server and no private key."""
    with Repository(repo) as git, progress("verifying"):
        head = git.resolve(rev or "HEAD")
        if head is None:
            raise UsageError(
                f"there is no revision `{rev or 'HEAD'}`", help="`git log --oneline` lists those there are"
            )
        compile_ = None
        if render:
            from compiler.driver import compile_commit  # noqa: PLC0415 -- an auditor needs no compiler otherwise

            compile_ = compile_commit(git)
        report = assess(
            git,
            head,
            now=datetime.now(tz=UTC) if at is None else at.replace(tzinfo=UTC),
            trust_root=_digest("--trust-root", trust_root),
            since=_since(git, since),
            worktree=None if git.bare or head != git.resolve("HEAD") else read_evidence(git.path),
            compile=compile_,
            release=VERSION if render else None,
        )
    sys.stdout.write(written(report, form))
    raise typer.Exit(0 if report.ok else 1)


def written(report: Report, form: ReportFormat) -> str:
    """Return the report as it is printed."""
    if form is ReportFormat.JSON:
        return encode(report.to_json()).decode() + "\n"
    return as_text(report, colour=colourful(sys.stdout))


def read_evidence(repo: Path) -> dict[str, bytes]:
    """Read every file of a work tree's evidence; a symbolic link is read as what it is, its target's name."""
    found: dict[str, bytes] = {}
    for folder, _, names in os.walk(repo / EVIDENCE.rstrip("/")):
        for name in names:
            file = Path(folder) / name
            path = file.relative_to(repo).as_posix()
            found[path] = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
    return found


def _digest(option: str, given: str | None) -> str | None:
    if given is None:
        return None
    digest = parse_digest(given.strip())
    if digest is None:
        raise UsageError(f"{option} takes sha256: and 64 hex digits, not {given!r}")
    return digest


def _since(git: Repository, given: str | None) -> str | None:
    if given is None:
        return None
    digest = parse_digest(given.strip())
    return digest or git.resolve(given) or given
