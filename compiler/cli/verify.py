"""`conductor verify`: every verdict in history and the whole ledger, offline, from a clone."""

from __future__ import annotations

import gc
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from compiler.cli.options import HERE, Repo, colourful
from compiler.cli.progress import progress
from compiler.cli.signing import PassphraseFrom
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.cli.typed import typed
from compiler.cli.verify_text import as_text
from compiler.cli.vsa import export
from compiler.diagnostics.printable import shown_json
from runtime.contract import regular
from runtime.contract.canonical import encode
from runtime.contract.errors import FormatError, UsageError
from runtime.contract.instant import parse
from runtime.git.repository import Repository
from runtime.ledger.beside import Heads, as_of
from runtime.ledger.blobs import LARGEST
from runtime.ledger.ending import parse_digest
from runtime.ledger.entry import EVIDENCE
from runtime.ledger.history import History
from runtime.ledger.verify import Report, WorkFile
from runtime.ledger.verify import verify as assess
from runtime.release import VERSION

if TYPE_CHECKING:
    from runtime.ledger.checkpoint import Offered

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
        bool, typer.Option("--require-proven", help="Fail if no trust root was given or known.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DIGEST|FILE",
            help="`head` printed by an earlier verify, or a commit; detects truncated history. With "
            "--checkpoint-digest: the checkpoint's file.",
        ),
    ] = None,
    checkpoint_digest: Annotated[
        str | None,
        typer.Option(
            "--checkpoint-digest",
            metavar="DIGEST",
            show_default=False,
            help="SHA-256 of the checkpoint in --since, as `verify` printed it. Earlier history is not read.",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            show_default=False,
            help="If nothing failed, write a checkpoint from which the next audit can start (--since FILE).",
        ),
    ] = None,
    rev: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="The commit to verify (default: HEAD).")
    ] = None,
    render: Annotated[
        bool, typer.Option("--render", help="Recompile commits of this release and compare with the ledger.")
    ] = False,
    at: Annotated[
        datetime | None,
        typer.Option(
            "--at",
            metavar="TIME",
            parser=_time,
            help="Time to judge heartbeats by, e.g. 2026-11-24T08:00:00Z (default: now).",
        ),
    ] = None,
    form: Annotated[AuditFormat, typer.Option("--format", help="How the report is written.")] = AuditFormat.TEXT,
    vsa: Annotated[
        Path | None,
        typer.Option(
            "--vsa",
            metavar="FILE|DIR",
            show_default=False,
            help="Also write an SLSA verification summary of what was verified (with --since: of what came later).",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            show_default=False,
            help="Auditor's private key to sign that summary, or FILE.pub to sign with the ssh-agent.",
        ),
    ] = None,
    passphrase: PassphraseFrom = None,
) -> None:
    """Check every verdict in history and the whole ledger. Needs no network, no server and no private key.

    Exits with 0 if no answer is `failed`, or with 3 if this machine could not do the rest of what --render asks for.
    In JSON, every SHA-256 is 64 hex digits without `sha256:`.

    After verifying everything you can keep a checkpoint, and read only what came later the next time:
    `--checkpoint FILE` writes one, `--since FILE --checkpoint-digest sha256:…` starts there. You trust it by its
    SHA-256, so keep that where nobody else can write.
    """
    if vsa is None and key is not None:
        raise UsageError("--key signs a summary, but none was requested", help="add --vsa FILE")
    if vsa == Path("-"):
        raise UsageError(
            "the summary cannot go to standard output, where the report goes",
            help="--vsa FILE writes it",
        )
    root, now = digest_of("--trust-root", trust_root), datetime.now(tz=UTC) if at is None else at
    earlier = None if checkpoint_digest is None else _offered(since, checkpoint_digest, root)
    if checkpoint is not None and root is None and earlier is None:
        raise UsageError(
            "a checkpoint needs a trust root, and none was given",
            help="--trust-root sha256:…, as you received it from outside this repository",
        )
    with Repository(repo) as git, progress("verifying"), _without_collector():
        head = head_of(git, rev)
        since = since if earlier is None else earlier.kept.end.digest
        heads = None if rev is None else as_of(git, head)
        history = None if earlier is None else _going_on(git, head, earlier, now, heads)
        whole = history is None and not git.bare and head == git.resolve("HEAD")
        compile_ = None
        if render:
            from compiler.driver import compile_commit  # noqa: PLC0415 -- an auditor needs no compiler otherwise

            compile_ = compile_commit(git)
        report = assess(
            git,
            head,
            now=now,
            trust_root=root if earlier is None else earlier.kept.genesis,
            require_proven=require_proven,
            since=_since(git, since),
            heads=heads,
            worktree=WorkTree(git.path, modes=git.has_modes) if whole else None,
            compile=compile_,
            release=VERSION if render else None,
            history=history,
            checkpoint=None if earlier is None else earlier.sha256,
        )
        if checkpoint is not None and report.ok:
            report = replace(report, made=_keep(report, checkpoint))
    if checkpoint is not None and report.made is None:
        sys.stderr.write(f"no checkpoint was written to {checkpoint}: it would be of what failed\n")
    sys.stdout.write(written(report, form, typed(context)))
    if vsa is not None:
        sys.stderr.write(f"summary: {export(report, since, vsa, key, passphrase)}\n")
    unanswered = report.rendered is not None and report.rendered.unanswered
    raise typer.Exit(1 if not report.ok else 3 if unanswered else 0)


