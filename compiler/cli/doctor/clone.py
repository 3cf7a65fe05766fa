"""A clone -> lines: the work tree, the remote and its branches, how complete the clone is, the genesis, hooks.

Rules kept: nothing is fetched, written or run that the clone's configuration names.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.cli.clone import MAIN
from compiler.cli.doctor.line import Line, fail, ok, warn
from runtime.contract.errors import ConductorError
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.plural import plural
from runtime.git.branches import REMOTE, head_of, heads_of
from runtime.git.process import run, without_credentials
from runtime.git.repository import Repository
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.ledger.entry import EVIDENCE
from runtime.ledger.history import History, replay
from runtime.ledger.pin import pinned
from runtime.ledger.starting import NoGenesisError

_FEW = 3


def history_of(git: Repository) -> tuple[History | None, list[Line]]:
    """Main's history, if it can be read, and what is to be said of it."""
    head = head_of(git, MAIN)
    if head is None:
        return None, [_without_main(git)]
    pin = pinned(git)
    try:
        history = replay(git, head, trust_root=pin)
    except NoGenesisError as error:
        if pin is not None:
            return None, [fail("genesis", error.message, error.help or "conductor explain runbooks/new-genesis")]
        return None, [
            warn(
                "genesis",
                "the history has not been started: plan works, but nothing can be approved",
                "two people: conductor genesis --person NAME --key FILE",
            )
        ]
    except ConductorError as error:
        return None, [fail("genesis", error.message, error.help or "conductor verify")]
    digest = f"sha256:{history.genesis.digest}"
    if history.findings:
        first = history.findings[0].message
        return history, [
            fail("ledger", f"{plural(len(history.findings), 'finding')}, the first: {first}", "conductor verify")
        ]
    lines = [ok("genesis", f"{digest}" + (", pinned in this clone" if pin else ""))]
    if history.apart and history.ledger is None:
        name = history.genesis.ledger
        told = f"the branch `{name}`, which holds it, is not here: no agent has run yet, or everything looks untaken"
        lines.append(warn("ledger", told, f"git fetch {REMOTE} {name}:refs/remotes/{REMOTE}/{name}"))
    if waiting := len(history.waiting):
        told = f"{plural(waiting, 'commit')} of main {'waits' if waiting == 1 else 'wait'} for a verdict"
        lines.append(warn("pending", told, "conductor status"))
    return history, lines


def _without_main(git: Repository) -> Line:
    branch = run(git.path, "symbolic-ref", "--quiet", "--short", "HEAD").out.decode(errors="replace").strip()
    unborn = git.resolve("HEAD") is None
    if unborn and branch == MAIN:
        return warn("genesis", "there is no commit yet", "git add --all && git commit")
    mend = f"git branch -m {MAIN}" if unborn else f"git fetch {REMOTE} {MAIN}"
    return fail("genesis", f"this clone has no branch {MAIN}, and history is on it", mend)


def lines(git: Repository) -> Iterator[Line]:
    """Everything but the genesis."""
    yield from _work_tree(git)
    yield from _remote(git)
    yield from _complete(git)
    yield from _hooks(git)


def _work_tree(git: Repository) -> Iterator[Line]:
    if git.bare:
        yield ok("work tree", "none: the clone is bare")
        return
    head = git.resolve("HEAD")
    dirty = [path for path in git.uncommitted(*INPUT_FOLDERS) if not path.endswith("/README.md")]
    known = git.files(head, EVIDENCE.rstrip("/")) if head is not None else {}
    written = known.keys() - {f"{EVIDENCE}README.md"}
    altered = [path for path in git.uncommitted(EVIDENCE.rstrip("/")) if path in written]
    if altered:
        yield fail(
            "work tree",
            f"evidence differs from what is committed: {_some(altered)}",
            f"git restore --source HEAD --staged --worktree {EVIDENCE}",
        )
    if dirty:
        yield warn("work tree", f"not committed, so not planned: {_some(dirty)}", "git add, git commit")
    elif not altered:
        yield ok("work tree", "clean")


def _remote(git: Repository) -> Iterator[Line]:
    url = run(git.path, "config", "--get", f"remote.{REMOTE}.url").out.decode(errors="replace").strip()
    if not url:
        yield warn(
            "remote",
            "there is none: an agent would move main under this work tree, and approvals stay here",
            f"git remote add {REMOTE} URL",
        )
        return
    yield ok("remote", without_credentials(url))
    if heads_of(git, APPROVALS):
        yield ok("approvals", f"the branch `{APPROVALS}` is here")
    else:
        yield warn(
            "approvals",
            f"the branch `{APPROVALS}` is not here: nobody has approved yet, or plans miss other approvals",
            f"git fetch {REMOTE} {APPROVALS}; or conductor plan --fetch",
        )


def _complete(git: Repository) -> Iterator[Line]:
    if run(git.path, "rev-parse", "--is-shallow-repository").out.strip() == b"true":
        yield fail(
            "clone", "it is shallow, but verification needs the whole history", f"git fetch --unshallow {REMOTE}"
        )
    partial = run(git.path, "config", "--get-regexp", r"^remote\..*\.partialclonefilter$")
    if partial.code == 0:
        yield fail(
            "clone",
            "it is partial: files of the history are not here",
            f"git config --unset remote.{REMOTE}.partialclonefilter; git fetch --refetch {REMOTE}",
        )


def _hooks(git: Repository) -> Iterator[Line]:
    if git.bare or not (git.path / ".pre-commit-config.yaml").is_file():
        return
    folder = run(git.path, "rev-parse", "--git-common-dir").out.decode(errors="replace").strip()
    if (git.path / folder / "hooks" / "pre-commit").is_file():
        yield ok("hook", "pre-commit is installed")
    else:
        yield warn("hook", "mistakes are not caught before a commit", "pip install pre-commit && pre-commit install")


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - _FEW} more" if len(paths) > _FEW else ""
    return ", ".join(paths[:_FEW]) + more
