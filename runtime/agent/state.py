"""The world -> what is known of it: main's head, the ledger replayed, and what comes next by the rules.

Rules kept: everything is read from what the remote has, never from local branches; what was read is not read again
while neither branch has moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from runtime.agent.causes import Memory
from runtime.agent.decide import Decision, Nothing, StoppedError, Take, decide
from runtime.agent.desired import Desired, released, released_of
from runtime.agent.withdrawals import with_seen
from runtime.agent.world import World
from runtime.contract.canonical import sha256
from runtime.contract.change import Change, between
from runtime.contract.compiling import Compiled
from runtime.contract.errors import EnvironmentFailedError, FormatError, UsageError
from runtime.contract.genesis import Genesis
from runtime.contract.predicates import Verdict
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.governance.approvals import Approvals
from runtime.governance.config import Agent, Governance
from runtime.ledger.append import Tip
from runtime.ledger.beside import Heads
from runtime.ledger.history import History, replay
from runtime.ledger.pin import OtherGenesisError, pinned
from runtime.ledger.starting import NoGenesisError
from runtime.release import VERSION
from runtime.targets.interface import TerminalError
from runtime.targets.needs import require

PUSHED = "refs/conductor/pushed"
"""The last commit that the remote has acknowledged."""


class VoidError(TerminalError):
    """The verdict over a candidate would take nothing, as everybody reads it."""

    def __init__(self, commit: str, why: str) -> None:
        super().__init__(
            f"the verdict over {commit[:12]} would not stand, so it is not pushed: {why}",
            help="`conductor verify` says what else lies among the evidence",
        )
        self.commit = commit


class WrongKeyError(TerminalError):
    """The agent was started with a key, or under a name, that governance does not know."""

    exit_code = 2


@dataclass(frozen=True)
class Goal:
    """Where the running systems are to be: a snapshot, the commit it is of, and the causes of what differs from it."""

    repository: str
    commit: str
    desired: Desired
    memory: Memory
    files: Callable[[], Mapping[str, bytes]]

    def require_secrets(self, world: World) -> None:
        """Read every secret that is needed to get there; raises EnvironmentFailedError that names all missing ones."""
        require(world.secrets, self.desired.targets.values(), self.desired.objects.values())


@dataclass(frozen=True)
class State:
    """What one look has found: the heads of both branches; `approvals` has the withdrawals seen before as well."""

    main: str
    fetched: str | None
    approvals: str | None
    history: History
    memory: Memory
    void: Mapping[str, str] = field(default_factory=dict)
    """Candidates whose verdicts would take nothing while both branches are as they are, and why."""

    @property
    def repository(self) -> str:
        """The repository's id."""
        return self.history.genesis.repository

    @cached_property
    def desired(self) -> Desired:
        """What P asks for."""
        return Desired(self.history.verified.snapshot)

    @property
    def tip(self) -> Tip:
        """Where the chain ends."""
        return self.history.end

    def decide(self, world: World, at: datetime, *, head: str | None = None) -> Decision:
        """Ask rule 4, for main's head or a later one. The genesis is made real before anything is taken."""
        self.require_main()
        if not self.memory.started or (head is None and not self.history.pending):
            return Nothing()
        return decide(
            self.history.verified,
            world.git,
            head or self.main,
            approvals=Approvals(world.git, self.approvals).of,
            compile=world.compile,
            transition=self.history.transitions(at),
            at=at,
            release=VERSION,
            void=self.void,
        )

    def require_main(self) -> None:
        """Raise StoppedError if main has lost what the ledger saw of it: everything stops."""
        if (rewound := self.history.rewound) is not None:
            raise StoppedError(rewound.message, help=rewound.help)

    def require_standing(self, world: World, take: Take | None, head: str) -> None:
        """Read `head` as everybody will; raises VoidError where the verdict that it brings takes nothing."""
        if take is None:
            return
        main = self.main if self.history.apart else head
        history = replay(
            world.git, main, after=self.history, policies=world.policies, heads=lambda _: (self.main, head)
        )
        if history.commit == take.commit:
            return
        found = history.findings[len(self.history.findings) :]
        left = f"it leaves {history.commit[:12]} the last verified commit"
        raise VoidError(take.commit, found[0].message if found else left)

    def same(self, world: World, decision: Take, at: datetime, head: str) -> bool:
        """Whether rule 4 says the same at a later head."""
        again = self.decide(world, at, head=head)
        return isinstance(again, Take) and (again.commit, again.change, again.approvals, again.landed) == (
            decision.commit,
            decision.change,
            decision.approvals,
            decision.landed,
        )

    def agent(self, world: World) -> Agent | None:
        """Who this is by P's governance."""
        governance = self.history.verified.governance
        return governance.agents.get(governance.agent_of_key.get(world.writer.key.fingerprint, ""))

    def goal(self, world: World, take: Take | None = None) -> Goal:
        """P, or the candidate that is about to be taken."""
        if take is None:
            verified = self.history.verified
            return Goal(self.repository, verified.commit, self.desired, self.memory, lambda: self._files(world))
        memory = self.memory.copy()
        memory.taken(take.change, emergency=take.judgement.emergency is not None)
        bundle = take.compiled.bundle
        return Goal(self.repository, take.commit, Desired(take.snapshot), memory, lambda: released_of(bundle))

    def supposing(self, world: World, commit: str) -> Goal:
        """What a commit asks for if it were taken next, whoever has approved it."""
        verified, compiled = self.history.verified, world.compile(commit)
        if compiled.snapshot is None:
            raise uncompiled(commit, compiled)
        change = between(verified.snapshot, compiled.snapshot, repository=verified.repository, branch=verified.branch)
        memory = self.memory.copy()
        memory.taken(change, emergency=False)
        bundle = compiled.bundle
        return Goal(self.repository, commit, Desired(compiled.snapshot), memory, lambda: released_of(bundle))

    def require_release(self) -> None:
        """Raise EnvironmentFailedError if P pins another release: that one acts for it, this one only takes the change
        of the pin."""
        pinned = self.history.governance.compiler.release
        if pinned != VERSION:
            raise EnvironmentFailedError(
                f"policies/compiler.yaml pins release {pinned} at the last verified commit {self.history.commit[:12]}, "
                f"and this is release {VERSION}",
                help=f"install intelgraph-conductor {pinned}; or, to move to this one, set `release: {VERSION}` there "
                "and let two people approve it",
            )

    def authorise(self, world: World, take: Take | None) -> None:
        """Raise TerminalError if this agent's key may not write what comes next."""
        fingerprint = world.writer.key.fingerprint
        snapshot = self.history.snapshot if take is None else take.snapshot
        if Governance.of(snapshot.contents).agent_of_key.get(fingerprint) != world.writer.agent:
            raise WrongKeyError(
                f"the key {fingerprint} is not one of {world.writer.agent}'s that may write the next entry",
                help="start the agent with a key that policies/agents/ declares; a change that replaces keys "
                "is taken with one that it keeps or adds",
            )

    def _files(self, world: World) -> Mapping[str, bytes]:
        """What P releases: compiled again, and believed only if it is what the ledger says."""
        verified = self.history.verified
        files = released_of(world.compile(verified.commit).bundle)
        wanted = {path: digest for path, digest in verified.snapshot.manifest.bundle.items() if released(path)}
        if {path: sha256(data) for path, data in files.items()} != wanted:
            raise EnvironmentFailedError(
                f"this release renders commit {verified.commit[:12]} differently from what the ledger says",
                help="run the release that policies/compiler.yaml pins there",
            )
        return files


