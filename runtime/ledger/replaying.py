"""The machine behind `replay`: commits of main in, one after the other; the state of the ledger out.

It keeps where the chain ends, where P stands, and the files of main as far as it has come. What it asks of the facts
it puts together is `runtime.ledger.rules` and `runtime.governance.rules`, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from runtime.contract.canonical import sha256
from runtime.contract.change import Change, Snapshot
from runtime.contract.errors import ConductorError, EnvironmentFailedError, FormatError
from runtime.contract.genesis import Genesis
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.predicates import Clearing, Drift, Intent, Refusal, Result, Verdict
from runtime.git.inputs import is_input
from runtime.git.interface import FileChange, Git, TreeFile
from runtime.governance.case import Signed, Taken, Timeline, Verified
from runtime.governance.config import FOLDER, Governance
from runtime.governance.debts import Debt
from runtime.governance.proofs import still_unproved
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger import debts, leading, times, verdicts
from runtime.ledger.ahead import Ahead
from runtime.ledger.append import Tip, tip_after
from runtime.ledger.beside import Beside
from runtime.ledger.blobs import Blobs
from runtime.ledger.earlier import Earlier
from runtime.ledger.entry import (
    BY_PEOPLE,
    EVIDENCE,
    GENESIS,
    GENESIS_APPROVALS,
    LEDGER,
    Entry,
    approval_path,
    change_path,
    read_entry,
)
from runtime.ledger.facts import AuthenticFacts, CommitFacts, EntryFacts, Facts, LinkFacts, Stage, TouchedFacts
from runtime.ledger.findings import Finding, finding
from runtime.ledger.leading import Seat
from runtime.ledger.lifecycle import Lifecycle
from runtime.ledger.line import Place, put
from runtime.ledger.owed import Owed, altered
from runtime.ledger.rules import AHEAD, Rule
from runtime.ledger.wanted import Wanted
from runtime.policy.engine import Policy
from runtime.signing.envelopes import verified_by

Policies = Callable[[bytes, Mapping[str, str]], Policy]
"""policy.wasm x contents of a snapshot -> the policy; `Policy.of`."""

WASM = "policies/policy.wasm"


@dataclass(frozen=True)
class Foreign:
    """A file under `evidence/` that no agent's key in force signed and nothing in the ledger names."""

    path: str
    commit: str
    reason: str


@dataclass(frozen=True)
class Rules:
    """The rules of the ledger and those of consent, and how a policy is loaded."""

    chain: tuple[Rule, ...]
    consent: tuple[ConsentRule, ...]
    policies: Policies

    @cached_property
    def by_stage(self) -> Mapping[Stage, tuple[Rule, ...]]:
        """The rules of the ledger that are asked at each stage, in their order."""
        return {stage: tuple(rule for rule in self.chain if rule.stage is stage) for stage in Stage}


