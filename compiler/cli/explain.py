"""`conductor explain`: the page of a code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from compiler.cli.shipped import shipped
from compiler.diagnostics.codes import ALL
from compiler.diagnostics.suggest import nearest, one_of
from runtime.contract.errors import UsageError

_FEW = 12
_NEAR = 0.75
"""Names of codes are long, and whoever types no name at all meant none of them."""


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


def _near(wanted: str, names: Iterable[str]) -> str:
    """The code without its zeros, or those of the same hundred (ten, if they are many), or the name that is nearest."""
    short, started = re.fullmatch("MC([0-9]{1,3})", wanted), any(code.startswith(wanted) for code in ALL)
    if short is not None and not started and (padded := f"MC{short[1]:0>4}") in ALL:
        return f"did you mean `{padded}`?"
    for length in (4, 5) if re.fullmatch("MC[0-9]+", wanted) else ():
        same = [code for code in ALL if code.startswith(wanted[:length])]
        if 0 < len(same) <= _FEW:
            return f"those of {wanted[:length].ljust(6, 'x')} are {one_of(same)}".replace(" or ", " and ")
    near = nearest(wanted.lower(), names, cutoff=_NEAR)
    return f"did you mean `{near}`?" if near else "codes look like MC0012, and docs/diagnostics has a page of each"


def page(code: str) -> str:
    """Return the page of a code or of its name."""
    names = {item.name: item.id for item in ALL.values()}
    wanted = names.get(code.lower(), code.upper())
    if not code:
        raise UsageError("no code was named", help=_near(wanted, names))
    if wanted not in ALL:
        raise UsageError(f"there is no code `{code}`", help=_near(wanted, names))
    text = shipped(f"docs/diagnostics/{wanted}.md").read_text(encoding="utf-8")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("<!--"))
