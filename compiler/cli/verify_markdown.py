"""Report x the command that made it -> Markdown for an auditor's file.

What was not assessed comes first, then the three answers, every verdict, emergency, withdrawal and finding. Rules
kept: it stands alone, without this repository beside it; what others wrote means only itself; what failed hands nobody
a head to keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from compiler.cli.emergencies import end_of, ended, owing, sequence, what_of
from compiler.cli.verify_text import gaps, limits
from compiler.diagnostics.ledger import code_of
from compiler.markdown import cell, code
from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.contract.predicates import Verdict
from runtime.ledger.findings import Answer
from runtime.ledger.history import History
from runtime.ledger.reading import Line, approvers, lines, withdrawals
from runtime.ledger.verify import Report, Status
from runtime.release import VERSION, code_sha256

_MARKS = {Status.OK: "✅ ok", Status.FAILED: "❌ failed", Status.NOT_ASSESSED: "❔ not assessed"}
_MEANS = {
    Answer.INTEGRITY: "every signature, every link of the chain, every verdict by the rules of its time",
    Answer.COMPLETENESS: "every object that a taken change alters: done, failed, held back, or said to need nothing",
    Answer.FRESHNESS: "nothing was cut off since the earlier head, and the agent lives",
}


def as_markdown(report: Report, command: str) -> str:
    """Return the report; `command` is the line that was typed."""
    parts = [_title(report, command), _limits(report), _answers(report)]
    if report.history is not None:
        history = report.history
        parts += [_verdicts(history), _emergencies(report, history), _withdrawals(history), _open(report, history)]
    return "\n\n".join("\n".join(part) for part in (*parts, _findings(report)) if part) + "\n"


def _title(report: Report, command: str) -> list[str]:
    history = report.history
    rows = [] if report.at is None else [("assessed at", text(report.at))]
    if history is not None:
        genesis, entries = history.genesis, history.entries
        span = f", {text(entries[0].position.time)} to {text(entries[-1].position.time)}" if entries else ""
        rows += [
            ("repository", f"`{genesis.repository}`, branch `{code(genesis.branch)}`"),
            ("from", f"genesis `sha256:{genesis.digest}`, brought by commit `{history.genesis_commit}`"),
            ("to", f"commit `{report.commit}`"),
            ("last verified", f"commit `{history.commit}`"),
            ("ledger", f"{plural(len(entries), 'entry', 'entries')}{span}{_earlier(report)}"),
        ]
        if genesis.ledger is not None:
            rows.append(("ledger's branch", f"`{code(genesis.ledger)}` at commit `{history.ledger or 'not here'}`"))
    else:
        rows.append(("to", f"commit `{report.commit}`"))
    if history is not None and report.ok:
        rows.append(("head", f"`sha256:{report.head}`: the next audit gives it as `--since`"))
    if report.made is not None:
        rows.append(("checkpoint", f"`sha256:{report.made}`: the next audit gives it as `--checkpoint-digest`"))
    rows += [("assessed by", f"Conductor {VERSION}, code `sha256:{code_sha256()}`"), ("command", f"`{code(command)}`")]
    verdict = "**OK**" if report.ok else f"**FAILED**: {plural(len(report.problems), 'finding')}"
    if report.ok and (report.trust_root is None or not report.trust_root.proven):
        verdict += ", if that is the trust root you were given"
    if report.ok and history is not None and report.at is not None:
        verdict += cell(owing(history, report.at))
    return ["# Verification of a Conductor ledger", "", verdict, "", *_table(("scope", ""), rows)]


def _earlier(report: Report) -> str:
    earlier = report.earlier
    return "" if earlier is None else f"; {plural(earlier.counts.entries, 'entry', 'entries')} before, not read again"


def _limits(report: Report) -> list[str]:
    proven = report.trust_root is not None and report.trust_root.proven
    return [
        "## Trust root, and what was not assessed",
        "",
        f"- proven: {'yes' if proven else '**no**'}",
        *(f"- {cell(line.strip())}" for line in limits(report)),
    ]


def _answers(report: Report) -> list[str]:
    rows = [(answer.value, _MARKS[report.answers[answer].status], _MEANS[answer]) for answer in Answer]
    return ["## The three answers", "", *_table(("answer", "", "asks for"), rows)]


def _verdicts(history: History) -> list[str]:
    counted = {item.sha256 for item in history.verified.timeline.later(0)}
    rows = list(_rows(history, counted))
    if not rows:
        return ["## Verdicts", "", "None: no change has been taken."]
    heading = ("entry", "time", "commit", "change", "what", "approved by", "counts")
    return ["## Verdicts", "", *_table(heading, rows)]


def _emergencies(report: Report, history: History) -> list[str]:
    """What one person let through, and what became of the approvals that it lacked."""
    if not history.debts or report.at is None:
        return []
    rows = [
        (
            str(sequence(history, debt.verdict)),
            text(debt.opened),
            cell(debt.by),
            cell(debt.reason),
            f"`{debt.change.digest[:12]}` {cell(what_of(debt))}",
            text(debt.deadline),
            f"**{debt.state(report.at)}**" if debt.settled is None else debt.settled.how,
            cell(end_of(history, debt) or "conductor evidence debts says who is missing"),
        )
        for debt in history.debts
    ]
    heading = ("verdict", "time", "let through by", "reason", "what", "approvals due by", "debt", "how")
    return ["## Emergencies", "", *_table(heading, rows)]


def _withdrawals(history: History) -> list[str]:
    """Approvals that were taken back in time to keep a change out."""
    rows = [
        (
            str(one.refusal.sequence),
            text(one.refusal.position.time),
            f"`{one.change[:12]}`",
            cell(one.message),
            cell(ended(one)),
        )
        for one in withdrawals(history)
    ]
    heading = ("refusal", "time", "change", "what", "since")
    return ["## Withdrawals that kept a change out", "", *_table(heading, rows)] if rows else []


def _rows(history: History, counted: set[str]) -> Iterator[tuple[str, ...]]:
    for line in lines(history):
        predicate = line.entry.predicate
        if not isinstance(predicate, Verdict):
            continue
        detail = predicate.conductor
        people = ", ".join(approvers(history, detail.change, detail.approvals)) or "nobody"
        yield (
            str(line.entry.sequence),
            line.time,
            f"`{detail.head[:12]}`",
            f"`{detail.change[:12]}`",
            cell(_what(line)),
            cell(people) + (" (emergency)" if detail.emergency else ""),
            "yes" if line.entry.digest in counted else "no: see the findings",
        )


def _what(line: Line) -> str:
    return line.what.partition(": ")[2] or line.what


def _open(report: Report, history: History) -> list[str]:
    found = [f"- commit `{oid}` waits for a verdict" for oid in history.waiting]
    if history.debt is not None and report.at is not None:
        found.append(f"- open debt: {cell(history.debt.sentence(report.at))}")
    if report.after_gap:
        found.append(f"- after a gap: {cell(gaps(report))}")
    return ["## Open, and no failure", "", *found] if found else []


def _findings(report: Report) -> list[str]:
    if not report.problems:
        return ["## Findings", "", "None."]
    rows = [
        (
            code_of(item.rule).id,
            cell(item.rule),
            item.answer.value,
            cell(item.message),
            " ".join(f"`{code(place)}`" for place in (item.path, item.commit) if place is not None),
            cell(item.help or ""),
        )
        for item in report.problems
    ]
    return ["## Findings", "", *_table(("code", "rule", "against", "what", "where", "help"), rows)]


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