class Replaying:
    """See the module. `place` takes the next commit; the rest is what has been found so far."""

    def __init__(
        self,
        git: Git,
        genesis: Genesis,
        rules: Rules,
        blobs: Blobs,
        *,
        started: datetime,
        signed: Collection[str],
        beside: Beside | None,
    ) -> None:
        self.git = git
        self.beside = beside
        """Main's line, where the ledger is on a branch of its own."""
        self.genesis = genesis
        self.rules = rules
        self.blobs = blobs
        self.ahead = Ahead((), (), {})
        """Who verifies signatures meanwhile."""
        # the chain
        self.entries: list[Entry] = []
        self.tip = Tip(0, genesis.digest, started)
        self.open_intent: Entry | None = None
        self.waiting: list[tuple[Entry, Seat]] = []
        self.jumps: tuple[times.Jump, ...] = ()
        """Entries that ran ahead of what anybody vouches for, and until when somebody does."""
        self.findings: list[Finding] = []
        self.foreign: dict[str, Foreign] = {}
        self.named: dict[str, str | None] = {}
        """Path -> SHA-256 of what the ledger says lies there (None: as found)."""
        self.brought: dict[str, list[str]] = {}
        """Path -> blobs that main has had there, entries left out."""
        self.earlier: Earlier | None = None
        """What came before, of which only a checkpoint is here."""
        self.recalled: dict[str, None] = {}
        # P
        self.commit = genesis.commit
        self.snapshot = genesis.snapshot
        self.governance = Governance.of(genesis.snapshot.contents)
        self.unproved = frozenset(self.governance.owner_of_key) - frozenset(signed)
        """Keys of people that only stand in the genesis."""
        self.owners = dict(self.governance.owner_of_key)
        """Fingerprint -> the person whose key it is or was: for readers, never for a judge."""
        self.timeline = Timeline([Taken(genesis.digest, frozenset(), None, self.governance)])
        self.tree: dict[str, TreeFile] = self.inputs_at(genesis.commit)
        self.wanted = Wanted(genesis.snapshot)
        self.owed = Owed()
        """What genesis and changes still ask for; with `wanted`, what each intent is held against."""
        self.lifecycle = Lifecycle()
        """What results have said of tenants, as far as policy asks for it."""
        self.debts: tuple[Debt, ...] = ()
        """What emergencies have left open, settled ones too."""
        self._policy: tuple[Policy | None] | None = None
        # main, as far as it has come; it starts at the genesis' commit
        self.line: list[tuple[str, tuple[FileChange, ...]]] = []
        self.index: dict[str, int] = {}
        self.main: dict[str, TreeFile] = dict(self.tree)
        self.straight = 0
        """From here on each commit of the line is the first parent of the next."""
        self.bringers = leading.Bringers()
        self.seen: list[str] = []
        """Where entries have seen main since P, oldest first, where the ledger is on main."""
        self.seen_last: tuple[str, ...] = ()
        """What the last of them saw, as far as an agent signed its commit."""

    def copy(self) -> Replaying:
        """Return one that goes on by itself."""
        twin = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, list | dict):
                setattr(twin, name, copy(value))
        twin.brought = {path: list(oids) for path, oids in self.brought.items()}
        twin.bringers = self.bringers.copy()
        twin.timeline = self.timeline.copy()
        twin.lifecycle = self.lifecycle.copy()
        twin.wanted, twin.owed = self.wanted.copy(), self.owed.copy()
        return twin

    @property
    def verified(self) -> Verified:
        """P, as a judge is given it."""
        start = self.genesis
        p = self.commit, self.snapshot, self.governance, self.timeline
        return Verified(start.repository, start.branch, *p, self.debts, self.unproved, tuple(self.seen))

    def place(self, place: Place) -> None:
        """Take the next commit."""
        self.ahead.catch_up()
        entries: list[Entry] = []
        for change in place.changes:
            path = change.path
            if not path.startswith(EVIDENCE) or path in BY_PEOPLE:
                continue
            self.recall(path)
            if change.before is not None and path in self.named and self._meant(path, place):
                self._ask(Stage.TOUCHED, TouchedFacts(change), path=path, commit=place.commit.oid)
            elif change.before is not None:
                self.foreign.pop(path, None)
            if change.after is not None and place.counts:
                entries.extend(self._bring(path, change.after, place))
            elif change.after is not None:
                self._aside(path, change.after, place)
        if entries:
            self._entries(place, sorted(entries, key=lambda entry: (entry.sequence, entry.path)))
        self.move(place)

    def move(self, place: Place) -> None:
        """Note a commit of main's first-parent line and what it does to the inputs."""
        if not place.main:
            return
        if self.line and place.parent != self.line[-1][0]:
            self.straight = len(self.line)
        inputs = tuple(change for change in place.changes if is_input(change.path))
        for change in inputs:
            put(self.main, change)
        self.index[place.commit.oid] = len(self.line)
        self.line.append((place.commit.oid, inputs))

    def main_then(self, entry: Entry, seat: Seat) -> str | None:
        """Main's head when an entry was made: what its commit stands on, or what it names."""
        return seat.main if self.beside is None else entry.position.main

    def policy(self) -> Policy | None:
        """P's policy with the data that the genesis and the changes give; None where there is none to ask. Raises
        EnvironmentFailedError where this machine cannot load it: nobody else is without it."""
        if self._policy is None:
            self._policy = (self._loaded(),)
        return self._policy[0]

    def take(self, commit: str, change: Change, snapshot: Snapshot, tree: dict[str, TreeFile]) -> None:
        """Move P."""
        self.commit, self.snapshot, self.tree = commit, snapshot, tree
        self.lifecycle.taken(change)
        here = self.index.get(commit, -1)
        self.seen = [oid for oid in self.seen if self.index.get(oid, here + 1) > here]
        self.wanted.taken(change, snapshot)
        self.owed.taken(change.digest, altered(change))
        if any(path.startswith(FOLDER) for path in change.contents):
            self.governance = Governance.of(snapshot.contents)
            self.owners.update(self.governance.owner_of_key)
            self.unproved = still_unproved(self.unproved, self.governance, self.genesis.repository)
        if any(path.startswith(("policies/", "policy/")) for path in change.paths):
            self._policy = None

    def inputs_at(self, commit: str) -> dict[str, TreeFile]:
        """Return the inputs of any commit."""
        files = self.git.files(commit, *INPUT_FOLDERS)
        return {path: file for path, file in files.items() if is_input(path)}

    def recall(self, path: str) -> None:
        """Know of a path what the entries before a checkpoint have said of it, and what main has had there."""
        if self.earlier is None or path in self.recalled:
            return
        self.recalled[path] = None
        lies = self.earlier.at_path(path)
        if lies.named:
            self.named.setdefault(path, lies.digest)
        if lies.blobs:
            self.brought[path] = [*lies.blobs, *self.brought.get(path, ())]

    def found(self, path: str, digest: str) -> bytes | None:
        """Return the content with this SHA-256 that main has, or had, at a path."""
        self.recall(path)
        for oid in self.brought.get(path, ()):
            data = self.blobs.data(oid)
            if sha256(data) == digest:
                return data
        return None

    def change(self, digest: str) -> Change | None:
        """Return the change of this SHA-256 if main has brought it."""
        data = self.found(change_path(digest), digest)
        try:
            return None if data is None else Change.from_bytes(data)
        except FormatError:
            return None

    def statements(self, change: str, digests: Iterable[str]) -> tuple[Signed, ...]:
        """Return those of a change's statements, named by their SHA-256, that main has brought."""
        found: list[Signed] = []
        for digest in digests:
            data = self.found(approval_path(change, digest), digest)
            with suppress(FormatError):
                if data is not None:
                    found.append(Signed.from_bytes(data))
        return tuple(found)

    def name(self, path: str, digest: str | None = None) -> None:
        """Note that the ledger names a file."""
        self.named[path] = digest
        self.foreign.pop(path, None)

    def _loaded(self) -> Policy | None:
        file, digest = self.tree.get(WASM), self.snapshot.manifest.inputs.get(WASM)
        if file is None or digest is None or self.blobs.digest(file) != digest:
            return None
        try:
            return self.rules.policies(self.blobs.data(file.oid), self.snapshot.contents)
        except EnvironmentFailedError:
            raise
        except ConductorError:
            return None

    def _bring(self, path: str, file: TreeFile, place: Place) -> Iterator[Entry]:
        data = self.blobs.evidence(file)
        if data is None:
            self._list(path, place, "it is no file, or one too large to be evidence")
            return
        if path.startswith(LEDGER):
            try:
                yield read_entry(path, place.commit.oid, data)
            except FormatError as error:
                self._list(path, place, error.message)
            return
        self.brought.setdefault(path, []).append(file.oid)
        if path not in self.named:
            of_another = path.startswith((GENESIS, GENESIS_APPROVALS))
            reason = "it belongs to another genesis" if of_another else "nothing in the ledger names it"
            self._list(path, place, reason)

    def _aside(self, path: str, file: TreeFile, place: Place) -> None:
        """A file on main, where the ledger is on a branch of its own: it may be a copy of what lies there."""
        data, named = self.blobs.evidence(file), self.named.get(path)
        if path not in self.named or data is None or named not in {None, sha256(data)}:
            reason = f"it lies on {self.genesis.branch}, and the ledger is on the branch {self.genesis.ledger}"
            self.foreign[path] = Foreign(path, place.commit.oid, reason)

    def _meant(self, path: str, place: Place) -> bool:
        """Whether a commit that changes a file of the evidence changes what counts: on main, beside the ledger, only
        the genesis does."""
        return place.counts or path.startswith((GENESIS, GENESIS_APPROVALS))

    def _list(self, path: str, place: Place, reason: str) -> None:
        if path not in self.named:
            self.foreign[path] = Foreign(path, place.commit.oid, reason)

    def _entries(self, place: Place, entries: list[Entry]) -> None:
        keys = set(self.governance.agent_of_key)
        ours = [entry for entry in entries if self._entry(entry, place)]
        if not ours:
            return
        commit = place.commit
        signer = self.ahead.signer(commit)
        keys.update(self.governance.agent_of_key)
        if self.beside is None:
            last = leading.seat(self, ours[-1], place, keys)
            self.seen_last = last.mains if last.signed else self.seen_last
            self.seen.extend(oid for oid in self.seen_last if oid not in self.seen)
        paths = tuple(change.path for change in place.changes)
        self._ask(Stage.COMMIT, CommitFacts(signer, frozenset(keys), paths), path=ours[0].path, commit=commit.oid)

    def _entry(self, entry: Entry, place: Place) -> bool:
        """Take a file of the ledger; say whether it is an agent's and new."""
        if self.named.get(entry.path) == entry.digest:
            return False
        seat = Seat(place) if self.beside else leading.seat(self, entry, place, self.governance.agent_of_key)
        by = self._author(entry, seat)
        if problems := self._problems(Stage.AUTHENTIC, AuthenticFacts(entry, by)):
            self._list(entry.path, place, problems[0][1])
            return False
        if self._next(entry):
            self.name(entry.path, entry.digest)
            self._accept(entry, seat, by)
            self._accept_late()
        elif any(known.digest == entry.digest for known in self.entries) or (self.earlier and self.earlier.has(entry)):
            self._list(entry.path, place, f"it is a copy of entry {entry.sequence}")
            return False
        else:
            self.name(entry.path, entry.digest)
            self.waiting.append((entry, seat))
        return True

    def _next(self, entry: Entry) -> bool:
        return not self._problems(Stage.LINK, LinkFacts(entry, self.tip.sequence, self.tip.digest))

    def _accept_late(self) -> None:
        """Take the entries that came before the one they follow."""
        while late := next((item for item in self.waiting if self._next(item[0])), None):
            self.waiting.remove(late)
            entry, seat = late
            message = f"entry {entry.sequence} came to main before the one that it follows"
            self.findings.append(finding("chain", message, path=entry.path, commit=entry.commit))
            self._accept(entry, seat, self._author(entry, seat))

    def _accept(self, entry: Entry, seat: Seat, by: str | None) -> None:
        carried, leads = self._see(entry, seat)
        apart, until = self.beside is not None, times.limit_of(self, entry)
        facts = EntryFacts(
            entry,
            self.tip.time,
            until,
            by,
            self.open_intent,
            apart=apart,
            carried=carried,
            leads=leads,
            commit=self.commit,
            wanted=self.wanted,
            owed=self.owed,
        )
        problems = self._problems(Stage.ENTRY, facts)
        broken = [rule for rule, _ in problems]
        runs_ahead = any(rule.name == AHEAD for rule in broken)
        if runs_ahead and not isinstance(entry.predicate, Verdict | Clearing):
            # what decides nothing is held against nobody once people vouch for its time
            problems = [item for item in problems if item[0].name != AHEAD]
            self.jumps = times.jumped(self, entry, until)
        self._found(problems, path=entry.path, commit=entry.commit)
        match entry.predicate:
            case Verdict() as verdict:
                void = any(rule.voids for rule in broken)
                self.findings.extend(verdicts.judged(self, entry, verdict, seat, void=void))
            case Clearing() as clearing:
                void = any(rule.voids for rule in broken)
                self.findings.extend(debts.cleared(self, entry, clearing, void=void))
            case Intent() as intent:
                self.open_intent = entry
                self.owed.said(intent)
            case Drift() as drift:
                self.owed.said(drift)
            case Result() as result:
                if self.open_intent is not None and result.intent == self.open_intent.digest:
                    opened = self.open_intent.predicate
                    if isinstance(opened, Intent):
                        self.owed.ended(opened, result)
                        if all(rule.name == AHEAD for rule in broken):
                            self.lifecycle.ended(self.snapshot, opened, result, ahead=runs_ahead)
                    self.open_intent = None
            case Refusal() as refusal:
                self.name(change_path(refusal.change))
        self.entries.append(entry)
        self.tip = times.moved(self.tip, tip_after(entry.position, entry.digest), runs_ahead=runs_ahead)
        if not any(rule.voids for rule in broken):
            self.lifecycle.reached(self.tip.time)
        self.jumps = tuple(item for item in self.jumps if item[0].position.time > self.tip.time)

    def _see(self, entry: Entry, seat: Seat) -> tuple[bool, bool]:
        """Go along main to the head that an entry names; whether its branch holds that, and whether it leads on."""
        named, git, place = entry.position.main, self.git, seat.place
        if self.beside is None:
            return False, seat.leads
        if named is None:
            return False, False
        if named == self.tip.main:
            return True, named == self.line[-1][0]
        parents = () if place.parent is None else (*place.commit.parents, *git.commit(place.parent).parents)
        if named not in parents and (git.resolve(named) != named or not git.is_ancestor(named, place.commit.oid)):
            return False, False
        places = self.beside.towards(self.line[-1][0], named)
        for item in places or ():
            self.place(item)
        return True, places is not None

    def _author(self, entry: Entry, seat: Seat) -> str | None:
        """Whose key made an entry's signature: an agent's in force, or one that the change of a sound verdict adds."""
        agents = self.governance.agent_of_key
        if entry.envelope.keyid in agents:
            by = verified_by(entry.envelope, self.governance.public_keys)
            return None if by is None else agents[by]
        if isinstance(entry.predicate, Verdict):
            return verdicts.added_agent(self, entry, entry.predicate, seat)
        return None

    def _problems(self, stage: Stage, facts: Facts) -> list[tuple[Rule, str]]:
        return [(rule, message) for rule in self.rules.by_stage[stage] for message in rule.check(facts)]

    def _ask(self, stage: Stage, facts: Facts, *, path: str, commit: str) -> None:
        self._found(self._problems(stage, facts), path=path, commit=commit)

    def _found(self, problems: list[tuple[Rule, str]], *, path: str, commit: str) -> None:
        self.findings.extend(
            finding(rule.name, message, path=path, commit=commit, answer=rule.answer) for rule, message in problems
        )
