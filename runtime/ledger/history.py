"""Git x head -> History: what the verdicts on main say, each justified again (plan, section 7, rules 6 and 7).

Nothing is believed but the genesis' SHA-256: people, keys, rules and policy of every moment follow from it and from the
changes taken. Rules kept: a verdict that what it names does not justify is a finding and takes nothing; a later change
or removal of evidence is a finding and changes no verdict; a file that no key in force signed is foreign, and stops
nobody. The same history is read from any later head of main, whatever else has been merged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from runtime.contract.change import Change, Snapshot
from runtime.contract.envelope import SUFFIX
from runtime.contract.errors import ConductorError
from runtime.contract.genesis import Genesis
from runtime.git.inputs import digests
from runtime.git.interface import Git
from runtime.governance.case import Transition, Verified
from runtime.governance.config import Governance
from runtime.governance.debts import Debt
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger.ahead import ENOUGH, Ahead, keys_in
from runtime.ledger.append import Tip
from runtime.ledger.blobs import Blobs
from runtime.ledger.early import loading
from runtime.ledger.entry import EVIDENCE, GENESIS, GENESIS_APPROVALS, Entry
from runtime.ledger.facts import GenesisFacts, Stage
from runtime.ledger.findings import Finding, finding
from runtime.ledger.genesis import PEOPLE
from runtime.ledger.line import Place, walk
from runtime.ledger.replaying import Foreign, Policies, Replaying, Rules
from runtime.ledger.rules import CHAIN, Rule
from runtime.ledger.start import Start, read_starts
from runtime.ledger.verdicts import transition_of
from runtime.policy.engine import Policy


class NoGenesisError(ConductorError):
    """No two people have started a history here yet, or not the one that was asked for."""


class SeveralGenesesError(ConductorError):
    """More than one genesis that two people signed is there, none comes after the other, and nobody said which."""

    def __init__(self, found: Iterable[str]) -> None:
        named = " and ".join(f"sha256:{digest}" for digest in sorted(found))
        super().__init__(
            f"this history descends from several geneses, and none comes after the other: {named}",
            help="somebody has merged a history of another start; ask, by another way than this repository, which one "
            "holds, and say so: --trust-root sha256:…",
        )


@dataclass(frozen=True)
class TrustRoot:
    """SHA-256 of the genesis; `proven` if it was given from outside, else it is the one that was assumed."""

    sha256: str
    proven: bool


@dataclass(frozen=True)
class History:
    """What main's evidence says up to `head`."""

    head: str
    trust_root: TrustRoot
    genesis: Genesis
    genesis_commit: str
    """The commit that brought the genesis and its two statements."""
    verified: Verified
    """P: the last verified commit, its snapshot, people, keys and rules, and what was taken when."""
    entries: tuple[Entry, ...]
    tip: Tip
    open_intent: Entry | None
    pending: tuple[str, ...]
    """Commits of main after P that change inputs, oldest first."""
    findings: tuple[Finding, ...]
    foreign: tuple[Foreign, ...]
    """Files under evidence/ of `head` that are nobody's."""
    state: Replaying = field(repr=False, compare=False)

    @property
    def commit(self) -> str:
        """P: the last verified commit."""
        return self.verified.commit

    @property
    def snapshot(self) -> Snapshot:
        """P's manifest and contents."""
        return self.verified.snapshot

    @property
    def governance(self) -> Governance:
        """P's people, keys, rules and pin."""
        return self.verified.governance

    @property
    def debts(self) -> tuple[Debt, ...]:
        """Every debt of an emergency there was, in order."""
        return self.verified.debts

    @property
    def debt(self) -> Debt | None:
        """The debt that is open."""
        return self.verified.debt

    @property
    def policy(self) -> Policy | None:
        """P's policy with its data; None where there is none to ask."""
        return self.state.policy()

    def transition(self, change: Change, at: datetime) -> Transition:
        """P's policy as a judge asks it about a change."""
        return transition_of(self.policy, self.state.lifecycle, change, at)

    def transitions(self, at: datetime) -> partial[Transition]:
        """P's policy at a time, as `decide` asks it: change -> transition."""
        return partial(transition_of, self.policy, self.state.lifecycle, at=at)

    @property
    def owners(self) -> dict[str, str]:
        """Fingerprint -> the person whose key it is or was."""
        return self.state.owners

    def change(self, digest: str) -> Change | None:
        """Return a change that main's evidence has brought, by its SHA-256."""
        return self.state.change(digest)

    def content(self, path: str, digest: str) -> bytes | None:
        """Return what evidence lay at a path with this SHA-256 (entries left out)."""
        return self.state.found(path, digest)

    def entry(self, digest: str) -> Entry | None:
        """Return an entry by its file's SHA-256."""
        return next((entry for entry in self.entries if entry.digest == digest), None)


