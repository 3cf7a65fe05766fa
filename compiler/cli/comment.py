"""`conductor comment`: standard input as the one comment of a pull request that is kept up to date."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from compiler.forges import from_environment, put
from runtime.contract.errors import UsageError


class ForgeName(StrEnum):
    """Whose API it is."""

    GITHUB = "github"
    GITLAB = "gitlab"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("comment")(comment)


def comment(
    forge: Annotated[ForgeName, typer.Option("--on", help="The forge; the variables of its CI job are read.")],
    number: Annotated[int, typer.Option("--number", min=1, help="Number of the pull or merge request.")],
) -> None:
    """Write standard input to a comment on a pull request; the next run updates the same comment.

    `conductor plan --format markdown | conductor comment --on github --number 12`
    """
    there = from_environment(forge.value, number, os.environ)
    try:
        text = sys.stdin.buffer.read().decode()  # not by the machine's locale
    except UnicodeDecodeError:
        raise UsageError(
            "standard input is not UTF-8 text", help="pipe `conductor plan --format markdown` in"
        ) from None
    made = put(there, text)
    sys.stdout.write(f"comment {'made' if made else 'updated'}\n")
