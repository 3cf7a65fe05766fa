"""Commit x two people's keys -> the genesis, signed twice, as one commit on main (plan, section 7, rule 7).

`create` writes it down from what a commit compiles to, `sign` is one person's statement over its SHA-256, `complete`
makes the commit that brings all three files. Between two calls they lie in the work tree, and are called pending.

Rules kept: both are people whom the genesis names, with keys that it gives them; one person with two keys is one
person; what was signed is what the commit still compiles to; nothing else is in the commit, and no agent makes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from runtime.contract.compiling import Compile
from runtime.contract.envelope import Envelope, decode_envelope
from runtime.contract.errors import ConductorError, FormatError, UsageError
from runtime.contract.genesis import BRANCH_NAME, Genesis
from runtime.contract.predicates import GenesisApproval
from runtime.contract.statement import Statement, subject
from runtime.git.interface import Author, Git
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.governance.config import Governance
from runtime.ledger.blobs import Blobs
from runtime.ledger.entry import GENESIS, GENESIS_APPROVALS
from runtime.ledger.start import genesis_path, read_genesis, signed, statement_path
from runtime.signing.envelopes import sign as seal
from runtime.signing.keys import PrivateKey

PEOPLE = 2
START_ANEW = f"remove {GENESIS} and {GENESIS_APPROVALS} from the work tree and let the first person begin again"


class GenesisError(ConductorError):
    """No history can start like this."""


@dataclass(frozen=True)
class Pending:
    """A genesis that is not committed yet, and the statements over it."""

    genesis: Genesis
    statements: tuple[Envelope, ...] = ()

    @property
    def signers(self) -> tuple[str, ...]:
        """Who signed so far."""
        return tuple(sorted({name for item in self.statements if (name := signed(self.genesis, item))}))

    @property
    def files(self) -> dict[str, bytes]:
        """Path -> content."""
        files = {statement_path(item.digest): item.data for item in self.statements}
        return {genesis_path(self.genesis.digest): self.genesis.data, **files}

    @property
    def complete(self) -> bool:
        """Whether enough people have signed."""
        return len(self.signers) >= PEOPLE


def existing(git: Git, head: str) -> tuple[str, ...]:
    """Return the SHA-256 of every genesis that a commit's tree holds."""
    return tuple(sorted(genesis.digest for genesis in _geneses(git, head)))


def ledgers(git: Git, head: str) -> dict[str, str]:
    """Return the branch that holds a ledger, by the genesis that names it, for those that a commit's tree holds."""
    return {genesis.digest: genesis.ledger for genesis in _geneses(git, head) if genesis.ledger is not None}


def _geneses(git: Git, head: str) -> list[Genesis]:
    files, blobs = git.files(head, GENESIS.rstrip("/")), Blobs(git)
    blobs.fetch(files.values())
    read = ((path, blobs.evidence(file)) for path, file in files.items())
    found = (read_genesis(path, data) for path, data in read if data is not None)
    return [genesis for genesis in found if genesis is not None]


def check_ledger(there: Mapping[str, str], ledger: str | None, branch: str, pending: Pending | None) -> None:
    """Make sure that both people mean the same branch, that it may be one, and that no other genesis has it.

    `there` are the branches that the geneses of main name, `ledger` is the one that this person means.
    """
    if ledger is not None and (ledger in {branch, APPROVALS} or not BRANCH_NAME.fullmatch(ledger)):
        raise UsageError(f"{ledger!r} is not a valid name for the ledger's branch", help="--ledger ledger, for example")
    if pending is not None and pending.genesis.ledger != ledger:
        named = pending.genesis.ledger
        raise GenesisError(
            f"the pending genesis puts the ledger on {named or branch}, and you said {ledger or branch}",
            help=f"--ledger {named or branch}, if that is what you both mean; else {START_ANEW}",
        )
    for digest, other in there.items():
        if other == ledger:
            raise UsageError(
                f"the branch {ledger} holds the ledger of genesis sha256:{digest}", help="name another one"
            )


def check_previous(there: Collection[str], previous: str | None, pending: Pending | None) -> None:
    """Make sure that nobody starts anew unless both people say so, and both say instead of what.

    `there` are the geneses of main, `previous` is the one that this person means to replace.
    """
    if previous is None and there:
        raise GenesisError(
            f"this history has already started, with genesis sha256:{min(there)}",
            help="`conductor verify` says how it stands; to start anew because it is lost: --previous sha256:…",
        )
    if previous is not None and there and previous not in there:
        here = ", ".join(f"sha256:{digest}" for digest in sorted(there))
        raise UsageError(f"no genesis here has the SHA-256 {previous}", help=f"there is {here}")
    if pending is not None and pending.genesis.previous != previous:
        named = pending.genesis.previous
        raise GenesisError(
            f"the pending genesis replaces {'none' if named is None else f'sha256:{named}'}, and you said otherwise",
            help=f"--previous sha256:{named}, if that is what you both mean; else {START_ANEW}"
            if named
            else START_ANEW,
        )


