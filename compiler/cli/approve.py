"""`conductor approve`: a person reads the plan, and signs exactly that change.

Works on commits, never on a work tree. Rules kept: before genesis nothing is approved; only a person of the last
verified commit signs, with a key that is theirs there; nothing is signed that cannot be taken whoever approves it; a
change of Rego or wasm is signed only where the same wasm has been built here, by the pinned OPA.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from compiler import rego
from compiler.cli.clone import Clone
from compiler.cli.earlier import earlier
from compiler.cli.options import HERE, Repo, Today, colourful, today_or
from compiler.cli.plan import Base, Full, Head
from compiler.cli.progress import progress
from compiler.cli.signer import (
    NotSignedError,
    Person,
    Push,
    Signer,
    Yes,
    ask,
    catch_up_first,
    file,
    may_sign,
    publish,
    started,
)
from compiler.cli.signing import KeyFile, PassphraseFrom, signing_key
from compiler.cli.standpoint import UnsoundError, policy_aside, stand
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.cli.warned import warnings_of
from compiler.diagnostics.printable import shown
from compiler.driver import without_collector
from compiler.opa import Opa
from compiler.paint import Paint
from compiler.plan import Plan, Standpoint, plan
from compiler.plan_consent import Consent, Given, consent_of
from compiler.plan_page import Page
from compiler.plan_queue import Counts
from compiler.plan_text import as_text, previous_text
from compiler.plan_text_approvals import idle_text, missing_text
from compiler.plan_unsound import unsound_as_text
from compiler.plan_verdict import when
from compiler.source import from_commit
from runtime.contract.errors import UsageError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.plural import plural
from runtime.contract.possession import Holder
from runtime.contract.predicates import Seen
from runtime.git.interface import Git
from runtime.git.repository import Repository
from runtime.governance.case import Case, Signed
from runtime.governance.emergency import REPLACED
from runtime.governance.judge import judge
from runtime.governance.proofs import proves
from runtime.ledger.history import History


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("approve")(approve)


def approve(
    person: Person,
    key: KeyFile,
    repo: Repo = HERE,
    base: Base = None,
    head: Head = None,
    *,
    emergency: Annotated[
        bool,
        typer.Option(
            "--emergency",
            help="Approve alone as incident commander; needs --reason, and others must approve afterwards.",
        ),
    ] = False,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", metavar="TEXT", show_default=False, help="Why it cannot wait. Everybody can read this."
        ),
    ] = None,
    full: Full = False,
    debt: Annotated[bool, typer.Option("--debt", help="Approve an emergency change after the fact.")] = False,
    passphrase: PassphraseFrom = None,
    yes: Yes = False,
    push_it: Push = False,
    trust_root: TrustRoot = None,
    today: Today = None,
) -> None:
    """Sign a change after reading its plan; the approval goes to the branch `approvals`.

    With --emergency, one incident commander approves it alone. Everybody can see the reason, and the missing approvals
    must follow within `emergency_hours`.
    """
    _require_reason(emergency, reason)
    with Repository(repo) as git, without_collector(), policy_aside(git, head) as aside:
        signer = Signer(person, signing_key(key, passphrase), datetime.now(tz=UTC).replace(microsecond=0))
        with progress("planning"):
            if push_it:
                catch_up_first(git)
            clone = Clone.read(git, aside, digest_of("--trust-root", trust_root))
            history = started(clone)
            may_sign(history, signer)
            if debt:
                base, head = _of_debt(history, base, head)
            standpoint = _stand(clone, base, head, at=signer.at, today=today_or(today))
            made = plan(standpoint)
        page = Page(Paint(on=colourful(sys.stdout)), full=full)
        sys.stdout.write(as_text(made, colour=page.paint.on, hint=False, full=full))
        before = earlier(clone, history, signer.person, standpoint.change, signer.at)
        sys.stdout.write("" if before is None else previous_text(before, signer.person, page))
        _warn(clone, made, git.uncommitted(*INPUT_FOLDERS) if head is None else ())
        given = _given(made.consent, signer.person)
        if debt and given is not None and given.until is None:
            sys.stdout.write(_owing(made.consent, given))
            return
        if given is None or (emergency and given.reason is None):
            _signable(git, made, repo)
            _require_proof(standpoint, signer)
            ask(
                signer, "LET EXACTLY THIS CHANGE THROUGH ALONE" if emergency else "Approve exactly this change", yes=yes
            )
            signed = approval_of(signer, history, standpoint, reason)
            after = (
                replace(standpoint.case, approvals=(*standpoint.case.approvals, signed)) if standpoint.case else None
            )
            if emergency:
                _lets_through(after, signed)
            file(git, signer, standpoint.change, signed)
            verb = "let through" if emergency else "approved"
            sys.stdout.write(f"\n{signer.person} {verb} change sha256:{standpoint.change.digest}\n")
            sys.stdout.write(_standing(after, signer.person, made))
        else:
            sys.stdout.write(f"\n{signer.person} approved this change already: sha256:{given.sha256}\n")
        publish(git, signer, made.change.digest, repo, push_it=push_it)


def approval_of(signer: Signer, history: History, standpoint: Standpoint, emergency: str | None = None) -> Signed:
    """Sign the change of a standpoint; with the reason of an emergency, to let it through alone."""
    if standpoint.head.commit is None:
        raise UsageError("there is no head to approve")
    seen = Seen(base=standpoint.base.commit, head=standpoint.head.commit)
    kind: Literal["approval", "emergency"] = "approval" if emergency is None else "emergency"
    return signer.statement(kind, standpoint.change.digest, history, seen, reason=emergency)


def _require_proof(standpoint: Standpoint, signer: Signer) -> None:
    """Raise NotSignedError for a key that only stands in the genesis: what it signs would not count."""
    case, print_ = standpoint.case, signer.key.fingerprint
    if case is None or print_ not in case.verified.unproved:
        return
    key = next(key for key in case.before.people[signer.person].keys if key.fingerprint == print_)
    if case.after is None or not proves(case.after, Holder("person", signer.person), key, case.verified.repository):
        raise NotSignedError(
            f"nothing proves yet that {print_} is {signer.person}'s: it has not signed the genesis that names it",
            help=f"conductor key prove --person {signer.person} --key FILE, and commit what it writes: that change "
            "you may approve yourself",
        )


def _require_reason(emergency: bool, reason: str | None) -> None:  # noqa: FBT001 -- private
    if emergency and (reason is None or not reason.strip()):
        raise UsageError("--emergency needs a reason, for those who must approve it afterwards", help="--reason TEXT")
    if reason is not None and not emergency:
        raise UsageError("--reason is only for emergencies", help="leave --reason out, or add --emergency")


def _of_debt(history: History, base: str | None, head: str | None) -> tuple[str, str]:
    """Where the change of the open debt leads from and to."""
    if base is not None or head is not None:
        raise UsageError("with --debt, the change is already known", help="leave --base and --head out")
    if history.debt is None:
        raise UsageError("no debt is open", help="`conductor evidence debts` lists the earlier ones")
    return history.debt.base, history.debt.commit


def _lets_through(case: Case | None, signed: Signed) -> None:
    """Raise NotSignedError where the emergency would do nothing, or is not needed."""
    judgement = None if case is None else judge(case)
    if judgement is None or (judgement.allowed and judgement.emergency is not None):
        return
    if judgement.allowed:
        raise NotSignedError(
            "nothing here needs an emergency: with your approval the rules are met",
            help="leave out --emergency and --reason",
        )
    problems = [item for item in judgement.problems if item.sha256 in {signed.sha256, None}]
    why = next(
        (item.message for item in sorted(problems, key=lambda item: item.sha256 is None) if item.rule not in REPLACED),
        "the rules do not allow it",
    )
    raise NotSignedError(why, help="an emergency replaces who must approve, and no other rule")


def _stand(clone: Clone, base: str | None, head: str | None, *, at: datetime, today: date) -> Standpoint:
    try:
        return stand(clone, base, head, at=at, today=today)
    except UnsoundError as error:
        sys.stdout.write(unsound_as_text(error.unsound, colour=colourful(sys.stdout)))
        broken = error.unsound.broken
        if broken is not None and not broken.mended and broken.alone == ():
            raise NotSignedError(
                f"{broken.fact}, and this change is based on it: it cannot be accepted yet",
                help=f"approve it once {broken.branch} is fixed: this change itself compiles",
            ) from None
        raise NotSignedError("the head does not compile, so there is nothing to approve") from None


def _signable(git: Git, made: Plan, repo: Path) -> None:
    if made.change.empty:
        raise NotSignedError("nothing changed, so there is nothing to approve")
    if made.queue is not None and made.queue.counts is Counts.NEVER:
        raise NotSignedError(made.queue.sentence.rstrip("."), help=made.queue.help or None)
    if not made.sound:
        raise NotSignedError("this change cannot be accepted, whoever approves it", help="see `Against it` above")
    if any(path.startswith(rego.FOLDER) and path.endswith((".rego", ".wasm")) for path in made.change.paths):
        _same_wasm(git, made, repo)


def _same_wasm(git: Git, made: Plan, repo: Path) -> None:
    """What the wasm does is what the Rego says only if it is built from it: build it here, and compare."""
    files = from_commit(git, made.head.commit or "").files
    sources = rego.sources(files)
    built = Opa.find(repo).build(sources) if sources else None
    if built != files.get(rego.WASM):
        raise NotSignedError(
            f"{rego.WASM} is not what OPA {rego.OPA_VERSION} builds here from the Rego beside it",
            help="the author of the change runs `conductor policy build` and commits the result",
        )


def _given(consent: Consent | None, person: str) -> Given | None:
    return next((item for item in consent.given if item.person == person), None) if consent else None


def _owing(consent: Consent | None, given: Given) -> str:
    """Say to somebody whom the verdict has counted that the debt is others' to pay."""
    how = "let it through" if given.reason is not None else "approved it before it was taken"
    rest = "" if consent is None or consent.allowed else f" Missing are others:\n{missing_text(consent)}"
    rest = rest or " The others have approved it too: the agent clears the debt.\n"
    return f"\n{given.person} {how}, and is one of the people already: nothing was signed.{rest}"


