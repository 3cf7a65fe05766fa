"""A repository in memory with its genesis, and an agent that writes what it is told, right or wrong.

The files are those of `runtime.testing.small_tree`, and the tiny compiler compiles them, unless told. What is written
is read by the real `replay`. Every step can be given in another way than an honest agent would: that is what attacks
are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from runtime.agent.desired import RELEASE_WAVE, files_digest
from runtime.agent.diff import diff
from runtime.contract.canonical import JSON
from runtime.contract.change import Change, Snapshot, between
from runtime.contract.compiling import Compile
from runtime.contract.objects import Object, ObjectId
from runtime.contract.predicates import Clearing, Drift, Intent, Outcome, Release, Result, Seen, Verdict
from runtime.contract.statement import Statement
from runtime.git.interface import Git
from runtime.governance.case import Signed
from runtime.ledger import append, genesis
from runtime.ledger.append import Grounds, Tip, Writer, Written
from runtime.ledger.entry import EVIDENCE, kind_of, path_of
from runtime.ledger.history import History, replay
from runtime.ledger.owed import Owed, altered, named
from runtime.ledger.wanted import Wanted
from runtime.release import VERSION
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey
from runtime.signing.sshsig import sign_commit
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import AGENT, BRANCH, REPOSITORY, START, key_of, small_tree
from runtime.testing.statements import Kind, approval, signed_genesis
from runtime.testing.tiny_compiler import compile_commit

RELEASE = Release(version=VERSION, sha256="5e" * 32)
TURN = "7a" * 16


def writer(key: PrivateKey | None = None, agent: str = AGENT) -> Writer:
    """The agent, with its key or another."""
    return Writer(agent, key or key_of(agent), RELEASE, TURN)


@dataclass
class Chronicle:
    """A repository with a ledger. `now` is the agent's clock."""

    git: MemoryGit
    compile: Compile
    root: str
    """SHA-256 of the genesis."""
    now: datetime
    tip: Tip
    base: str
    snapshot: Snapshot
    verdicts: list[str] = field(default_factory=list)
    ledger: str | None = None
    """The branch that holds the ledger; None: main."""
    owed: Owed = field(default_factory=Owed)
    opened: dict[str, Intent] = field(default_factory=dict)
    there: dict[ObjectId, Mapping[str, JSON]] = field(default_factory=dict)
    """What the running systems have, by the entries pushed."""

    def __post_init__(self) -> None:
        self.wanted = Wanted(self.snapshot)

    @classmethod
    def start(
        cls,
        files: Mapping[str, bytes] | None = None,
        signers: Iterable[PrivateKey] = (key_of("mara"), key_of("tomas"), key_of("ines")),
        compiler: Callable[[Git], Compile] = compile_commit,
        ledger: str | None = None,
        began: datetime = START,
    ) -> Chronicle:
        """Commit an installation, and a genesis that these keys sign; its ledger is on main, unless told."""
        git = MemoryGit()
        compiled = compiler(git)
        readme = {"README.md": b"A small installation\n"}
        head = git.commit_files(readme | dict(files or small_tree()), message="Lay out the installation")
        made = genesis.create(compiled, head, branch=BRANCH, repository=REPOSITORY, release=VERSION, ledger=ledger)
        trunk = git.commit_files(signed_genesis(made, signers, began).files, message="Start the history")
        if ledger is not None:
            git.branch(ledger, trunk)
        tip = Tip(0, made.digest, began)
        return cls(git, compiled, made.digest, began, tip, head, made.snapshot, [made.digest], ledger)

    @property
    def head(self) -> str:
        """Main's head."""
        return self.git.refs["refs/heads/main"]

    @property
    def branch(self) -> str:
        """The branch that holds the ledger."""
        return self.ledger or BRANCH

    def standing(self, tip: Tip | None = None) -> Tip:
        """Where the next entry goes: after the last one, unless told; it names main's head as it is, unless told."""
        here = None if self.ledger is None else self.head
        return replace(self.tip, main=here) if tip is None else replace(tip, main=tip.main or here)

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
        return between(self.snapshot, self.compiled(commit), repository=REPOSITORY, branch=BRANCH)

    def compiled(self, commit: str) -> Snapshot:
        """What a commit compiles to."""
        snapshot = self.compile(commit).snapshot
        if snapshot is None:
            raise ValueError(commit)
        return snapshot

    def approval(
        self,
        change: Change | str,
        name: str,
        *,
        number: int = 1,
        after: str | None = None,
        at: datetime | None = None,
        days: float = 7,
        kind: Kind = "approval",
    ) -> Signed:
        """A person's approval."""
        at = at or self.now
        after, seen = after or self.verdicts[-1], Seen(base=self.base, head=self.head)
        until = at + timedelta(days=days)
        return approval(change, key_of(name, number), after=after, at=at, until=until, seen=seen, kind=kind)

    def grounds(self, commit: str, approvals: Iterable[Signed] | None = None) -> Grounds:
        """What an honest verdict about a commit rests on."""
        change = self.change(commit)
        if approvals is None:
            approvals = [self.approval(change, name) for name in ("mara", "tomas", "ines")]
        known = [self.verdicts.index(item.approval.after) for item in approvals if item.approval.after in self.verdicts]
        return Grounds(
            base=self.base,
            head=commit,
            before=self.snapshot.manifest.digest,
            after=self.compiled(commit).manifest.digest,
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
        return append.verdict(self.standing(tip), by or writer(), at or self.later(), grounds)

    def push(
        self,
        *entries: Written,
        sign: Callable[[bytes], str] | None = None,
        more: Mapping[str, bytes] | None = None,
        remove: Iterable[str] = (),
        unsigned: bool = False,
    ) -> str:
        """Commit entries to the ledger's branch, signed by the agent unless told."""
        files = {path: data for entry in entries for path, data in entry.files.items()}
        git, ref = self.git, f"refs/heads/{self.branch}"
        if self.ledger is not None and not git.is_ancestor(main := self.standing().main or "", git.refs[ref]):
            who = writer().author
            git.refs[ref] = git.write_merge([git.refs[ref], main], {}, message="See main", author=who, at=git.tick())
        present = git.files(git.refs[ref], EVIDENCE.rstrip("/"))
        commit = git.commit_files(
            {path: data for path, data in files.items() if path not in present} | dict(more or {}),
            branch=self.branch,
            remove=remove,
            message=append.message(entries) if entries else "Edit the evidence",
            author=writer().author,
            sign=None if unsigned else sign or sign_commit(key_of(AGENT)),
        )
        for entry in entries:
            self.note(entry)
        return commit

    def take(self, commit: str, approvals: Iterable[Signed] | None = None, *, apply: bool = True) -> Written:
        """Do what an honest agent does with a commit: verdict, intent, result."""
        written = self.verdict(commit, approvals)
        self.push(written)
        self.moved(commit, written)
        if apply:
            self.apply()
        return written

    def moved(self, commit: str, written: Written) -> None:
        """Note that P has moved."""
        change = self.change(commit)
        self.base, self.snapshot = commit, self.compiled(commit)
        self.wanted.taken(change, self.snapshot)
        self.owed.taken(change.digest, altered(change))
        self.verdicts.append(written.digest)

    def intent(self, **other: Any) -> Written:
        """Write what an honest agent would set out to do now; `other` says otherwise, or of other `actions`."""
        owed = self.owed.of({*self.wanted.objects, *self.wanted.releases})
        asked = [item for found in owed if (item := self._asked(found)) is not None]
        there = {found: self.there[found] for found in owed if found in self.there}
        todo = other.pop("actions", diff(asked, there, because=self.owed.because).actions)
        said = {
            "because": self.owed.cause(todo),
            "manifest": self.snapshot.manifest.digest,
            "as_declared": len(owed - {action.id for action in todo}),
        }
        return append.intent(self.standing(), writer(), self.later(), actions=todo, **{**said, **other})

    def result(self, intent: Written, *, actions: int | None = None, tip: Tip | None = None) -> Written:
        """Write that all of an intent was done, or so many of its actions."""
        predicate = intent.statement.predicate
        count = len(predicate.actions) if actions is None and isinstance(predicate, Intent) else actions or 0
        outcomes = [Outcome(index=number, outcome="done") for number in range(count)]
        return append.result(self.standing(tip), writer(), self.later(), intent=intent.digest, outcomes=outcomes)

    def heartbeat(self, *, by: Writer | None = None, tip: Tip | None = None, at: datetime | None = None) -> Written:
        """Write a heartbeat."""
        digest = self.snapshot.manifest.digest
        return append.heartbeat(
            self.standing(tip), by or writer(), at or self.later(), commit=self.base, manifest=digest
        )

    def apply(self, **other: Any) -> tuple[Written, Written]:
        """Write an intent and its result."""
        intent = self.intent(**other)
        self.push(intent)
        result = self.result(intent)
        self.push(result)
        return intent, result

    def note(self, entry: Written) -> None:
        """Take in what an entry says that was pushed, as the one that the next follows."""
        self.tip = entry.tip
        match entry.statement.predicate:
            case Intent() as intent:
                self.owed.said(intent)
                self.opened = {entry.digest: intent}
            case Drift() as drift:
                self.owed.said(drift)
            case Result() as result if (opened := self.opened.get(result.intent)) is not None:
                self.owed.ended(opened, result)
                for record in opened.actions:
                    self.there.pop(named(record), None)
                    if record.after is not None:
                        self.there[named(record)] = record.after

    def _asked(self, found: ObjectId) -> Object | None:
        if found in self.wanted.releases:
            manifest = self.snapshot.manifest
            attributes: dict[str, JSON] = {"manifest": manifest.digest, "files": files_digest(manifest)}
            return Object(found, attributes, RELEASE_WAVE, None)
        return self.wanted.objects.get(found)

    def replay(self, **options: Any) -> History:
        """Read the history with the real rules, or without one."""
        return replay(self.git, self.head, **{"trust_root": self.root, "policies": no_objection, **options})

    def believed(self, taken: str | None = None, **options: Any) -> bool:
        """Whether an auditor would believe all of it, by the real rules or without one; and that a commit was taken."""
        history = self.replay(**options)
        sound = not history.findings and not history.foreign and history.tip.digest == self.tip.digest
        return sound and taken in {None, history.commit}


def resigned(honest: Written, predicate: Verdict | Clearing) -> Written:
    """The same entry with another predicate, by the same key."""
    statement = Statement(subject=honest.statement.subject, predicate=predicate)
    envelope = sign(statement, key_of(AGENT))
    position = predicate.ledger
    path = path_of(position, kind_of(predicate), envelope.digest)
    return Written(path, envelope, statement, honest.brings, append.tip_after(position, envelope.digest))
