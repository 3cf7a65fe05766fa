"""Status -> one screen of text: first the answer, then what runs, what waits and with what command, then the rest.

Rules kept: what is well takes one line, what is not says what to type; nothing of a commit's subject or of a message
can draw on the terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from compiler.cli.clone_status import CloneStatus
from compiler.cli.proposed import Proposed
from compiler.diagnostics.printable import shown
from compiler.paint import Paint
from compiler.plan_verdict import when_in
from runtime.agent.status import DRIFT_HELP, Lacking, Owed, Status, Waiting, Wrote, ago, title_of
from runtime.contract.instant import text
from runtime.contract.plural import plural

_BOLD, _DIM, _RED, _GREEN = "1", "2", "31", "32"
_SHOWN = 5
_ANYONE = "anyone"
"""Of a list, so many; JSON has all."""


def as_text(status: Status, *, colour: bool = False, clone: CloneStatus | None = None, looked: str = "") -> str:
    """Return the text; its first line is the answer. `looked` says what has been looked at."""
    text = _Text(status, clone or CloneStatus(), Paint(on=colour))
    return "".join(f"{line.rstrip()}\n" for line in text.lines(looked))


class _Text:
    def __init__(self, status: Status, clone: CloneStatus, paint: Paint) -> None:
        self.status = status
        self.clone = clone
        self.paint = paint

    def lines(self, looked: str) -> Iterator[str]:
        status = self.status
        yield from self.answer()
        yield ""
        yield from self.running()
        yield from self.queue()
        for item in self.clone.proposed:
            yield from self.proposes(item)
        if self.clone.unopened:
            yield from self.row("proposed", f"{plural(self.clone.unopened, 'more folder')} of approvals not opened")
        if status.debt is not None:
            yield from self.owes(status.debt)
        yield from self.trouble()
        yield from self.agents(status.agents)
        wrong = f"{plural(len(status.findings), 'finding')}: conductor verify" if status.findings else "reads clean"
        yield from self.row(
            "ledger", f"{plural(status.ledger, 'entry', 'entries')}, the last {self.when(status.ledger_at)}; {wrong}"
        )
        if looked:
            yield from self.row("looked", looked)

    def answer(self) -> Iterator[str]:
        attention = (*self.status.attention, *self.clone.attention(self.status.branch))
        if not attention:
            yield self.paint("✓ nothing waits for a person", _BOLD, _GREEN)
        for item in attention:
            yield self.paint(f"✗ {shown(item)}", _BOLD, _RED)

    def running(self) -> Iterator[str]:
        status = self.status
        runs, verified = status.running, status.verified
        if runs is None:
            yield from self.row("runs", "nothing: no intent has ended well yet")
        else:
            yield from self.row("runs", f"{runs.commit[:12]}  {shown(title_of(runs))}", self.when(runs.at))
        same = runs is not None and runs.manifest == verified.manifest
        by = f"verdict {verified.entry}" if verified.entry else "the genesis"
        what = "the same" if same else f"{verified.commit[:12]}  {shown(title_of(verified))}"
        yield from self.row("verified", what, f"by {by}, {self.when(verified.at)}")
        if status.open_intent is not None:
            at = self.when(status.open_intent.at)
            yield from self.row("at work", f"intent {status.open_intent.entry} has no result yet", at)

    def queue(self) -> Iterator[str]:
        """Everything that waits, in its order: at length what a person has to see to first, each other in a line."""
        unpushed = self.clone.unpushed
        at_length = [item for item in self.status.waiting if item.for_a_person or item.reason == "approved"][:_SHOWN]
        for item in self.status.waiting:
            word = {"approved": "next", "behind": "then", "comes-with": "with", "taken-back": "over"}.get(
                item.reason, "waits"
            )
            since = f"since {self.when(item.since)}"
            yield from self.row(word, f"{item.commit[:12]}  {shown(title_of(item))}", since)
            if item.brought_by:
                brought = ", ".join(one.commit[:12] for one in item.brought_by[:_SHOWN])
                yield from self.below(f"brought by {brought}; this is {shown(item.subject)}")
            away = unpushed is not None and item.commit in unpushed.commits
            if away and unpushed is not None:
                yield from self.below(f"not pushed: {unpushed.command}")
            if item in at_length:
                yield from self.waits(
                    item if not away or item.reason != "approved" else item.model_copy(update={"why": ()})
                )
            elif item.comes_with is not None:
                yield from self.below(f"comes with {item.comes_with[:12]}, so there is nothing to do")
            elif item.mended_by is not None:
                yield from self.below(f"does not compile; {item.mended_by[:12]} mends it, so there is nothing to do")
            elif item.reason == "taken-back":
                yield from self.below("taken back on main, so there is nothing to do")

    def waits(self, item: Waiting) -> Iterator[str]:
        yield from self.below(*(shown(why) for why in item.why[:_SHOWN]))
        if len(item.why) > _SHOWN:
            yield from self.below(f"and {len(item.why) - _SHOWN} more")
        if item.after is not None:
            yield from self.below(
                f"comes after {item.after[:12]}: by itself once that is taken or taken back, or else together with it"
            )
        if item.approved_by:
            yield from self.below(f"approved by {', '.join(item.approved_by)}")
        yield from self.lacking(item.lacking)
        yield from self.commands(
            ("look at it" if item.reason == "unsound" else "approve both" if item.after else "approve", item.command),
            ("take it back", item.take_back),
        )

    def proposes(self, item: Proposed) -> Iterator[str]:
        subject = shown(item.subject) or "its commit is not here: git fetch"
        yield from self.row("proposed", f"{item.commit[:12]}  {subject}", f"not on main; since {self.when(item.since)}")
        if item.approved_by:
            yield from self.below(f"approved by {', '.join(item.approved_by)}")
        if item.spent:
            verb = "approval counts" if len(item.spent) == 1 else "approvals count"
            yield from self.below(f"{', '.join(item.spent)}: the {verb} no more, because of what was taken since")
        if item.queue is not None and item.queue.sentence:
            yield from self.below(
                shown(item.queue.sentence), *(f"= help: {shown(item.queue.help)}",) * bool(item.queue.help)
            )
        if item.queue is not None and not item.queue.usable:
            return
        yield from self.lacking(item.lacking)
        if not item.lacking:
            yield from self.below(f"approved: the agent takes it{shown(when_in(item.queue, merged=False))}")
        elif item.subject:
            command = f"conductor approve --head {item.commit[:12]} --person NAME --key FILE --push"
            yield from self.commands(("approve", command))

    def owes(self, debt: Owed) -> Iterator[str]:
        due = f"overdue since {text(debt.deadline)}" if debt.overdue else f"due by {text(debt.deadline)}"
        yield from self.row("debt", f"{debt.by} let change {debt.change[:12]} through by emergency", due)
        yield from self.below(shown(debt.why))
        yield from self.lacking(debt.lacking)
        if debt.command is None:
            yield from self.below("approved since: the agent clears it next")
        yield from self.commands(("approve", debt.command))

    def trouble(self) -> Iterator[str]:
        status = self.status
        for number, failure in enumerate(status.failures[:_SHOWN]):
            where = self.when(failure.at) if number == 0 else ""
            yield from self.row("failed" if number == 0 else "", shown(failure.action), where)
            yield from self.below(shown(failure.message))
        if status.drift is not None:
            objects = status.drift.objects
            yield from self.row(
                "drift", _few(objects, "object"), f"entry {status.drift.entry}, {self.when(status.drift.at)}"
            )
            yield from self.below(*(shown(item) for item in objects[:_SHOWN]), DRIFT_HELP)
            yield from self.commands(("look at it", f"conductor evidence show {status.drift.entry}"))
        if status.refused is not None:
            refused = status.refused
            told = f"{refused.commit[:12]}: {shown(refused.unmet[0]) if refused.unmet else 'no reason'}"
            yield from self.row("refused", told, f"last, entry {refused.entry}, {self.when(refused.at)}")

    def agents(self, agents: Iterable[Wrote]) -> Iterator[str]:
        for number, item in enumerate(agents):
            told = "has written nothing yet"
            if item.at is not None:
                told = f"wrote entry {item.entry}, a {item.kind}"
            gone = "" if item.heartbeat_seconds is not None else "; not declared any more"
            word = "agents" if number == 0 else ""
            yield from self.row(word, f"{item.name} {told}{gone}", "" if item.at is None else self.when(item.at))

    def lacking(self, lacking: Sequence[Lacking]) -> Iterator[str]:
        for item in lacking:
            who = ", ".join(item.could) or "nobody"
            anyone = item.roles.count(_ANYONE)
            more = () if not anyone else (plural(anyone, "more person", "more people"),)
            roles = ", ".join((*(role for role in item.roles if role != _ANYONE), *more))
            yield from self.below(f"missing for {item.rule}: {roles} (could: {who})")

    def commands(self, *commands: tuple[str, str | None]) -> Iterator[str]:
        for word, command in commands:
            if command is not None:
                yield f"{'':<10}{word:<13} {self.paint(command, _BOLD)}"

    def row(self, word: str, what: str, aside: str = "") -> Iterator[str]:
        yield f"{self.paint(f'{word:<9}', _DIM)} {what}" + (self.paint(f"  ({aside})", _DIM) if aside else "")

    def below(self, *lines: str) -> Iterator[str]:
        yield from (f"{'':<10}{line}" for line in lines)

    def when(self, moment: datetime) -> str:
        return ago(self.status.at, moment)


def _few(items: Sequence[str], what: str) -> str:
    count = plural(len(items), what)
    return f"{count}, the first {_SHOWN}" if len(items) > _SHOWN else count
