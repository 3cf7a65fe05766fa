"""`conductor explain`: the page of a code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from compiler.diagnostics.codes import ALL
from compiler.diagnostics.suggest import did_you_mean
from runtime.contract.errors import EnvironmentFailedError, UsageError

PAGES = (
    Path(__file__).resolve().parents[2] / "docs" / "diagnostics",
    Path(sys.prefix) / "share" / "intelgraph-conductor" / "diagnostics",
)
"""In a checkout, and in an installed package."""


def _codes() -> list[str]:

    return list(ALL)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    code: Annotated[
        str,
        typer.Argument(metavar="CODE", help="A code, such as MC0012, or its name.", autocompletion=_codes),
    ],
) -> None:
    """Show the page of a code: what it means, an example that gives it, and the same example mended."""
    sys.stdout.write(page(code))


def page(code: str) -> str:
    """Return the page of a code or of its name."""
    names = {item.name: item.id for item in ALL.values()}
    wanted = names.get(code.lower(), code.upper())
    if wanted not in ALL:
        is_id = wanted.startswith("MC")
        help_ = did_you_mean(wanted if is_id else code.lower(), ALL if is_id else names, "codes look like MC0012")
        raise UsageError(f"there is no code `{code}`", help=help_)
    for folder in PAGES:
        if (folder / f"{wanted}.md").is_file():
            text = (folder / f"{wanted}.md").read_text(encoding="utf-8")
            return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("<!--"))
    raise EnvironmentFailedError(f"the page of {wanted} is not installed", help="install the package anew")
