"""History x decision x statements filed x time -> Status: what `conductor status` and the agent's `/status` say.

Rules kept: nothing is judged here; what waits, and why, is `decide`'s and `judge`'s answer, what ran is the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runtime.agent.decide import ApprovalsOf, Decision, Pending, Reason, Take
from runtime.agent.status import (
    PROMISES,
    Drifted,
    Failure,
    Lacking,
    Open,
    Owed,
    Refused,
    State,
    Status,
    Waiting,
    Wrote,
)
from runtime.contract.predicates import Drift, Intent, Refusal, Result, Verdict
from runtime.git.inputs import rows
from runtime.git.interface import Git
from runtime.governance.case import Judgement, Missing
from runtime.governance.clock import allowed
from runtime.governance.debts import Debt
from runtime.governance.emergency import REPLACED, debt_case
from runtime.governance.judge import judge
from runtime.ledger.entry import Entry
from runtime.ledger.history import History, without_ledger
from runtime.ledger.story import drifted, operations

_SIGN = "--person NAME --key FILE --push"


@dataclass
class _Told:
    """What the ledger says last of each thing."""

    intents: dict[str, Entry] = field(default_factory=dict)
    manifests: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Manifest -> the commit that has it, and the entry of its verdict."""
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
                self.manifests[detail.after] = (detail.head, entry.sequence)
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

    def take(self, history: History, decision: Decision, git: Git, filed: ApprovalsOf, at: datetime) -> Status:
        """Put together how things stand at a time."""
        told = self._read(history)
        manifest, tip = history.snapshot.manifest.digest, history.tip
        last = history.entries[-1].position.time if history.entries else tip.time
        return Status(
            at=at,
            branch=history.genesis.branch,
            main=history.head,
            ledger=tip.sequence,
            ledger_at=last,
            running=None if told.ran is None else _state(git, told, told.ran[0], told.ran[1].position.time),
            verified=_state(git, told, manifest, _taken_at(history)) or _genesis(history),
            waiting=tuple(_waiting(git, history, decision, at)),
            debt=None if history.debt is None else _owed(history, history.debt, filed, at),
            drift=_drift(told.drift),
            failures=tuple(_failures(told)),
            open_intent=None if history.open_intent is None else _open(history.open_intent),
            refused=_refused(told.refused),
            agents=tuple(_agents(history, told)),
            gap_allowed_seconds=int(allowed(history.governance).total_seconds()),
            overdue=bool(history.entries) and at - last > timedelta(seconds=PROMISES * _heartbeat(history)),
            findings=tuple(item.message for item in history.findings),
            gaps=tuple(item for item in (without_ledger(history),) if item is not None),
        )

    def _read(self, history: History) -> _Told:
        told, entries, timeline = self._told, history.entries, history.verified.timeline
        if not told.count or told.count > len(entries) or entries[told.count - 1] is not told.last:
            # the first, or replayed from the start: nothing of what was read is known to be there still
            told = self._told = _Told()
            told.manifests[history.genesis.snapshot.manifest.digest] = (history.genesis.commit, 0)
        for entry in entries[told.count :]:
            told.read(entry, took=timeline.position(entry.digest) is not None)
        return told


def take_stock(history: History, decision: Decision, git: Git, filed: ApprovalsOf, at: datetime) -> Status:
    """Put together how things stand at a time, once."""
    return Stock().take(history, decision, git, filed, at)


def _state(git: Git, told: _Told, manifest: str, at: datetime) -> State | None:
    if manifest not in told.manifests:
        return None
    commit, entry = told.manifests[manifest]
    return State(commit=commit, subject=_subject(git, commit), manifest=manifest, entry=entry, at=at)


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


def _subject(git: Git, commit: str) -> str:
    return git.commit(commit).subject if git.resolve(commit) is not None else ""


