"""History x decision x statements filed x time -> Status: what `conductor status` and the agent's `/status` say.

Rules kept: nothing is judged here; what waits, and why, is `decide`'s and `judge`'s answer, what ran is the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runtime.agent.decide import ApprovalsOf, Decision, Take
from runtime.agent.queue import SIGN, Queue, lacking, named
from runtime.agent.status import (
    PROMISES,
    Drifted,
    Failure,
    Maker,
    Open,
    Owed,
    Refused,
    State,
    Status,
    Waiting,
    Wrote,
)
from runtime.agent.taking_back import TakingBack, Tried
from runtime.contract.compiling import Compile
from runtime.contract.predicates import Drift, Intent, Refusal, Result, Verdict
from runtime.git.brought import titled
from runtime.git.interface import Git
from runtime.governance.clock import allowed
from runtime.governance.debts import Debt
from runtime.governance.emergency import debt_case
from runtime.governance.judge import judge
from runtime.ledger.entry import Entry
from runtime.ledger.history import History, without_ledger
from runtime.ledger.story import drifted, operations


@dataclass
class _Told:
    """What the ledger says last of each thing."""

    intents: dict[str, Entry] = field(default_factory=dict)
    manifests: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    """Manifest -> the commit that has it, the one that it was taken after, and the entry of its verdict."""
    ran: tuple[str, Entry] | None = None
    """The manifest that the last finished intent led to, and its result."""
    result: Entry | None = None
    drift: Entry | None = None
    refused: Entry | None = None
    wrote: dict[str, Entry] = field(default_factory=dict)
    count: int = 0
    last: Entry | None = None

    def read(self, entry: Entry, *, took: bool) -> None:
        self.wrote[entry.position.agent] = entry
        match entry.predicate:
            case Verdict(conductor=detail) if took:
                self.manifests[detail.after] = (detail.head, detail.base, entry.sequence)
            case Intent():
                self.intents = {entry.digest: entry}
            case Result(outcomes=outcomes, intent=intent):
                self.result, begun = entry, self.intents.get(intent)
                if begun is not None and all(item.outcome == "done" for item in outcomes):
                    self.ran = _manifest(begun), entry
            case Drift(response="report"):
                self.drift = entry
            case Refusal():
                self.refused = entry
            case _:
                pass
        self.count, self.last = self.count + 1, entry


def _manifest(intent: Entry) -> str:
    return intent.predicate.manifest if isinstance(intent.predicate, Intent) else ""


class Stock:
    """What histories say, one after the other: of one that leads on from the last, only what is new is read."""

    def __init__(self) -> None:
        self._told = _Told()
        self._tried = Tried()
        self._titles: dict[tuple[str, str], tuple[Maker, ...]] = {}

    def take(
        self,
        history: History,
        decision: Decision,
        git: Git,
        filed: ApprovalsOf,
        *,
        compile: Compile,  # noqa: A002 -- the plan's word for it
        at: datetime,
    ) -> Status:
        """Put together how things stand at a time; main is compiled as it would be without what waits."""
        told = self._read(history)
        waiting = tuple(self._waiting(git, history, decision, compile, at))
        manifest, tip = history.snapshot.manifest.digest, history.tip
        last = history.entries[-1].position.time if history.entries else tip.time
        return Status(
            at=at,
            branch=history.genesis.branch,
            main=history.head,
            ledger=tip.sequence,
            ledger_at=last,
            running=None if told.ran is None else self._state(git, told.ran[0], told.ran[1].position.time),
            verified=self._state(git, manifest, _taken_at(history)) or _genesis(history),
            waiting=waiting,
            debt=None if history.debt is None else _owed(history, history.debt, filed, at),
            drift=_drift(told.drift),
            failures=tuple(_failures(told)),
            open_intent=None if history.open_intent is None else _open(history.open_intent),
            refused=_refused(told.refused, waiting),
            agents=tuple(_agents(history, told)),
            gap_allowed_seconds=int(allowed(history.governance).total_seconds()),
            overdue=bool(history.entries) and at - last > timedelta(seconds=PROMISES * _heartbeat(history)),
            findings=tuple(item.message for item in history.findings),
            gaps=tuple(item for item in (without_ledger(history),) if item is not None),
        )

    def _waiting(
        self,
        git: Git,
        history: History,
        decision: Decision,
        compile: Compile,  # noqa: A002 -- see above
        at: datetime,
    ) -> Iterator[Waiting]:
        if not decision.pending and not isinstance(decision, Take):
            return iter(())
        return Queue(git, history, decision, TakingBack(git, history, compile, self._tried), at).told()

    def _state(self, git: Git, manifest: str, at: datetime) -> State | None:
        if manifest not in self._told.manifests:
            return None
        commit, base, entry = self._told.manifests[manifest]
        known = git.resolve(commit) is not None
        return State(
            commit=commit,
            subject=git.commit(commit).subject if known else "",
            brought_by=self._title(git, base, commit) if known and base else (),
            manifest=manifest,
            entry=entry,
            at=at,
        )

    def _title(self, git: Git, base: str, commit: str) -> tuple[Maker, ...]:
        """Who brought what a verdict took, where it was not the commit that it took."""
        if (base, commit) not in self._titles:
            last = dict([*self._titles.items()][-1:])  # what runs and what is verified may be two
            self._titles = {**last, (base, commit): tuple(named(git, titled(git, base, commit)))}
        return self._titles[base, commit]

    def _read(self, history: History) -> _Told:
        told, entries, timeline = self._told, history.entries, history.verified.timeline
        if not told.count or told.count > len(entries) or entries[told.count - 1] is not told.last:
            # the first, or replayed from the start: nothing of what was read is known to be there still
            told = self._told = _Told()
            told.manifests[history.genesis.snapshot.manifest.digest] = (history.genesis.commit, "", 0)
        for entry in entries[told.count :]:
            told.read(entry, took=timeline.position(entry.digest) is not None)
        return told


def take_stock(
    history: History,
    decision: Decision,
    git: Git,
    filed: ApprovalsOf,
    *,
    compile: Compile,  # noqa: A002 -- the plan's word for it
    at: datetime,
) -> Status:
    """Put together how things stand at a time, once."""
    return Stock().take(history, decision, git, filed, compile=compile, at=at)


def _genesis(history: History) -> State:
    """P where no verdict names its manifest: it is the genesis' then."""
    return State(
        commit=history.commit,
        subject="",
        manifest=history.snapshot.manifest.digest,
        entry=0,
        at=_taken_at(history),
    )


