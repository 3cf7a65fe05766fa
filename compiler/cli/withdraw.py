"""`conductor withdraw`: a person takes their approval of a change back.

Rules kept: nothing is withdrawn that does not count, nor what a verdict has counted; the withdrawal is never older than
what it takes back, though a clock be behind; it is filed like an approval, and nothing is removed from the branch.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from compiler.cli.clone import Clone
from compiler.cli.options import HERE, Repo, Today, today_or
from compiler.cli.plan import Base, Head
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
from compiler.cli.standpoint import policy_aside, stand
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.driver import without_collector
from runtime.contract.change import Change
from runtime.contract.errors import UsageError
from runtime.contract.instant import text
from runtime.contract.plural import plural
from runtime.contract.predicates import Seen
from runtime.git.repository import Repository
from runtime.governance.case import Case, Signed
from runtime.governance.emergency import debt_case
from runtime.governance.judge import judge
from runtime.governance.rules import CONSENT, ApprovalRule
from runtime.ledger.history import History
from runtime.release import VERSION

_SHOWN = 12
_LEAST = 8
"""So many digits of a change's SHA-256 name it at least."""
_COUNTING = tuple(rule for rule in CONSENT if isinstance(rule, ApprovalRule))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("withdraw")(withdraw)


def withdraw(
    person: Person,
    key: KeyFile,
    repo: Repo = HERE,
    base: Base = None,
    head: Head = None,
    *,
    change: Annotated[
        str | None,
        typer.Option(
            "--change",
            metavar="DIGEST",
            show_default=False,
            help="SHA-256 of the change (default: the change of --head).",
        ),
    ] = None,
    passphrase: PassphraseFrom = None,
    yes: Yes = False,
    push_it: Push = False,
    trust_root: TrustRoot = None,
    today: Today = None,
) -> None:
    """Withdraw your approval of a change that no verdict has accepted yet.

    Any agent that has seen the withdrawal honours it, even if it is later removed from the branch. An agent that has
    not seen it cannot.
    """
    if change is not None and head is not None:
        raise UsageError("give either --change or --head, not both", help="leave one out")
    with Repository(repo) as git, without_collector(), policy_aside(git, head) as aside:
        signer = Signer(person, signing_key(key, passphrase), datetime.now(tz=UTC).replace(microsecond=0))
        with progress("looking"):
            if push_it:
                catch_up_first(git)
            clone = Clone.read(git, aside, digest_of("--trust-root", trust_root))
            history = started(clone)
            may_sign(history, signer)
            if change is None:
                found = _of_head(clone, base, head, signer.at, today_or(today))
            else:
                found = _named(clone, history, change)
            given = _given(clone, history, found, signer)
        sys.stdout.write(_shown(found, given))
        ask(signer, "Take back your approval of this change", yes=yes)
        signer = replace(signer, at=max(signer.at, given.approval.signed_at))
        signed = signer.statement("withdrawal", found.digest, history, Seen(base=history.commit, head=clone.main))
        file(git, signer, found, signed)
        sys.stdout.write(f"\n{signer.person} withdrew the approval of change sha256:{found.digest}\n")
        publish(git, signer, found.digest, repo, push_it=push_it)


def _of_head(clone: Clone, base: str | None, head: str | None, at: datetime, today: date) -> Change:
    return stand(clone, base, head, at=at, today=today).change


def _named(clone: Clone, history: History, written: str) -> Change:
    """The change of this SHA-256, or of one that begins so."""
    wanted = written.removeprefix("sha256:")
    known = sorted({digest for source in clone.approvals for digest in source.changes() if digest.startswith(wanted)})
    if len(wanted) < _LEAST or len(known) != 1:
        what = "no change" if not known else plural(len(known), "change")
        raise UsageError(
            f"{what} with an approval here has a SHA-256 that begins with {wanted!r}"
            if len(wanted) >= _LEAST
            else f"{wanted!r} is too short to name a change",
            help="`conductor plan --head REV` shows it; `git fetch` brings what others have approved",
        )
    for source in clone.approvals:
        if (change := source.change(known[0])) is not None:
            return change
    found = history.change(known[0])
    if found is None:
        raise UsageError(f"the content of change {known[0][:_SHOWN]} is not here", help="git fetch")
    return found


def _given(clone: Clone, history: History, change: Change, signer: Signer) -> Signed:
    """Their approval that counts; raises NotSignedError where there is none to take back."""
    statements = clone.statements(change.digest)
    debt = history.debt
    owed = debt is not None and debt.change.digest == change.digest
    if debt is not None and owed and all(one.name != signer.person for one in debt.approvers):
        case = debt_case(history.verified, debt, statements, at=signer.at)
    elif change.digest not in history.taken:
        case = Case(history.verified, change, statements, signer.at, {}, VERSION)
    else:
        raise NotSignedError(
            f"a verdict has taken change {change.digest[:_SHOWN]} already, so it is too late to withdraw your approval",
            help="bring back the earlier inputs in a change of its own; it is approved like any other",
        )
    counted = dict(zip((judged := judge(case, _COUNTING)).people, judged.counted, strict=True))
    found = next((one for one in statements if one.sha256 == counted.get(signer.person)), None)
    if found is None:
        theirs = {
            one.sha256
            for one in statements
            if one.approval.kind != "withdrawal" and history.owners.get(one.fingerprint) == signer.person
        }
        why = next((problem.message for problem in judged.rejected if problem.sha256 in theirs), None)
        raise NotSignedError(f"there is no approval of yours that counts for change {change.digest[:_SHOWN]}", help=why)
    return found


def _shown(change: Change, given: Signed) -> str:
    """What is about to be taken back."""
    paths = sorted(path for path, _, _ in change.inputs)
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    lines = [
        f"change sha256:{change.digest}",
        f"  alters {', '.join(paths[:_SHOWN])}{more}",
        f"  approved at {text(given.approval.signed_at)}, having seen commit {given.approval.seen.head[:_SHOWN]}",
    ]
    return "\n".join(lines) + "\n"
