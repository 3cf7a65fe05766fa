"""Files x branch `approvals` -> the branch with them, here and at the remote.

Files are only ever added, each under its own digest, so two people who append at once never meet: whoever is beaten
builds again on the new head. Rules kept: nothing is removed or altered; the branch here moves by compare and swap, the
remote's is never forced; what this clone has and the remote lacks goes along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from runtime.contract.errors import ConductorError, EnvironmentFailedError
from runtime.git.branches import heads_of
from runtime.git.interface import Author, Git, PushOutcome
from runtime.git.objects import FILE_MODE
from runtime.governance.approvals import BRANCH, CHANGE_BYTES

_REF = f"refs/heads/{BRANCH}"
_TRIES = 8
_FILES = 2**16
"""As many are brought along; whoever has more pushes the branch by hand."""


class PushRefusedError(ConductorError):
    """The remote does not take the branch."""


def append(
    git: Git,
    files: Mapping[str, bytes],
    *,
    message: str,
    author: Author,
    at: datetime,
    sign: Callable[[bytes], str] | None = None,
) -> str:
    """Add files to the branch of this clone, with whatever it knows of the remote's; returns its head."""
    for _ in range(_TRIES):
        here = git.resolve(_REF)
        heads = heads_of(git, BRANCH)
        base = next((oid for oid in reversed(heads) if oid != here), here)
        commit = _built(git, base, heads, files, message=message, author=author, at=at, sign=sign)
        if commit == here or git.set_ref(_REF, commit, old=here):
            return commit
    raise EnvironmentFailedError(f"the branch {BRANCH} keeps changing", help="try again")


def push(
    git: Git,
    remote: str,
    *,
    message: str,
    author: Author,
    at: datetime,
    sign: Callable[[bytes], str] | None = None,
) -> str:
    """Bring what this clone has to the remote's branch; returns its head. Raises RemoteAwayError, PushRefusedError."""
    for _ in range(_TRIES):
        there = git.fetch(remote, BRANCH)[BRANCH]
        here = git.resolve(_REF)
        heads = tuple(oid for oid in (there, here) if oid is not None)
        commit = _built(git, there, heads, {}, message=message, author=author, at=at, sign=sign)
        outcome = PushOutcome.DONE if commit == there else git.push(remote, BRANCH, commit, old=there)
        if outcome is PushOutcome.REFUSED:
            raise PushRefusedError(
                f"`{remote}` does not take the branch {BRANCH}",
                help=f"let people push to {BRANCH} there; main may stay protected",
            )
        if outcome is PushOutcome.DONE and (commit == here or git.set_ref(_REF, commit, old=here)):
            return commit
    raise EnvironmentFailedError(f"the branch {BRANCH} of `{remote}` keeps changing", help="try again")


def _built(
    git: Git,
    base: str | None,
    heads: tuple[str, ...],
    files: Mapping[str, bytes],
    *,
    message: str,
    author: Author,
    at: datetime,
    sign: Callable[[bytes], str] | None,
) -> str:
    """A commit that leads on from `base` and holds all that the heads and `files` do; a head that does so already."""
    on = base
    for head in heads:
        if on is None or git.is_ancestor(on, head):
            on = head
    lacking = {path: oid for head in heads if head != on for path, oid in _beyond(git, head, on)}
    blobs = git.readable(lacking.values(), CHANGE_BYTES)
    add = {path: blobs[oid] for path, oid in lacking.items() if oid in blobs}
    add |= {path: data for path, data in files.items() if on is None or not _has(git, on, path)}
    if not add and on is not None:
        return on
    return git.write(on, add, message=message, author=author, at=at, sign=sign)


def _beyond(git: Git, head: str, on: str | None) -> Iterator[tuple[str, str]]:
    """Files of changes that a head has and another commit has not: path, blob. No folder in a change's is opened."""
    known = {} if on is None else git.folder(on)
    left = _FILES
    for change, folder in git.folder(head).items():
        if known.get(change) == folder:
            continue
        there = {} if on is None else git.folder(on, change)
        for name, file in git.folder(head, change).items():
            if name not in there and file.mode == FILE_MODE:
                left -= 1
                if left < 0:
                    return
                yield f"{change}/{name}", file.oid


def _has(git: Git, commit: str, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return name in git.folder(commit, folder)
