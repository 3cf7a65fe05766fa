"""Whose cache x which repository -> a folder below `conductor` in it, or why nothing there is to be believed.

In CI the cache often lies in the checkout, where a branch can have anything committed; what is remembered there, and a
program that waits there to be started, is its author's. Rules kept: nothing is taken from a cache, and nothing kept in
one, that lies in the checkout, that a link leads to (the system's own excepted), or on whose way something is another's
or may be written by others. A group is no other where the user is alone in it, as where a umask of 002 is usual.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from shlex import quote

from compiler.checkout import top_of
from runtime.contract.errors import EnvironmentFailedError

_OWN_NAME = "conductor"


class UnfitCacheError(EnvironmentFailedError):
    """A cache that nobody should believe; the message says why, the help what to do about it."""


def place(*names: str) -> Path:
    """Return where something of ours lies in the user's cache; raises RuntimeError for somebody without a home."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.path.abspath(cache), _OWN_NAME, *names)  # noqa: PTH100 -- `..` goes, and no link is followed


def fit(place: Path, repo: Path, *, root: int = 0) -> Path:
    """Return it, which needs not be there; raises UnfitCacheError. `root` is whose links are the system's."""
    top = _identity(top_of(repo) or repo.resolve())
    own = next(one for one in (place, *place.parents) if one.name == _OWN_NAME)
    for path in (*reversed(place.parents), place):
        if path.is_symlink() and (path.is_relative_to(own) or path.lstat().st_uid != root):
            raise UnfitCacheError(f"{path} is a link, and may lead anywhere", help=_ELSEWHERE)
    real = Path(os.path.realpath(place))
    if top in map(_identity, (*place.parents, *real.parents)):
        raise UnfitCacheError(f"{place} lies in the checkout, where a branch may put things", help=_ELSEWHERE)
    for path in (*reversed(real.parents), real):
        try:
            status = path.lstat()
        except FileNotFoundError:
            break  # it is made by us
        _judge(path, status, sticky=not path.is_relative_to(os.path.realpath(own)), root=root)
    return place


def make(folder: Path) -> None:
    """Make a folder, and those on its way, for its user alone, whatever the umask."""
    if not folder.is_dir():
        make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _judge(path: Path, status: os.stat_result, *, sticky: bool, root: int) -> None:
    if status.st_uid not in {root, os.geteuid()}:
        raise UnfitCacheError(f"{path} belongs to another user", help=_ELSEWHERE)
    others = stat.S_IWOTH | (0 if _alone_in(status.st_gid) else stat.S_IWGRP)
    if status.st_mode & others and not (sticky and status.st_mode & stat.S_ISVTX):
        raise UnfitCacheError(f"{path} can be written by others", help=f"chmod go-w {quote(str(path))}")


def _alone_in(group: int) -> bool:
    """Whether a group is the user's own, of the same name, with nobody else in it."""
    try:
        user, members = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
    except KeyError:
        return False
    own = (user.pw_gid, user.pw_name) == (members.gr_gid, members.gr_name)
    return own and not set(members.gr_mem) - {user.pw_name}


def _identity(path: Path) -> tuple[int, int] | None:
    """Which folder it is, however it is spelled."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


_ELSEWHERE = "let XDG_CACHE_HOME name a folder of your own outside of the checkout"
