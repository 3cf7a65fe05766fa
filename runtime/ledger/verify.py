"""History x what the auditor has x time -> Report: integrity, completeness, freshness (plan, section 9).

Nothing is needed but a clone: no network, no server, no private key, no compiler. Rules kept: an answer that could not
be given is `not-assessed` and says why; what was only assumed is never called proven; what has not been taken yet is
pending, and no failure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from runtime.contract.canonical import JSON
from runtime.contract.compiling import Compile
from runtime.contract.errors import ConductorError
from runtime.contract.instant import after, text
from runtime.contract.plural import plural
from runtime.contract.predicates import Intent, Verdict
from runtime.git.interface import Git
from runtime.governance.config import Governance
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger.beside import Heads
from runtime.ledger.blobs import Blobs
from runtime.ledger.entry import BY_PEOPLE, EVIDENCE, Entry
from runtime.ledger.findings import Answer, Finding, by_gravity, finding
from runtime.ledger.history import History, TrustRoot, replay, without_ledger
from runtime.ledger.reading import withdrawals
from runtime.ledger.replaying import Policies
from runtime.ledger.rules import CHAIN, Rule
from runtime.ledger.start import genesis_path
from runtime.ledger.starting import NoGenesisError, SeveralGenesesError
from runtime.policy.engine import Policy

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_HARMLESS = frozenset({"unproven", "foreign", "unchanged", "work-tree", "rendered"})
"""Rules of integrity that leave chain and verdicts what they are: what is complete can be told all the same."""

AHEAD = timedelta(minutes=1)
"""By how much two clocks may differ: an entry of a later time is no sign of life."""


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
            "entries": len(history.entries) if history else 0,
            "rendered": self.rendered.to_json() if self.rendered else None,
            "debts": [debt.to_json(self.at) for debt in history.debts] if history and self.at else [],
            "withdrawals": [one.to_json() for one in withdrawals(history)] if history else [],
            "after_gap": [entry.sequence for entry in self.after_gap],
            "problems": [_problem(item) for item in self.problems],
        }


def parse_digest(given: str) -> str | None:
    """Read `sha256:…` or 64 hex digits; None for anything else."""
    match = _DIGEST.fullmatch(given)
    return None if match is None else match[1]


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
) -> Report:
    """Verify all of main's history up to `head`; where the ledger is on a branch of its own, up to `heads`.

    `trust_root` and `since` are SHA-256 as 64 hex digits; `since` may be a commit's id too. With `require_proven` a
    trust root that had to be assumed is a finding. `worktree` are the files under evidence/ of a work tree that has
    `head` checked out. With `compile` (of `release`), commits of that release
    are rendered again.
    """
    try:
        history = replay(git, head, trust_root=trust_root, rules=rules, consent=consent, policies=policies, heads=heads)
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
    problems.extend(_complete(history))
    problems.extend(_owed(history, now))
    problems.extend(_fresh(git, history, since, now))
    return Report(
        answers=_answers(problems, since, without_ledger(history)),
        problems=by_gravity(problems),
        trust_root=history.trust_root,
        head=history.tip.digest,
        commit=history.head,
        history=history,
        rendered=rendered,
        at=now,
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
        help="--trust-root sha256:…, as you were given it by another way than this repository",
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
    if Governance.of(start.snapshot.contents).compiler.release == release:
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
    return Rendered(again, len(history.verified.timeline), tuple(unanswered)), found


def _complete(history: History) -> list[Finding]:
    """Every intent has its result, and what was taken last has been acted on."""
    found: list[Finding] = []
    opened = history.open_intent
    if opened is not None:
        count = len(opened.predicate.actions) if isinstance(opened.predicate, Intent) else 0
        found.append(
            finding(
                "closed",
                f"intent {opened.sequence} has no result: nobody has said what became of its {plural(count, 'action')}",
                path=opened.path,
                commit=opened.commit,
                answer=Answer.COMPLETENESS,
                help="the next agent that runs closes it",
            )
        )
    taken = {item.sha256 for item in history.verified.timeline.later(0)}
    verdicts = [number for number, entry in enumerate(history.entries) if entry.digest in taken]
    if verdicts and not any(isinstance(entry.predicate, Intent) for entry in history.entries[verdicts[-1] :]):
        entry = history.entries[verdicts[-1]]
        found.append(
            finding(
                "acted",
                f"verdict {entry.sequence} was followed by no intent: it is taken, and nothing says that it was done",
                path=entry.path,
                commit=entry.commit,
                answer=Answer.COMPLETENESS,
                help="the next agent that runs does it",
            )
        )
    return found


def _owed(history: History, now: datetime) -> list[Finding]:
    """A debt of an emergency is cleared, or taken back, by its deadline."""
    debt = history.debt
    if debt is None or not debt.overdue(now):
        return []
    entry = history.entry(debt.verdict)
    return [
        finding(
            "overdue",
            debt.sentence(now),
            path=None if entry is None else entry.path,
            commit=None if entry is None else entry.commit,
            answer=Answer.COMPLETENESS,
            help="who is missing says `conductor approve --debt`, or two people approve its revert",
        )
    ]


def _fresh(git: Git, history: History, since: str | None, now: datetime) -> list[Finding]:
    found: list[Finding] = []
    if since is not None and not _extends(git, history, since):
        found.append(
            finding(
                "extends",
                f"the earlier head {since[:12]}… is not in this history: its end was cut off, or it was rewritten",
                commit=history.head,
                answer=Answer.FRESHNESS,
            )
        )
    if not history.entries:
        return found
    last = history.entries[-1]
    agent = history.governance.agents.get(last.position.agent)
    longest = max((item.heartbeat_seconds for item in history.governance.agents.values()), default=0)
    allowed = timedelta(seconds=2 * (agent.heartbeat_seconds if agent else longest))
    latest = after(now, AHEAD)
    ahead = next((entry for entry in history.entries if entry.position.time > latest), None)
    if ahead is not None:
        found.append(
            finding(
                "heartbeat",
                f"entry {ahead.sequence} is of {text(ahead.position.time)}, which is still to come: it says nothing of "
                "whether the agent lives",
                path=ahead.path,
                commit=ahead.commit,
                answer=Answer.FRESHNESS,
                help="if this machine's clock is right, the agent's is wrong, or its key is in other hands: stop it, "
                "and give it another key, as docs/runbooks/keys.md says",
            )
        )
    elif now - last.position.time > allowed:
        found.append(
            finding(
                "heartbeat",
                f"the last entry is of {text(last.position.time)}, and the agent has promised one every "
                f"{int(allowed.total_seconds()) // 2} seconds",
                path=last.path,
                commit=last.commit,
                answer=Answer.FRESHNESS,
                help="is the agent down, or is this clone old? `git pull` and look again",
            )
        )
    return found


def _extends(git: Git, history: History, since: str) -> bool:
    if parse_digest(since) is not None and (
        since == history.genesis.digest or any(entry.digest == since for entry in history.entries)
    ):
        return True
    ends = [history.head] if history.ledger is None else [history.head, history.ledger]
    return git.resolve(since) == since and any(git.is_ancestor(since, end) for end in ends)


def _problem(item: Finding) -> JSON:
    value = {"code": item.code, "rule": item.rule, "answer": item.answer.value, "message": item.message}
    return {**value, "path": item.path, "commit": item.commit, "help": item.help}
