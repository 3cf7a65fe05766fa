"""History x what the auditor has x time -> Report: integrity, completeness, freshness (plan, section 9).

Nothing is needed but a clone: no network, no server, no private key, no compiler. Rules kept: an answer that could not
be given is `not-assessed` and says why; what was only assumed is never called proven; what has not been taken yet is
pending, and no failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from runtime.contract.canonical import JSON
from runtime.contract.compiling import Compile
from runtime.contract.errors import ConductorError
from runtime.contract.instant import text
from runtime.contract.predicates import Verdict
from runtime.git.interface import Git
from runtime.governance.config import Governance
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger.beside import Heads
from runtime.ledger.blobs import Blobs
from runtime.ledger.completeness import incomplete
from runtime.ledger.earlier import Earlier
from runtime.ledger.ending import fresh
from runtime.ledger.entry import BY_PEOPLE, EVIDENCE, Entry
from runtime.ledger.findings import Answer, Finding, by_gravity, finding
from runtime.ledger.history import History, TrustRoot, replay, without_ledger
from runtime.ledger.reading import withdrawals
from runtime.ledger.replaying import Policies
from runtime.ledger.rules import CHAIN, Rule
from runtime.ledger.start import genesis_path
from runtime.ledger.starting import NoGenesisError, SeveralGenesesError
from runtime.policy.engine import Policy

_HARMLESS = frozenset({"unproven", "foreign", "unchanged", "work-tree", "rendered"})
"""Rules of integrity that leave chain and verdicts what they are: what is complete can be told all the same."""


class Status(StrEnum):
    """One of the three answers."""

    OK = "ok"
    FAILED = "failed"
    NOT_ASSESSED = "not-assessed"


@dataclass(frozen=True)
class Assessed:
    """An answer, and why it could not be given, if it could not."""

    status: Status
    why: str | None = None


@dataclass(frozen=True)
class Rendered:
    """How many verified commits were rendered again, of how many; why this machine could not render others."""

    again: int
    of: int
    unanswered: tuple[str, ...] = ()

    def to_json(self) -> JSON:
        """Return it as JSON."""
        return {"again": self.again, "of": self.of, "unanswered": list(self.unanswered)}


class WorkFile(NamedTuple):
    """A file as it lies in a work tree: its bytes, and its mode as git has it; None where that cannot be known."""

    data: bytes
    mode: str | None = "100644"


@dataclass(frozen=True)
class Report:
    """What was found. `head` is the SHA-256 of the ledger's last entry (of the genesis before any): what the next
    audit gives as `--since`. `problems` begin with the gravest; those of one gravity come in the order of history."""

    answers: Mapping[Answer, Assessed]
    problems: tuple[Finding, ...]
    trust_root: TrustRoot | None = None
    head: str | None = None
    commit: str | None = None
    history: History | None = None
    rendered: Rendered | None = None
    at: datetime | None = None
    checkpoint: str | None = None
    """SHA-256 of the checkpoint that was given; `earlier` is None where this history could not go on from it."""
    made: str | None = None
    """SHA-256 of the checkpoint that was made of this report."""

    @property
    def earlier(self) -> Earlier | None:
        """What was not read again."""
        return None if self.history is None else self.history.earlier

    @property
    def kinds(self) -> Counter[str]:
        """How many entries of each kind the ledger has, read again or not."""
        read = Counter(entry.kind for entry in self.history.entries) if self.history else Counter[str]()
        return read + Counter(self.earlier.counts.kinds if self.earlier else {})

    @property
    def ok(self) -> bool:
        """Whether no answer is `failed`."""
        return all(item.status is not Status.FAILED for item in self.answers.values())

    @property
    def after_gap(self) -> tuple[Entry, ...]:
        """Entries that only `--after-gap` let be written so late: their time is an agent's word."""
        return tuple(entry for entry in self.history.entries if entry.position.after_gap) if self.history else ()

    def to_json(self) -> JSON:
        """Return the report as the command prints it."""
        root, history = self.trust_root, self.history
        return {
            "ok": self.ok,
            **{answer.value: self.answers[answer].status.value for answer in Answer},
            "not_assessed": {answer.value: item.why for answer, item in self.answers.items() if item.why is not None},
            "trust_root": {"sha256": root.sha256 if root else None, "proven": bool(root and root.proven)},
            "head": self.head,
            "commit": self.commit,
            "ledger": {"branch": history.genesis.ledger, "commit": history.ledger} if history else None,
            "verified": history.commit if history else None,
            "pending": list(history.pending) if history else [],
            "entries": self.kinds.total(),
            **({} if self.checkpoint is None else {"checkpoint": _checkpoint(self.checkpoint, self.earlier)}),
            **({} if self.made is None else {"checkpoint_made": self.made}),
            "rendered": self.rendered.to_json() if self.rendered else None,
            "debts": [debt.to_json(self.at) for debt in history.debts] if history and self.at else [],
            "withdrawals": [one.to_json() for one in withdrawals(history)] if history else [],
            "after_gap": [entry.sequence for entry in self.after_gap],
            "problems": [_problem(item) for item in self.problems],
        }


