"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from shlex import quote
from typing import Annotated, TextIO, TypeAlias

import typer

from compiler.checkout import top_of
from compiler.cli.terminal import colourful
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.concise import concise
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.source import SourceTree, from_commit, from_worktree, shown
from runtime.contract.errors import UsageError
from runtime.contract.manifest import INPUT_FOLDERS

HERE = Path()
FOLDERS = ", ".join(f"{name}/" for name in INPUT_FOLDERS)


def root_of(repo: Path) -> Path:
    """Return the folder that was named; if none was, the nearest one upwards that has any of the five folders."""
    if repo != HERE:
        if not repo.is_dir():
            what = "is no folder" if repo.exists() else "does not exist"
            raise UsageError(f"{shown(str(repo))} {what}", help="name the repository with --repo DIR")
        return repo
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / name).is_dir() for name in INPUT_FOLDERS):
            return repo if folder == here else folder
        if (folder / ".git").exists():
            break  # the repository ends here
    return repo


Repo: TypeAlias = Annotated[
    Path,
    typer.Option("--repo", metavar="DIR", callback=root_of, help=f"The repository, or any folder with {FOLDERS}."),
]


def where(repo: Path, option: str = "--repo") -> str:
    """Return what a command to type needs so that it is about this repository, as a shell reads it; " --repo DIR"."""
    return "" if repo == HERE else f" {option} {quote(str(repo))}"


class Format(StrEnum):
    """How findings are written."""

    FULL = "full"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"


FormatOption: TypeAlias = Annotated[Format, typer.Option("--format", help="How findings are written.")]
Rev: TypeAlias = Annotated[
    str | None,
    typer.Option("--rev", metavar="REV", help="Read this commit instead of the work tree.", show_default=False),
]


def parse_day(text: str) -> date:
    """Read `2026-11-24`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:  # 20261124 and 2026-W48-2 are days of Python's, too
        raise typer.BadParameter(f"{text!r} is not a date like 2026-11-24")
    return day


Today: TypeAlias = Annotated[
    date | None,
    typer.Option(
        "--today",
        metavar="DATE",
        parser=parse_day,
        help="Date to judge flags by (`created`, `ttl_seconds`; default: today in UTC). Approvals, retention and debts "
        "always use the clock.",
    ),
]


def today_or(given: date | None) -> date:
    """Return the day that was given, or today's: the only clock of `check` and `plan`."""
    return given if given is not None else datetime.now(tz=UTC).date()


def read_tree(repo: Path, rev: str | None) -> SourceTree:
    """Read the work tree, or a commit."""
    if rev is None:
        return from_worktree(repo)
    from runtime.git.repository import Repository  # noqa: PLC0415 -- only for a commit

    with Repository(repo) as git:
        commit = git.resolve(rev)
        if commit is None and git.resolve("HEAD") is None:
            raise UsageError("there is no commit yet", help="run git add and git commit first")
        if commit is None:
            raise UsageError(f"there is no revision `{rev}`", help="`git log --oneline` lists the existing ones")
        return from_commit(git, commit)


def written(
    diagnostics: Diagnostics, tree: SourceTree, form: Format, stream: TextIO | None = None, *, repo: Path = HERE
) -> str:
    """Return findings as they go to a stream. A forge counts paths from where the clone of `repo` begins."""
    match form:
        case Format.JSON:
            return as_json(diagnostics)
        case Format.CONCISE:
            return concise(diagnostics)
        case Format.GITHUB | Format.GITLAB | Format.SARIF:
            return _for_forges()[form](diagnostics.below(folder_in_clone(repo)))

    return full(diagnostics, tree.files, colour=colourful(stream or sys.stdout))


def folder_in_clone(repo: Path) -> str:
    """Return the way from where the clone begins to `repo`, as "platform/"; "" where that is the same, or no clone."""
    here, top = repo.resolve(), top_of(repo)
    return "" if top is None or top == here else f"{here.relative_to(top).as_posix()}/"


def _for_forges() -> dict[Format, Callable[[Diagnostics], str]]:
    from compiler.diagnostics.as_github import as_github  # noqa: PLC0415 -- who has no forge waits for none of them
    from compiler.diagnostics.as_gitlab import as_gitlab  # noqa: PLC0415 -- see above
    from compiler.diagnostics.as_sarif import as_sarif  # noqa: PLC0415 -- see above

    return {Format.GITHUB: as_github, Format.GITLAB: as_gitlab, Format.SARIF: as_sarif}


__all__ = [
    "HERE",
    "Format",
    "FormatOption",
    "Repo",
    "Rev",
    "Today",
    "colourful",
    "parse_day",
    "read_tree",
    "today_or",
    "where",
    "written",
]
