"""Report -> text for an auditor: first what was not assessed and whether the trust root is proven, then what fails."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from compiler.diagnostics.ledger import code_of
from compiler.diagnostics.printable import shown
from runtime.ledger.findings import Answer, Finding
from runtime.ledger.verify import Report, Status

_SHOWN = 20
_COLOURS = {
    Status.OK: typer.colors.GREEN,
    Status.FAILED: typer.colors.RED,
    Status.NOT_ASSESSED: typer.colors.YELLOW,
}


def as_text(report: Report, *, colour: bool) -> str:
    """Return the report as text."""
    return "\n".join(line for line in _lines(report, colour=colour)) + "\n"


def _lines(report: Report, *, colour: bool) -> Iterator[str]:
    yield from _limits(report)
    yield ""
    for answer in Answer:
        status = report.answers[answer].status
        word = typer.style(status.value, fg=_COLOURS[status], bold=True) if colour else status.value
        yield f"{answer.value:<13} {word}"
    if report.problems:
        yield ""
        yield from _problems(report)
    if report.history is not None:
        yield ""
        yield from _summary(report)


def _limits(report: Report) -> Iterator[str]:
    root = report.trust_root
    if root is None:
        yield "trust root: none; there is nothing to trust yet"
    elif root.proven:
        yield f"trust root: sha256:{root.sha256}, as given"
    else:
        yield f"trust root: sha256:{root.sha256} is ASSUMED and unproven: compare it with the one you were given"
        yield "            (conductor verify --trust-root sha256:…)"
    for answer, item in report.answers.items():
        if item.why is not None:
            yield f"not assessed: {answer.value}: {item.why}"
    if report.history is None:
        return
    if report.rendered is None:
        yield "not re-rendered: the manifests are those of the ledger (--render renders commits of this release again)"
    elif report.rendered.again < report.rendered.of:
        rest = report.rendered.of - report.rendered.again
        yield f"not re-rendered: {rest} of {report.rendered.of} verified commits, which other releases rendered"


def _problems(report: Report) -> Iterator[str]:
    first, *rest = report.problems
    code = code_of(first.rule)
    yield "first thing that fails:"
    yield from _problem(first)
    yield f"    page   conductor explain {code.id}: {code.summary}"
    if rest:
        yield ""
        yield f"and {len(rest)} more:"
        for item in rest[:_SHOWN]:
            yield from _problem(item)
        if len(rest) > _SHOWN:
            yield f"  … {len(rest) - _SHOWN} more (--format json lists all)"


def _problem(item: Finding) -> Iterator[str]:
    # paths and reasons are whatever somebody has pushed
    yield from map(shown, _told(item))


def _told(item: Finding) -> Iterator[str]:
    yield f"  {code_of(item.rule).id} {item.rule}: {item.message}"
    if item.path is not None:
        yield f"    file   {item.path}"
    if item.commit is not None:
        yield f"    commit {item.commit}"
    if item.help is not None:
        yield f"    help   {item.help}"


def _summary(report: Report) -> Iterator[str]:
    history = report.history
    if history is None:
        return
    kinds = [entry.kind for entry in history.entries]
    verdicts = len(history.verified.timeline) - 1
    yield f"verified up to commit {history.commit[:12]}: {verdicts} changes taken, {len(kinds)} entries in the ledger"
    if report.rendered is not None:
        same = "" if any(item.rule == "rendered" for item in report.problems) else ", with the same bytes"
        yield f"rendered again: {report.rendered.again} of {report.rendered.of} verified commits{same}"
    if "intent" not in kinds:
        yield "pending: no agent has acted on the genesis yet (a forecast, no failure)"
    for oid in history.pending:
        yield f"pending: commit {oid[:12]} changes inputs, and no verdict has taken it (a forecast, no failure)"
    yield f"head: sha256:{report.head} (keep it: the next audit gives it as --since)"
