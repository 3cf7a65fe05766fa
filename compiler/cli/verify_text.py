"""Report -> text for an auditor: first what was not assessed and whether the trust root is proven, then what fails,
at the end the verdict.

Rules kept: what failed hands nobody a head to keep; a thousand findings of one rule take the place of one.
"""

from __future__ import annotations

from collections.abc import Iterator

import typer

from compiler.cli.emergencies import emergency_lines, owing, withdrawal_line
from compiler.diagnostics.ledger import code_of
from compiler.diagnostics.printable import shown
from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.ledger.entry import GENESIS
from runtime.ledger.findings import Answer, Finding
from runtime.ledger.history import History
from runtime.ledger.reading import withdrawals
from runtime.ledger.verify import Report, Status

_COLOURS = {
    Status.OK: typer.colors.GREEN,
    Status.FAILED: typer.colors.RED,
    Status.NOT_ASSESSED: typer.colors.YELLOW,
}


def as_text(report: Report, *, colour: bool) -> str:
    """Return the report as text. Its last line is the verdict: `OK…` or `FAILED…`."""
    return "\n".join(_lines(report, colour=colour)) + "\n"


def _lines(report: Report, *, colour: bool) -> Iterator[str]:
    yield from limits(report)
    yield ""
    for answer in Answer:
        status = report.answers[answer].status
        yield f"{answer.value:<13} {_styled(status.value, status, colour=colour)}"
    if report.problems:
        yield ""
        yield from _problems(report.problems)
    if report.history is not None:
        yield from _exceptions(report, report.history)
        yield ""
        yield from _summary(report, report.history)
    yield ""
    yield _verdict(report, colour=colour)


def _styled(word: str, status: Status, *, colour: bool) -> str:
    return typer.style(word, fg=_COLOURS[status], bold=True) if colour else word


def _verdict(report: Report, *, colour: bool) -> str:
    if report.ok:
        known = report.trust_root is not None and report.trust_root.proven
        owed = owing(report.history, report.at) if report.history is not None and report.at is not None else ""
        assumed = "" if known else ", if that is the trust root you were given"
        return _styled("OK", Status.OK, colour=colour) + assumed + shown(owed)
    first, *rest = report.problems
    what = f"{code_of(first.rule).id} {first.rule}"
    count = f": {len(rest) + 1} problems, the first is {what}" if rest else f": {what}"
    return _styled("FAILED", Status.FAILED, colour=colour) + count


def limits(report: Report) -> Iterator[str]:
    """Say whether the trust root is proven, and what was not assessed."""
    root = report.trust_root
    if root is None and any("several geneses" in item.message for item in report.problems):
        yield "trust root: none was given, and there are several to choose from"
        return
    if root is None and any(item.rule == "trust-root" for item in report.problems):
        yield "trust root: not here: no genesis of this repository has the SHA-256 that you gave"
    elif root is None:
        yield "trust root: none; there is nothing to trust yet"
    elif root.proven:
        yield f"trust root: sha256:{root.sha256}, as given"
    else:
        yield f"trust root: sha256:{root.sha256} is ASSUMED and unproven: compare it with the one you were given"
        yield "            (conductor verify --trust-root sha256:…)"
    for item in report.history.foreign if report.history else ():
        if item.path.startswith(GENESIS):
            yield shown(f"another start: {item.path} lies here too; ask whoever gave you the trust root which holds")
    for answer, assessed in report.answers.items():
        if assessed.why is not None:
            yield f"not assessed: {answer.value}: {assessed.why}"
    if report.history is None:
        return
    yield from _unread(report)
    if report.rendered is None:
        yield "not re-rendered: the manifests are those of the ledger (--render renders commits of this release again)"
        return
    for why in report.rendered.unanswered:
        yield shown(f"not assessed: rendering: {why}")
    rest = report.rendered.of - report.rendered.again - len(report.rendered.unanswered)
    if rest:
        yield f"not re-rendered: {rest} of {report.rendered.of} verified commits, which other releases rendered"


def _unread(report: Report) -> Iterator[str]:
    """Say what was left to a checkpoint, or why nothing was."""
    earlier = report.earlier
    if earlier is None and report.checkpoint is not None:
        yield f"checkpoint sha256:{report.checkpoint[:12]}… was not used: what was asked for does not come after it,"
        yield "            so all of this history was read, from its genesis"
    if earlier is None:
        return
    whole, upto = earlier.whole
    yield (
        f"not read again: entries 1 to {earlier.counts.entries:,}, verified as of {text(earlier.at)} by whoever keeps "
        f"checkpoint sha256:{earlier.sha256[:12]}…"
    )
    yield f"            (last read from the genesis as of {text(whole)}, up to entry {upto:,})"
    yield "not compared: the files of the work tree with the commit"


