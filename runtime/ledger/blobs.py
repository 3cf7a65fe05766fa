"""Git x blob ids -> contents and SHA-256, asked for in batches and kept."""

from __future__ import annotations

from collections.abc import Iterable

from runtime.contract.canonical import sha256
from runtime.git.interface import Git, TreeFile

REGULAR = "100644"


class Blobs:
    """Contents and digests of blobs, asked of git in batches."""

    def __init__(self, git: Git) -> None:
        self._git = git
        self._data: dict[str, bytes] = {}
        self._digests: dict[str, str] = {}

    def fetch(self, oids: Iterable[str]) -> None:
        """Read many at once."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._data]
        self._data.update(self._git.blobs(wanted) if wanted else {})

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
            self._digests[file.oid] = sha256(self.data(file.oid))
        return self._digests[file.oid]
