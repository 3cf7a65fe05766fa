"""Object names -> contents, over one `git cat-file --batch` that stays open.

Rules kept: every object that is asked for by its id is hashed again, so a store cannot hand out other content; requests
go out in portions that fit into a pipe, so neither side waits for the other; threads take turns; a forked child starts
a process of its own; the process ends with its owner.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from shlex import quote
from typing import IO, TypeAlias, TypeVar

from runtime.contract.errors import EnvironmentFailedError, FormatError
from runtime.git.objects import object_id
from runtime.git.process import start

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PORTION = 256
"""Half of the requests in flight: 512 lines of at most 65 bytes stay below the 64 KiB of a pipe."""
_MAX_NAME = 512
_PART = 1024 * 1024
LARGE = "large"
"""Kind of an object that is larger than asked for."""

_Answer: TypeAlias = tuple[str, str, bytes]
"""Id, kind, content."""
_Taken = TypeVar("_Taken")


class Batch:
    """The process, started when first asked."""

    def __init__(self, folder: Path, algorithm: str) -> None:
        self._folder = folder
        self._algorithm = algorithm
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._close: Callable[[], object] = lambda: None

    def read(self, oids: Sequence[str], limit: int | None = None) -> list[tuple[str, bytes]]:
        """Kind and content of objects by full id, in order; raises EnvironmentFailedError for a missing one. One of
        more bytes than `limit` is not kept in memory: its kind is `LARGE`, without content."""
        with self._turn:
            return self._ask(oids, limit, self._checked)

    def _checked(self, oid: str, answer: _Answer | None) -> tuple[str, bytes]:
        if answer is None:
            raise EnvironmentFailedError(
                f"object {oid} is not in the repository {self._folder}",
                help="a shallow or partial clone has not all of it: git fetch --unshallow, or clone again",
            )
        _, kind, data = answer
        if kind != LARGE and object_id(kind, data, self._algorithm) != oid:
            raise FormatError(f"object {oid} has another content than its id says")
        return kind, data

    def resolve(self, rev: str) -> str | None:
        """Commit id of a revision, None if there is none."""
        if not rev or len(rev) > _MAX_NAME or not rev.isprintable():
            return None
        with self._turn:
            try:
                (answer,) = self._ask([f"{rev}^{{commit}}"], None, lambda _, answer: answer)
            except EnvironmentFailedError:
                # some malformed revisions end cat-file, no object id does
                if _ID.fullmatch(rev):
                    raise
                return None
        return answer[0] if answer is not None and answer[1] == "commit" else None

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._turn:
            self._stop()

    def _ask(
        self, names: Sequence[str], limit: int | None, take: Callable[[str, _Answer | None], _Taken]
    ) -> list[_Taken]:
        """What `take` makes of each answer. While one portion is read and taken here, git looks up the next."""
        stdin, stdout = self._pipes()
        taken: list[_Taken] = []
        try:
            for begin in range(0, len(names), _PORTION):
                asked = names[begin + _PORTION if begin else 0 : begin + 2 * _PORTION]
                stdin.write("".join([f"{name}\n" for name in asked]).encode())
                stdin.flush()
                taken += [take(name, _answer(stdout, limit)) for name in names[begin : begin + _PORTION]]
            return taken
        except (OSError, EOFError):
            self._stop()
            raise EnvironmentFailedError(
                f"git stopped reading the repository {self._folder}",
                help="a partial clone has not all of it: clone again without --filter; else see what git says: "
                f"git -C {quote(str(self._folder))} fsck",
            ) from None
        except BaseException:
            # between question and answer: the next answer would belong to another question
            self._stop()
            raise

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None or self._owner != os.getpid():
            self._process = start(self._folder, ["cat-file", "--batch"], stderr=subprocess.DEVNULL)
            self._owner = os.getpid()
            self._close = weakref.finalize(self, _end, self._process, self._owner)
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        return stdin, stdout

    def _stop(self) -> None:
        self._close()
        self._process = None


def _answer(stdout: IO[bytes], limit: int | None) -> _Answer | None:
    header = stdout.readline()
    if not header.endswith(b"\n"):
        raise EOFError
    if header.endswith((b" missing\n", b" ambiguous\n")):
        return None
    oid, kind, size = header.decode().split()
    if limit is not None and int(size) > limit:
        left = int(size) + 1
        while left:
            part = len(stdout.read(min(left, _PART)))
            if not part:
                raise EOFError
            left -= part
        return oid, LARGE, b""
    data = stdout.read(int(size) + 1)
    if len(data) != int(size) + 1:
        raise EOFError
    return oid, kind, data[:-1]


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    if owner == os.getpid():
        process.kill()
        process.wait()
