"""A command that takes something back, typed on main of a repository in memory: `git revert`, `git restore`.

And the way to real git: what is in memory, laid out as a repository on disk.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from runtime.git.repository import Repository
from runtime.testing.memory_git import MemoryGit


def laid_out(git: MemoryGit, folder: Path, **branches: str) -> None:
    """A repository that has what is in memory, with these branches."""
    with Repository.init(folder) as known:
        known._store(list(git.objects.values()))  # noqa: SLF001 -- a clone of what is in memory
        for name, commit in branches.items():
            assert known.set_ref(f"refs/heads/{name}", commit, old=None)


def typed(git: MemoryGit, command: str) -> None:
    """Do what git does; raises ConflictError where it would stop, and AssertionError for what it knows nothing of."""
    for one in command.split(" && "):
        match shlex.split(one):
            case ["git", "revert", "--no-edit", "-m", parent, *commits]:
                for commit in commits:
                    git.revert(commit, parent=int(parent))
            case ["git", "revert", "--no-edit", *commits]:
                for commit in commits:
                    assert len(git.commit(git.resolve(commit) or "").parents) == 1, "git asks which parent is meant"
                    git.revert(commit)
            case ["git", "restore", "--source", base, "--staged", "--worktree", "--", *paths]:
                _restore(git, base, paths)
            case words:
                assert words[:3] == ["git", "commit", "-m"], one


def _restore(git: MemoryGit, base: str, paths: list[str]) -> None:
    main = git.refs["refs/heads/main"]
    there, here = git.files(git.resolve(base) or ""), git.files(main)
    named = {path for path in (*there, *here) if any(path == one or path.startswith(f"{one}/") for one in paths)}
    for one in paths:
        assert any(path == one or path.startswith(f"{one}/") for path in named), f"pathspec {one} matches nothing"
    add = {path: git.blob(there[path].oid) for path in named if path in there}
    git.commit_files(add, remove=[path for path in named if path not in there], message="Take back")
