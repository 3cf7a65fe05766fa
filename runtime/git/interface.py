"""What Conductor asks of git: the interface of the real repository and of its in-memory double.

Rules kept: nothing here reads or writes a work tree, an index, hooks, attributes or filters; blobs are raw; no ref
moves except by `set_ref` (local, compare and swap) and `push` (remote, without force).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from runtime.contract.errors import EnvironmentFailedError, UsageError


class TreeFile(NamedTuple):
    """One entry of a tree, recursively: `mode` as git prints it (100644, 100755, 120000, 160000), blob id."""

    mode: str
    oid: str


@dataclass(frozen=True)
class Commit:
    """A commit object. `signed` are the bytes its SSH signature covers, `signature` the armoured SSHSIG or None."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    """`Name <e-mail>`: shown, never trusted."""
    committed_at: datetime
    message: str
    signed: bytes
    signature: str | None

    @property
    def subject(self) -> str:
        """First line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that differs between two trees; None = absent on that side. A rename is a removal and an addition."""

    path: str
    before: TreeFile | None
    after: TreeFile | None


class Step(NamedTuple):
    """One commit of a first-parent line with what it changes against its first parent under the asked folders."""

    commit: Commit
    changes: tuple[FileChange, ...]


@dataclass(frozen=True)
class Author:
    """Who a written commit says it is by."""

    name: str
    email: str


class PushOutcome(StrEnum):
    """What a push came to."""

    DONE = "done"
    BEATEN = "beaten"
    """The remote's branch is not what was expected: somebody else was first."""
    REFUSED = "refused"
    """The remote does not want it (protected branch, hook)."""


class RemoteAwayError(EnvironmentFailedError):
    """The remote did not answer."""


class NoRemoteError(RemoteAwayError):
    """The clone has no remote of that name."""

    exit_code = UsageError.exit_code

    def __init__(self, remote: str) -> None:
        super().__init__(f"this clone has no remote `{remote}`", help=f"git remote add {remote} URL")


BRANCHES = ("refs/heads/", "refs/remotes/", "refs/conductor/")
"""Where branches are: the clone's own, the remotes' as git last fetched them, and as we did."""


class Git(Protocol):
    """A repository. Object ids are full hex; `rev` is anything git resolves. Methods raise EnvironmentFailedError
    when git itself fails, and FormatError for objects that are not what they should be."""

    def resolve(self, rev: str) -> str | None:
        """Commit id of a revision, None if there is none."""
        ...

    def tips(self) -> frozenset[str]:
        """Commits at which a branch stands, the clone's own or one of a remote as last fetched."""
        ...

    def commit(self, oid: str) -> Commit:
        """Read a commit."""
        ...

    def files(self, commit: str, *folders: str) -> dict[str, TreeFile]:
        """Every file of a commit's tree below the folders (all, if none is named), path -> entry."""
        ...

    def blob(self, oid: str) -> bytes:
        """Raw content of a blob."""
        ...

    def blobs(self, oids: Iterable[str]) -> dict[str, bytes]:
        """Raw content of many blobs in one go."""
        ...

    def readable(self, oids: Iterable[str], limit: int) -> dict[str, bytes]:
        """Raw content of those of many objects that are blobs of at most `limit` bytes; no more of one is held."""
        ...

    def folder(self, commit: str, path: str = "") -> dict[str, TreeFile]:
        """The entries of one folder of a commit, by name; what lies in folders below is not opened. None where there is
        no such folder, or none that can be read."""
        ...

    def changes(self, before: str | None, after: str, *folders: str, beyond: bool = False) -> tuple[FileChange, ...]:
        """What differs between two commits' trees below the folders, sorted by path; None = the empty tree. `beyond`:
        what differs elsewhere is shown as well, unopened: a folder as an entry of a folder's mode. So is, in either
        case, a folder that cannot be read, or costs too much."""
        ...

    def first_parents(self, head: str, *folders: str, since: str | None = None, beyond: bool = False) -> list[Step]:
        """The first-parent line of `head`, oldest first, with each commit's changes below the folders against its
        first parent. `since` is left out, and so is everything that it reaches."""
        ...

    def beside(
        self, heads: Iterable[str], *folders: str, known: Collection[str] = (), beyond: bool = False
    ) -> list[Step]:
        """The commits that these reach by others that are not `known`, none of either among them, with each one's
        changes below the folders against its first parent, as `first_parents` gives them."""
        ...

    def beyond(self, head: str, old: str, *folders: str) -> list[Step]:
        """The commits that `head` reaches and `old` does not, with each one's changes below the folders against its
        first parent."""
        ...

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether `ancestor` is reachable from `commit` (a commit is its own ancestor)."""
        ...

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None if there is none."""
        ...

    def write(
        self,
        parent: str | None,
        add: Mapping[str, bytes],
        *,
        message: str,
        author: Author,
        at: datetime,
        sign: Callable[[bytes], str] | None = None,
        remove: Iterable[str] = (),
    ) -> str:
        """Write a commit on top of `parent` (None: a root) that adds or replaces `add` and removes `remove`; returns
        its id. No ref moves. `sign` maps the commit's bytes to an armoured SSHSIG."""
        ...

    def write_merge(
        self,
        parents: Sequence[str],
        add: Mapping[str, bytes],
        *,
        message: str,
        author: Author,
        at: datetime,
        sign: Callable[[bytes], str] | None = None,
        remove: Iterable[str] = (),
    ) -> str:
        """Write a commit with any number of parents; its tree is the first one's, edited. No ref moves."""
        ...

    def set_ref(self, ref: str, new: str, *, old: str | None) -> bool:
        """Compare and swap a local ref such as `refs/heads/main`; False if it was not `old` (None: absent)."""
        ...

    def fetch(self, remote: str, *branches: str) -> dict[str, str | None]:
        """Bring the remote's branches here without moving local branches; branch -> commit id, None if the remote has
        no such branch. Raises RemoteAwayError."""
        ...

    def push(self, remote: str, branch: str, new: str, *, old: str | None) -> PushOutcome:
        """Move the remote's branch from `old` (None: absent) to `new`, never by force. Raises RemoteAwayError."""
        ...