def _problems(problems: tuple[Finding, ...]) -> Iterator[str]:
    """The first in full; of the others the first of each rule, and how many there are."""
    first, *rest = problems
    code = code_of(first.rule)
    yield "first thing that fails:"
    yield from map(shown, _problem(first, 1))
    yield f"    page   conductor explain {code.id}: {code.summary}"
    if not rest:
        return
    groups: dict[str, list[Finding]] = {}
    for item in rest:
        groups.setdefault(item.rule, []).append(item)
    yield ""
    yield f"and {len(rest)} more:" if len(groups) == len(rest) else f"and {len(rest)} more (--format json lists each):"
    for group in groups.values():
        yield from map(shown, _problem(group[0], len(group)))


def _problem(item: Finding, count: int) -> Iterator[str]:
    times = "" if count == 1 else f", {count} times; the first:"
    yield f"  {code_of(item.rule).id} {item.rule}{times or ':'} {item.message}"
    if item.path is not None:
        yield f"    file   {item.path}"
    if item.commit is not None:
        yield f"    commit {item.commit}"
    if item.help is not None:
        yield f"    help   {item.help}"


def _exceptions(report: Report, history: History) -> Iterator[str]:
    """What went another way than the rules have it as a rule: every emergency, and every withdrawal that mattered."""
    if history.debts and report.at is not None:
        yield ""
        yield f"{plural(len(history.debts), 'emergency', 'emergencies')}, each let through by one person:"
        for debt in history.debts:
            yield from (f"  {line}" for line in emergency_lines(history, debt, report.at))
    if found := withdrawals(history):
        yield ""
        yield f"{plural(len(found), 'withdrawal')} that kept a change out:"
        yield from (shown(f"  {withdrawal_line(one)}") for one in found)


def _summary(report: Report, history: History) -> Iterator[str]:
    kinds = report.kinds
    taken, entries = plural(len(history.verified.timeline) - 1, "change"), plural(kinds.total(), "entry", "entries")
    reached = "verified up to" if report.ok else "what counts leads to"
    since = "" if report.earlier is None else f", {len(history.entries)} of them read now"
    yield f"{reached} commit {history.commit[:12]}: {taken} taken, {entries} in the ledger{since}"
    if history.apart and history.ledger is not None:
        yield f"the ledger is on the branch {history.genesis.ledger}, at {history.ledger[:12]}"
    if report.rendered is not None and report.rendered.again:
        differ = sum(item.rule == "rendered" for item in report.problems)
        how = "identical" if not differ else f"{differ} of them DIFFER"
        yield f"rendered again: {report.rendered.again} of {plural(report.rendered.of, 'verified commit')}, {how}"
    if "intent" not in kinds:
        yield "pending: no agent has acted on the genesis yet (a forecast, no failure)"
    if history.waiting:
        names = ", ".join(oid[:12] for oid in history.waiting[:3])
        more = f" and {len(history.waiting) - 3} more" if len(history.waiting) > 3 else ""
        commits = plural(len(history.waiting), "commit")
        yield f"pending: {commits} that no verdict has taken (a forecast, no failure): {names}{more}"
    if report.after_gap:
        yield f"after a gap: {gaps(report)}"
    if history.debt is not None and report.at is not None:
        yield shown(f"open debt: {history.debt.sentence(report.at)} (conductor evidence debts says who is missing)")
    if report.ok:
        yield f"head: sha256:{report.head} (keep it: the next audit gives it as --since)"
    if report.made is not None:
        yield f"checkpoint: sha256:{report.made} (keep it as well: the next audit gives it as --checkpoint-digest)"


def gaps(report: Report) -> str:
    """Say which entries rest on an agent's word that a gap is real."""
    first, count = report.after_gap[0], len(report.after_gap)
    which = f"entry {first.sequence} says" if count == 1 else f"{count} entries say, the first is {first.sequence},"
    return (
        f"{which} that the agent was told that the silence before it is real (--after-gap): its time is "
        f"{first.position.agent}'s word"
    )