def verify(
    git: Git,
    head: str,
    *,
    now: datetime,
    trust_root: str | None = None,
    require_proven: bool = False,
    since: str | None = None,
    worktree: Mapping[str, WorkFile] | None = None,
    compile: Compile | None = None,  # noqa: A002 -- the plan's word for it
    release: str | None = None,
    rules: tuple[Rule, ...] = CHAIN,
    consent: tuple[ConsentRule, ...] = CONSENT,
    policies: Policies = Policy.of,
    heads: Heads | None = None,
    history: History | None = None,
    checkpoint: str | None = None,
) -> Report:
    """Verify all of main's history up to `head`; where the ledger is on a branch of its own, up to `heads`.

    `history` is what has been read already, from the checkpoint with the SHA-256 `checkpoint`
    (`runtime.ledger.checkpoint`); None, and all of it is read.
    `trust_root` and `since` are SHA-256 as 64 hex digits; `since` may be a commit's id too. With `require_proven` a
    trust root that had to be assumed is a finding. `worktree` are the files under evidence/ of a work tree that has
    `head` checked out. With `compile` (of `release`), commits of that release
    are rendered again.
    """
    try:
        history = history or replay(
            git, head, trust_root=trust_root, rules=rules, consent=consent, policies=policies, heads=heads
        )
    except SeveralGenesesError as error:
        return _nothing(error, head, "trust-root")
    except NoGenesisError as error:
        return _nothing(error, head, "no-genesis" if trust_root is None else "trust-root")
    problems = [*history.findings, *_foreign(history)]
    if require_proven and not history.trust_root.proven:
        problems.insert(0, _assumed(history))
    if worktree is not None:
        problems.extend(_worktree(git, history.state.blobs, head, worktree))
    rendered = None
    if compile is not None and release is not None:
        rendered, differing = _rendered(history, compile, release)
        problems.extend(differing)
    problems.extend(incomplete(history, now))
    problems.extend(fresh(git, history, since, now))
    return Report(
        answers=_answers(problems, since, without_ledger(history)),
        problems=by_gravity(problems),
        trust_root=history.trust_root,
        head=history.tip.digest,
        commit=history.head,
        history=history,
        rendered=rendered,
        at=now,
        checkpoint=checkpoint,
    )


def _answers(problems: list[Finding], since: str | None, lacking: str | None) -> dict[Answer, Assessed]:
    failed = {item.answer for item in problems}
    answers = {answer: Assessed(Status.FAILED if answer in failed else Status.OK) for answer in Answer}
    broken = any(item.answer is Answer.INTEGRITY and item.rule not in _HARMLESS for item in problems)
    if broken and Answer.COMPLETENESS not in failed:
        why = "while the ledger itself is broken nobody can tell what else belongs to it"
        answers[Answer.COMPLETENESS] = Assessed(Status.NOT_ASSESSED, why)
    if lacking is not None:
        for answer in {Answer.COMPLETENESS, Answer.FRESHNESS} - failed:
            answers[answer] = Assessed(Status.NOT_ASSESSED, lacking)
    elif since is None and Answer.FRESHNESS not in failed:
        why = "without an earlier head nobody can tell whether the ledger's end was cut off (give --since DIGEST)"
        answers[Answer.FRESHNESS] = Assessed(Status.NOT_ASSESSED, why)
    return answers


def _assumed(history: History) -> Finding:
    digest = history.trust_root.sha256
    return finding(
        "unproven",
        f"nobody gave a trust root, so this history's own, sha256:{digest[:12]}…, was only assumed",
        path=genesis_path(digest),
        commit=history.genesis_commit,
        help="--trust-root sha256:…, as you received it from outside this repository",
    )


