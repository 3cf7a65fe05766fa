"""`conductor plan`: what a change would do, and whose approval it needs."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from compiler.cli.clone import Clone, catch_up, commit_named
from compiler.cli.options import HERE, Repo, Today, colourful, today_or
from compiler.cli.progress import progress
from compiler.cli.standpoint import UnsoundError, default_base, policy_aside, stand
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.cli.warned import warnings_of
from compiler.diagnostics.printable import shown
from compiler.driver import without_collector
from compiler.plan import Plan, plan
from compiler.plan_json import as_json
from compiler.plan_text import as_text
from compiler.plan_unsound import Unsound, unsound_as_json, unsound_as_markdown, unsound_as_text
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.repository import Repository


class PlanFormat(StrEnum):
    """How a plan is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


Base: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="REV",
        show_default=False,
        help="Start of the change (default: the merge base with main; on main, the last verified commit).",
    ),
]
Head: TypeAlias = Annotated[
    str | None, typer.Option("--head", metavar="REV", show_default=False, help="End of the change (default: HEAD).")
]

Full: TypeAlias = Annotated[bool, typer.Option("--full", help="Show everything; shorten no list.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(show)


def show(
    repo: Repo = HERE,
    base: Base = None,
    head: Head = None,
    *,
    require_approved: Annotated[
        bool, typer.Option("--require-approved", help="Exit with 1 while approvals are missing.")
    ] = False,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="First fetch main and the branch `approvals` from the remote.")
    ] = False,
    each: Annotated[
        bool,
        typer.Option(
            "--each",
            help="Check each commit from base to head in order, as the agent would (for merge queues).",
        ),
    ] = False,
    full: Full = False,
    trust_root: TrustRoot = None,
    today: Today = None,
    form: Annotated[PlanFormat, typer.Option("--format", help="Output format.")] = PlanFormat.TEXT,
) -> None:
    """Show what a change does to resources and objects, any objections to it, and whose approval it needs.

    Reads commits, never the work tree. Exits with 0 if the change is sound, else with 1.
    """
    with Repository(repo) as git, without_collector(), policy_aside(git, head) as aside:
        with progress("planning"):
            if fetch:
                catch_up(git)
            clone = Clone.read(git, aside, digest_of("--trust-root", trust_root))
            day = today_or(today)
            plans = _each(clone, base, head, day) if each else [_plan(clone, base, head, day)]
        uncommitted = git.uncommitted(*INPUT_FOLDERS) if head is None else ()
        digests = [made.change.digest if isinstance(made, Plan) else None for made in plans]
        warnings = dict.fromkeys(text for digest in digests for text in warnings_of(clone, digest, uncommitted))
    gc.freeze()  # what is left to do is to print and to end
    sys.stdout.write("\n".join(written(made, form, full=full) for made in plans) or "nothing to plan\n")
    for warning in warnings:
        typer.secho(f"warning: {shown(warning)}", fg=typer.colors.YELLOW, err=True)
    if any(isinstance(made, Unsound) or not made.sound or (require_approved and not made.approved) for made in plans):
        raise typer.Exit(1)


def written(made: Plan | Unsound, form: PlanFormat, *, full: bool = False) -> str:
    """Return the plan as it goes to standard output."""
    match form:
        case PlanFormat.JSON:
            return as_json(made) if isinstance(made, Plan) else unsound_as_json(made)
        case PlanFormat.MARKDOWN:
            from compiler.plan_markdown import as_markdown  # noqa: PLC0415 -- jinja2 is dear, and for this form only

            return as_markdown(made, full=full) if isinstance(made, Plan) else unsound_as_markdown(made)
    colour = colourful(sys.stdout)
    return as_text(made, colour=colour, full=full) if isinstance(made, Plan) else unsound_as_text(made, colour=colour)


def _each(clone: Clone, base: str | None, head: str | None, today: date) -> list[Plan | Unsound]:
    """Plan what an agent would take one after the other on the first-parent line from base to head (plan, section 7,
    rule 4); the last one is what it would not take, if there is such."""
    git, plans = clone.git, list[Plan | Unsound]()
    last = commit_named(git, head or "HEAD")
    start = commit_named(git, base) if base is not None else default_base(clone, last)
    line = git.first_parents(last, *INPUT_FOLDERS, since=start)
    ahead = [step.commit.oid for step in line if step.changes]
    while ahead:
        made: Plan | Unsound | None = None
        for commit in ahead:
            made = _plan(clone, start, commit, today)
            if isinstance(made, Plan) and made.sound and made.approved:
                ahead, start = ahead[ahead.index(commit) + 1 :], commit
                break
        else:
            ahead = []
        plans += [] if made is None else [made]
    return plans


def _plan(clone: Clone, base: str | None, head: str | None, today: date) -> Plan | Unsound:
    try:
        return plan(stand(clone, base, head, at=datetime.now(tz=UTC), today=today))
    except UnsoundError as error:
        return error.unsound
