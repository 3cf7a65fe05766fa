"""A clone on disk -> `Git`: plain git by argument lists, reading over one open `git cat-file --batch` (ADR 0075).

Rules kept: no work tree, index, hook, attribute, filter, replacement or graft has a say in what is read or written; a
push compares with the value it expects and is never forced; what is fetched lands under `refs/conductor/<remote>/` and
moves no branch.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.contract.genesis import BRANCH_NAME
from runtime.git.batch import Batch
from runtime.git.graph import ObjectGraph
from runtime.git.interface import BRANCHES, Author, NoRemoteError, PushOutcome, RemoteAwayError
from runtime.git.pack import encode_pack
from runtime.git.process import LOCAL_SECONDS, REMOTE_SECONDS, Output, end, failed, run, start, without_credentials

_REMOTE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_STEPS_BY_READING = 64
"""A process that lists the line takes as long to start as so many questions."""
_LISTED = 2048
_STATUS = re.compile(r"(?P<flag>[ +\-*!=])\t[^\t]*:(?P<ref>[^\t]*)\t(?P<summary>.*)")
_IDENT = re.compile(r"(?P<name>.+) <(?P<email>[^>]*)> \d+ [+-]\d{4}")
_RACE = re.compile(r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to update ref|incorrect old value")


class Repository(ObjectGraph):
    """A clone, bare or not. Close it, or use it as a context manager, to end its git process at once."""

    def __init__(self, path: Path, *, remote_seconds: float = REMOTE_SECONDS) -> None:
        output = run(path, "rev-parse", "--show-object-format", "--is-bare-repository", "--show-prefix")
        if output.code:
            raise _no_repository(path, output)
        algorithm, bare, prefix, *_ = [*output.out.decode(errors="replace").split("\n"), ""]
        if prefix:
            raise EnvironmentFailedError(
                f"{path} is inside a git repository but is not its top folder", help="use the repository's top folder"
            )
        super().__init__(algorithm)
        self.path = path.absolute()
        self.bare = bare == "true"
        self._remote_seconds = remote_seconds
        self._batch = Batch(self.path, algorithm)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the git process; asking again starts another."""
        self._batch.close()

    @classmethod
    def init(cls, path: Path, *, bare: bool = False, branch: str = "main") -> Repository:
        """Make an empty repository (or open the one that is there)."""
        path.mkdir(parents=True, exist_ok=True)
        output = run(
            path, "init", "--quiet", "--template=", f"--initial-branch={branch}", *(["--bare"] if bare else [])
        )
        if output.code:
            raise failed(f"no repository could be made in {path}", output)
        return cls(path)

    @classmethod
    def mirror(cls, url: str, path: Path, *, remote: str = "origin", branch: str = "main") -> Repository:
        """Open the bare clone at `path`, or make it, with `url` as its remote: all that an agent needs."""
        repository = cls.init(path, bare=True, branch=branch)
        known = run(path, "config", "--get", f"remote.{remote}.url")
        if known.code or known.out.decode().strip() != url:
            output = run(path, "config", f"remote.{remote}.url", url)
            if output.code:
                raise failed(f"{path} cannot be given the remote {remote}", output)
        return repository

    def resolve(self, rev: str) -> str | None:
        """Commit id of a revision, None if there is none."""
        return self._batch.resolve(rev)

    def tips(self) -> frozenset[str]:
        """Commits at which a branch stands, the clone's own or one of a remote as last fetched."""
        output = run(self.path, "for-each-ref", "--format=%(objectname)", *BRANCHES)
        if output.code:
            raise failed(f"git lists no branches of {self.path}", output)
        return frozenset(output.out.decode().split())

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether `ancestor` is reachable from `commit` (a commit is its own ancestor)."""
        if any(oid == ancestor for oid in islice(super()._first_parent_ids(commit), _STEPS_BY_READING)):
            return True
        output = run(self.path, "merge-base", "--is-ancestor", ancestor, commit)
        if output.code not in {0, 1}:
            raise failed(f"git cannot tell whether {ancestor} is in the history of {commit}", output)
        return output.code == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None if there is none."""
        output = run(self.path, "merge-base", one, other)
        if output.code not in {0, 1}:
            raise failed(f"git finds no common ancestor of {one} and {other}", output)
        return output.out.decode().strip() or None

    def set_ref(self, ref: str, new: str, *, old: str | None) -> bool:
        """Compare and swap a local ref; False if it was not `old` (None: absent)."""
        if not ref.startswith("refs/") or not BRANCH_NAME.fullmatch(ref):
            raise UsageError(f"{ref!r} is no full name of a ref")
        expected = "0" * len(new) if old is None else old
        output = run(self.path, "update-ref", "--no-deref", "-m", "conductor", ref, new, expected)
        if output.code == 0:
            return True
        if self._ref(ref) != old:
            return False
        raise failed(f"{ref} cannot be moved", output)

    def fetch(self, remote: str, *branches: str) -> dict[str, str | None]:
        """Bring the remote's branches to `refs/conductor/<remote>/<branch>`; branch -> commit id, None if absent."""
        for branch in branches:
            _check(remote, branch)
        present, output = list(branches), self._fetch(remote, branches)
        if output.code and "couldn't find remote ref" in output.error:
            listed = run(self.path, "ls-remote", "--heads", "--end-of-options", remote, seconds=self._remote_seconds)
            if listed.code:
                raise _away(remote, listed)
            names = {line.split("\t")[1] for line in listed.out.decode(errors="replace").splitlines()}
            present = [branch for branch in branches if f"refs/heads/{branch}" in names]
            output = self._fetch(remote, present) if present else Output(0, b"", "")
        if output.code:
            raise _away(remote, output)
        result: dict[str, str | None] = {}
        for branch in branches:
            ref = tracking(remote, branch)
            result[branch] = self._ref(ref) if branch in present else None
            if branch not in present:
                run(self.path, "update-ref", "--no-deref", "-d", ref)
        return result

    def push(self, remote: str, branch: str, new: str, *, old: str | None) -> PushOutcome:
        """Move the remote's branch from `old` (None: absent) to `new`, never by force. Raises RemoteAwayError."""
        _check(remote, branch)
        if old is not None and not self.is_ancestor(old, new):
            return PushOutcome.BEATEN
        # the lease compares with `old` at the remote; that `new` descends from it was seen above, so it forces nothing
        ref = f"refs/heads/{branch}"
        options = (
            "--porcelain",
            "--no-verify",
            "--no-signed",
            "--recurse-submodules=no",
            f"--force-with-lease={ref}:{old or ''}",
        )
        output = run(
            self.path, "push", *options, "--end-of-options", remote, f"{new}:{ref}", seconds=self._remote_seconds
        )
        for line in output.out.decode(errors="replace").splitlines():
            status = _STATUS.fullmatch(line)
            if status is not None and status["ref"] == ref:
                if status["flag"] != "!":
                    return PushOutcome.DONE
                return PushOutcome.BEATEN if _RACE.search(status["summary"]) else PushOutcome.REFUSED
        raise _away(remote, output)

    @property
    def has_modes(self) -> bool:
        """Whether files of the work tree can be executable or not: git has noted it where they cannot."""
        return run(self.path, "config", "--type=bool", "--get", "core.fileMode").out.strip() != b"false"

    @property
    def author(self) -> Author:
        """As whom git commits in this clone."""
        output = run(self.path, "var", "GIT_AUTHOR_IDENT")
        found = _IDENT.fullmatch(output.out.decode(errors="replace").strip())
        if output.code or found is None:
            raise EnvironmentFailedError(
                "git does not know your name or address",
                help="git config --global user.name NAME; git config --global user.email ADDRESS",
            )
        return Author(found["name"], found["email"])

    def uncommitted(self, *folders: str) -> tuple[str, ...]:
        """Paths below the folders whose work tree or index differs from HEAD, untracked ones included."""
        if self.bare:
            return ()
        options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=all")
        output = run(self.path, *self._without_filters(), "status", *options, "--", *folders)
        if output.code:
            raise failed(f"git cannot compare the work tree {self.path}", output)
        return tuple(sorted(entry[3:] for entry in output.out.decode(errors="surrogateescape").split("\0") if entry))

    def _without_filters(self) -> list[str]:
        """Settings that keep git from running what the clone's configuration names as filters: a clone that was copied
        from somebody brings commands of theirs along."""
        output = run(self.path, "config", "--null", "--name-only", "--get-regexp", r"^filter\.")
        names = sorted({name for name in output.out.decode(errors="surrogateescape").split("\0") if name})
        for name in names:
            if "=" in name:  # no setting on the command line can name it
                raise EnvironmentFailedError(
                    f"the configuration of {self.path} has a filter with `=` in its name, which cannot be kept from "
                    "running",
                    help="git config --list --show-origin shows where it stands; or name a commit with --head",
                )
        return [part for name in names for part in ("-c", f"{name}={'false' if name.endswith('.required') else ''}")]

    def _read(self, oids: Sequence[str], limit: int | None = None) -> list[tuple[str, bytes]]:
        return self._batch.read(oids, limit)

    def _store(self, objects: Sequence[tuple[str, bytes]]) -> None:
        output = run(self.path, "unpack-objects", "-q", data=encode_pack(objects, self._algorithm))
        if output.code:
            raise failed(f"the repository {self.path} does not take new objects", output)

    def _ref(self, ref: str) -> str | None:
        return self.resolve(ref)

    def _fetch(self, remote: str, branches: Sequence[str]) -> Output:
        specs = [f"+refs/heads/{branch}:{tracking(remote, branch)}" for branch in branches]
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=")
        return run(self.path, "fetch", *options, "--end-of-options", remote, *specs, seconds=self._remote_seconds)

    def _reaches(self, head: str, old: str) -> list[str]:
        output = run(self.path, "rev-list", head, f"^{old}", "--")
        if output.code:
            raise failed(f"git cannot tell what {head} reaches and {old} does not", output)
        return output.out.decode().split()

    def _first_parent_ids(self, head: str) -> Iterator[str]:
        """Walk by reading at first; a long line is listed by git in one go and its commits are read in bulk."""
        last = None
        for last in islice(super()._first_parent_ids(head), _STEPS_BY_READING):
            yield last
        if last is None or not self.commit(last).parents:
            return
        process = start(
            self.path, ["rev-list", "--first-parent", self.commit(last).parents[0]], stderr=subprocess.DEVNULL
        )
        try:
            if process.stdout is None:
                return
            while oids := [line.decode().strip() for line in islice(process.stdout, _LISTED)]:
                for commit in self._read_commits(oids):
                    yield commit.oid
                last = oids[-1]
        finally:
            end(process)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        # where git's list ends early (a shallow clone), reading on says what is missing
        rest = super()._first_parent_ids(last)
        next(rest)
        yield from rest


