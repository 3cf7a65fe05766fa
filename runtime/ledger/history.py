"""Git x head -> History: what the verdicts on main say, each justified again (plan, section 7, rules 6 and 7).

Nothing is believed but the genesis' SHA-256: people, keys, rules and policy of every moment follow from it and from the
changes taken. Rules kept: a verdict that what it names does not justify is a finding and takes nothing; a later change
or removal of evidence is a finding and changes no verdict; a file that no key in force signed is foreign, and stops
nobody. The same history is read from any later head of main, whatever else has been merged.

The ledger is on main, or on the branch of its own that the genesis names: then its entries name main's heads one after
the other, and main's commits come in between, as they would on main (ADR 0089).
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from runtime.contract.change import Change, Snapshot
from runtime.contract.envelope import SUFFIX
from runtime.contract.genesis import Genesis
from runtime.contract.instant import text
from runtime.contract.predicates import Verdict
from runtime.git.interface import Git
from runtime.git.returned import returned
from runtime.governance.case import Transition, Verified
from runtime.governance.config import Governance
from runtime.governance.debts import Debt
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger import leading
from runtime.ledger.ahead import ENOUGH, Ahead, keys_in
from runtime.ledger.append import Tip
from runtime.ledger.beside import Ends, Heads, apart, as_known, following, of_the_ledger, plain
from runtime.ledger.blobs import Blobs
from runtime.ledger.earlier import Earlier
from runtime.ledger.early import loading
from runtime.ledger.entry import EVIDENCE, Entry
from runtime.ledger.findings import Answer, Finding, finding
from runtime.ledger.line import Place, inputs_of
from runtime.ledger.replaying import Foreign, Policies, Replaying, Rules
from runtime.ledger.rules import AHEAD, CHAIN, Rule
from runtime.ledger.starting import check_alone, choose, line_through
from runtime.ledger.verdicts import transition_of
from runtime.policy.engine import Policy


@dataclass(frozen=True)
class TrustRoot:
    """SHA-256 of the genesis; `proven` if it was given from outside, else it is the one that was assumed."""

    sha256: str
    proven: bool


@dataclass(frozen=True)
class History:
    """What main's evidence says up to `head`."""

    head: str
    """Main's head; of a ledger on a branch of its own, in a clone that has no main, the last one that it names."""
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
    waiting: tuple[str, ...]
    """Those of them that wait: at the others nothing differs from P, or main has taken back what did."""
    findings: tuple[Finding, ...]
    foreign: tuple[Foreign, ...]
    """Files under evidence/ of `head` that are nobody's."""
    state: Replaying = field(repr=False, compare=False)
    trunk: str
    """Main's commit that brought the genesis: where a ledger on a branch of its own leads on from."""
    ledger: str | None
    """The head of that branch; None where the ledger is on main, or the clone has not that branch."""
    evidence: str
    """The commit that the next entry's leads on from."""

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

    @property
    def taken(self) -> tuple[str, ...]:
        """SHA-256 of every change that a verdict has taken, in order."""
        position = self.verified.timeline.position
        return tuple(
            entry.predicate.conductor.change
            for entry in self.entries
            if isinstance(entry.predicate, Verdict) and position(entry.digest) is not None
        )

    @property
    def apart(self) -> bool:
        """Whether the ledger is on a branch of its own."""
        return self.genesis.ledger is not None

    @property
    def rewound(self) -> Finding | None:
        """What is wrong where main does not hold any more what the ledger saw of it."""
        return next((item for item in self.findings if item.rule == "rewound"), None)

    @property
    def end(self) -> Tip:
        """Where the chain ends, with main's head as the next entry may name it."""
        if not self.apart:
            return self.tip
        return replace(self.tip, main=self.state.line[-1][0] if self.rewound else self.head)

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
        before = () if self.earlier is None else self.earlier.entries
        return next((entry for entry in (*self.entries, *before) if entry.digest == digest), None)

    @property
    def earlier(self) -> Earlier | None:
        """What came before `entries`, where that was not read again but stands in a checkpoint."""
        return self.state.earlier

    @property
    def last(self) -> Entry | None:
        """The last entry of the ledger."""
        if self.entries or self.earlier is None:
            return self.entries[-1] if self.entries else None
        return self.entry(self.tip.digest)


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
    heads: Heads | None = None,
) -> History:
    """Read main's history up to `head`; raises NoGenesisError where none starts here.

    Where the genesis names a branch for the ledger, `heads` says where that is and where main is: as this clone knows
    them, unless told. `head` need only lead to the genesis then.

    `trust_root` is the genesis' SHA-256 as 64 hex digits; without it the first genesis that two people signed is
    assumed, and SeveralGenesesError raised where another one does not come after it. The genesis asked for counts
    wherever `head` reaches it, and so do the commits of `through` that the evidence's branch reaches: as it is known to
    have been.
    `after` is the history of an earlier head, read with the same rules: only what is new is read then.
    """
    chosen, heads = Rules(rules, consent, policies), heads or as_known(git)
    if after is not None and (going_on := continued(git, head, after, heads)) is not None:
        return going_on
    if after is not None:
        trust_root, through = trust_root or after.genesis.digest, (*through, after.ledger or after.head)
    # who gives no trust root has not said which policy may be loaded before anything is looked at
    early = loading(git, head, trust_root) if trust_root is not None and policies == Policy.of else nullcontext()
    blobs = Blobs(git)
    with early:
        places, starts = line_through(git, blobs, head, trust_root, through)
    start, findings = choose(git, starts, places, trust_root, rules)
    if trust_root is None:
        check_alone(git, blobs, places, starts, start)
    trunk = next(number for number in range(start.number, len(places)) if places[number].main)
    ends, line, beside = Ends(head, None, start.commit, places[trunk].commit.oid), places[trunk + 1 :], None
    if start.genesis.ledger is not None:
        ends, line, beside = apart(git, ends, start.genesis, places, through, heads)
    state = Replaying(git, start.genesis, chosen, blobs, started=start.at, signed=start.keys, beside=beside)
    state.findings.extend(findings)
    begun = next((number for number, place in enumerate(places) if place.commit.oid == start.genesis.commit), None)
    if begun is None:
        state.main = state.inputs_at(places[start.number].parent or start.commit)
    for place in places[start.number if begun is None else begun : start.number]:
        state.move(place)
    for path in start.paths:
        state.name(path)
    if beside is None:
        later = places[start.number :]
        state.bringers.note([*later, *leading.hidden(git, later, {place.commit.oid for place in places})])
    _read(state, [*places[start.number : trunk + 1], *line])
    return standing(git, state, ends, TrustRoot(start.genesis.digest, trust_root is not None))


