"""A verdict x the state before it -> what does not hold of it; nothing, and it is taken.

Judged is what the verdict names, by the people, keys, rules and policy of P (plan, section 7, rule 6): whoever verifies
later, with more approvals in hand, comes to the same answer. That P's policy could not be asked on this machine is no
answer: where all else holds, nothing is known of the verdict, and whoever asks is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from runtime.contract.change import Change, ChangeMismatchError, Row, Snapshot, taken
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.predicates import Verdict
from runtime.git.interface import FileChange, TreeFile
from runtime.git.returned import returned
from runtime.governance.case import Case, Judgement, Problem, Signed, Taken, Transition
from runtime.governance.judge import judge
from runtime.governance.people import Approver
from runtime.ledger.debts import opened, repaid
from runtime.ledger.entry import Entry, approval_path, change_path
from runtime.ledger.facts import Stage, VerdictFacts
from runtime.ledger.findings import Finding, finding
from runtime.ledger.leading import Seat, line_to
from runtime.ledger.lifecycle import Lifecycle
from runtime.ledger.line import put
from runtime.policy.engine import Policy
from runtime.policy.transition import refusals
from runtime.signing.envelopes import verified_by

if TYPE_CHECKING:
    from runtime.ledger.replaying import Replaying

Tree: TypeAlias = dict[str, TreeFile]
Touched: TypeAlias = AbstractSet[str]
Line: TypeAlias = Sequence[tuple[str, tuple[FileChange, ...]]]


@dataclass(frozen=True)
class Judged:
    """What is wrong with a verdict (rule, sentence); and, if it can be taken, where it leads."""

    problems: tuple[tuple[str, str], ...]
    case: Case | None = None
    snapshot: Snapshot | None = None
    tree: dict[str, TreeFile] | None = None
    judgement: Judgement | None = None
    unanswered: EnvironmentFailedError | None = None
    """Why P's policy could not be asked on this machine."""

    def settled(self, entry: Entry) -> tuple[tuple[str, str], ...]:
        """The problems; raises EnvironmentFailedError where none is known, but not all could be asked."""
        if self.unanswered is not None and not self.problems:
            raise EnvironmentFailedError(
                f"verdict {entry.sequence} cannot be judged on this machine: {self.unanswered.message}",
                help="nothing is known of it, and nothing was written; give this machine what it lacks, or ask another",
            )
        return self.problems


def judged(state: Replaying, entry: Entry, verdict: Verdict, seat: Seat, *, void: bool) -> list[Finding]:
    """Take a verdict, or say why it takes nothing. `void`: it may not, whatever it names."""
    detail = verdict.conductor
    answer = _judge(state, entry, verdict, seat)
    state.name(change_path(detail.change))
    for digest in detail.approvals:
        state.name(approval_path(detail.change, digest))
    problems = answer.problems if void else answer.settled(entry)
    sound = not void and not problems
    if sound and answer.case and answer.judgement and answer.snapshot and answer.tree is not None:
        change = answer.case.change
        debt, before = state.verified.debt, state.governance
        state.take(detail.head, change, answer.snapshot, answer.tree)
        people = None if state.governance is before else state.governance
        state.timeline.append(Taken(entry.digest, change.paths, entry.position.time, people))
        if debt is not None:
            state.debts = repaid(state, answer.snapshot.manifest, entry, answer.judgement)
        if answer.judgement.emergency is not None:
            state.debts = (*state.debts, opened(answer.case, entry, verdict, answer.judgement))
    return [
        finding(rule, f"verdict {entry.sequence} takes nothing: {message}", path=entry.path, commit=entry.commit)
        for rule, message in problems
    ]


def added_agent(state: Replaying, entry: Entry, verdict: Verdict, seat: Seat) -> str | None:
    """Return the agent that signed a verdict with a key that its change adds, if nothing else is wrong with it."""
    position = entry.position
    if (position.sequence, position.previous) != (state.tip.sequence + 1, state.tip.digest):
        return None
    answer = _judge(state, entry, verdict, seat)
    if answer.settled(entry) or answer.case is None or answer.case.after is None:
        return None
    after = answer.case.after
    by = verified_by(entry.envelope, after.public_keys)
    return None if by is None else after.agent_of_key.get(by)


def transition_of(policy: Policy | None, lifecycle: Lifecycle, change: Change, at: datetime) -> Transition:
    """Return P's policy as the judge of a proposal asks it: about this change, with what the ledger says before it, at
    this time. No answer is a no."""

    def unanswered(error: EnvironmentFailedError) -> tuple[Problem, ...]:
        return (Problem("transitions", error.message),)

    return _transition(lambda: policy, lifecycle, change, at, unanswered)


def _transition(
    policy: Callable[[], Policy | None],
    lifecycle: Lifecycle,
    change: Change,
    at: datetime,
    unanswered: Callable[[EnvironmentFailedError], tuple[Problem, ...]],
) -> Transition:
    facts = lifecycle.facts(change, at)

    def ask(approvers: tuple[Approver, ...]) -> tuple[Problem, ...]:
        people = [(approver.name, approver.roles) for approver in approvers]
        try:
            found = refusals(policy(), change, people, at=at, facts=facts)
        except EnvironmentFailedError as error:
            return unanswered(error)
        return tuple(Problem("transitions", f"{one.kind} {one.name}: {one.message}".lstrip(" :")) for one in found)

    return ask