def _taken_at(history: History) -> datetime:
    entry = history.entry(history.verified.timeline.last.sha256)
    return history.state.git.commit(history.genesis_commit).committed_at if entry is None else entry.position.time


def _owed(history: History, debt: Debt, filed: ApprovalsOf, at: datetime) -> Owed:
    judgement = judge(debt_case(history.verified, debt, filed(debt.change.digest), at=at))
    entry = history.entry(debt.verdict)
    return Owed(
        by=debt.by,
        why=debt.reason,
        change=debt.change.digest,
        entry=0 if entry is None else entry.sequence,
        opened=debt.opened,
        deadline=debt.deadline,
        overdue=debt.overdue(at),
        lacking=tuple(lacking(judgement.missing)),
        command=None if judgement.allowed else f"conductor approve --debt {SIGN}",
    )


def _drift(entry: Entry | None) -> Drifted | None:
    if entry is None or not isinstance(entry.predicate, Drift) or not entry.predicate.actions:
        return None
    objects = tuple(drifted(entry.predicate.actions))
    return Drifted(entry=entry.sequence, at=entry.position.time, objects=objects)


def _failures(told: _Told) -> Iterator[Failure]:
    """What the last result says has failed."""
    if told.result is None or not isinstance(told.result.predicate, Result):
        return
    begun = told.intents.get(told.result.predicate.intent)
    if begun is None or not isinstance(begun.predicate, Intent):
        return
    names = operations(begun.predicate.actions)
    for name, outcome in zip(names, told.result.predicate.outcomes, strict=False):
        if outcome.outcome == "failed":
            entry, at = told.result.sequence, told.result.position.time
            yield Failure(entry=entry, at=at, action=name, message=outcome.message or "")


def _open(entry: Entry) -> Open:
    return Open(entry=entry.sequence, at=entry.position.time)


def _refused(entry: Entry | None, waiting: Iterable[Waiting]) -> Refused | None:
    """The last refusal, as long as what it refused waits for a person."""
    if entry is None or not isinstance(entry.predicate, Refusal):
        return None
    said = entry.predicate
    if not any(item.for_a_person and said.head == item.commit for item in waiting):
        return None
    return Refused(
        entry=entry.sequence,
        at=entry.position.time,
        commit=said.head,
        change=said.change,
        unmet=tuple(item.message for item in said.unmet),
    )


def _agents(history: History, told: _Told) -> Iterator[Wrote]:
    """Those who may write, and those who wrote and may not any more."""
    declared = history.governance.agents
    for name in sorted({*declared, *told.wrote}):
        entry = told.wrote.get(name)
        yield Wrote(
            name=name,
            heartbeat_seconds=declared[name].heartbeat_seconds if name in declared else None,
            entry=None if entry is None else entry.sequence,
            kind=None if entry is None else entry.kind,
            at=None if entry is None else entry.position.time,
        )


def _heartbeat(history: History) -> int:
    """What is promised of the agent that wrote last; of one that is gone, the longest promise."""
    agents = history.governance.agents
    last = agents.get(history.entries[-1].position.agent)
    return last.heartbeat_seconds if last else max((item.heartbeat_seconds for item in agents.values()), default=0)
