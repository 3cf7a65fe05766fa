"""A stream of bytes -> one file in the age format that only the declared recipients can read, and a record of it.

    <folder>/<name>-<intent>.sql.age    mode 0600; the stream, encrypted (https://age-encryption.org/v1); where there is
                                        one of that name, <name>-<intent>.1.sql.age, and so on
    <folder>/<name>.json                which of them is the last, its SHA-256 and size, and what it holds

Rules kept: clear text never touches the disk; a file has its name only once it is complete, forced to disk, read back
with the digest that was written, and its header has a stanza for each recipient; a file that is there is never
replaced, whosever it is, as where two repositories share a folder. The record is: it names the last one.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from pyrage import EncryptError, RecipientError, encrypt_io, x25519

from runtime.contract.canonical import JSON, decode, encode
from runtime.contract.errors import FormatError
from runtime.targets import owned
from runtime.targets.config import ArchiveConfig
from runtime.targets.disk import disk
from runtime.targets.interface import RetryableError, TerminalError, still
from runtime.whole import replace, sync

MAX_RECORD = 16 * 1024 * 1024
MOST_OF_AN_INTENT = 100
_VERSION = b"age-encryption.org/v1\n"
_STANZA = b"-> X25519 "
_MAC = b"--- "
_MAX_LINE, _MAX_LINES = 256, 4096
_NAME = re.compile(r"[a-z0-9_-]+")


class Stream:
    """Pieces of bytes, read as from a file. What their maker raises is raised again by `check`: the encryption, which
    is not Python, only says that it could not read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = b""
        self._error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes, none at the end."""
        try:
            while not self._left:
                self._left = next(self._pieces)
        except StopIteration:
            return b""
        except Exception as error:
            self._error = error
            raise
        size = len(self._left) if size < 0 else size
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def check(self) -> None:
        """Raise what reading has raised."""
        if self._error is not None:
            raise self._error


class _Counted:
    """A file that is written, with its digest."""

    def __init__(self, file: BinaryIO, moved: Callable[[], None]) -> None:
        self._file = file
        self._moved = moved
        self.digest = sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self.digest.update(data)
        self.size += len(data)
        self._moved()
        return len(data)

    def flush(self) -> None:
        self._file.flush()


@dataclass(frozen=True)
class Kept:
    """A file that is there: its name in the folder, SHA-256 and size."""

    file: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Archives:
    """The folder of a target's archives."""

    config: ArchiveConfig
    moved: Callable[[], None] = still
    """Told of each piece that is written or read back, which takes as long as an archive is large."""

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return Path(self.config.folder.removeprefix("file:"))

    def write(self, name: str, intent: int, stream: Stream) -> Kept:
        """Encrypt a stream into a file of its own; raises what the stream raises, and keeps nothing then."""
        what = f"{_safe(name)}-{intent:09d}"
        partial = self.folder / f".{what}.{token_hex(4)}.partial"
        with disk(f"archive {name}"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            owned.require_folder(self.folder, follow=True)
            for left in self.folder.glob(f".{name}-*.partial"):  # of agents that were killed
                left.unlink(missing_ok=True)
            try:
                written = self._encrypted(partial, stream)
                digest = written.digest.hexdigest()
                self._read_back(partial, what, digest)
                file = self._named(partial, what)
            finally:
                partial.unlink(missing_ok=True)
            sync(self.folder)
        return Kept(file, digest, written.size)

    def _named(self, partial: Path, what: str) -> str:
        """Give a file a name that no other has: a link, unlike a rename, is never put over anything."""
        for attempt in range(MOST_OF_AN_INTENT):
            file = f"{what}.{attempt}.sql.age" if attempt else f"{what}.sql.age"
            try:
                os.link(partial, self.folder / file)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
                    raise TerminalError(
                        f"{self.folder} lies on a file system without hard links, so an archive could replace another",
                        help="let `archive.folder` of the target name a folder on another one",
                    ) from None
                raise
            return file
        raise TerminalError(
            f"there are {MOST_OF_AN_INTENT} archives {what} already",
            help="let `archive.folder` of the target name a folder of its own",
        )

    def intact(self, file: str, digest: str) -> bool:
        """Whether a file is there, byte for byte."""
        with disk(f"archive {file}"):
            return self._digest(self.folder / file) == digest

    def remember(self, name: str, record: Mapping[str, JSON]) -> None:
        """Write down what the last archive of this name is."""
        with disk(f"archive {name}"):
            replace(self.folder / f"{_safe(name)}.json", encode(dict(record)), durable=True)

    def record(self, name: str) -> Mapping[str, JSON] | None:
        """What was written down; None if nothing was, or if its file is not there in its whole length."""
        with disk(f"archive {name}"):
            try:
                data = owned.read(self.folder / f"{_safe(name)}.json", MAX_RECORD + 1)
                match decode(data) if len(data) <= MAX_RECORD else None:
                    case {"file": str(file_name), "size": int(size), "sha256": str(), **rest} as record:
                        del rest
                        there = self.folder / Path(file_name).name
                        return record if there.is_file() and there.stat().st_size == size else None
            except (FileNotFoundError, FormatError, owned.OddError):
                pass
        return None

    def _encrypted(self, place: Path, stream: Stream) -> _Counted:
        try:
            recipients = [x25519.Recipient.from_str(recipient) for recipient in self.config.recipients]
        except RecipientError:
            raise TerminalError(
                "an archive cannot be encrypted: one of the target's recipients is no age recipient",
                help="set `archive.recipients` right in spec/targets/",
            ) from None
        with _new(place) as file:
            written = _Counted(file, self.moved)
            try:
                encrypt_io(stream, written, recipients)
            except (EncryptError, OSError) as error:
                stream.check()
                raise RetryableError(f"an archive cannot be encrypted: {error}", after=60) from None
        sync(place)
        return written

    def _read_back(self, place: Path, what: str, digest: str) -> None:
        """Refuse what is not on the disk as it was written, or not for whom it was meant."""
        if self._digest(place) != digest:
            raise RetryableError(f"archive {what} reads back otherwise than it was written: is the disk broken?")
        found, wanted = stanzas(place), len(self.config.recipients)
        if found != wanted:
            raise TerminalError(f"archive {what} is for {found} recipients, and {wanted} are declared")

    def _digest(self, place: Path) -> str | None:
        try:
            return owned.digest(place, self.moved)
        except FileNotFoundError:
            return None


def stanzas(place: Path) -> int | None:
    """How many recipients the header of an age file has; None if it is none."""
    with place.open("rb") as file:
        if file.readline(_MAX_LINE) != _VERSION:
            return None
        count = 0
        for _ in range(_MAX_LINES):
            line = file.readline(_MAX_LINE)
            count += line.startswith(_STANZA)
            if line.startswith(_MAC):
                return count
    return None


def _new(place: Path) -> BinaryIO:
    """A file that was not there, for its owner alone."""
    return os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "wb")


def _safe(name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise TerminalError(f"{name!r} is no name for an archive")
    return name
