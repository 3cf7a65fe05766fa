"""`conductor evidence log | show | debts`: the ledger as a story; one entry, and how it is verified by hand; what
emergencies left open."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from compiler.cli.clone import MAIN
from compiler.cli.debts_text import debts_json, debts_text, open_of
from compiler.cli.options import HERE, Repo, colourful
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.cli.verify import ReportFormat, head_of
from compiler.diagnostics.printable import shown, shown_json
from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.envelope import SUFFIX
from runtime.contract.errors import UsageError
from runtime.contract.plural import plural
from runtime.git.branches import REMOTE, heads_of
from runtime.git.branches import head_of as main_of
from runtime.git.repository import Repository
from runtime.governance.approvals import BRANCH, Approvals
from runtime.ledger.beside import as_of
from runtime.ledger.entry import LEDGER
from runtime.ledger.history import History, replay
from runtime.ledger.reading import Line, lines

Form = Annotated[ReportFormat, typer.Option("--format", help="Output format.")]
Rev = Annotated[str | None, typer.Option("--rev", metavar="REV", help="The commit to read (default: HEAD).")]
RevOrMain = Annotated[str | None, typer.Option("--rev", metavar="REV", help="The commit to read (default: main's).")]

Full: TypeAlias = Annotated[bool, typer.Option("--full", help="List every object and file of each entry.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Read the ledger.")
    group.command("log", short_help="Print the ledger as a readable log.")(log)
    # so that `-1` is a number, and no option that does not exist
    short = "Show one entry, and how to verify it by hand."
    group.command("show", short_help=short, context_settings={"ignore_unknown_options": True})(show)
    group.command("debts", short_help="List what emergencies left open, and who approved it later.")(debts)
    app.add_typer(group, name="evidence")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no entry's number") from None


def log(
    repo: Repo = HERE,
    rev: Rev = None,
    trust_root: TrustRoot = None,
    form: Form = ReportFormat.TEXT,
    *,
    full: Full = False,
) -> None:
    """Print the ledger as a readable log: what was decided and done, by whom and why."""
    history = _history(repo, rev, trust_root)
    told = lines(history, full=full)
    if form is ReportFormat.JSON:
        sys.stdout.write(shown_json(encode([line.to_json() for line in told]).decode()) + "\n")
        return
    if sys.stdout.isatty():
        _table(told)
    else:
        for line in told:
            entry = line.entry
            sys.stdout.write(f"{entry.sequence:>5}  {line.time}  {entry.kind:<9}  {shown(line.told)}\n")
    _warn(history)


def show(
    sequence: Annotated[
        int,
        typer.Argument(
            metavar="SEQ", parser=_number, help="The entry's number; -1 is the last one, -2 the one before."
        ),
    ],
    repo: Repo = HERE,
    rev: Rev = None,
    trust_root: TrustRoot = None,
    form: Form = ReportFormat.TEXT,
) -> None:
    """Show one entry: its statement, its file, the commit that added it, and how to verify it by hand."""
    history = _history(repo, rev, trust_root)
    number = sequence if sequence >= 0 else history.tip.sequence + 1 + sequence
    line = next((item for item in lines(history) if item.entry.sequence == number), None)
    if line is None:
        last = history.tip.sequence
        raise UsageError(
            f"the ledger has no entry {sequence}",
            help=f"it has the entries 1 to {last}; `conductor evidence log`"
            if last
            else "no agent has written one yet",
        )
    statement = decode(line.entry.envelope.payload)
    if form is ReportFormat.JSON:
        value = {**line.to_json(), "statement": statement}
        sys.stdout.write(_json(value) + "\n")
        return
    sys.stdout.write(_shown(line, _json(statement), history.genesis.ledger))
    _warn(history)


def debts(
    repo: Repo = HERE, rev: RevOrMain = None, trust_root: TrustRoot = None, form: Form = ReportFormat.TEXT
) -> None:
    """List every emergency: who let what through and why, when approval was due, and who gave it when.

    For an open debt it names who is missing, according to this clone's copy of the branch `approvals`. It reads main
    like `status`, whichever branch is checked out, unless --rev names another commit.
    """
    with Repository(repo) as git:
        history = _of_main(git, trust_root) if rev is None else _replayed(git, rev, trust_root)
        filed = [one for oid in heads_of(git, BRANCH) for one in open_of(Approvals(git, oid), history)]
    at = datetime.now(tz=UTC)
    if form is ReportFormat.JSON:
        sys.stdout.write(_json(debts_json(history, filed, at)) + "\n")
        return
    sys.stdout.write(debts_text(history, filed, at))
    _warn(history)


def _history(repo: Path, rev: str | None, trust_root: str | None) -> History:
    with Repository(repo) as git:
        history = _replayed(git, rev, trust_root)
        if rev is None and not history.apart:
            _warn_behind(git, history)
        return history


def _warn_behind(git: Repository, history: History) -> None:
    """Say that main has more than the branch that is checked out."""
    main = main_of(git, history.genesis.branch)
    if main is None or git.folder(main, LEDGER.rstrip("/")) == git.folder(history.head, LEDGER.rstrip("/")):
        return
    there = plural(sum(path.endswith(SUFFIX) for path in git.files(main, LEDGER)), "entry", "entries")
    here = plural(history.tip.sequence, "entry", "entries")
    branch = history.genesis.branch
    typer.echo(f"note: as of {here} at HEAD; {branch} has {there}: --rev {_name_of(git, branch, main)}", err=True)


def _name_of(git: Repository, branch: str, commit: str) -> str:
    """What the furthest head of a branch is called in this clone."""
    names = (branch, f"{REMOTE}/{branch}")
    return next((name for name in names if git.resolve(name) == commit), commit[:12])


def _of_main(git: Repository, trust_root: str | None) -> History:
    """What main says, as far as this clone knows it; where it has no main, what HEAD says."""
    main = main_of(git, MAIN)
    if main is None:
        return _replayed(git, None, trust_root)
    root = digest_of("--trust-root", trust_root)
    history = replay(git, main, trust_root=root)
    other = None if history.genesis.branch == MAIN else main_of(git, history.genesis.branch)
    return history if other is None else replay(git, other, trust_root=root)


def _replayed(git: Repository, rev: str | None, trust_root: str | None) -> History:
    head = head_of(git, rev)
    heads = None if rev is None else as_of(git, head)
    return replay(git, head, trust_root=digest_of("--trust-root", trust_root), heads=heads)


def _shown(line: Line, statement: str, ledger: str | None) -> str:
    entry = line.entry
    return "\n".join(
        (
            f"entry {entry.sequence}, {entry.kind}, {line.time}",
            f"  {shown(f'{line.by} {line.what}')}",
            f"  because: {shown(line.because)}",
            "",
            f"file    {entry.path}",
            f"sha256  {entry.digest}",
            f"commit  {entry.commit}",
            f"key     {entry.envelope.keyid}",
            "",
            statement,
            "",
            "By hand (evidence/README.md explains each, and makes `dsse` and $work/allowed):",
            *(() if ledger is None else (f"  git switch {ledger}",)),
            f"  dsse {entry.path}",
            f"  sha256sum {entry.path}",
            f"  git log --diff-filter=A --format=%H -- {entry.path}",
            f'  git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile="$work/allowed" verify-commit {entry.commit}',
            f'  sed \'s/.*"payload":"\\([^"]*\\)".*/\\1/\' {entry.path} | base64 -d',
            "",
        )
    )


def _json(value: JSON) -> str:
    return shown_json(json.dumps(value, indent=2, ensure_ascii=False))


def _table(told: list[Line]) -> None:
    from rich.console import Console  # noqa: PLC0415 -- only where there is a terminal
    from rich.table import Table  # noqa: PLC0415 -- see above

    table = Table(box=None, pad_edge=False)
    for heading in ("", "time", "kind", "what", "by", "because"):
        table.add_column(heading, overflow="fold")
    for line in told:
        entry = line.entry
        table.add_row(str(entry.sequence), line.time, entry.kind, shown(line.what), shown(line.by), shown(line.reason))
    Console(no_color=not colourful(sys.stdout), highlight=False, markup=False).print(table)


def _warn(history: History) -> None:
    if history.findings or history.foreign:
        count = len(history.findings) + len(history.foreign)
        typer.echo(f"note: {plural(count, 'finding')} in this ledger: `conductor verify`", err=True)