def _waiting(git: Git, history: History, decision: Decision, at: datetime) -> Iterator[Waiting]:
    """What is on main and not taken, oldest first: what was decided about it, and what comes behind what is next."""
    queue = [*decision.pending]
    first: str | None = None
    for number, item in enumerate(queue):
        mended = _mended(queue[number:], decision) if item.reason is Reason.UNSOUND else None
        told = _entry(git, item, queue[:number], at).model_copy(update={"after": first, "mended_by": mended})
        if item.reason is Reason.TAKEN_BACK and (along := _comes_with(git, history, item, queue[number:], decision)):
            told = told.model_copy(update={"reason": "comes-with", "comes_with": along, "after": None, "why": ()})
        yield told
        if first is None and told.for_a_person:
            first = item.commit
    if not isinstance(decision, Take):
        return
    yield _waits(git, decision.commit, at, "approved", "the agent takes it next", first=decision.first).model_copy(
        update={"change": decision.change.digest, "approved_by": decision.judgement.people}
    )
    line = history.waiting
    for commit in line[line.index(decision.commit) + 1 :] if decision.commit in line else ():
        yield _waits(git, commit, at, "behind", f"comes after {decision.commit[:12]}, and is judged then")


def _mended(later: Iterable[Pending], decision: Decision) -> str | None:
    """The first commit that compiles again."""
    taken = decision.commit if isinstance(decision, Take) else None
    return next((item.commit for item in later if item.change is not None), taken)


def _comes_with(git: Git, history: History, item: Pending, later: Iterable[Pending], decision: Decision) -> str | None:
    """The first commit after it that stands and has all that this one itself changed; None if there is none."""
    own = {(path, after) for path, _, after in rows(git, git.commit(item.commit).parents[0], item.commit)}
    standing = [it.commit for it in later if it.reason is not Reason.TAKEN_BACK]
    standing += [decision.commit] if isinstance(decision, Take) else []
    for commit in standing:
        if own and own <= {(path, after) for path, _, after in rows(git, history.commit, commit)}:
            return commit
    return None


def _entry(git: Git, item: Pending, before: Iterable[Pending], at: datetime) -> Waiting:
    short, judged = item.commit[:12], item.judgement
    alike = (it.commit for it in before if item.reason is it.reason is Reason.UNSOUND and it.errors == item.errors)
    again = next(alike, None)
    merge = " -m 1" if len(git.commit(item.commit).parents) > 1 else ""
    goes_back = item.reason is not Reason.TAKEN_BACK and again is None
    return _waits(git, item.commit, at, item.reason.value, first=item.first).model_copy(
        update={
            "why": _why(item) if again is None else (f"for the same reason as {again[:12]}",),
            "change": None if item.change is None else item.change.digest,
            "approved_by": () if judged is None else judged.people,
            "lacking": () if judged is None else tuple(_lacking(judged.missing)),
            "command": _unblocks(item.reason, short, judged) if again is None else None,
            "take_back": f"git revert --no-edit{merge} {short}" if goes_back else None,
        }
    )


def _waits(git: Git, oid: str, at: datetime, reason: str, *why: str, first: str = "") -> Waiting:
    commit = git.commit(oid)
    since = git.commit(first or oid).committed_at
    return Waiting(
        commit=oid,
        subject=commit.subject,
        since=min(since, commit.committed_at, at),
        reason=reason,
        why=why,
        change=None,
        approved_by=(),
        lacking=(),
        command=None,
        take_back=None,
        after=None,
        mended_by=None,
    )


def _why(item: Pending) -> tuple[str, ...]:
    if item.reason is Reason.TAKEN_BACK:
        return (f"main has {', '.join(item.back[:3])} at its old value again, or had it since",)
    if item.judgement is None:
        return item.errors
    lacking = REPLACED if item.judgement.missing else frozenset()  # who is missing is told by `lacking`
    return tuple(dict.fromkeys(one.message for one in item.judgement.problems if one.rule not in lacking))


def _unblocks(reason: Reason, commit: str, judgement: Judgement | None) -> str | None:
    if reason is Reason.UNSOUND:
        return f"conductor check --rev {commit}"
    if judgement is None or not judgement.missing:
        return None
    return f"conductor approve --head {commit} {_SIGN}"


def _lacking(missing: Iterable[Missing]) -> Iterator[Lacking]:
    for item in missing:
        yield Lacking(rule=item.rule, roles=item.roles, could=item.people)


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
        lacking=tuple(_lacking(judgement.missing)),
        command=None if judgement.allowed else f"conductor approve --debt {_SIGN}",
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


def _refused(entry: Entry | None) -> Refused | None:
    if entry is None or not isinstance(entry.predicate, Refusal):
        return None
    said = entry.predicate
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