def tracking(remote: str, branch: str) -> str:
    """Return the ref that `fetch` brings a remote's branch to; an URL or path is named by its digest."""
    name = remote if _REMOTE_NAME.fullmatch(remote) else hashlib.sha256(remote.encode()).hexdigest()[:16]
    return f"refs/conductor/{name}/{branch}"


def _check(remote: str, branch: str) -> None:
    if not remote or remote.startswith("-") or not remote.isprintable():
        raise UsageError(f"{remote!r} is not the name or URL of a remote")
    if BRANCH_NAME.fullmatch(branch) is None:
        raise UsageError(f"{branch!r} is not a valid branch name")


def _away(remote: str, output: Output) -> RemoteAwayError:
    if _REMOTE_NAME.fullmatch(remote) and f"'{remote}' does not appear to be a git repository" in output.error:
        return NoRemoteError(remote)
    error = failed(f"the remote `{without_credentials(remote)}` did not answer", output)
    return RemoteAwayError(error.message, help="see whether it is reachable: git ls-remote")


def _no_repository(path: Path, output: Output) -> EnvironmentFailedError:
    if "dubious ownership" in output.error:
        return EnvironmentFailedError(
            f"{path} belongs to another user, so git does not read it",
            help=f"git config --global --add safe.directory {path}",
        )
    return EnvironmentFailedError(
        f"{path.absolute()} is not a git repository", help="name the top folder of a clone with --repo"
    )


__all__ = ["LOCAL_SECONDS", "Repository", "tracking"]
