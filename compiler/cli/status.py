"""`conductor status`: what runs, what is verified, what waits and why, from a clone alone."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from compiler.cli.options import HERE, Repo, colourful
from compiler.cli.progress import progress
from compiler.cli.standpoint import Clone, catch_up
from compiler.cli.status_text import as_text
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.diagnostics.printable import shown_json
from compiler.driver import compiled, without_collector
from compiler.source import from_commit
from runtime.agent.decide import Decision, Nothing, StoppedError, compile_once, decide
from runtime.agent.status import Status
from runtime.agent.stock import take_stock
from runtime.contract.compiling import Compiled
from runtime.git.interface import Git
from runtime.git.repository import Repository
from runtime.ledger.history import History
from runtime.ledger.starting import NoGenesisError
from runtime.release import VERSION


class StatusFormat(StrEnum):
    """How it is written."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(show)


def show(
    repo: Repo = HERE,
    *,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Ask the remote first for main, the ledger and the branch `approvals`.")
    ] = False,
    trust_root: TrustRoot = None,
    form: Annotated[StatusFormat, typer.Option("--format", help="How it is written.")] = StatusFormat.TEXT,
) -> None:
    """Say what runs, what is verified, what waits and for whom, what failed or drifted, and when an agent wrote last.

    Everything is read from this clone; nothing that runs is asked. Ends with 0 where nothing waits for a person, else
    with 1.
    """
    with Repository(repo) as git, without_collector(), progress("reading the ledger"):
        if fetch:
            catch_up(git)
        found = status_of(Clone.read(git, trust_root=digest_of("--trust-root", trust_root)), datetime.now(tz=UTC))
    match form:
        case StatusFormat.JSON:
            sys.stdout.write(shown_json(found.data().decode()) + "\n")
        case StatusFormat.TEXT:
            sys.stdout.write(as_text(found, colour=colourful(sys.stdout)))
    if found.attention:
        raise typer.Exit(1)


def status_of(clone: Clone, at: datetime) -> Status:
    """Put together what a clone says; raises NoGenesisError where nothing has begun."""
    history = clone.history
    if history is None:
        raise NoGenesisError(
            "no genesis yet: nothing is verified, and nothing runs because of this repository",
            help="two people start the history: `conductor genesis --person NAME --key FILE`",
        )
    return take_stock(history, _decided(clone, history, at), clone.git, clone.statements, at)


def _decided(clone: Clone, history: History, at: datetime) -> Decision:
    if not history.pending or history.rewound is not None:
        return Nothing()
    try:
        return decide(
            history.verified,
            clone.git,
            history.head,
            approvals=clone.statements,
            compile=compile_once(lambda commit: _compiled(clone.git, commit), clone.git),
            transition=history.transitions(at),
            at=at,
            release=VERSION,
        )
    except StoppedError:
        return Nothing()  # it is a finding of the history, too


def _compiled(git: Git, commit: str) -> Compiled:
    return compiled(from_commit(git, commit))