def _standing(case: Case | None, person: str, made: Plan) -> str:
    consent = None if case is None else consent_of(case)
    if consent is not None and consent.emergency is not None:
        within = plural(consent.hours, "hour")
        then = f"The agent takes it{when(made)}. Within {within} of that"
        return f"{then}, others say `conductor approve --debt`; missing:\n{missing_text(consent)}"
    if consent is not None and consent.debt is not None and consent.allowed:
        return "Approvals are complete: the agent clears the debt.\n"
    if consent is not None and not consent.allowed:
        return "Still missing:\n" + missing_text(consent) + idle_text(consent, person)
    if made.queue is not None and not made.queue.usable:
        return f"{made.queue.sentence}\n  = help: {made.queue.help}\n"
    return f"Approvals are complete: the agent takes it{when(made)}.\n"


def _warn(clone: Clone, made: Plan, uncommitted: tuple[str, ...]) -> None:
    warnings = list(warnings_of(clone, made.change.digest, uncommitted))
    queue = made.queue
    if queue is not None and queue.sentence and queue.counts is not Counts.NEVER:  # never is an error, told once
        warnings.append("; ".join(part for part in (queue.sentence.rstrip("."), queue.help) if part))
    warnings += [
        f"{item.commit[:12]} on {made.branch} altered {item.meets[0]} too"
        for item in made.landed
        if item.meets and item.taken
    ]
    for warning in warnings:
        typer.secho(f"warning: {shown(warning)}", fg=typer.colors.YELLOW, err=True)
