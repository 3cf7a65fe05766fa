"""Git x blob ids -> contents and SHA-256, asked for in batches and kept."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.contract.canonical import MAX_SNAPSHOT, sha256
from runtime.git.inputs import LARGEST as INPUT
from runtime.git.inputs import TOO_LARGE
from runtime.git.interface import Git, TreeFile

REGULAR = "100644"
FILES = frozenset({REGULAR, "100755"})
LARGEST = MAX_SNAPSHOT
"""Bytes of a file of the evidence, at most."""


class Blobs:
    """Contents and digests of blobs, asked of git in batches."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._data: dict[str, bytes] = {}
        self._digests: dict[str, str] = {}
        self._no: set[str] = set()

    def fetch(self, files: Iterable[TreeFile]) -> None:
        """Read many at once, as far as they are files that somebody could have meant as evidence."""
        wanted = {file.oid for file in files if file.mode in FILES and file.oid not in self._data} - self._no
        if wanted:
            found = self._git.readable(wanted, LARGEST)
            self._data.update(found)
            self._no.update(wanted - found.keys())

    def lying(self, commit: str, path: str) -> TreeFile | None:
        """What lies at one path of a commit."""
        folder, _, name = path.rpartition("/")
        return self._git.folder(commit, folder).get(name)

    def evidence(self, file: TreeFile) -> bytes | None:
        """Return a file's content; None for a link, a submodule, a folder that cannot be read, what is no blob or is
        too large: whoever may push can bring them."""
        if file.mode not in FILES:
            return None
        if file.oid not in self._data:
            self.fetch([file])
        return self._data.get(file.oid)

    def data(self, oid: str) -> bytes:
        """Return a blob's content."""
        if oid not in self._data:
            self._data[oid] = self._git.blob(oid)
        return self._data[oid]

    def digest(self, file: TreeFile | None) -> str | None:
        """Return the SHA-256 of a file; one that is no regular file has none that a manifest could name."""
        if file is None:
            return None
        if file.mode != REGULAR:
            return f"mode {file.mode}"
        if file.oid not in self._digests:
            data = self._data.get(file.oid) or self._git.readable([file.oid], INPUT).get(file.oid)
            self._digests[file.oid] = TOO_LARGE if data is None else sha256(data)
        return self._digests[file.oid]
