"""Bytes of YAML files -> their values, from one run of `check` to the next (ADR 0100).

One file a repository, below the user's cache folder: a line about the whole, then a line a value, by the SHA-256 of the
bytes it was read from. Rules kept:

- only `check` of a work tree asks it; what is built, planned, approved, taken or verified is read from the files;
- a file in which a secret may stand is not kept: a mistake is not copied to a second place;
- a cache that others than its user have a hand in, as whoever wrote what is checked has where it lies in the checkout,
  is left alone (`compiler.own_cache`); of what lies there only what was written here is ever removed;
- what is not ours alone (another's, open to others, a link), not whole, or of another reader of YAML counts as nothing,
  and so does what cannot be read or written; it holds what the last tree held, and nothing else;
- nodes, and so every finding's place, are read from the file, and a value that is not theirs is found out then.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from compiler import own_cache
from compiler.secrets import worth_a_look
from compiler.values import reader
from runtime.contract import regular
from runtime.contract.canonical import JSON
from runtime.whole import replace

MOST_BYTES = 64 * 1024 * 1024
DAYS = 30
"""After which a repository that nobody checks is forgotten."""
_SUFFIX, _UNFINISHED = ".values", ".tmp"


class Remembered:
    """Values by the bytes they were read from. Those asked for or noted since the start are kept, and no others."""

    def __init__(
        self, lines: Mapping[bytes, bytes] | None = None, values: Mapping[bytes, dict[str, JSON]] | None = None
    ) -> None:
        self._before = lines or {}
        self._earlier = values or {}
        self._now: dict[bytes, dict[str, JSON]] = {}

    def anew(self) -> Remembered:
        """Return what remembers the values that were asked for or noted here, for another look at the tree."""
        return Remembered(values=self._now)

    def get(self, data: bytes) -> dict[str, JSON] | None:
        """Return the value of these bytes."""
        key = _key(data)
        value = self._now.get(key)
        if value is None and (value := self._earlier.get(key)) is not None:
            self._now[key] = value
        if value is None and (line := self._before.get(key)) is not None:
            with suppress(ValueError, RecursionError):
                read = json.loads(line)
                if isinstance(read, dict):
                    value = self._now[key] = read
        return value

    def put(self, data: bytes, value: dict[str, JSON]) -> None:
        """Note the value of these bytes, unless a secret may stand in them."""
        if not worth_a_look(data.decode()):
            self._now[_key(data)] = value

    @property
    def lines(self) -> dict[bytes, bytes] | None:
        """What is to be kept; None if it is what was there."""
        if self._now.keys() == self._before.keys():
            return None
        return {
            key: self._before.get(key) or json.dumps(value, separators=(",", ":")).encode()
            for key, value in self._now.items()
        }


def place(repo: Path) -> Path | None:
    """Where the values of a repository are kept; None where there is no such place, or none to be believed, or nothing
    tells who reads YAML."""
    # RuntimeError: somebody without a home; OSError: modules without their source
    with suppress(OSError, RuntimeError, own_cache.UnfitCacheError):
        reader()
        name = hashlib.sha256(os.fsencode(repo.resolve())).hexdigest()[:32]
        return own_cache.fit(folder(), repo) / f"{name}{_SUFFIX}"
    return None


def folder() -> Path:
    """Where those of every repository are kept."""
    return own_cache.place("values")


def recall(file: Path) -> Remembered:
    """Read what was kept."""
    data = b""
    with suppress(OSError, regular.OddFileError):
        descriptor, status = regular.opened(file)
        try:
            ours = status.st_uid == os.geteuid() and not status.st_mode & 0o077
            data = regular.content(descriptor, status, MOST_BYTES) if ours and status.st_size <= MOST_BYTES else b""
        finally:
            os.close(descriptor)
    head, _, body = data.partition(b"\n")
    if not body or head != _head(body):
        return Remembered()
    parts = (line.partition(b" ") for line in body.split(b"\n"))
    return Remembered({key: value for key, _, value in parts})


def keep(file: Path, remembered: Remembered) -> None:
    """Write what is to be kept, in one step; nothing if that is what was there, or too much."""
    lines = remembered.lines
    if lines is None:
        return
    body = b"\n".join(b"%s %s" % item for item in lines.items())
    if len(body) > MOST_BYTES:
        return
    with suppress(OSError):
        own_cache.make(file.parent)
        _forget(file.parent)
        replace(file, _head(body) + b"\n" + body, prefix=_UNFINISHED)


def _forget(folder: Path) -> None:
    """Remove what we have not written for long, also what was left half done; nothing else that may lie there."""
    now = time.time()
    for path in folder.iterdir():
        if path.suffix != _SUFFIX and not path.name.startswith(_UNFINISHED):
            continue
        status = path.lstat()
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
        if ours and now - status.st_mtime > DAYS * 86_400:
            path.unlink()


def _key(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _head(body: bytes) -> bytes:
    """The line about the whole: it names the form, who reads YAML, and the rest."""
    return b"conductor-values-1 %s %s" % (reader().encode(), _key(body))
