"""`conductor approve`: a person reads the plan, and signs exactly that change.

Works on commits, never on a work tree. Rules kept: before genesis nothing is approved; only a person of the last
verified commit signs, with a key that is theirs there; nothing is signed that cannot be taken whoever approves it; a
change of Rego or wasm is signed only where the same wasm has been built here, by the pinned OPA.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from compiler import rego
from compiler.cli.approvals_branch import append, push
from compiler.cli.earlier import earlier
from compiler.cli.options import HERE, Repo, Today, colourful, today_or
from compiler.cli.plan import Base, Head
from compiler.cli.progress import progress
from compiler.cli.standpoint import REMOTE, Clone, UnsoundError, catch_up, policy_aside, stand, warnings_of
from compiler.cli.terminal import ask_passphrase
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.diagnostics.printable import shown
from compiler.diagnostics.suggest import did_you_mean
from compiler.driver import without_collector
from compiler.opa import Opa
from compiler.plan import Plan, Standpoint, plan
from compiler.plan_consent import Consent, consent_of
from compiler.plan_text import Paint, as_text, idle_text, missing_text, previous_text
from compiler.plan_unsound import unsound_as_text
from compiler.source import from_commit
from runtime.contract.change import Change
from runtime.contract.errors import ConductorError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.predicates import Approval, Seen
from runtime.contract.statement import Statement, subject
from runtime.git.interface import Author, Git, RemoteAwayError
from runtime.git.repository import Repository
from runtime.governance.approvals import filed
from runtime.governance.case import Case, Signed
from runtime.ledger.history import History, NoGenesisError
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey, load_private
from runtime.signing.sshsig import sign_commit

_UNFINISHED = frozenset({"genesis-signed", "genesis-commit"})


class NotApprovedError(ConductorError):
    """Nothing was signed, and why."""


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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("approve")(approve)


def approve(
    person: Annotated[str, typer.Option("--person", metavar="NAME", help="Who approves: a name of policies/people/.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="That person's private key, OpenSSH or PEM.")],
    repo: Repo = HERE,
    base: Base = None,
    head: Head = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    push_it: Annotated[bool, typer.Option("--push", help=f"Bring the approval to `{REMOTE}` at once.")] = False,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back an approval of this change.")] = False,
    trust_root: TrustRoot = None,
    today: Today = None,
) -> None:
    """Sign a change after reading its plan; the approval goes to the branch `approvals`."""
    with Repository(repo) as git, without_collector(), policy_aside(git, head) as aside:
        signer = Signer(person, load_private(key, ask_passphrase), datetime.now(tz=UTC).replace(microsecond=0))
        with progress("planning"):
            if push_it:
                _catch_up(git)
            clone = Clone.read(git, aside, digest_of("--trust-root", trust_root))
            history = _history(clone)
            _may_sign(history, signer)
            standpoint = _stand(clone, base, head, at=signer.at, today=today_or(today))
            made = plan(standpoint)
        paint = Paint(on=colourful(sys.stdout))
        sys.stdout.write(as_text(made, colour=paint.on, hint=False))
        before = earlier(clone, history, signer.person, standpoint.change, signer.at)
        sys.stdout.write("" if before is None else previous_text(before, signer.person, paint))
        _warn(clone, made, git.uncommitted(*INPUT_FOLDERS) if head is None else ())
        given = _given(made.consent, signer.person)
        if withdraw or given is None:
            _signable(git, made, withdraw=withdraw, given=given)
            _ask(signer, yes=yes, withdraw=withdraw)
            signed = signed_by(signer, history, standpoint, withdraw=withdraw)
            _file(git, signer, standpoint.change, signed)
            after = (
                replace(standpoint.case, approvals=(*standpoint.case.approvals, signed)) if standpoint.case else None
            )
            verb = "withdrew the approval of" if withdraw else "approved"
            sys.stdout.write(f"\n{signer.person} {verb} change sha256:{standpoint.change.digest}\n")
            sys.stdout.write(_standing(after, None if withdraw else signer.person, merged=standpoint.merged))
        else:
            sys.stdout.write(f"\n{signer.person} approved this change already: sha256:{given}\n")
        _publish(git, signer, made, repo, push_it=push_it)


def signed_by(signer: Signer, history: History, standpoint: Standpoint, *, withdraw: bool = False) -> Signed:
    """Sign the change of a standpoint."""
    if standpoint.head.commit is None:
        raise UsageError("there is no head to approve")
    predicate = Approval(
        kind="withdrawal" if withdraw else "approval",
        after=history.verified.timeline.last.sha256,
        signed_at=signer.at,
        expires_at=signer.at + timedelta(days=history.governance.policy.approval_days),
        seen=Seen(base=standpoint.base.commit, head=standpoint.head.commit),
    )
    return Signed.of(sign(Statement(subject=subject(change=standpoint.change.digest), predicate=predicate), signer.key))


def _catch_up(git: Git) -> None:
    """Ask the remote before anything is shown, so that nothing is signed that could not be brought there."""
    try:
        catch_up(git)
    except RemoteAwayError as error:
        error.help = f"{error.help}; nothing was signed"
        raise


def _history(clone: Clone) -> History:
    if clone.history is None:
        raise NoGenesisError(
            "no genesis yet, so there is nothing that an approval could lead on from",
            help="two people start the history: `conductor genesis --person NAME --key FILE`",
        )
    unfinished = [item for item in clone.history.findings if item.rule in _UNFINISHED]
    if unfinished:
        raise NotApprovedError(
            f"the genesis does not stand: {unfinished[0].message}", help="`conductor verify` says how it stands"
        )
    return clone.history


def _may_sign(history: History, signer: Signer) -> None:
    people = history.governance.people
    if signer.person not in people:
        known = f"it knows {', '.join(sorted(people))}; whom a change adds can approve once it is taken"
        raise UsageError(
            f"the last verified commit {history.commit[:12]} knows no person `{signer.person}`",
            help=did_you_mean(signer.person, people, known),
        )
    owner = history.governance.owner_of_key.get(signer.key.fingerprint)
    if owner != signer.person:
        whose = f"{owner}'s" if owner else "nobody's"
        theirs = ", ".join(item.fingerprint for item in people[signer.person].keys)
        raise UsageError(
            f"the key {signer.key.fingerprint} is {whose} at the last verified commit, not {signer.person}'s",
            help=f"the public half stands in policies/people/{signer.person}.yaml: {theirs}",
        )


def _stand(clone: Clone, base: str | None, head: str | None, *, at: datetime, today: date) -> Standpoint:
    try:
        return stand(clone, base, head, at=at, today=today)
    except UnsoundError as error:
        sys.stdout.write(unsound_as_text(error.unsound, colour=colourful(sys.stdout)))
        raise NotApprovedError("the head does not compile, so there is nothing to approve") from None


def _signable(git: Git, made: Plan, *, withdraw: bool, given: str | None) -> None:
    if made.change.empty:
        raise NotApprovedError("nothing changes, so there is nothing to approve")
    if withdraw:
        if given is None:
            raise NotApprovedError("there is no approval of yours that counts for this change")
        return
    if not made.sound:
        raise NotApprovedError("this change cannot be taken whoever approves it", help="see `Against it` above")
    if any(path.startswith(rego.FOLDER) and path.endswith((".rego", ".wasm")) for path in made.change.paths):
        _same_wasm(git, made)


def _same_wasm(git: Git, made: Plan) -> None:
    """What the wasm does is what the Rego says only if it is built from it: build it here, and compare."""
    files = from_commit(git, made.head.commit or "").files
    sources = rego.sources(files)
    built = Opa.find().build(sources) if sources else None
    if built != files.get(rego.WASM):
        raise NotApprovedError(
            f"{rego.WASM} is not what OPA {rego.OPA_VERSION} builds here from the Rego beside it",
            help="whoever made the change says `conductor policy build` and commits the result",
        )


def _given(consent: Consent | None, person: str) -> str | None:
    return next((item.sha256 for item in consent.given if item.person == person), None) if consent else None


def _ask(signer: Signer, *, yes: bool, withdraw: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", help="say --yes to sign without being asked")
    what = "Take back your approval of this change" if withdraw else "Approve exactly this change"
    if not typer.confirm(f"\n{what} as {signer.person} with {signer.key.fingerprint}?"):
        raise NotApprovedError("nothing was signed")


def _file(git: Git, signer: Signer, change: Change, signed: Signed) -> None:
    verb = "Withdraw from" if signed.approval.kind == "withdrawal" else "Approve"
    append(
        git,
        filed(change, signed),
        message=f"{verb} {change.digest[:12]} as {signer.person}\n",
        author=signer.author,
        at=signer.at,
        sign=sign_commit(signer.key),
    )


def _publish(git: Git, signer: Signer, made: Plan, repo: Path, *, push_it: bool) -> None:
    where = "" if repo == HERE else f" -C {repo}"
    by_hand = f"git{where} push {REMOTE} approvals"
    if not push_it:
        sys.stdout.write(f"It lies on this clone's branch `approvals`. Bring it to the others:\n  {by_hand}\n")
        return
    try:
        with progress("pushing"):
            push(
                git,
                REMOTE,
                message=f"Bring approvals of {made.change.digest[:12]} together\n",
                author=signer.author,
                at=signer.at,
                sign=sign_commit(signer.key),
            )
    except RemoteAwayError as error:
        raise RemoteAwayError(
            error.message, help=f"the approval is signed and lies on the branch `approvals` here; later: {by_hand}"
        ) from None
    sys.stdout.write(f"It lies on the branch `approvals` of `{REMOTE}`.\n")


def _standing(case: Case | None, person: str | None, *, merged: bool) -> str:
    consent = None if case is None else consent_of(case)
    if consent is None or consent.allowed:
        return f"Approvals are complete: the agent takes it{'' if merged else ' once it is on main'}.\n"
    return "Still missing:\n" + missing_text(consent) + ("" if person is None else idle_text(consent, person))


def _warn(clone: Clone, made: Plan, uncommitted: tuple[str, ...]) -> None:
    warnings = list(warnings_of(clone, made.change.digest, uncommitted))
    if made.forecast is not None and not made.forecast.same:
        warnings.append(f"{made.branch} has moved: merged now, this would be another change, and need new approvals")
    warnings += [
        f"{item.commit[:12]} on {made.branch} altered {item.meets[0]} too" for item in made.landed if item.meets
    ]
    for warning in warnings:
        typer.secho(f"warning: {shown(warning)}", fg=typer.colors.YELLOW, err=True)
