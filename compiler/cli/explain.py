"""`conductor explain`: the page of a code, a runbook, or what a rule of consent asks.

Rules kept: whatever a message names can be shown where there is no checkout of this project: pages come with it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Annotated

import typer

from compiler.cli.shipped import shipped
from compiler.diagnostics.codes import ALL
from compiler.diagnostics.suggest import nearest, one_of
from runtime.contract.errors import UsageError
from runtime.governance.rules import CONSENT

RUNBOOKS, BOOKS = "docs/runbooks", "runbooks/"
_FEW = 12
_NEAR = 0.75
"""Names of codes are long, and whoever types no name at all meant none of them."""


def _names() -> list[str]:
    return [*ALL, *(f"{BOOKS}{name}" for name in runbooks())]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A code, such as MC0012, or its name; a runbook, such as runbooks/agent; a rule of consent.",
            autocompletion=_names,
        ),
    ],
) -> None:
    """Explain a diagnostic code: what it means, an example that causes it, and the example corrected. Or show a
    runbook (what to do when something happens), or what a rule of consent requires."""
    sys.stdout.write(page(name))


def runbooks() -> tuple[str, ...]:
    """The names of all of them."""
    return tuple(sorted(path.stem for path in shipped(RUNBOOKS).glob("*.md")))


def _near(wanted: str, names: Iterable[str]) -> str:
    """The code without its zeros, or those of the same hundred (ten, if they are many), or the name that is nearest."""
    short = re.fullmatch("(?:MC)?([0-9]{1,4})", wanted)
    started = any(code.startswith(wanted) for code in ALL)
    if short is not None and not started and (padded := f"MC{short[1]:0>4}") in ALL:
        return f"did you mean `{padded}`?"
    for length in (4, 5) if re.fullmatch("MC[0-9]+", wanted) else ():
        same = [code for code in ALL if code.startswith(wanted[:length])]
        if 0 < len(same) <= _FEW:
            return f"those of {wanted[:length].ljust(6, 'x')} are {one_of(same)}".replace(" or ", " and ")
    near = nearest(wanted.lower(), names, cutoff=_NEAR)
    return f"did you mean `{near}`?" if near else "codes look like MC0012, runbooks like runbooks/agent"


def page(name: str) -> str:
    """Return the page of a code or of its name, a runbook by its path or its name, or what a rule asks."""
    codes = {item.name: item.id for item in ALL.values()}
    wanted = codes.get(name.lower(), name.upper())
    if not name:
        raise UsageError("no code was named", help=_near(wanted, codes))
    if wanted in ALL:
        text = shipped(f"docs/diagnostics/{wanted}.md").read_text(encoding="utf-8")
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("<!--"))
    books = runbooks()
    if (book := _book(name)) in books:
        return shipped(f"{RUNBOOKS}/{book}.md").read_text(encoding="utf-8").rstrip() + "\n"
    rules = {rule.name: rule for rule in CONSENT}
    if (rule := rules.get(name.lower())) is not None:
        said = f"{rule.story[0].upper()}{rule.story[1:]}."
        return f"# {rule.name}: a rule of consent\n\n{said}\n\nWhat to do: `conductor explain {BOOKS}approvals`\n"
    if near := nearest(_book(name), books, cutoff=_NEAR):
        raise UsageError(f"there is no runbook `{name}`", help=f"did you mean `{BOOKS}{near}`?")
    what = "code, runbook or rule" if re.search("[a-z]{3}", name.lower()) else "code"
    raise UsageError(f"there is no {what} `{name}`", help=_near(wanted, (*codes, *rules)))


def _book(name: str) -> str:
    """`docs/runbooks/agent.md`, `runbooks/agent` and `agent` are one."""
    path = PurePosixPath(name.lower())
    return path.name.removesuffix(".md") if path.parent.as_posix() in {".", "runbooks", RUNBOOKS} else ""
