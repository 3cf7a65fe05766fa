"""Random histories: an installation in memory, pull requests, and a plain model of who approved what when.

The model knows nothing of the judge: it is a list of statements and of verdicts, and answers by looking through them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runtime.agent.decide import Decision, Take
from runtime.contract.change import Change, Snapshot
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.inputs import digests
from runtime.governance.case import Signed
from runtime.ledger.history import History
from runtime.testing.installation import Installation
from runtime.testing.memory_git import ConflictError
from runtime.testing.small_tree import RULES, key_of
from runtime.testing.statements import Kind
from tests.property.material import EVERYBODY, EXACT, Material


@dataclass(frozen=True)
class Given:
    """A statement, as the model remembers it. `known` is how many verdicts its maker knew of."""

    person: str
    change: str
    known: int
    at: datetime
    until: datetime
    kind: Kind

    @property
    def withdrawal(self) -> bool:
        """Whether it takes others back."""
        return self.kind == "withdrawal"


NIGHT = timedelta(hours=24)
"""How long an emergency lasts in every history: `emergency_hours` of the small tree."""


@dataclass(frozen=True)
class Owed:
    """What an emergency left open: its change, which verdict took it, who had approved by then in which roles."""

    change: Change
    verdict: int
    people: Mapping[str, frozenset[str]]
    deadline: datetime
    days: int

    def left(self, snapshot: Snapshot) -> bool:
        """Whether anything that it altered is not as it was."""
        here = {**snapshot.manifest.inputs, **snapshot.manifest.bundle}
        return any(here.get(path) != before for path, before, _ in (*self.change.inputs, *self.change.bundle))


@dataclass
class Pull:
    """A pull request: its branch, what it was made from, and what has become of it."""

    branch: str
    kind: str
    stacked: bool = False
    merged: str | None = None


@dataclass
class Model:
    """Every statement by its SHA-256, the paths of every verdict in order, and the debt that is open. `exact` is how
    inputs begin over whose changes nothing is carried."""

    exact: str

    given: dict[str, Given] = field(default_factory=dict)
    verdicts: list[frozenset[str]] = field(default_factory=list)
    owed: Owed | None = None

    def counts(self, sha256: str, change: Change, at: datetime, days: int, *, but: int | None = None) -> bool:
        """Whether a statement speaks for a change at that time, if one verdict is left out."""
        one = self.given[sha256]
        taken_back = any(
            other.withdrawal and (other.person, other.change) == (one.person, one.change) and other.at >= one.at
            for other in self.given.values()
        )
        since = [paths for number, paths in enumerate(self.verdicts) if number >= one.known and number != but]
        spent = any(paths & change.paths for paths in since) or (bool(since) and self.is_exact(change))
        lasts = NIGHT if one.kind == "emergency" else timedelta(days=days)
        in_time = one.at <= at < min(one.until, one.at + lasts)
        return one.change == change.digest and in_time and not (one.withdrawal or taken_back or spent)

    def copy(self) -> Model:
        """Return another."""
        return Model(self.exact, dict(self.given), list(self.verdicts), self.owed)

    def is_exact(self, change: Change) -> bool:
        """Whether nothing is carried over to it."""
        return any(path.startswith(self.exact) for path in change.paths)

    def met(self, change: Change, people: Iterable[frozenset[str]]) -> bool:
        """Whether people with these roles are those whom the rules ask for."""
        roles = list(people)
        pairs = [(a, b) for number, a in enumerate(roles) for b in roles[:number] + roles[number + 1 :]]
        folders = [
            (one, other)
            for folder, (_, (one, other)) in RULES.items()
            if any(path.startswith((f"{folder}/", f"config/{folder}/")) for path in change.paths)
        ]
        by_path = all(any(one in a and other in b for a, b in pairs) for one, other in folders)
        return len(roles) >= 2 and by_path and (not self.is_exact(change) or any(EXACT in has for has in roles))


class Story:
    """One history, told and checked as it goes."""

    def __init__(self, material: Material, house: Installation | None = None, model: Model | None = None) -> None:
        self.material = material
        self.house = house or material.start()
        self.model = model or Model(material.exact)
        self.pulls: list[Pull] = []
        self.seen: Counter[str] = Counter()
        self.late: set[str] = set()
        """Changes that were approved when they lay on main already."""

    def fork(self) -> Story:
        """What would become of it from here; it sees on the same account."""
        other = Story(self.material, self.house.copy(), self.model.copy())
        other.pulls = list(self.pulls)
        other.seen = self.seen
        return other

    # What people do.

    def edit(self, branch: str, kind: str, number: int) -> str:
        """Commit edits to a branch."""
        edits = self.material.edits(kind, number)
        present = self.house.git.files(self.house.git.refs[f"refs/heads/{branch}"])
        add = {path: data for path, data in edits.items() if data is not None}
        gone = [path for path, data in edits.items() if data is None and path in present]
        return self.house.git.commit_files(add, branch=branch, remove=gone, message=f"{kind} {number}")

    def open(self, kind: str, number: int, on: str = "main") -> Pull:
        """Open a pull request."""
        pull = Pull(f"pull-{len(self.pulls)}", kind, stacked=on != "main")
        self.house.git.branch(pull.branch, on)
        self.edit(pull.branch, kind, number)
        self.pulls.append(pull)
        return pull

    def land(self, pull: Pull, how: str) -> str | None:
        """Merge, squash or rebase a pull request; None where a person would have to resolve a conflict."""
        git = self.house.git
        try:
            if how == "squash":
                pull.merged = git.squash(pull.branch)
            else:
                if how == "rebase":
                    git.rebase(pull.branch)
                pull.merged = git.merge(pull.branch)
        except ConflictError:
            return None
        return pull.merged

    def approve(
        self, head: str, names: Iterable[str], *, base: str | None = None, known: int | None = None, days: int = 30
    ) -> Change | None:
        """These people approve what a commit does; None if that does not compile or is nothing."""
        change = self.house.change(head, base=base)
        if change is None or change.empty:
            return None
        for name in names:
            self.say(change, name, known=known, days=days)
        return change

    def say(
        self, change: Change, name: str, *, known: int | None = None, days: int = 30, kind: Kind = "approval"
    ) -> Signed:
        """A statement by a person who knew so many verdicts (all, unless told)."""
        house, name = self.house, self.material.people.get(name, name)
        house.tick(seconds=1)
        timeline = house.history().verified.timeline
        position = len(self.model.verdicts) if known is None else min(known, len(self.model.verdicts))
        after = timeline.last if position == len(self.model.verdicts) else timeline.later(position - 1)[0]
        statement = house.statement(change, key_of(name), after=after.sha256, days=days, kind=kind)
        house.file(change, statement)
        approval = statement.approval
        self.model.given[statement.sha256] = Given(
            name, change.digest, position, approval.signed_at, approval.expires_at, kind
        )
        return statement

    # What the agent does, and whether it was right.

    def step(self) -> Decision:
        """The agent looks once."""
        self.house.tick()
        self.settle_up()
        before, main = self.house.history(), self.house.main
        decision = self.house.look()
        if isinstance(decision, Take):
            self.check(before, main, decision)
            if decision.change.digest in self.late:
                self.seen["late approval taken"] += 1
            if any(path.startswith("policies/") for path in decision.change.paths):
                self.seen["policy change taken"] += 1
            self.model.verdicts.append(decision.change.paths)
            self.owes(before, decision)
        after = self.house.history()
        assert after.findings == ()
        assert (after.debt is None) == (self.model.owed is None)
        compiled = self.house.compile(after.commit)
        assert compiled.snapshot == after.snapshot, "genesis plus the changes taken is not what the compiler renders"
        return decision

    def pay(self, names: Iterable[str], *, known: int | None = None) -> None:
        """These people, who knew so many verdicts, approve what is owed."""
        if self.model.owed is not None:
            for name in names:
                self.say(self.model.owed.change, name, known=known)

    def settle_up(self) -> None:
        """The agent clears the debt exactly where the model says that it is paid."""
        owed, history = self.model.owed, self.house.history()
        paid = False
        if owed is not None:
            now = history.governance.people
            more = {
                one.person: frozenset(now[one.person].roles)
                for sha256, one in self.model.given.items()
                if one.person in now
                and (one.kind != "emergency" or "incident-commander" in now[one.person].roles)
                and self.model.counts(sha256, owed.change, self.house.now, owed.days, but=owed.verdict)
            }
            paid = self.model.met(owed.change, {**more, **owed.people}.values())
        assert (self.house.clear() is not None) == paid
        if paid:
            self.model.owed = None
            self.seen["debt cleared"] += 1

    def owes(self, before: History, take: Take) -> None:
        """Note what a verdict leaves open, or takes back."""
        if self.model.owed is not None and not self.model.owed.left(take.snapshot):
            self.model.owed = None
            self.seen["debt taken back"] += 1
        if take.judgement.emergency is not None:
            people = {name: frozenset(before.governance.people[name].roles) for name in take.judgement.people}
            policy, verdict = before.governance.policy, len(self.model.verdicts) - 1
            deadline = self.house.now + timedelta(hours=policy.emergency_hours)
            self.model.owed = Owed(take.change, verdict, people, deadline, policy.approval_days)
            self.seen["emergency"] += 1

    def run(self) -> Decision:
        """The agent goes on until there is nothing that it may take."""
        decision = self.step()
        while isinstance(decision, Take):
            decision = self.step()
        return decision

    def in_hand(self, change: Change) -> bool:
        """Whether some statement already speaks for a change: said before, about the same, and not spent."""
        days = self.house.history().governance.policy.approval_days
        return any(self.model.counts(sha256, change, self.house.now, days) for sha256 in self.model.given)

    def end(self) -> None:
        """Whoever reads it all again finds the same."""
        self.run()
        known, again = self.house.history(), self.house.history(fresh=True)
        assert (known.commit, known.tip, known.pending) == (again.commit, again.tip, again.pending)
        assert again.findings == ()

    def settle(self) -> bool:
        """Everybody approves what is owed, and main as it is, and the agent takes it; whether main is verified then."""
        self.pay(EVERYBODY)
        self.run()
        self.approve(self.house.main, EVERYBODY, base=self.house.history().commit)
        self.run()
        self.pay(EVERYBODY)  # for what somebody let through meanwhile
        self.run()
        return not self.house.history().pending and self.model.owed is None

    def check(self, before: History, main: str, take: Take) -> None:
        """The verdict is one that the model allows."""
        change, at = take.change, self.house.now
        days = before.governance.policy.approval_days
        assert all(self.model.counts(one.sha256, change, at, days) for one in take.approvals)
        people = [self.model.given[one.sha256].person for one in take.approvals]
        assert len(set(people)) == len(people)
        roles = {name: frozenset(before.governance.people[name].roles) for name in people}
        by = take.judgement.emergency
        assert (by is None) == self.model.met(change, roles.values())
        if by is not None:
            said = self.model.given[by]
            assert (said.kind, "incident-commander" in roles[said.person]) == ("emergency", True)
            assert self.model.owed is None, "one debt at a time"
            assert not any(path.startswith(("policies/", "config/governance/")) for path in change.paths)
            ended = [path for path, (_, after) in change.contents.items() if after is None]
            assert not any(path.startswith("config/tenants/tenant/") for path in ended)
        owed = self.model.owed
        if owed is not None:
            added = {path for path, before, _ in owed.change.bundle if before is None}
            gone = {path for path, (_, after) in change.contents.items() if after is None}
            assert all(path in added for path in gone if path.startswith("config/tenants/tenant/")), "tenant ended"
        if owed is not None and at >= owed.deadline and owed.left(take.snapshot):
            assert all(path.startswith("policies/") for path, _, _ in change.inputs), "the debt comes first"
        inputs = [path for path, _, _ in change.inputs]
        assert len({path.startswith("policies/") for path in inputs}) == 1, "policies with other inputs"
        assert (self.material.held, None) not in {(path, after) for path, _, after in change.inputs}, "legal hold"
        here = digests(self.house.git, main)
        assert all(here.get(path) != old for path, old, _ in change.inputs), "main had taken it back"
        line = self.house.git.first_parents(main, *INPUT_FOLDERS, since=before.commit)
        assert take.commit in {step.commit.oid for step in line}
        assert self.house.git.is_ancestor(before.commit, take.commit)
        assert before.snapshot.manifest.inputs != take.snapshot.manifest.inputs