def replay(
    git: Git,
    head: str,
    *,
    trust_root: str | None = None,
    after: History | None = None,
    through: Collection[str] = (),
    rules: tuple[Rule, ...] = CHAIN,
    consent: tuple[ConsentRule, ...] = CONSENT,
    policies: Policies = Policy.of,
) -> History:
    """Read main's history up to `head`; raises NoGenesisError where none starts here.

    `trust_root` is the genesis' SHA-256 as 64 hex digits; without it the first genesis that two people signed is
    assumed, and SeveralGenesesError raised where another one does not come after it. The genesis asked for counts
    wherever `head` reaches it, and so do the commits of `through` that it reaches: main as it is known to have been.
    `after` is the history of an earlier head, read with the same rules: only what is new is read then.
    """
    chosen = Rules(rules, consent, policies)
    if after is not None and (going_on := _continued(git, head, after)) is not None:
        return going_on
    if after is not None:
        trust_root, through = trust_root or after.genesis.digest, (*through, after.head)
    # who gives no trust root has not said which policy may be loaded before anything is looked at
    early = loading(git, head, trust_root) if trust_root is not None and policies == Policy.of else nullcontext()
    blobs = Blobs(git)
    with early:
        places, starts = _places(git, blobs, head, trust_root, through)
    start, findings = _chosen(git, starts, places, trust_root, rules)
    if trust_root is None:
        _alone(git, blobs, places, starts, start)
    state = Replaying(git, start.genesis, chosen, blobs, start.at)
    state.findings.extend(findings)
    begun = next((number for number, place in enumerate(places) if place.commit.oid == start.genesis.commit), None)
    if begun is None:
        state.main = state.inputs_at(places[start.number].parent or start.commit)
    for place in places[start.number if begun is None else begun : start.number]:
        state.move(place)
    for path in start.paths:
        state.name(path)
    _read(state, places[start.number :])
    return _history(git, head, state, start.commit, TrustRoot(start.genesis.digest, trust_root is not None))


def _continued(git: Git, head: str, after: History) -> History | None:
    """Go on from an earlier head; None if `head` does not continue its first-parent line."""
    if head == after.head:
        return after
    if not git.is_ancestor(after.head, head):
        return None
    places = walk(git, head, since=after.head)
    mains = [place for place in places if place.main]
    if not mains or mains[0].parent != after.head:
        return None
    state = after.state.copy()
    _read(state, places)
    return _history(git, head, state, after.genesis_commit, after.trust_root)


def _places(
    git: Git, blobs: Blobs, head: str, trust_root: str | None, through: Collection[str]
) -> tuple[list[Place], list[Start]]:
    """Main's line, through the genesis that was asked for and all that it is known to have held."""
    places = walk(git, head)
    starts = read_starts(blobs, places)
    on = {place.commit.oid for place in places}
    missing = [commit for commit in through if commit not in on and git.is_ancestor(commit, head)]
    if trust_root is not None and all(start.genesis.digest != trust_root for start in starts):
        missing += _bringing(git, blobs, places, trust_root)
    if missing:
        places = walk(git, head, through=missing)
        starts = read_starts(blobs, places)
    return places, starts


def _hidden(git: Git, places: list[Place]) -> list[Place]:
    """The commits that are not on the line, as far as they bring geneses."""
    folders = GENESIS.rstrip("/"), GENESIS_APPROVALS.rstrip("/")
    steps = git.beside([place.commit.oid for place in places], *folders)
    return [Place(step.commit, step.changes, main=False) for step in reversed(steps) if step.changes]


def _bringing(git: Git, blobs: Blobs, places: list[Place], digest: str) -> list[str]:
    """A commit beside the line that brings a genesis: the one that two people made, rather than a copy."""
    found = [start for start in read_starts(blobs, _hidden(git, places)) if start.genesis.digest == digest]
    made = [start for start in found if git.commit(start.commit).parents == (start.genesis.commit,)]
    return [start.commit for start in (made or found)[:1]]


