"""`conductor status`: what runs, what is verified, what waits and why, from a clone alone."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from compiler.cli.clone import Clone, catch_up
from compiler.cli.clone_status import CloneStatus, unpushed, unseen
from compiler.cli.options import HERE, Repo, colourful
from compiler.cli.progress import progress
from compiler.cli.proposed import proposed
from compiler.cli.queue import decided, judging
from compiler.cli.status_text import as_text
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.diagnostics.printable import shown_json
from compiler.driver import without_collector
from runtime.agent.stock import take_stock
from runtime.contract.canonical import encode
from runtime.git.repository import Repository
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.ledger.history import History
from runtime.ledger.starting import NoGenesisError


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
        bool, typer.Option("--fetch", help="First fetch main, the ledger and the branch `approvals` from the remote.")
    ] = False,
    trust_root: TrustRoot = None,
    form: Annotated[StatusFormat, typer.Option("--format", help="Output format.")] = StatusFormat.TEXT,
) -> None:
    """Show what is running and verified, what waits for whom, what failed or drifted, and when an agent last wrote.

    It covers main, and changes that the branch `approvals` has approvals for but that are not on main yet, with
    whether those approvals will count. Commits not pushed yet are marked: the agent only sees the remote. Everything
    is read from this clone; no running system is asked. Exits with 0 if nothing waits for a person, else with 1.
    """
    with Repository(repo) as git, without_collector(), progress("reading the ledger"):
        if fetch:
            catch_up(git)
        clone, at = Clone.read(git, trust_root=digest_of("--trust-root", trust_root)), datetime.now(tz=UTC)
        history = _history(clone)
        compile_ = judging(clone.git)
        decision = decided(clone, history, at, compile_)
        found = take_stock(history, decision, clone.git, clone.statements, compile=compile_, at=at)
        seen = {item.change for item in found.waiting if item.change is not None}
        others = CloneStatus(
            *proposed(clone, history, seen, decision, at),
            unpushed(clone.git, clone.branch, clone.main, [item.commit for item in found.waiting]),
        )
        found = unseen(found, others.unpushed)
        looked = {clone.branch: clone.main, APPROVALS: _filed(clone)}
        attention = (*found.attention, *others.attention(clone.branch))
    match form:
        case StatusFormat.JSON:
            whole = {**json.loads(found.data()), **others.to_json(), "looked_at": looked, "attention": list(attention)}
            sys.stdout.write(shown_json(encode(whole).decode()) + "\n")
        case StatusFormat.TEXT:
            at_what = ", ".join(f"{name} {'is not here' if oid is None else oid[:12]}" for name, oid in looked.items())
            told = f"{at_what}, as this clone knows them{'' if fetch else ' (--fetch asks the remote first)'}"
            sys.stdout.write(as_text(found, colour=colourful(sys.stdout), clone=others, looked=told))
    if attention:
        raise typer.Exit(1)


def _filed(clone: Clone) -> str | None:
    """The last commit of the branch `approvals` that this clone knows."""
    return clone.approvals[-1].commit if clone.approvals else None


def _history(clone: Clone) -> History:
    if clone.history is None:
        raise NoGenesisError(
            "no genesis yet: nothing is verified, and nothing has been applied from this repository",
            help="two people start the history: `conductor genesis --person NAME --key FILE`",
        )
    return clone.history
