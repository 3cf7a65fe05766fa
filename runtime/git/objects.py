"""Git objects, to bytes and back: trees, commits and object ids (git's own formats, `git help gitformat-*`).

Rules kept: a malformed object is refused (FormatError), above all a tree that could be read in two ways: names out of
order or twice, with a slash, `.`, `..`; a commit with two signatures has none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from runtime.contract.errors import FormatError
from runtime.git.interface import Author, Commit, TreeFile

TREE_MODE = "040000"
FILE_MODE = "100644"
_ENTRY = {20: re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{20})", re.DOTALL)}
_ENTRY[32] = re.compile(rb"([0-7]{5,6}) ([^\0]+)\0(.{32})", re.DOTALL)
_PERSON = re.compile(rb"(?P<who>.*) (?P<time>-?\d{1,20}) [+-]\d{1,9}", re.DOTALL)
_LAST_SECOND = 253402300799
"""The end of the year 9999: a commit says what its maker likes, and nothing is decided by it."""
_TREE_MODES = frozenset({b"40000", b"040000"})
"""git reads both as a folder, though it writes the first only."""
_HASHES = {"sha1": hashlib.sha1, "sha256": hashlib.sha256}
_new = tuple.__new__  # half the time of a named tuple's own constructor, and there are very many
_SIGNATURE_HEADERS = (b"gpgsig", b"gpgsig-sha256")


class TreeEntry(NamedTuple):
    """One entry of one tree, as it stands there: octal mode, name, raw object id."""

    mode: bytes
    name: bytes
    raw: bytes

    @property
    def is_tree(self) -> bool:
        """Whether it is a folder."""
        return self.mode in _TREE_MODES

    @property
    def file(self) -> TreeFile:
        """The entry as the interface shows it."""
        return TreeFile(self.mode.decode().zfill(6), self.raw.hex())

    @property
    def key(self) -> bytes:
        """What git sorts by: folders as if their name ended in a slash."""
        return self.name + b"/" if self.is_tree else self.name


def object_id(kind: str, data: bytes, algorithm: str = "sha1") -> str:
    """Return the id of an object."""
    return _HASHES[algorithm](b"%s %d\0%s" % (kind.encode(), len(data), data), usedforsecurity=False).hexdigest()


def parse_tree(data: bytes, width: int = 20, after: bytes = b"") -> list[TreeEntry]:
    """Read a tree, or the rest of one that follows the key `after`; raises FormatError."""
    found = [_new(TreeEntry, entry) for entry in _ENTRY[width].findall(data)]
    length = width + 2
    if sum([len(entry[0]) + len(entry[1]) for entry in found]) + length * len(found) != len(data):
        raise FormatError("a tree of the repository is malformed")
    last = after
    for entry in found:
        key = entry.name + b"/" if entry.mode in _TREE_MODES else entry.name
        if key <= last:
            raise FormatError(f"a tree of the repository is out of order at {entry.name!r}")
        last = key
        if b"/" in entry.name or entry.name in {b".", b"..", b".git"}:
            raise FormatError(f"a tree of the repository has an entry called {entry.name!r}")
    names = {entry.name for entry in found}
    if len(names) != len(found):
        raise FormatError("a tree of the repository has one name as file and as folder")
    return found


def encode_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Write a tree."""
    ordered = sorted(entries, key=lambda entry: entry.key)
    return b"".join(b"%s %s\0%s" % entry for entry in ordered)


def parse_commit(oid: str, data: bytes) -> Commit:
    """Read a commit; raises FormatError."""
    head, separator, message = data.partition(b"\n\n")
    if not separator:
        head, message = data.removesuffix(b"\n"), b""
    headers = _headers(head)
    try:
        tree = headers[0][1].decode("ascii")
        parents = tuple(value.decode("ascii") for name, value in headers if name == b"parent")
        author = next(value for name, value in headers if name == b"author")
        committer = next(value for name, value in headers if name == b"committer")
        if headers[0][0] != b"tree":
            raise FormatError(f"commit {oid} does not begin with its tree")
    except (StopIteration, IndexError, UnicodeDecodeError):
        raise FormatError(f"commit {oid} is malformed") from None
    by, at = _PERSON.fullmatch(author), _PERSON.fullmatch(committer)
    seconds = 0 if at is None else min(max(int(at["time"]), 0), _LAST_SECOND)
    return Commit(
        oid=oid,
        tree=tree,
        parents=parents,
        author=(author if by is None else by["who"]).decode(errors="replace"),
        committed_at=datetime.fromtimestamp(seconds, tz=UTC),
        message=message.decode(errors="replace"),
        signed=_without_signatures(data, headers),
        signature=_signature(headers, len(oid)),
    )


def encode_commit(
    tree: str, parents: Iterable[str], *, message: str, author: Author, at: datetime, signature: str | None = None
) -> bytes:
    """Write a commit whose author is its committer; `signature` goes where git puts an SSH signature."""
    stamp = f"{_clean(author.name)} <{_clean(author.email)}> {int(at.timestamp())} +0000"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {stamp}", f"committer {stamp}"]
    if signature is not None:
        name = "gpgsig" if len(tree) == 40 else "gpgsig-sha256"
        lines.append(f"{name} " + signature.rstrip("\n").replace("\n", "\n "))
    return "\n".join((*lines, "", message if message.endswith("\n") else message + "\n")).encode()


def _clean(text: str) -> str:
    # what git itself drops from a name (ident.c, `crud`)
    return re.sub(r"[<>\n\0]", "", text).strip(" .,:;\"\\'")


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\n"):
        if line.startswith(b" ") and headers:
            name, value = headers[-1]
            headers[-1] = (name, value + b"\n" + line[1:])
        else:
            name, _, value = line.partition(b" ")
            headers.append((name, value))
    return headers


def _signature(headers: list[tuple[bytes, bytes]], id_length: int) -> str | None:
    wanted = b"gpgsig" if id_length == 40 else b"gpgsig-sha256"
    found = [value for name, value in headers if name in _SIGNATURE_HEADERS]
    if len(found) != 1 or wanted not in dict(headers):
        return None
    return found[0].decode("ascii", errors="replace") + "\n"


def _without_signatures(data: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    if not any(name in _SIGNATURE_HEADERS for name, _ in headers):
        return data
    head, separator, message = data.partition(b"\n\n")
    kept: list[bytes] = []
    skipping = False
    for line in head.split(b"\n"):
        skipping = line.startswith(b" ") if skipping else False
        skipping = skipping or line.split(b" ", 1)[0] in _SIGNATURE_HEADERS
        if not skipping:
            kept.append(line)
    return b"\n".join(kept) + separator + message