def create(
    compile: Compile,  # noqa: A002 -- the plan's word for it
    head: str,
    *,
    branch: str,
    repository: str,
    release: str,
    previous: str | None = None,
    ledger: str | None = None,
) -> Genesis:
    """Write down where the history starts: `head`, with all that it compiles to. `repository` is a new random id, also
    where it replaces the genesis `previous`: nothing that was approved under that one counts here. `ledger` is the
    branch that the agent writes to, if that is not `branch`."""
    compiled = compile(head)
    if compiled.snapshot is None:
        raise GenesisError(
            f"commit {head[:12]} does not compile: {compiled.errors[0]}", help="`conductor check` shows every mistake"
        )
    genesis = Genesis(repository, branch, head, compiled.snapshot, previous, ledger)
    governance = Governance.of(genesis.snapshot.contents)
    if governance.compiler.release != release:
        raise GenesisError(
            f"policies/compiler.yaml pins release {governance.compiler.release}, and this is {release}",
            help=f"install release {governance.compiler.release}, or pin {release}",
        )
    if not any(agent.keys for agent in governance.agents.values()):
        raise GenesisError("no agent has a key, so nothing could ever be taken", help="write policies/agents/NAME.yaml")
    return genesis


def sign(pending: Pending, person: str, key: PrivateKey, at: datetime) -> Pending:
    """Add a person's statement; raises UsageError or GenesisError where it would not count."""
    genesis = pending.genesis
    governance = Governance.of(genesis.snapshot.contents)
    named = governance.people.get(person)
    if named is None:
        names = ", ".join(sorted(governance.people))
        raise UsageError(f"commit {genesis.commit[:12]} names no person `{person}`", help=f"it names {names}")
    if key.fingerprint not in {item.fingerprint for item in named.keys}:
        keys = ", ".join(item.fingerprint for item in named.keys) or "none"
        raise UsageError(
            f"the key {key.fingerprint} is not one of {person}'s", help=f"policies/people/{person}.yaml gives {keys}"
        )
    if any(item.keyid == key.fingerprint for item in pending.statements):
        raise GenesisError("this key has signed already", help="the second statement is another person's")
    if person in pending.signers:
        raise GenesisError(
            f"{person} has signed already, and one person with two keys is one person",
            help="let a second person call `conductor genesis --person NAME --key FILE`",
        )
    statement = Statement(subject=subject(genesis=genesis.digest), predicate=GenesisApproval(signed_at=at))
    return Pending(genesis, (*pending.statements, seal(statement, key)))


def read_pending(files: Mapping[str, bytes]) -> Pending | None:
    """Read the uncommitted files under `evidence/genesis/` and `evidence/approvals/genesis/`; None without any."""
    if not files:
        return None
    geneses = [(path, data) for path, data in files.items() if path.startswith(GENESIS)]
    statements = [(path, data) for path, data in files.items() if path.startswith(GENESIS_APPROVALS)]
    if len(geneses) != 1:
        raise GenesisError(f"{len(geneses)} geneses lie in {GENESIS}, and one can be completed", help=START_ANEW)
    path, data = geneses[0]
    genesis = read_genesis(path, data)
    if genesis is None:
        raise GenesisError(f"{path} is not the genesis that its name says", help=START_ANEW)
    envelopes: list[Envelope] = []
    for where, content in sorted(statements):
        try:
            envelope = decode_envelope(content)
        except FormatError as error:
            raise GenesisError(f"{where}: {error.message}", help=START_ANEW) from None
        if where != statement_path(envelope.digest) or signed(genesis, envelope) is None:
            raise GenesisError(f"{where} is no statement of a person over this genesis", help=START_ANEW)
        envelopes.append(envelope)
    return Pending(genesis, tuple(envelopes))


def check(pending: Pending, compile: Compile, head: str, branch: str) -> None:  # noqa: A002 -- see `create`
    """Make sure that what the first person signed is what the second one has; raises GenesisError."""
    genesis = pending.genesis
    if genesis.commit != head:
        raise GenesisError(
            f"the genesis names commit {genesis.commit[:12]}, and HEAD is {head[:12]}: it has moved in between",
            help=f"check out {genesis.commit[:12]} as the branch's head again, or {START_ANEW}",
        )
    if genesis.branch != branch:
        raise GenesisError(f"the genesis is for branch {genesis.branch}, and this is {branch}", help=START_ANEW)
    compiled = compile(head)
    if compiled.snapshot is None or compiled.snapshot.manifest != genesis.snapshot.manifest:
        raise GenesisError(
            f"commit {head[:12]} does not compile to the manifest that the genesis names",
            help="do both of you run the release that policies/compiler.yaml pins? "
            f"If it was altered after signing, {START_ANEW}",
        )


def complete(git: Git, pending: Pending, *, author: Author, at: datetime) -> str:
    """Write the commit that starts the history, on top of the genesis' commit; returns its id. No ref moves."""
    if not pending.complete:
        raise GenesisError(f"{len(pending.signers)} of {PEOPLE} people have signed")
    genesis = pending.genesis
    people = " and ".join(pending.signers)
    lines = (
        f"Start the history of this repository at {genesis.commit[:12]}",
        "",
        f"{people} signed genesis sha256:{genesis.digest}.",
        "It is the trust root: give it to auditors by another way than this repository.",
        "",
    )
    return git.write(genesis.commit, pending.files, message="\n".join(lines), author=author, at=at)
