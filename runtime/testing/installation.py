"""A whole installation in memory: git, genesis, approvals branch, agent and ledger, over `runtime.testing.small_tree`.

What judges, decides, writes and replays is the real thing; only git, the compiler and the policy are small. Tests of
histories drive it, and anybody who wants to see what the rules do with a history can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from runtime.agent.debts import payment
from runtime.agent.decide import Decision, Take, compile_once, decide
from runtime.contract.change import Change, Snapshot, between
from runtime.contract.compiling import Compile
from runtime.contract.genesis import Genesis
from runtime.contract.predicates import Seen
from runtime.git.interface import Git
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.governance.approvals import Approvals, filed
from runtime.governance.case import Signed
from runtime.governance.rules import CONSENT, Rule
from runtime.ledger import append
from runtime.ledger.append import Grounds, Writer, Written
from runtime.ledger.history import History, replay
from runtime.ledger.replaying import Policies
from runtime.release import VERSION
from runtime.signing.keys import PrivateKey
from runtime.testing.chronicle import writer
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import legal_hold
from runtime.testing.small_tree import AGENT, BRANCH, REPOSITORY, START, key_of, small_tree
from runtime.testing.statements import Kind, approval, signed_genesis
from runtime.testing.tiny_compiler import compile_commit


@dataclass(frozen=True)
class Kit:
    """What is small here, and may be the real thing: the compiler over a repository, and how a policy is loaded."""

    compiler: Callable[[Git], Compile] = compile_commit
    policies: Policies = legal_hold


TINY = Kit()


@dataclass
class Installation:
    """A repository with a genesis. `now` only grows."""

    git: MemoryGit
    compile: Compile
    genesis: Genesis
    writer: Writer
    kit: Kit
    now: datetime = START
    _known: History | None = None

    @classmethod
    def start(
        cls,
        files: Mapping[str, bytes] | None = None,
        *,
        agent: str = AGENT,
        people: tuple[str, ...] = ("mara", "tomas", "ines"),
        kit: Kit = TINY,
        ledger: str | None = None,
        also: Iterable[PrivateKey] = (),
    ) -> Installation:
        """Commit the files and a genesis that these people signed, `also` with other keys; its ledger is on main,
        unless told."""
        git = MemoryGit()
        compiled = compile_once(kit.compiler(git), git)
        first = git.commit_files(small_tree() if files is None else files, message="Start")
        snapshot = compiled(first).snapshot
        if snapshot is None:
            raise ValueError(compiled(first).errors)
        genesis = Genesis(REPOSITORY, BRANCH, first, snapshot, ledger=ledger)
        signed = signed_genesis(genesis, (*map(key_of, people), *also), START)
        trunk = git.commit_files(signed.files, message="Start the history")
        git.branch(ledger or BRANCH, trunk)
        return cls(git, compiled, genesis, writer(agent=agent), kit)

    def copy(self) -> Installation:
        """Another installation with the same history, to see what would come of something."""
        git = MemoryGit()
        git.objects.update(self.git.objects)
        git.refs.update(self.git.refs)
        compiled = compile_once(self.kit.compiler(git), git)
        return Installation(git, compiled, self.genesis, self.writer, self.kit, self.now)

    @property
    def main(self) -> str:
        """Main's head."""
        return self.git.refs["refs/heads/main"]

    def tick(self, **passed: float) -> datetime:
        """Let time pass (an hour, unless told)."""
        self.now += timedelta(**(passed or {"hours": 1}))
        return self.now

    def history(self, head: str | None = None, *, consent: tuple[Rule, ...] = CONSENT, fresh: bool = False) -> History:
        """Replay main (or another head); `fresh` reads everything again."""
        after = None if fresh or consent is not CONSENT or head is not None else self._known
        root = self.genesis.digest
        found = replay(
            self.git, head or self.main, trust_root=root, after=after, consent=consent, policies=self.kit.policies
        )
        if consent is CONSENT and head is None:
            self._known = found
        return found

    def snapshot(self, commit: str) -> Snapshot | None:
        """What a commit compiles to."""
        return self.compile(commit).snapshot

    def change(self, head: str, *, base: str | None = None) -> Change | None:
        """What a pull request would do: from its merge base with main, unless told; None if it does not compile."""
        head = self.git.resolve(head) or head
        base = base or self.git.merge_base(self.main, head) or self.genesis.commit
        before, after = self.snapshot(base), self.snapshot(head)
        if before is None or after is None:
            return None
        return between(before, after, repository=self.genesis.repository, branch=self.genesis.branch)

    def statement(
        self,
        change: Change,
        key: PrivateKey,
        *,
        after: str | None = None,
        at: datetime | None = None,
        kind: Kind = "approval",
        days: int = 30,
    ) -> Signed:
        """A person's statement about a change, not filed yet."""
        at = at or self.now
        after = after or self.history().verified.timeline.last.sha256
        seen = Seen(base=None, head=self.main)
        return approval(change, key, after=after, at=at, until=at + timedelta(days=days), seen=seen, kind=kind)

    def file(self, change: Change, *signed: Signed) -> None:
        """Put statements onto the branch `approvals`."""
        self.git.commit_files(filed(change, *signed), branch=APPROVALS)

    def approve(self, head: str, *names: str, base: str | None = None, after: str | None = None) -> Change | None:
        """These people approve what a commit does; None if it does not compile."""
        change = self.change(head, base=base)
        if change is not None:
            self.file(change, *(self.statement(change, key_of(name), after=after) for name in names))
        return change

    def decide(self, *, consent: tuple[Rule, ...] = CONSENT) -> Decision:
        """What the agent does next."""
        history = self.history()
        at = history.tip.moment(self.now)
        return decide(
            history.verified,
            self.git,
            self.main,
            approvals=Approvals(self.git, self.git.resolve(APPROVALS)).of,
            compile=self.compile,
            transition=history.transitions(at),
            at=at,
            release=VERSION,
            rules=consent,
        )

    def verdict(self, take: Take, grounds: Grounds | None = None) -> Written:
        """The verdict over a decision; `grounds` are others than its own (see `grounds`)."""
        return append.verdict(self.history().end, self.writer, self.now, grounds or self.grounds(take))

    def grounds(self, take: Take) -> Grounds:
        """What a verdict over a decision rests on."""
        history = self.history()
        return Grounds(
            base=history.commit,
            head=take.commit,
            before=history.snapshot.manifest.digest,
            after=take.snapshot.manifest.digest,
            change=take.change,
            approvals={one.sha256: one.envelope.data for one in take.approvals},
            landed=take.landed,
            emergency=take.judgement.emergency,
        )

    def record(self, *entries: Written) -> str:
        """Commit entries to main, or to the ledger's own branch."""
        ref = f"refs/heads/{self.genesis.ledger or BRANCH}"
        self.git.refs[ref] = append.record(self.git, self.git.refs[ref], entries, self.writer, at=self.git.tick())
        return self.git.refs[ref]

    def clear(self) -> Written | None:
        """Write that the open debt is cleared, if it is."""
        history = self.history()
        at, debt = history.tip.moment(self.now), history.debt
        if debt is None:
            return None
        statements = Approvals(self.git, self.git.resolve(APPROVALS)).of(debt.change.digest)
        approvals = payment(history.verified, debt, statements, at)
        if approvals is None:
            return None
        written = append.clearing(
            history.tip, self.writer, at, verdict=debt.verdict, change=debt.change, approvals=approvals
        )
        self.record(written)
        return written

    def step(self) -> Decision:
        """The agent clears a debt that is paid, decides, and takes what it decided to take."""
        self.tick()
        self.clear()
        return self.look()

    def look(self) -> Decision:
        """The agent decides, and takes what it decided to take, now."""
        decision = self.decide()
        if isinstance(decision, Take):
            self.record(self.verdict(decision))
        return decision

    def run(self) -> Decision:
        """The agent takes whatever it may; returns the decision that took nothing."""
        decision = self.step()
        while isinstance(decision, Take):
            decision = self.step()
        return decision