def read(world: World, known: State | None = None) -> State:
    """Fetch and replay; `known` is what the last look found."""
    apart = () if known is None or known.history.genesis.ledger is None else (known.history.genesis.ledger,)
    heads = world.upstream.fetch(world.branch, APPROVALS, *apart)
    main, approvals = heads[world.branch], heads[APPROVALS]
    if main is None:
        raise UsageError(f"there is no branch `{world.branch}`", help="push it, or name another one: --branch")
    ledger = heads[apart[0]] if apart else None
    as_known = known is not None and (known.main, known.history.ledger) == (main, ledger)
    if known is not None and as_known and known.fetched == approvals:
        return known
    seen = with_seen(world.git, approvals, world.clock())
    if known is not None and as_known:
        return replace(known, fetched=approvals, approvals=seen, void={})

    def both(genesis: Genesis) -> tuple[str | None, str | None]:
        name = genesis.ledger or world.branch
        if name not in heads:  # the genesis is read, and names it: main is looked at again, so that it is no older
            heads.update(world.upstream.fetch(name, world.branch))
        return heads[world.branch], heads[name]

    history = _replayed(world, main, both, None if known is None else known.history)
    if history.rewound is not None:  # a remote may show one branch before, and another after somebody's push
        heads.clear()
        history = _replayed(world, main, both, history)
    memory, start = Memory(), 0
    if known is not None and history.entries[: len(known.history.entries)] == known.history.entries:
        memory, start = known.memory.copy(), len(known.history.entries)
    taken = {item.sha256 for item in history.verified.timeline.later(0)}
    for entry in history.entries[start:]:
        if entry.digest in taken or not isinstance(entry.predicate, Verdict):
            memory.read(entry, lambda digest: _change(history, digest))
    return State(history.head, approvals, seen, history, memory)


def _replayed(world: World, main: str, heads: Heads, after: History | None) -> History:
    """Read main's history: from the genesis that was named or pinned, through what the agent has pushed itself."""
    git, ours = world.git, pinned(world.git)
    mine = git.resolve(PUSHED)
    try:
        return replay(
            git,
            main,
            trust_root=world.trust_root or ours,
            after=after,
            through=() if mine is None else (mine,),
            policies=world.policies,
            heads=heads,
        )
    except NoGenesisError:
        if world.trust_root is not None or ours is None:
            raise
    raise OtherGenesisError(replay(git, main, policies=world.policies).genesis.digest, pinned=ours, where="this clone")


def _change(history: History, digest: str) -> Change:
    change = history.change(digest)
    if change is None:
        raise FormatError(f"the change {digest[:12]} that a verdict names is not on main")
    return change


def uncompiled(commit: str, compiled: Compiled) -> UsageError:
    """Why nothing can be looked at that a commit asks for."""
    return UsageError(
        f"commit {commit[:12]} does not compile: {compiled.errors[0]}", help=f"conductor check --rev {commit[:12]}"
    )
