"""A clone x the name of a branch -> the commits at which the clone knows it.

A clone has a branch as its own, as the remote's when git last fetched, and as the remote's when we last fetched. Rules
kept: nothing is fetched; the clone's own counts, unless the remote's leads on from it.
"""

from __future__ import annotations

from runtime.git.interface import Git
from runtime.git.repository import tracking

REMOTE = "origin"


def heads_of(git: Git, branch: str, remote: str = REMOTE) -> tuple[str, ...]:
    """Commits at which this clone has a branch: its own, the remote's as last fetched by git or by us."""
    names = (f"refs/heads/{branch}", f"refs/remotes/{remote}/{branch}", tracking(remote, branch))
    return tuple(dict.fromkeys(oid for name in names if (oid := git.resolve(name)) is not None))


def head_of(git: Git, branch: str) -> str | None:
    """The furthest of them: the clone's own, unless the remote's leads on from it."""
    return _furthest(git, heads_of(git, branch))


def remote_head_of(git: Git, branch: str, remote: str = REMOTE) -> str | None:
    """The remote's, as it was last fetched by git or by us: what an agent acts on."""
    names = (f"refs/remotes/{remote}/{branch}", tracking(remote, branch))
    return _furthest(git, tuple(oid for name in names if (oid := git.resolve(name)) is not None))


def _furthest(git: Git, heads: tuple[str, ...]) -> str | None:
    furthest = heads[0] if heads else None
    for oid in heads[1:]:
        if furthest is not None and git.is_ancestor(furthest, oid):
            furthest = oid
    return furthest
