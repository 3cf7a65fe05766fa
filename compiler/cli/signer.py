"""A person, their key, a change -> a statement of theirs, on the branch `approvals`, here and at the remote.

What `approve` and `withdraw` have in common. Rules kept: only a person of the last verified commit signs, with a key
that is theirs there; the remote is asked before anything is signed that is to be brought there; nobody signs unasked.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from compiler.cli.approvals_branch import append, push
from compiler.cli.clone import Clone, catch_up
from compiler.cli.options import where
from compiler.cli.progress import progress
from compiler.cli.terminal import confirmed
from compiler.diagnostics.suggest import did_you_mean
from runtime.contract.change import Change
from runtime.contract.errors import ConductorError, UsageError
from runtime.contract.instant import after
from runtime.contract.predicates import Approval, Seen
from runtime.contract.statement import Statement, subject
from runtime.git.branches import REMOTE
from runtime.git.interface import Author, Git, RemoteAwayError
from runtime.governance.approvals import filed
from runtime.governance.case import Signed
from runtime.ledger.history import History
from runtime.ledger.starting import NoGenesisError
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey
from runtime.signing.sshsig import sign_commit

Said: TypeAlias = Literal["approval", "emergency", "withdrawal"]
Person: TypeAlias = Annotated[str, typer.Option("--person", metavar="NAME", help="Your name, as in policies/people/.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Push: TypeAlias = Annotated[bool, typer.Option("--push", help=f"Push it to `{REMOTE}` at once.")]

_UNFINISHED = frozenset({"genesis-signed", "genesis-commit"})


class NotSignedError(ConductorError):
    """Nothing was signed, and why."""


class StoppedError(NotSignedError):
    """It was ended at the question."""

    exit_code = 128 + 2


@dataclass(frozen=True)
class Signer:
    """Who signs, with which key, when."""

    person: str
    key: PrivateKey
    at: datetime

    @property
    def author(self) -> Author:
        """As whom the branch's commit is made."""
        return Author(self.person, f"{self.person}@conductor.invalid")

    def statement(self, kind: Said, change: str, history: History, seen: Seen, *, reason: str | None = None) -> Signed:
        """Sign an approval of a change (its SHA-256), or the withdrawal of all earlier ones. An emergency has a reason,
        and does not lie ready for longer than its debt would."""
        policy = history.governance.policy
        lasts = timedelta(days=policy.approval_days)
        if kind == "emergency":
            lasts = min(lasts, timedelta(hours=policy.emergency_hours))
        predicate = Approval(
            kind=kind,
            after=history.verified.timeline.last.sha256,
            signed_at=self.at,
            expires_at=after(self.at, lasts),
            seen=seen,
            reason=reason,
        )
        return Signed.of(sign(Statement(subject=subject(change=change), predicate=predicate), self.key))


def catch_up_first(git: Git) -> None:
    """Ask the remote before anything is shown, so that nothing is signed that could not be brought there."""
    try:
        catch_up(git)
    except RemoteAwayError as error:
        error.help = f"{error.help}; nothing was signed"
        raise


def started(clone: Clone) -> History:
    """Return the clone's history; raises NoGenesisError, NotSignedError where nothing can lead on from it."""
    if clone.history is None:
        raise NoGenesisError(
            "no genesis yet, so nothing can be approved",
            help="two people start the history: `conductor genesis --person NAME --key FILE`",
        )
    unfinished = [item for item in clone.history.findings if item.rule in _UNFINISHED]
    if unfinished:
        raise NotSignedError(
            f"the genesis is invalid: {unfinished[0].message}", help="`conductor verify` says what is wrong with it"
        )
    return clone.history


def may_sign(history: History, signer: Signer) -> None:
    """Raise UsageError for a person, or a key of theirs, that the last verified commit does not know."""
    people = history.governance.people
    if signer.person not in people:
        known = f"it knows {', '.join(sorted(people))}; whom a change adds can approve once it is taken"
        raise UsageError(
            f"the last verified commit {history.commit[:12]} has no person `{signer.person}`",
            help=did_you_mean(signer.person, people, known),
        )
    owner = history.governance.owner_of_key.get(signer.key.fingerprint)
    if owner != signer.person:
        whose = f"{owner}'s" if owner else "nobody's"
        theirs = ", ".join(item.fingerprint for item in people[signer.person].keys)
        raise UsageError(
            f"the key {signer.key.fingerprint} is {whose} at the last verified commit, not {signer.person}'s",
            help=f"the public key is in policies/people/{signer.person}.yaml: {theirs}",
        )


def ask(signer: Signer, what: str, *, yes: bool) -> None:
    """Ask whether to sign; raises NotSignedError for a no, UsageError where there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", help="use --yes to skip the question")
    try:
        is_sure = confirmed(f"\n{what} as {signer.person} with {signer.key.fingerprint}?")
    except KeyboardInterrupt:
        sys.stdout.write("\n")
        raise StoppedError("nothing was signed") from None
    if not is_sure:
        raise NotSignedError("nothing was signed")


def file(git: Git, signer: Signer, change: Change, signed: Signed) -> None:
    """Put a statement on this clone's branch."""
    verb = "Withdraw from" if signed.approval.kind == "withdrawal" else "Approve"
    append(
        git,
        filed(change, signed),
        message=f"{verb} {change.digest[:12]} as {signer.person}\n",
        author=signer.author,
        at=signer.at,
        sign=sign_commit(signer.key),
    )


def publish(git: Git, signer: Signer, change: str, repo: Path, *, push_it: bool) -> None:
    """Bring the branch to the remote, or say how."""
    by_hand = f"git{where(repo, '-C')} push {REMOTE} approvals"
    if not push_it:
        sys.stdout.write(f"It lies on this clone's branch `approvals`. Bring it to the others:\n  {by_hand}\n")
        return
    try:
        with progress("pushing"):
            push(
                git,
                REMOTE,
                message=f"Bring approvals of {change[:12]} together\n",
                author=signer.author,
                at=signer.at,
                sign=sign_commit(signer.key),
            )
    except ConductorError as error:  # whatever it is: the signature is there
        before = f"{error.help}; " if error.help else ""
        error.help = f"{before}it is signed and lies on the branch `approvals` here; later: {by_hand}"
        raise
    sys.stdout.write(f"It lies on the branch `approvals` of `{REMOTE}`.\n")
