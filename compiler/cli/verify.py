"""`conductor verify`: every verdict in history and the whole ledger, offline, from a clone."""

from __future__ import annotations

import gc
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from compiler.cli.options import HERE, Repo, colourful
from compiler.cli.progress import progress
from compiler.cli.signing import PassphraseFrom
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.cli.typed import typed
from compiler.cli.verify_text import as_text
from compiler.cli.vsa import export
from compiler.diagnostics.printable import shown_json
from runtime.contract.canonical import encode
from runtime.contract.errors import FormatError, UsageError
from runtime.contract.instant import parse
from runtime.git.repository import Repository
from runtime.ledger.beside import as_of
from runtime.ledger.entry import EVIDENCE
from runtime.ledger.verify import Report, WorkFile, parse_digest
from runtime.ledger.verify import verify as assess
from runtime.release import VERSION

_COMMIT = re.compile(r"[0-9a-f]{40}")


class ReportFormat(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"


class AuditFormat(StrEnum):
    """The same, and for an auditor's file."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def _time(given: str) -> datetime:
    try:
        return parse(given)
    except FormatError:
        raise typer.BadParameter(f"{given!r} is no time, as 2026-11-24T08:00:00Z is") from None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verify")(verify)


def verify(
    context: typer.Context,
    *,
    repo: Repo = HERE,
    trust_root: TrustRoot = None,
    require_proven: Annotated[
        bool, typer.Option("--require-proven", help="Fail if the trust root had to be assumed.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DIGEST",
            help="An earlier head, written in the same way: what `verify` printed as `head` then; or a commit.",
        ),
    ] = None,
    rev: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="The head to verify; HEAD if left out.")
    ] = None,
    render: Annotated[bool, typer.Option("--render", help="Render the commits of this release again.")] = False,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at",
            metavar="TIME",
            parser=_time,
            help="The time to judge heartbeats by, as 2026-11-24T08:00:00Z; now if left out.",
        ),
    ] = None,
    form: Annotated[AuditFormat, typer.Option("--format", help="How the report is written.")] = AuditFormat.TEXT,
    vsa: Annotated[
        Path | None,
        typer.Option(
            "--vsa",
            metavar="FILE|DIR",
            show_default=False,
            help="Also write one SLSA verification summary of what was verified, of what came after --since if given.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            show_default=False,
            help="Sign that summary: the auditor's private key; or FILE.pub, and the ssh-agent signs.",
        ),
    ] = None,
    passphrase: PassphraseFrom = None,
) -> None:
    """Check every verdict in history and the whole ledger. Needs no network, no server and no private key.

    Exits with 0 if no answer is `failed`; with 3 if none is, but this machine could not render what --render asked for.
    In JSON every SHA-256 is 64 hex digits, without `sha256:`.
    """
    if vsa is None and key is not None:
        raise UsageError("--key signs a summary, and none was asked for", help="--vsa FILE writes one")
    if vsa == Path("-"):
        raise UsageError(
            "a summary is a file of its own, and standard output has the report",
            help="--vsa FILE writes it",
        )
    with Repository(repo) as git, progress("verifying"), _without_collector():
        head = head_of(git, rev)
        compile_ = None
        if render:
            from compiler.driver import compile_commit  # noqa: PLC0415 -- an auditor needs no compiler otherwise

            compile_ = compile_commit(git)
        report = assess(
            git,
            head,
            now=datetime.now(tz=UTC) if at is None else at,
            trust_root=digest_of("--trust-root", trust_root),
            require_proven=require_proven,
            since=_since(git, since),
            heads=None if rev is None else as_of(git, head),
            worktree=None if git.bare or head != git.resolve("HEAD") else read_evidence(git.path, modes=git.has_modes),
            compile=compile_,
            release=VERSION if render else None,
        )
    sys.stdout.write(written(report, form, typed(context)))
    if vsa is not None:
        sys.stderr.write(f"summary: {export(report, since, vsa, key, passphrase)}\n")
    unanswered = report.rendered is not None and report.rendered.unanswered
    raise typer.Exit(1 if not report.ok else 3 if unanswered else 0)


def head_of(git: Repository, rev: str | None) -> str:
    """Return the commit to read; raises UsageError where there is none."""
    head = git.resolve(rev or "HEAD")
    if head is None and rev in {None, "HEAD"}:
        raise UsageError(f"there is no commit yet in {git.path}", help="commit something, or name a branch with --rev")
    if head is None:
        raise UsageError(f"there is no revision `{rev}`", help="`git log --oneline --all` lists those there are")
    return head


def written(report: Report, form: AuditFormat, command: str = "") -> str:
    """Return the report as it is printed; `command` is what was typed."""
    if form is AuditFormat.JSON:
        return shown_json(encode(report.to_json()).decode()) + "\n"
    if form is AuditFormat.MARKDOWN:
        from compiler.cli.verify_markdown import as_markdown  # noqa: PLC0415 -- only for a file

        return as_markdown(report, command)
    return as_text(report, colour=colourful(sys.stdout))


def read_evidence(repo: Path, *, modes: bool = True) -> dict[str, WorkFile]:
    """Read every file of a work tree's evidence; a symbolic link is read as what it is, its target's name.

    `modes`: whether it lies where a file can be executable or not, which git notes in `core.fileMode`.
    """
    found: dict[str, WorkFile] = {}
    top = os.fspath(repo)
    for folder, below, names in os.walk(os.path.join(top, EVIDENCE.rstrip("/"))):  # noqa: PTH118 -- 30,000 files, and Path is slow
        for name in (*names, *(item for item in below if os.path.islink(f"{folder}/{item}"))):  # noqa: PTH114 -- as above
            file = f"{folder}/{name}"
            found[file[len(top) + 1 :]] = _content(file, modes=modes)
    return found


@contextmanager
def _without_collector() -> Iterator[None]:
    """A long ledger is many small values that all stay: looking for garbage among them costs a tenth of the time. That
    is so at the end as well, so what is there by then is not looked at again."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.freeze()
            gc.enable()


def _content(file: str, *, modes: bool) -> WorkFile:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        if Path(file).is_symlink():
            return WorkFile(os.fsencode(Path(file).readlink()), "120000")
        return WorkFile(b"", None)
    with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123 -- a descriptor
        executable = os.fstat(descriptor).st_mode & stat.S_IXUSR
        data = stream.readall() or b""  # nothing at all where a pipe lies
        return WorkFile(data, None if not modes else "100755" if executable else "100644")


def _since(git: Repository, given: str | None) -> str | None:
    if given is None:
        return None
    found = parse_digest(given.strip()) or git.resolve(given)
    if found is None and _COMMIT.fullmatch(given):
        return given  # a commit that is gone is what the option is there to find
    if found is None:
        raise UsageError(
            f"--since takes sha256: and 64 hex digits in lower case, or a commit of this clone, not {given!r}",
            help="what an earlier `conductor verify` printed as its head",
        )
    return found