def _judge(state: Replaying, entry: Entry, verdict: Verdict, seat: Seat) -> Judged:
    detail = verdict.conductor
    change = state.change(detail.change)
    snapshot = _after(state.snapshot, change)
    head = state.main_then(entry, seat)
    line = None if head is None else line_to(state, head)
    candidate, main, tree, touched = _main(state, detail.head, head, line)
    signed = state.statements(detail.change, detail.approvals)
    unanswered: list[EnvironmentFailedError] = []
    case = None if change is None else _case(state, entry, change, signed, main, unanswered=unanswered)
    if case is not None and candidate and line is not None:
        case = replace(case, returned=_returned(state, detail.head, line))
    judgement = None if case is None or snapshot is None else judge(case, state.rules.consent)
    facts = VerdictFacts(
        entry=entry,
        verdict=verdict,
        repository=state.genesis.repository,
        branch=state.genesis.branch,
        base=state.commit,
        before=state.snapshot.manifest.digest,
        change=change,
        starts=snapshot is not None,
        after=None if snapshot is None else snapshot.manifest.digest,
        inputs=None if tree is None else _rows(state, tree, touched),
        candidate=candidate,
        approvals=frozenset(item.sha256 for item in signed),
        idle=() if judgement is None or not judgement.allowed else tuple(item.message for item in judgement.rejected),
        landed=_landed(state, signed),
        governance=None if case is None else case.after,
        allowed=judgement is not None and judgement.allowed,
        emergency=None if judgement is None else judgement.emergency,
    )
    problems = [(rule.name, message) for rule in state.rules.by_stage[Stage.VERDICT] for message in rule.check(facts)]
    if judgement is not None and not judgement.allowed:
        problems.extend((problem.rule, problem.message) for problem in judgement.problems)
    if case is not None:
        # they point back at the case: thousands of manifests would wait for a collector
        vars(case).pop("readings", None)
    return Judged(tuple(problems), case, snapshot, tree, judgement, next(iter(unanswered), None))


def _after(snapshot: Snapshot, change: Change | None) -> Snapshot | None:
    try:
        return None if change is None else taken(snapshot, change)
    except ChangeMismatchError:
        return None


def _case(
    state: Replaying,
    entry: Entry,
    change: Change,
    signed: tuple[Signed, ...],
    main: dict[str, TreeFile],
    *,
    unanswered: list[EnvironmentFailedError],
) -> Case:
    position = entry.position

    def without(error: EnvironmentFailedError) -> tuple[Problem, ...]:
        unanswered.append(error)
        return ()

    digests = {path: state.blobs.digest(main.get(path)) for path, _, _ in change.inputs}
    return Case(
        verified=state.verified,
        change=change,
        approvals=signed,
        at=position.time,
        main={path: digest for path, digest in digests.items() if digest is not None},
        release=position.release.version,
        transition=_transition(state.policy, state.lifecycle, change, position.time, without),
    )


def _main(
    state: Replaying, candidate: str, head: str | None, line: Line | None
) -> tuple[bool, Tree, Tree | None, Touched]:
    """Whether the candidate follows P on main's line as it was then; the inputs of main's head then, and of the
    candidate (None: there is no such commit); the paths in which the candidate may differ from P."""
    git, at = state.git, _place(line or (), candidate)
    if line is not None and at is not None:
        changes = [change for _, changes in line[: at + 1] for change in changes]
        tree, later = _with(state.tree, changes), [change for _, changes in line[at + 1 :] for change in changes]
        here = state.line and head == state.line[-1][0]
        return True, state.main if here else _with(tree, later), tree, {change.path for change in changes}
    if head is None or git.resolve(head) != head:
        return False, {}, None, set()
    other = state.inputs_at(candidate) if git.resolve(candidate) == candidate else {}
    return False, state.inputs_at(head), other or None, state.tree.keys() | other.keys()


def _place(line: Line, candidate: str) -> int | None:
    return next((at for at, (commit, _) in enumerate(line) if commit == candidate), None)


def _with(tree: Tree, changes: Iterable[FileChange]) -> Tree:
    made = dict(tree)
    for change in changes:
        put(made, change)
    return made


def _returned(state: Replaying, candidate: str, line: Line) -> frozenset[str]:
    """Inputs that main had at P's value again between the candidate and its head then."""
    at = _place(line, candidate)
    if at is None or not any(changes for _, changes in line[at + 1 :]):
        return frozenset()
    return frozenset(returned(state.tree, line).of(candidate))


def _rows(state: Replaying, tree: Tree, touched: Touched) -> tuple[Row, ...]:
    digest = state.blobs.digest
    rows = ((path, digest(state.tree.get(path)), digest(tree.get(path))) for path in touched)
    return tuple(sorted(row for row in rows if row[1] != row[2]))


def _landed(state: Replaying, signed: tuple[Signed, ...]) -> tuple[str, ...]:
    known = (state.timeline.position(item.approval.after) for item in signed)
    earliest = min((position for position in known if position is not None), default=None)
    return () if earliest is None else tuple(item.sha256 for item in state.timeline.later(earliest))