def continued(git: Git, head: str, after: History, heads: Heads) -> History | None:
    """Go on from an earlier head; None if `head` does not continue its first-parent line."""
    if after.apart:
        return _continued_apart(git, after, *heads(after.genesis))
    if head == after.head:
        return after
    places = following(git, after.head, head)
    if places is None or not (after.earlier is None or plain(places)):
        return None
    beside = leading.hidden(git, places, after.state.index.keys()) if after.earlier is None else []
    if after.state.bringers.known([*places, *beside]) or leading.told_before(after.state, places, after.head):
        return None  # what was read of the ledger may have seen another main
    state = after.state.copy()
    state.bringers.note([*places, *beside])
    _read(state, places)
    return standing(git, state, Ends(head, None, after.genesis_commit, after.trunk), after.trust_root)


def _continued_apart(git: Git, after: History, main: str | None, ledger: str | None) -> History | None:
    if main is None or ledger is None or after.ledger is None:
        return None
    places = following(git, after.evidence, ledger)
    if places is None or not (after.earlier is None or plain(places)):
        return None
    if (main, ledger) == (after.head, after.ledger):
        return after
    state = after.state.copy()
    _read(state, of_the_ledger(places))
    return standing(git, state, Ends(main, ledger, after.genesis_commit, after.trunk, ledger), after.trust_root)


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


