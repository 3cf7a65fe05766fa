"""Entries x the branch that counts -> the same entries on that branch, or a clear reason why not.

Rules kept:
- one entry is one commit, and what belongs together (a verdict and its intent) goes up in one push, never by force;
- a push that somebody's merge has beaten is made again on the new head, if the caller still says the same there; one
  beaten by another entry raises BeatenError, and the loop starts over;
- what was signed and could not be pushed is kept under a local ref, so that measured facts outlive the agent;
- the ledger's head is recorded once the remote has acknowledged it, and the verdict that was taken last beside it: an
  agent that reads less than was known to be there stops, whatever keeps it from reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.agent.state import PUSHED, State
from runtime.agent.world import World
from runtime.contract.errors import EnvironmentFailedError
from runtime.git.interface import Git, PushOutcome
from runtime.ledger.append import Tip, Written, record, tip_after
from runtime.ledger.entry import EVIDENCE, LEDGER, kind_of, read_entry
from runtime.ledger.head import TAKEN, Head, HeadFile, HeadStore
from runtime.targets.interface import RetryableError, TerminalError

ATTEMPTS = 8
"""How often a push is made again in one go: more merges a second than that are somebody else's problem."""
UNPUSHED = "refs/conductor/unpushed"


class BeatenError(RetryableError):
    """Somebody else's entry, or another verdict's candidate, came first: look again from the start."""


class PushRefusedError(RetryableError):
    """The remote does not want the agent's commits."""