def _nothing(error: ConductorError, head: str, rule: str) -> Report:
    why = "there is no history to look at"
    answers = {answer: Assessed(Status.NOT_ASSESSED, why) for answer in Answer}
    answers[Answer.INTEGRITY] = Assessed(Status.FAILED)
    return Report(answers, (finding(rule, error.message, commit=head, help=error.help),), commit=head)


def _foreign(history: History) -> list[Finding]:
    return [
        finding(
            "foreign", f"a file of nobody's lies among the evidence: {item.reason}", path=item.path, commit=item.commit
        )
        for item in history.foreign
    ]


def _worktree(git: Git, blobs: Blobs, head: str, worktree: Mapping[str, WorkFile]) -> list[Finding]:
    """Compare a work tree's evidence with the commit, byte for byte, and in its modes."""
    files = {path: file for path, file in git.files(head, EVIDENCE.rstrip("/")).items() if path not in BY_PEOPLE}
    blobs.fetch(files.values())
    found: list[Finding] = []
    for path in sorted(files.keys() | worktree.keys()):
        if path in BY_PEOPLE:
            continue
        if path not in files:
            found.append(finding("work-tree", "lies in the work tree only; no commit has it", path=path))
        elif path not in worktree:
            found.append(finding("work-tree", "is missing in the work tree", path=path))
        elif (here := worktree[path]).mode not in {None, files[path].mode}:
            found.append(
                finding(
                    "work-tree",
                    f"has mode {here.mode}, and {files[path].mode} in commit {head[:12]}",
                    path=path,
                    help=f"git checkout -- {path} brings back what was committed",
                )
            )
        elif (there := blobs.evidence(files[path])) is not None and here.data != there:
            where = next(
                (n for n, (a, b) in enumerate(zip(here.data, there, strict=False)) if a != b),
                min(len(here.data), len(there)),
            )
            found.append(
                finding(
                    "work-tree",
                    f"differs from commit {head[:12]} at byte {where + 1}",
                    path=path,
                    help=f"git checkout -- {path} brings back what was committed",
                )
            )
    return found


def _rendered(history: History, compile: Compile, release: str) -> tuple[Rendered, list[Finding]]:  # noqa: A002 -- see `verify`
    """Render every verified commit of this release again, where this machine can ask its policy."""
    start = history.genesis
    taken = {item.sha256 for item in history.verified.timeline.later(0)}
    commits: list[tuple[str, str, str | None]] = [
        (entry.predicate.conductor.head, entry.predicate.conductor.after, entry.path)
        for entry in history.entries
        if isinstance(entry.predicate, Verdict) and entry.digest in taken and entry.position.release.version == release
    ]
    before = 0 if history.earlier is None else history.earlier.taken + 1
    if not before and Governance.of(start.snapshot.contents).compiler.release == release:
        commits.insert(0, (start.commit, start.snapshot.manifest.digest, None))
    found: list[Finding] = []
    unanswered: list[str] = []
    for commit, digest, path in commits:
        compiled = compile(commit)
        if compiled.unanswered is not None:
            unanswered.append(f"commit {commit[:12]}: {compiled.unanswered}")
            continue
        snapshot = compiled.snapshot
        rendered = "nothing" if snapshot is None else f"manifest {snapshot.manifest.digest[:12]}"
        if snapshot is None or snapshot.manifest.digest != digest:
            message = f"commit {commit[:12]} renders {rendered}, and the ledger says manifest {digest[:12]}"
            found.append(finding("rendered", message, path=path, commit=commit))
    again = len(commits) - len(unanswered)
    return Rendered(again, len(history.verified.timeline) - before, tuple(unanswered)), found


def _checkpoint(given: str, earlier: Earlier | None) -> JSON:
    if earlier is None:
        return {"sha256": given, "used": False}
    at, upto = earlier.whole
    told = {"head": earlier.head, "entries": earlier.counts.entries, "verified_at": text(earlier.at)}
    return {"sha256": given, "used": True, **told, "whole": {"verified_at": text(at), "entries": upto}}


def _problem(item: Finding) -> JSON:
    value = {"code": item.code, "rule": item.rule, "answer": item.answer.value, "message": item.message}
    return {**value, "path": item.path, "commit": item.commit, "help": item.help}