def _offered(since: str | None, digest: str, root: str | None) -> Offered:
    from compiler.cli.kept import offered  # noqa: PLC0415 -- most audits have no checkpoint

    return offered(since, digest, root)


def _going_on(git: Repository, head: str, earlier: Offered, now: datetime, heads: Heads | None) -> History | None:
    from compiler.cli.kept import start  # noqa: PLC0415 -- as above

    return start(git, head, earlier, now, heads)


def _keep(report: Report, file: Path) -> str:
    from compiler.cli.kept import keep  # noqa: PLC0415 -- as above

    return keep(report, file)


def head_of(git: Repository, rev: str | None) -> str:
    """Return the commit to read; raises UsageError where there is none."""
    head = git.resolve(rev or "HEAD")
    if head is None and rev in {None, "HEAD"}:
        raise UsageError(f"there is no commit yet in {git.path}", help="commit something, or name a branch with --rev")
    if head is None:
        raise UsageError(f"there is no revision `{rev}`", help="`git log --oneline --all` lists the existing ones")
    return head


def written(report: Report, form: AuditFormat, command: str = "") -> str:
    """Return the report as it is printed; `command` is what was typed."""
    if form is AuditFormat.JSON:
        return shown_json(encode(report.to_json()).decode()) + "\n"
    if form is AuditFormat.MARKDOWN:
        from compiler.cli.verify_markdown import as_markdown  # noqa: PLC0415 -- only for a file

        return as_markdown(report, command)
    return as_text(report, colour=colourful(sys.stdout))


class WorkTree(Mapping[str, WorkFile]):
    """A work tree's evidence, path -> file. One is read when it is asked for, and no more of it than evidence may have:
    whatever else lies there is only named. A symbolic link is read as what it is, its target's name.

    `modes`: whether it lies where a file can be executable or not, which git notes in `core.fileMode`.
    """

    def __init__(self, repo: Path, *, modes: bool = True) -> None:
        self._top, self._modes = os.fspath(repo), modes
        self._paths = dict.fromkeys(_walked(self._top))

    def __getitem__(self, path: str) -> WorkFile:
        if path not in self._paths:
            raise KeyError(path)
        return _content(f"{self._top}/{path}", modes=self._modes)

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _walked(top: str) -> Iterator[str]:
    for folder, below, names in os.walk(os.path.join(top, EVIDENCE.rstrip("/"))):  # noqa: PTH118 -- 30,000 files, and Path is slow
        for name in (*names, *(item for item in below if os.path.islink(f"{folder}/{item}"))):  # noqa: PTH114 -- as above
            yield f"{folder}/{name}"[len(top) + 1 :]


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
        descriptor, status = regular.opened(file)
    except (OSError, regular.OddFileError):
        if Path(file).is_symlink():
            return WorkFile(os.fsencode(Path(file).readlink()), "120000")
        return WorkFile(b"", None)
    try:
        data = regular.content(descriptor, status, LARGEST + 1)
    finally:
        os.close(descriptor)
    return WorkFile(data, None if not modes else "100755" if status.st_mode & stat.S_IXUSR else "100644")


def _since(git: Repository, given: str | None) -> str | None:
    if given is None:
        return None
    found = parse_digest(given.strip()) or git.resolve(given)
    if found is None and _COMMIT.fullmatch(given):
        return given  # a commit that is gone is what the option is there to find
    if found is None and Path(given).is_file():
        raise UsageError(
            f"--since names the file {given}, and a checkpoint counts only with the SHA-256 that you noted",
            help="--checkpoint-digest sha256:…, as the `verify` that wrote it printed it",
        )
    if found is None:
        raise UsageError(
            f"--since takes sha256: and 64 hex digits in lower case, or a commit of this clone, not {given!r}",
            help="what an earlier `conductor verify` printed as its head",
        )
    return found
