"""`conductor rollback`: an earlier verified commit -> a branch on main whose tip has its inputs again (ADR 0093).

Rules kept: only inputs that a verdict or the genesis took come back; `policies/**` stays as main has it; what would not
compile, or is refused whoever approves, makes no branch; the work tree, the index and every other branch stay as they
are. A file that came later and that the policy does not let go yet (a living tenant's) stays, and is named.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from compiler.cli.clone import Clone, catch_up
from compiler.cli.options import HERE, Repo, Today, today_or, where
from compiler.cli.progress import progress
from compiler.cli.signer import started
from compiler.cli.standpoint import Known, UnsoundError, policy_aside, stand, verified_snapshot
from compiler.cli.trust_root import TrustRoot, digest_of
from compiler.diagnostics import codes
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostic
from compiler.diagnostics.printable import shown, shown_json
from compiler.driver import without_collector
from compiler.plan import Plan, plan
from compiler.plan_json import value_of
from runtime.contract.errors import ConductorError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.branches import REMOTE
from runtime.git.inputs import is_input
from runtime.git.interface import Author, Git
from runtime.git.repository import Repository
from runtime.ledger.history import History

_STAYS = "policies/"
_SHOWN = 12


class RollbackFormat(StrEnum):
    """How what was written is told."""

    TEXT = "text"
    JSON = "json"


class NoWayBackError(ConductorError):
    """The earlier inputs could not be taken now."""


@dataclass(frozen=True)
class Way:
    """The commit that goes back, its plan, and the paths that stay although they came later."""

    commit: str
    plan: Plan
    kept: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollback")(rollback)


def rollback(
    commit: Annotated[
        str, typer.Argument(metavar="COMMIT", help="A commit that a verdict has accepted, or the genesis.")
    ],
    repo: Repo = HERE,
    branch: Annotated[
        str | None,
        typer.Option(
            "--branch", metavar="NAME", show_default=False, help="Name of the branch (default: `rollback-` and COMMIT)."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="PATH", show_default=False, help="A file to leave unchanged; repeatable."),
    ] = None,
    *,
    fetch: Annotated[bool, typer.Option("--fetch", help="First fetch main and the ledger from the remote.")] = False,
    trust_root: TrustRoot = None,
    today: Today = None,
    form: Annotated[RollbackFormat, typer.Option("--format", help="Output format.")] = (RollbackFormat.TEXT),
) -> None:
    """Create a branch that goes back to the inputs of an earlier verified commit, except `policies/`.

    It is one commit on top of main, to be planned, approved and merged like any other. The work tree does not change.
    """
    with Repository(repo) as git, without_collector(), policy_aside(git, "main") as aside:
        at = datetime.now(tz=UTC).replace(microsecond=0)
        with progress("going back"):
            if fetch:
                catch_up(git)
            clone = Clone.read(git, aside, digest_of("--trust-root", trust_root))
            history = started(clone)
            goal = _verified(git, history, commit)
            name = branch or f"rollback-{goal[:12]}"
            ref = f"refs/heads/{name}"
            if git.resolve(ref) is not None:
                raise _taken(name)
            way = _Start(clone, goal, git.author, at, today_or(today)).way(tuple(keep or ()))
        if not git.set_ref(ref, way.commit, old=None):
            raise _taken(name)
    sys.stdout.write(_as_json(way, goal, name) if form is RollbackFormat.JSON else _told(way, goal, name, repo))


def _taken(name: str) -> UsageError:
    return UsageError(f"the branch `{name}` already exists", help="name another with --branch; nothing was written")


def _verified(git: Git, history: History, rev: str) -> str:
    """The commit of this name; raises UsageError for one whose inputs were never taken."""
    oid = git.resolve(rev)
    if oid is None:
        raise UsageError(f"there is no revision `{rev}`", help="`git log --oneline --all` lists the existing ones")
    if verified_snapshot(history, Known(oid, None).digests(git, oid)) is None:
        raise UsageError(
            f"no verdict has taken the inputs of {oid[:12]}, so nobody has agreed to them",
            help="`conductor evidence log` names the commits that were taken",
        )
    return oid


@dataclass(frozen=True)
class _Start:
    """Where the way begins, where it leads, and who goes it when."""

    clone: Clone
    goal: str
    author: Author
    at: datetime
    today: date

    def way(self, keep: tuple[str, ...]) -> Way:
        """Go back, and again with what the policy does not let go: nothing else that speaks against it is mended."""
        git, main = self.clone.git, self.clone.main
        now, then = _inputs(git, main), _inputs(git, self.goal)
        for path in keep:
            if path not in now and path not in then:
                raise UsageError(f"--keep {shown(path)}: neither main nor {self.goal[:12]} has such an input")
        kept = set[str]()
        while True:
            stays = kept.union(keep)
            back = {path: oid for path, oid in then.items() if now.get(path) != oid and path not in stays}
            gone = [path for path in now if path not in then and path not in stays]
            if not back and not gone:
                what = f"main has the inputs of {self.goal[:12]}" + (f", but for {_some(stays)}" if stays else "")
                raise UsageError(f"{what}: there is nothing to go back to")
            blobs = git.blobs(back.values())
            commit = git.write(
                main,
                {path: blobs[oid] for path, oid in back.items()},
                message=_message(git.commit(self.goal).subject, self.goal, main, stays),
                author=self.author,
                at=self.at,
                remove=gone,
            )
            made = self._planned(commit)
            if made.sound:
                return Way(commit, made, tuple(sorted(kept)))
            refused = (item for item in made.problems if item.code.id == codes.TRANSITION_REFUSED.id)
            held = {item.primary.span.path for item in refused}.intersection(gone)
            if not held:
                raise _no_way(self.goal, "are refused now", made.problems, made.sources, _against(made))
            kept |= held

    def _planned(self, commit: str) -> Plan:
        try:
            return plan(stand(self.clone, self.clone.main, commit, at=self.at, today=self.today))
        except UnsoundError as error:
            found = error.unsound
            raise _no_way(self.goal, "do not compile beside what stays", found.problems, found.sources) from None


def _inputs(git: Git, commit: str) -> dict[str, str]:
    """Every input that may go back: path -> blob."""
    files = git.files(commit, *INPUT_FOLDERS)
    return {path: file.oid for path, file in files.items() if is_input(path) and not path.startswith(_STAYS)}


def _against(made: Plan) -> tuple[str, ...]:
    return () if made.consent is None else tuple(problem.message for problem in made.consent.against)


def _no_way(
    goal: str, why: str, found: Iterable[Diagnostic], sources: Mapping[str, bytes], more: tuple[str, ...] = ()
) -> NoWayBackError:
    said = full(tuple(found), sources).rstrip()
    return NoWayBackError(
        "\n".join((f"the inputs of {goal[:12]} {why}, so no branch was written", *more, *([said] if said else ()))),
        help="`--keep PATH` leaves a file as main has it",
    )


def _message(subject: str, goal: str, main: str, stays: Iterable[str]) -> str:
    lines = [
        f"Go back to the inputs of {goal[:12]}",
        "",
        f"They are those of {goal},",
        f"which called itself: {subject}",
        f"policies/ stays as it is at {main}.",
        *(f"Stays too: {path}" for path in sorted(stays)),
    ]
    return "\n".join(lines) + "\n"


def _some(paths: Iterable[str]) -> str:
    names = sorted(paths)
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _as_json(way: Way, goal: str, name: str) -> str:
    """The branch, and its plan as `plan --format json` has it."""
    value = {"branch": name, "commit": way.commit, "to": goal, "kept": list(way.kept), "plan": value_of(way.plan)}
    return shown_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n"


def _told(way: Way, goal: str, name: str, repo: Path) -> str:
    """What was written, and what to type next."""
    here, branch = where(repo), quote(name)
    paths = [path for path, _, _ in way.plan.change.inputs]
    count = f"{len(paths)} input{'' if len(paths) == 1 else 's'}"
    lines = [
        f"The branch `{name}` leads on from main back to the inputs of {goal[:12]}: {count}, {shown(_some(paths))}.",
        "policies/ stays as main has it.",
        *([f"Stays too, since its removal is refused yet: {shown(_some(way.kept))}."] if way.kept else []),
        "",
        "Read what it does, bring it to the others, and open a pull request; it is approved like any other:",
        f"  conductor plan{here} --head {branch}",
        f"  git{where(repo, '-C')} push {REMOTE} {branch}",
        f"  conductor approve{here} --person YOU --key ~/.ssh/id_ed25519 --head {branch} --push",
    ]
    return "\n".join(lines) + "\n"
