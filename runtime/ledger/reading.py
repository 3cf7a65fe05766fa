"""History -> the ledger as a table for readers: number, time, kind, what, by whom, because of what.

Of many things in one entry the first few are named, or in full all of them, each with what became of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.contract.canonical import JSON
from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.contract.predicates import Clearing, Drift, Heartbeat, Intent, Refusal, Result, Verdict
from runtime.governance.case import Signed
from runtime.governance.rules import WITHDREW
from runtime.ledger.entry import Entry, approval_path
from runtime.ledger.history import History
from runtime.ledger.story import SHOWN, because, drifted, few, operations, outcomes, resources


@dataclass(frozen=True)
class Line:
    """One entry, told."""

    entry: Entry
    what: str
    because: str

    @property
    def time(self) -> str:
        """When it was written."""
        return text(self.entry.position.time)

    @property
    def by(self) -> str:
        """The agent that wrote it."""
        return self.entry.position.agent

    @property
    def told(self) -> str:
        """Who did what because of what."""
        return f"{self.by} {self.what}; because: {self.reason}"

    @property
    def reason(self) -> str:
        """Because of what, and whether its time is its agent's word alone."""
        return self.because + ("; after a gap that its agent was told is real" * self.entry.position.after_gap)

    def to_json(self) -> JSON:
        """Return the line as JSON."""
        entry = self.entry
        return {
            "sequence": entry.sequence,
            "time": self.time,
            "kind": entry.kind,
            "what": self.what,
            "by": self.by,
            "because": self.because,
            "after_gap": entry.position.after_gap,
            "sha256": entry.digest,
            "path": entry.path,
            "commit": entry.commit,
        }


@dataclass(frozen=True)
class Withdrawal:
    """An approval that its maker took back, and that a refusal says was missing for it: its words, and the number of
    the verdict that took the same change all the same, if one did."""

    refusal: Entry
    change: str
    message: str
    taken: int | None

    def to_json(self) -> JSON:
        """Return it as JSON."""
        return {
            "refusal": self.refusal.sequence,
            "at": text(self.refusal.position.time),
            "change": self.change,
            "message": self.message,
            "taken": self.taken,
        }


def withdrawals(history: History) -> tuple[Withdrawal, ...]:
    """Return every withdrawal that kept a change out, once. One that kept nothing out is no evidence of this ledger."""
    counts = history.verified.timeline.position
    taken = {
        entry.predicate.conductor.change: entry.sequence
        for entry in history.entries
        if isinstance(entry.predicate, Verdict) and counts(entry.digest) is not None
    }
    found: dict[tuple[str, str], Withdrawal] = {}
    for entry in history.entries:
        predicate = entry.predicate
        if not isinstance(predicate, Refusal):
            continue
        for item in predicate.unmet:
            if item.rule == "not-withdrawn" and WITHDREW in item.message:
                after = taken.get(predicate.change)
                later = after if after is not None and after > entry.sequence else None
                found.setdefault(
                    (predicate.change, item.message), Withdrawal(entry, predicate.change, item.message, later)
                )
    return tuple(found.values())


def lines(history: History, *, full: bool = False) -> list[Line]:
    """Tell every entry of the chain, in order."""
    by_digest = {entry.digest: entry for entry in history.entries}
    return [Line(entry, *_told(entry, history, by_digest, full=full)) for entry in history.entries]


def approvers(history: History, change: str, approvals: Iterable[str]) -> tuple[str, ...]:
    """Return whose statements these are, by the people of the genesis and of now; a key that is nobody's by itself."""
    names: list[str] = []
    for digest in approvals:
        data = history.content(approval_path(change, digest), digest)
        if data is None:
            names.append(f"sha256:{digest[:12]}… (missing)")
            continue
        key = Signed.from_bytes(data).fingerprint
        names.append(history.owners.get(key, key))
    return tuple(sorted(names))


def _told(entry: Entry, history: History, by_digest: dict[str, Entry], *, full: bool) -> tuple[str, str]:
    predicate = entry.predicate
    shown = sys.maxsize if full else SHOWN
    match predicate:
        case Verdict():
            detail = predicate.conductor
            names = " and ".join(approvers(history, detail.change, detail.approvals))
            what = f"takes commit {detail.head[:12]}: {_change(history, detail.change, shown)}"
            if (debt := next((one for one in history.debts if one.verdict == entry.digest), None)) is not None:
                return what, f"an emergency, by {names}: {debt.reason}"
            return what, f"approved by {names or 'nobody'}"
        case Intent():
            objects = few(operations(predicate.actions), shown)
            others = f"; as declared by its word: {plural(count, 'object')}" if (count := predicate.as_declared) else ""
            return f"sets out to {objects or 'do nothing'}{others}", because(predicate.because)
        case Result():
            opened = by_digest.get(predicate.intent)
            failed = [item.message for item in predicate.outcomes if item.outcome == "failed" and item.message]
            what = f"reports {outcomes(predicate)}" + (f": {failed[0]}" if failed else "")
            if full and opened is not None and isinstance(opened.predicate, Intent):
                what += f"; {', '.join(_each(opened.predicate, predicate))}"
            return what, f"intent {opened.sequence}" if opened else "an unknown intent"
        case Refusal():
            reasons = "; ".join(item.message for item in predicate.unmet)
            return f"refuses commit {predicate.head[:12]}: {_change(history, predicate.change, shown)}", reasons
        case Drift(actions=()):
            return "finds nothing left of what was reported", "as declared again, or declared no more"
        case Drift():
            held = any(item.before == {"foreign": True} or item.because != "drift" for item in predicate.actions)
            objects = few(drifted(predicate.actions, shown if full else 2), shown)
            if held:
                return f"finds {objects}", "held back: a person must look"
            return f"finds drift: {objects}", f"declared `drift: {predicate.response}`"
        case Clearing():
            names = " and ".join(approvers(history, predicate.change, predicate.approvals))
            opened = by_digest.get(predicate.verdict)
            debt_of = f"verdict {opened.sequence}" if opened else "an unknown verdict"
            what = f"clears the debt of {debt_of}: {_change(history, predicate.change, shown)}"
            return what, f"approved by {names} since"
        case Heartbeat():
            return f"finds nothing to do at commit {predicate.commit[:12]}", "heartbeat"


def _each(intent: Intent, result: Result) -> list[str]:
    told = zip(operations(intent.actions), result.outcomes, strict=False)
    return [f"{name}: {outcome.outcome.replace('-', ' ')}" for name, outcome in told]


def _change(history: History, digest: str, shown: int) -> str:
    change = history.change(digest)
    return f"change {digest[:12]}" if change is None else few(resources(change), shown) or f"change {digest[:12]}"
