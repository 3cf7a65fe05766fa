"""Unsound -> text, JSON, Markdown: what a plan says of a head that does not compile.

Rules kept: JSON has the fields of every other plan, empty where nothing can be known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from compiler.broken import Broken
from compiler.diagnostics.as_json import to_json
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostic
from compiler.diagnostics.printable import shown, shown_json
from compiler.markdown import cell
from compiler.paint import Paint
from compiler.plan import Point
from compiler.plan_json import point_value
from compiler.plan_text import header
from runtime.contract.change import Row

SENTENCE = "This does not compile, so it cannot be taken."


@dataclass(frozen=True)
class Unsound:
    """Base, head, which inputs differ, and what is wrong with the head's."""

    branch: str
    base: Point
    head: Point
    inputs: tuple[Row, ...]
    problems: tuple[Diagnostic, ...]
    sources: Mapping[str, bytes]
    broken: Broken | None = None
    """What is to be said where main does not compile either."""

    @property
    def told(self) -> tuple[Diagnostic, ...]:
        """The findings that are shown: the change's own, where main has others."""
        return self.broken.alone if self.broken is not None and self.broken.alone else self.problems

    @property
    def first(self) -> tuple[str, ...]:
        """What comes before them."""
        said = () if self.broken is None else (self.broken.sentence, self.broken.verdict)
        return tuple(line for line in said if line is not None)


def unsound_as_text(plan: Unsound, *, colour: bool = False) -> str:
    """Return it as text."""
    paint = Paint(on=colour)
    found = full(plan.told, plan.sources, colour=colour)
    first = "".join(f"{paint(shown(line), '1', '33')}\n" for line in plan.first)
    return f"{header(plan.base, plan.head, paint)}\n{paint(f'✗ {SENTENCE}', '1', '31')}\n{first}\n{found}"


def unsound_as_markdown(plan: Unsound) -> str:
    """Return it as Markdown."""
    from compiler.plan_markdown import title  # noqa: PLC0415 -- jinja2 is dear, and for this form only

    # four backticks: a source line may hold three
    found = full(plan.told, plan.sources).replace("````", "'''")
    first = "".join(f"\n{cell(line)}\n" for line in plan.first)
    return f"{title(plan.base, plan.head, f'❌ {SENTENCE}')}{first}\n````text\n{found}````\n"


def unsound_as_json(plan: Unsound) -> str:
    """Return it as JSON text."""
    value = {
        "sound": False,
        "approved": False,
        "branch": plan.branch,
        "base": point_value(plan.base),
        "head": point_value(plan.head),
        "change": {"sha256": None, "empty": False, "inputs": [list(row) for row in plan.inputs], "bundle": []},
        "resources": [],
        "inputs": [],
        "objects": [],
        "releases": [],
        "held": [],
        "consequences": [],
        "problems": [to_json(item) for item in plan.problems],
        "warnings": [],
        "decisions": {"unknown": "the head does not compile", "flips": []},
        "uncovered": [],
        "secrets": [],
        "approvals": None,
        "queue": None,
        "landed": [],
        "forecast": None,
        "broken": None if plan.broken is None else plan.broken.to_json(),
    }
    return shown_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"
