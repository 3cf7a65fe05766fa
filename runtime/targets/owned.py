"""Paths -> files and folders that only we can have written; everything else is refused, or another content.

Whoever may write beside us could put a pipe that never answers, a link that leads elsewhere, or a file of theirs where
ours was. Rules kept: nothing is opened through a link or waited for; a folder that somebody else owns or may write to
is refused; a file of that kind, a name that is no text, a tree that is too deep is a content that nobody asked for.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from runtime.contract import regular
from runtime.targets.interface import TerminalError, still

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
FOLDER_MODE, FILE_MODE = 0o755, 0o644
MAX_DEPTH = 32
PIECE = 256 * 1024
_ODD = "not as it was written"


class OddError(Exception):
    """What lies there is no file of ours."""


def require_folder(path: Path, *, follow: bool = False) -> None:
    """Raise TerminalError unless the folder is ours alone. `follow`: its name may be a link that a person has set."""
    found = path.stat() if follow else path.lstat()
    if not ours(found) or not stat.S_ISDIR(found.st_mode):
        raise TerminalError(
            f"{path} is not a folder that the agent alone may write to",
            help=f"let the agent's user own it, chmod go-w {quote(str(path))}, and let no link stand in its place",
        )


def ours(found: os.stat_result) -> bool:
    """Whether we own it and nobody else may write to it."""
    return found.st_uid == os.geteuid() and not found.st_mode & OTHERS_WRITE


def read(path: Path, limit: int) -> bytes:
    """The first bytes of a file of ours; raises FileNotFoundError, or OddError for anything else that lies there."""
    with _opened(path) as descriptor:
        return os.read(descriptor, limit)


@contextmanager
def opened_lock(path: Path) -> Iterator[int]:
    """A file to lock, made if it is not there; raises OddError for anything that is none of ours."""
    with _opened(path, os.O_RDWR | os.O_CREAT) as descriptor:
        yield descriptor


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def remove(path: Path) -> None:
    """Take away whatever has this name, a link and not what it leads to."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISDIR(found.st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()


def digests(folder: Path) -> Mapping[str, str]:
    """Path -> SHA-256 of every file in a folder; what is none of ours has a value that no file has."""
    found: dict[str, str] = {}
    if folder.is_symlink() or not folder.is_dir() or not ours(folder.lstat()):
        return {"": _ODD}
    folders = [(str(folder), "", 0)]
    while folders:
        place, prefix, depth = folders.pop()
        with os.scandir(place) as entries:  # thousands of small files: three times faster than by Path
            for entry in entries:
                name = prefix + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
                there = entry.stat(follow_symlinks=False)
                if not ours(there) or (stat.S_ISDIR(there.st_mode) and depth == MAX_DEPTH):
                    found[name] = _ODD
                elif stat.S_ISDIR(there.st_mode):
                    folders.append((entry.path, f"{name}/", depth + 1))
                else:
                    found[name] = digest(Path(entry.path))
    return found


def digest(path: Path, moved: Callable[[], None] = still) -> str:
    """SHA-256 of a file of ours, or a value that no file has; raises FileNotFoundError. `moved` is told each piece."""
    found = hashlib.sha256()
    try:
        with _opened(path) as descriptor:
            while piece := os.read(descriptor, PIECE):
                found.update(piece)
                moved()
    except OddError:
        return _ODD
    return found.hexdigest()


@contextmanager
def _opened(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    try:
        descriptor, there = regular.opened(path, flags)
    except regular.OddFileError:
        raise OddError(str(path)) from None
    try:
        if not ours(there):
            raise OddError(str(path))
        yield descriptor
    finally:
        os.close(descriptor)