@dataclass(frozen=True)
class Book:
    """Where entries go: the world, the repository's id, where the head is recorded, the branch, the commit to put the
    first of them on, and where the remote has the branch (None: nowhere yet). `main` is main's head as the entries name
    it, where that is another branch."""

    world: World
    repository: str
    heads: tuple[HeadStore, ...]
    branch: str
    on: str
    there: str | None
    main: str | None

    @classmethod
    def of(cls, world: World, control: HeadStore, state: State) -> Book:
        """Open it; the head is recorded where the agent's `ledger_head` says, and in the control database in any case:
        no history chooses that nobody remembers another one."""
        agent = state.agent(world)
        place = "control" if agent is None else agent.ledger_head
        files = (HeadFile(Path(place.removeprefix("file:"))),) if place.startswith("file:") else ()
        history = state.history
        return cls(
            world,
            state.repository,
            (*files, control),
            branch=history.genesis.ledger or world.branch,
            on=history.evidence,
            there=history.ledger if history.apart else history.evidence,
            main=state.main if history.apart else None,
        )

    def catch_up(self, state: State) -> None:
        """Compare the remote with the head as recorded: one that is behind gets the missing commits again; raises
        TerminalError for one that does not extend it."""
        for store in self.heads:
            self._catch_up(store, state)
            self._keep_taken(store, state)
        for problem in state.history.findings:
            if problem.rule == "ledger-branch":
                raise TerminalError(problem.message, help=problem.help)

    def _catch_up(self, store: HeadStore, state: State) -> None:
        known, tip = store.head(self.repository), state.tip
        if known is not None and known.sequence <= tip.sequence and not _extends(state, known):
            raise self._forked(known)
        if known is None or known.sequence <= tip.sequence:
            if known is None or known.sequence < tip.sequence:
                keep(self.world.git, PUSHED, self.on)
                store.record(self.repository, Head(tip.sequence, tip.digest, self.on))
            return
        world, git = self.world, self.world.git
        there = self.there or self.on
        if git.resolve(known.commit) is not None and git.is_ancestor(known.commit, there):
            raise EnvironmentFailedError(
                f"only {tip.sequence} entries can be read on {self.branch}, which is known to hold {known.sequence}: "
                "nothing is done by less than all of the ledger",
                help=f"`conductor verify` says what is wrong with entry {tip.sequence + 1}; if it finds nothing, this "
                "machine or this release is what cannot read it",
            )
        if git.resolve(known.commit) is None or not git.is_ancestor(there, known.commit):
            raise self._forked(known)
        world.at("before push of missing commits")
        outcome = world.upstream.push(self.branch, known.commit, old=self.there)
        world.at("after push of missing commits")
        if outcome is PushOutcome.REFUSED:
            raise self._refused()
        raise BeatenError("the remote was behind and has the missing commits again", after=1)

    def _keep_taken(self, store: HeadStore, state: State) -> None:
        """Keep which verdict was taken last; raises EnvironmentFailedError where one that was taken is void now."""
        row, timeline = self.repository + TAKEN, state.history.verified.timeline
        known = store.head(row)
        if known is not None and timeline.position(known.digest) is None:
            raise EnvironmentFailedError(
                f"verdict {known.sequence}, which was taken, takes nothing as read here and now, and nothing is undone "
                "by that",
                help="`conductor verify` says why; a release that judges otherwise, or a machine that cannot read all, "
                "must not act",
            )
        last = timeline.last.sha256
        if known is None or known.digest != last:
            entry = state.history.entry(last)
            sequence = 0 if entry is None else entry.sequence
            store.record(row, Head(sequence, last, state.history.commit))

    def _forked(self, known: Head) -> TerminalError:
        return TerminalError(
            f"{self.branch} no longer holds entry {known.sequence} (sha256:{known.digest[:12]}…)",
            help="somebody has rewritten the remote, or it was restored from a copy: bring back the commit "
            f"{known.commit[:12]}, or start over with a new genesis that names the old one (evidence/README.md)",
        )

    def _refused(self) -> PushRefusedError:
        return PushRefusedError(
            f"the remote refuses the agent's push to {self.branch}",
            after=60,
            help="allow this agent to push to the branch (its commits add files under evidence/ only)",
        )

    def append(
        self,
        entries: Sequence[Written],
        *,
        on: str | None = None,
        still: Callable[[str], bool] | None = None,
        check: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Put the entries on top of the branch (of `on`, its newer head); returns the new head. `still` is asked of a
        newer head of main, `check` before each push: it raises where what is about to be pushed would not hold."""
        world, git = self.world, self.world.git
        head, old = (self.on, self.there) if on is None else (on, on)
        if not entries:
            return head
        step = f"push {' and '.join(f'{kind_of_written(entry)} {entry.tip.sequence}' for entry in entries)}"
        for _ in range(ATTEMPTS):
            new = head
            for entry in entries:
                new = record(git, new, (entry,), world.writer, at=entry.tip.time)
            check(new)
            keep(git, UNPUSHED, new)
            world.at(f"before {step}")
            if self.main is not None and still is not None:
                self._main_is(self.main, still)
            outcome = world.upstream.push(self.branch, new, old=old)
            world.at(f"after {step}")
            if outcome is PushOutcome.DONE:
                self.acknowledged(entries[-1].tip, new)
                return new
            if outcome is PushOutcome.REFUSED:
                raise self._refused()
            head = old = self._newer(head, still)
        raise BeatenError(f"{self.branch} moved {ATTEMPTS} times while the agent was pushing", after=1)

    def acknowledged(self, tip: Tip, commit: str) -> None:
        """Record what the remote now holds."""
        keep(self.world.git, PUSHED, commit)
        for store in self.heads:
            store.record(self.repository, Head(tip.sequence, tip.digest, commit))

    def _main_is(self, known: str, still: Callable[[str], bool]) -> None:
        """Look again at main, whose merges beat no push to another branch: it must be as it was, or as good."""
        world = self.world
        newer = world.upstream.fetch(world.branch)[world.branch]
        if newer != known and (newer is None or not world.git.is_ancestor(known, newer) or not still(newer)):
            raise BeatenError("main moved, and what comes next is no longer the same", after=1)

    def _newer(self, head: str, still: Callable[[str], bool] | None) -> str:
        """The head that beat us, if all that came is of no consequence to what is being pushed."""
        world = self.world
        newer = world.upstream.fetch(self.branch)[self.branch]
        if newer is None:
            raise EnvironmentFailedError(f"the remote has no branch {self.branch} any more")
        if not world.git.is_ancestor(head, newer) or world.git.changes(head, newer, EVIDENCE.rstrip("/")):
            raise BeatenError("another entry came first", after=1)
        if self.main is None and still is not None and not still(newer):
            raise BeatenError("main moved, and what comes next is no longer the same", after=1)
        return newer


def _extends(state: State, known: Head) -> bool:
    """Whether the replayed ledger holds the entry (or starts from the genesis) that was recorded."""
    if known.sequence == 0:
        return known.digest == state.history.genesis.digest
    return state.history.entries[known.sequence - 1].digest == known.digest


def kept(git: Git, tip: Tip) -> Written | None:
    """The entry that was signed and not pushed, if it is the one that follows `tip`."""
    commit = git.resolve(UNPUSHED)
    if commit is None:
        return None
    parents = git.commit(commit).parents
    for change in git.changes(parents[0] if parents else None, commit, LEDGER.rstrip("/")):
        if change.after is None:
            continue
        entry = read_entry(change.path, commit, git.blob(change.after.oid))
        if entry.position.previous == tip.digest:
            return Written(entry.path, entry.envelope, entry.statement, {}, tip_after(entry.position, entry.digest))
    return None


def keep(git: Git, ref: str, commit: str) -> None:
    """Point a local ref of ours at a commit; whoever else moves it meanwhile is as good."""
    git.set_ref(ref, commit, old=git.resolve(ref))


def kind_of_written(entry: Written) -> str:
    """The word for an entry's kind."""
    return kind_of(entry.statement.predicate)  # type: ignore[arg-type]  # `append` writes entries only