def standing(git: Git, state: Replaying, ends: Ends, root: TrustRoot) -> History:
    """Return what has been read so far, as it stands with these ends."""
    head = ends.head or state.line[-1][0]
    findings = [*([] if ends.problem is None else [ends.problem]), *state.findings]
    for entry, *_ in sorted(state.waiting, key=lambda item: item[0].sequence)[:1]:
        findings.append(
            finding(
                "chain",
                f"entry {entry.sequence} follows sha256:{entry.position.previous[:12]}…, which is not there: "
                f"the chain ends at entry {state.tip.sequence}",
                path=entry.path,
                commit=entry.commit,
            )
        )
    findings.extend(
        finding(
            AHEAD,
            f"entry {entry.sequence} says {text(entry.position.time)}, and nobody vouches for more than {text(until)}: "
            "no time from there on counts until two people have signed a change that late"
            + ("; its agent was told that the gap is real (--after-gap)" if entry.position.after_gap else ""),
            path=entry.path,
            commit=entry.commit,
            answer=Answer.FRESHNESS,
            help="was no agent at work for so long? the next change that two people approve vouches for it. If not, "
            "that agent's clock was wrong, or its key is in other hands: conductor explain runbooks/keys",
        )
        for entry, until in state.jumps
    )
    later = [] if state.beside is None else state.beside.towards(state.line[-1][0], head)
    if later is None:
        findings.append(_rewound(state, head))
    beyond = leading.line_to(state, state.line[-1][0])
    if beyond is None and not git.is_ancestor(state.commit, head):
        findings.append(
            finding("ancestor", f"the last verified commit {state.commit[:12]} is not on main any more", commit=head)
        )
    over = frozenset[str]()
    if beyond is None:
        beyond = state.line
    else:
        beyond = [*beyond, *inputs_of(later or ())]
        over = returned(state.tree, beyond).over()
    pending = tuple(oid for oid, inputs in beyond if inputs)
    verified = state.verified
    return History(
        head=head,
        trust_root=root,
        genesis=state.genesis,
        genesis_commit=ends.genesis,
        verified=Verified(
            verified.repository,
            verified.branch,
            verified.commit,
            verified.snapshot,
            verified.governance,
            verified.timeline.copy(),
            verified.debts,
            verified.unproved,
            verified.seen,
        ),
        entries=tuple(state.entries),
        tip=state.tip,
        open_intent=state.open_intent,
        pending=pending,
        waiting=tuple(oid for oid in pending if oid not in over),
        findings=tuple(findings),
        foreign=tuple(state.foreign.values()),
        state=state,
        trunk=ends.trunk,
        ledger=ends.ledger,
        evidence=ends.evidence or head,
    )


def without_ledger(history: History) -> str | None:
    """Say that this clone has not the branch that holds the ledger, and how it gets it; None where it has it."""
    if not history.apart or history.ledger is not None:
        return None
    name = history.genesis.ledger
    return (
        f"this clone has not the branch {name}, which holds the ledger: git fetch origin "
        f"{name}:refs/remotes/origin/{name} (before an agent's first run there is none)"
    )


def _rewound(state: Replaying, head: str) -> Finding:
    seen, branch = state.line[-1][0], state.genesis.branch
    return finding(
        "rewound",
        f"{branch} stands at {head[:12]}, which does not lead on from {seen[:12]}, where the ledger has seen it",
        commit=head,
        help=f"git fetch, if this clone is old; else somebody has moved {branch}: `conductor explain runbooks/agent` "
        f"says how it comes to lead on from {seen[:12]} again, which the branch {state.genesis.ledger} still holds",
    )