def _alone(git: Git, blobs: Blobs, places: list[Place], starts: list[Start], chosen: Start) -> None:
    """Make sure that whatever else is a genesis came after the one that was assumed."""
    others = {
        start.genesis.digest
        for start in (*starts, *read_starts(blobs, _hidden(git, places)))
        if start.genesis.digest != chosen.genesis.digest
        and len(start.signers) >= PEOPLE
        and not git.is_ancestor(chosen.commit, start.commit)
    }
    if others:
        raise SeveralGenesesError({chosen.genesis.digest, *others})


def _chosen(
    git: Git, starts: list[Start], places: list[Place], trust_root: str | None, rules: tuple[Rule, ...]
) -> tuple[Start, list[Finding]]:
    if not starts:
        raise NoGenesisError(
            "no genesis yet", help="two people start the history: `conductor genesis --person NAME --key FILE`"
        )
    known = [start for start in starts if trust_root in {None, start.genesis.digest}]
    if not known:
        raise NoGenesisError(
            f"no genesis here has the SHA-256 {trust_root}",
            help=f"this history starts from sha256:{starts[0].genesis.digest}; ask whoever gave you the trust root",
        )
    judged = [(start, _genesis_findings(git, start, places, rules)) for start in known]
    return next((item for item in judged if not item[1]), judged[0])


def _genesis_findings(git: Git, start: Start, places: list[Place], rules: tuple[Rule, ...]) -> list[Finding]:
    before = {place.commit.oid for place in places[: start.number] if place.main}
    commit = start.genesis.commit
    facts = GenesisFacts(start.genesis, start.signers, digests(git, commit) if commit in before else None)
    return [
        finding(rule.name, message, path=f"{GENESIS}{start.genesis.digest}.json", commit=start.commit)
        for rule in rules
        if rule.stage is Stage.GENESIS
        for message in rule.check(facts)
    ]


def _read(state: Replaying, places: list[Place]) -> None:
    """Take commits: what they bring is read in one go, and signatures are verified on another core meanwhile."""
    brought = [
        (change.path, change.after)
        for place in places
        for change in place.changes
        if change.after is not None and change.path.startswith(EVIDENCE)
    ]
    blobs = state.blobs
    blobs.fetch(file for _, file in brought)
    read = [(path, data) for path, file in brought if (data := blobs.evidence(file)) is not None]
    files = [data for path, data in read if path.endswith(SUFFIX)]
    commits = [place.commit for place in places if place.commit.signature is not None]
    keys: dict[str, str] = {}
    if len(files) + len(commits) >= ENOUGH:  # nobody works ahead of fewer, and a genesis is long to search
        altered = (data for path, data in read if path.endswith("/change.json"))
        keys = keys_in((state.genesis.data, *(data for data in altered if b"config/governance/" in data)))
    with Ahead(files, commits, keys) as state.ahead:
        for place in places:
            state.place(place)


def _history(git: Git, head: str, state: Replaying, genesis_commit: str, root: TrustRoot) -> History:
    findings = list(state.findings)
    for entry, _ in sorted(state.waiting, key=lambda item: item[0].sequence)[:1]:
        findings.append(
            finding(
                "chain",
                f"entry {entry.sequence} follows sha256:{entry.position.previous[:12]}…, which is not there: "
                f"the chain ends at entry {state.tip.sequence}",
                path=entry.path,
                commit=entry.commit,
            )
        )
    start = state.index.get(state.commit)
    if start is None and not git.is_ancestor(state.commit, head):
        findings.append(
            finding("ancestor", f"the last verified commit {state.commit[:12]} is not on main any more", commit=head)
        )
    pending = tuple(oid for oid, inputs in state.line[0 if start is None else start + 1 :] if inputs)
    verified = state.verified
    return History(
        head=head,
        trust_root=root,
        genesis=state.genesis,
        genesis_commit=genesis_commit,
        verified=Verified(
            verified.repository,
            verified.branch,
            verified.commit,
            verified.snapshot,
            verified.governance,
            verified.timeline.copy(),
            verified.debts,
        ),
        entries=tuple(state.entries),
        tip=state.tip,
        open_intent=state.open_intent,
        pending=pending,
        findings=tuple(findings),
        foreign=tuple(state.foreign.values()),
        state=state,
    )
