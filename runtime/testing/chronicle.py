"""A repository in memory with its genesis, and an agent that writes what it is told, right or wrong.

People, keys and files are those of `runtime.testing.court`; the tiny compiler compiles them. What is written is read by
the real `replay`. Every step can be given in another way than an honest agent would: that is what attacks are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from runtime.contract.change import Change, Snapshot, between
from runtime.contract.compiling import Compile
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.contract.policy_input import TransitionInput
from runtime.contract.statement import Approval, GenesisApproval, Outcome, Release, Seen, Statement, subject
from runtime.git.interface import Author, Git
from runtime.governance.case import Signed
from runtime.ledger import append, genesis
from runtime.ledger.append import Grounds, Tip, Writer, Written
from runtime.ledger.entry import EVIDENCE
from runtime.ledger.history import History, replay
from runtime.policy.engine import Policy, Refused
from runtime.release import VERSION
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey
from runtime.signing.sshsig import sign_commit
from runtime.testing.court import REPOSITORY, START, installation, key_of
from runtime.testing.memory_git import MemoryGit
from runtime.testing.tiny_compiler import compile_commit

AGENT = "conductor-eu"
WASM = "policies/policy.wasm"
AUTHOR = Author(AGENT, f"{AGENT}@conductor.invalid")
RELEASE = Release(version=VERSION, sha256="5e" * 32)


class Lenient(Policy):
    """A policy without an objection but those that a test gives it."""

    def __init__(self, *objections: Refused) -> None:
        self.objections = list(objections)

    def transition(self, asked: TransitionInput) -> list[Refused]:
        """Answer as told."""
        del asked
        return self.objections


def lenient(wasm: bytes, contents: Mapping[str, str]) -> Policy:
    """Load any policy as one that allows everything."""
    del wasm, contents
    return Lenient()


def writer(key: PrivateKey | None = None, agent: str = AGENT) -> Writer:
    """The agent, with its key or another."""
    return Writer(agent, key or key_of(agent), RELEASE)


@dataclass
class Chronicle:
    """A repository with a ledger. `now` is the agent's clock."""

    git: MemoryGit
    root: str
    """SHA-256 of the genesis."""
    now: datetime
    tip: Tip
    base: str
    snapshot: Snapshot
    verdicts: list[str] = field(default_factory=list)
    compiler: Callable[[Git], Compile] = compile_commit

    @classmethod
    def start(
        cls,
        files: Mapping[str, bytes] | None = None,
        signers: Sequence[tuple[str, int]] = (),
        compiler: Callable[[Git], Compile] = compile_commit,
    ) -> Chronicle:
        """Commit an installation and its genesis. `signers`: (name, number of the key) of those who sign it."""
        git = MemoryGit()
        git.commit_files(
            {"README.md": "A small installation\n", **(files or installation(**{WASM: b"\0asm"}))},
            message="Lay out the installation",
        )
        head = git.refs["refs/heads/main"]
        made = genesis.create(compiler(git), head, branch="main", repository=REPOSITORY, release=VERSION)
        pending = genesis.Pending(made)
        for name, number in signers or (("mara", 1), ("tomas", 1)):
            statement = Statement(subject=subject(genesis=made.digest), predicate=GenesisApproval(signed_at=START))
            pending = genesis.Pending(made, (*pending.statements, sign(statement, key_of(name, number))))
        git.commit_files(pending.files, message="Start the history")
        return cls(git, made.digest, START, Tip(0, made.digest, START), head, made.snapshot, [made.digest], compiler)

    @property
    def head(self) -> str:
        """Main's head."""
        return self.git.refs["refs/heads/main"]

    def later(self, **passed: float) -> datetime:
        """Let time pass (a minute, unless told)."""
        self.now += timedelta(**(passed or {"minutes": 1}))
        return self.now

    def edit(self, edits: Mapping[str, bytes | None], *, message: str = "Edit") -> str:
        """Merge somebody's edits (None removes)."""
        add = {path: data for path, data in edits.items() if data is not None}
        gone = [path for path, data in edits.items() if data is None]
        return self.git.commit_files(add, remove=gone, message=message)

    def change(self, commit: str) -> Change:
        """The change from P to a commit."""
        after = self.compiler(self.git)(commit).snapshot
        if after is None:
            raise ValueError(commit)
        return between(self.snapshot, after, repository=REPOSITORY, branch="main")

    def approval(
        self,
        change: Change | str,
        name: str,
        *,
        number: int = 1,
        after: str | None = None,
        at: datetime | None = None,
        days: float = 7,
    ) -> Signed:
        """A person's approval."""
        at = at or self.now
        predicate = Approval(
            kind="approval",
            after=after or self.verdicts[-1],
            signed_at=at,
            expires_at=at + timedelta(days=days),
            seen=Seen(base=self.base, head=self.head),
        )
        digest = change if isinstance(change, str) else change.digest
        return Signed.of(sign(Statement(subject=subject(change=digest), predicate=predicate), key_of(name, number)))

    def grounds(self, commit: str, approvals: Iterable[Signed] | None = None) -> Grounds:
        """What an honest verdict about a commit rests on."""
        change = self.change(commit)
        if approvals is None:
            approvals = [self.approval(change, name) for name in ("mara", "tomas", "ines")]
        known = [self.verdicts.index(item.approval.after) for item in approvals if item.approval.after in self.verdicts]
        after = self.compiler(self.git)(commit).snapshot
        if after is None:
            raise ValueError(commit)
        return Grounds(
            base=self.base,
            head=commit,
            before=self.snapshot.manifest.digest,
            after=after.manifest.digest,
            change=change,
            approvals={item.sha256: item.envelope.data for item in approvals},
            landed=tuple(self.verdicts[min(known) + 1 :]) if known else (),
        )

    def verdict(
        self,
        commit: str,
        approvals: Iterable[Signed] | None = None,
        *,
        by: Writer | None = None,
        tip: Tip | None = None,
        at: datetime | None = None,
        **other: Any,
    ) -> Written:
        """Write a verdict; `other` are fields of its grounds to say otherwise."""
        grounds = replace(self.grounds(commit, approvals), **other)
        return append.verdict(tip or self.tip, by or writer(), at or self.later(), grounds)

    def push(
        self,
        *entries: Written,
        sign: Callable[[bytes], str] | None = None,
        more: Mapping[str, bytes] | None = None,
        remove: Iterable[str] = (),
        unsigned: bool = False,
    ) -> str:
        """Commit entries to main, signed by the agent unless told."""
        files = {path: data for entry in entries for path, data in entry.files.items()}
        present = self.git.files(self.head, EVIDENCE.rstrip("/"))
        commit = self.git.commit_files(
            {path: data for path, data in files.items() if path not in present} | dict(more or {}),
            remove=remove,
            message=append.message(entries) if entries else "Edit the evidence",
            author=AUTHOR,
            sign=None if unsigned else sign or sign_commit(key_of(AGENT)),
        )
        if entries:
            self.tip = entries[-1].tip
        return commit

    def take(self, commit: str, approvals: Iterable[Signed] | None = None, *, apply: bool = True) -> Written:
        """Do what an honest agent does with a commit: verdict, intent, result."""
        written = self.verdict(commit, approvals)
        self.push(written)
        self.moved(commit, written)
        if apply:
            self.apply(because=written.statement.digest_of("change.json") or "")
        return written

    def moved(self, commit: str, written: Written) -> None:
        """Note that P has moved."""
        self.base = commit
        after = self.compiler(self.git)(commit).snapshot
        if after is None:
            raise ValueError(commit)
        self.snapshot = after
        self.verdicts.append(written.digest)

    def intent(self, *, because: str = "genesis", actions: int = 1) -> Written:
        """Write an intent to create so many objects."""
        todo = [
            Action(
                operation=Operation.CREATE,
                id=ObjectId("eu", "role", f"t_{number}"),
                before=None,
                after={"login": False},
                wave=1,
                tenant=None,
                because=because,
            )
            for number in range(actions)
        ]
        manifest = self.snapshot.manifest.digest
        return append.intent(self.tip, writer(), self.later(), because=because, manifest=manifest, actions=todo)

    def result(self, intent: Written, *, actions: int = 1, tip: Tip | None = None) -> Written:
        """Write that all of an intent was done."""
        outcomes = [Outcome(index=number, outcome="done") for number in range(actions)]
        return append.result(tip or self.tip, writer(), self.later(), intent=intent.digest, outcomes=outcomes)

    def heartbeat(self, *, by: Writer | None = None, tip: Tip | None = None, at: datetime | None = None) -> Written:
        """Write a heartbeat."""
        digest = self.snapshot.manifest.digest
        return append.heartbeat(tip or self.tip, by or writer(), at or self.later(), commit=self.base, manifest=digest)

    def apply(self, *, because: str = "genesis", actions: int = 1) -> tuple[Written, Written]:
        """Write an intent and its result."""
        intent = self.intent(because=because, actions=actions)
        self.push(intent)
        result = self.result(intent, actions=actions)
        self.push(result)
        return intent, result

    def replay(self, **options: Any) -> History:
        """Read the history with the real rules, or without one."""
        return replay(self.git, self.head, **{"trust_root": self.root, "policies": lenient, **options})
