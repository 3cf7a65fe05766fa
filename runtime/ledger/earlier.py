"""A commit up to which somebody has verified a ledger -> what that says of the files under `evidence/`.

Where all was sound, each file of the evidence lies where it was brought, as it was brought, and the ledger names it: so
its tree says nearly all that a replay remembers, and is asked file by file. What it does not say stands in `odd`.
Rules kept: nothing is listed or walked; what is looked up is hashed wherever its SHA-256 is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from runtime.git.interface import TreeFile
from runtime.ledger.blobs import Blobs
from runtime.ledger.entry import LEDGER, Entry, path_of


class Lies(NamedTuple):
    """What a replay remembers of a path: whether the ledger names it, the SHA-256 that it says lies there (None: as
    found), and the blobs that were brought there (of no entry)."""

    named: bool
    digest: str | None
    blobs: tuple[str, ...]


NOTHING = Lies(named=False, digest=None, blobs=())


def implied(blobs: Blobs, path: str, file: TreeFile | None) -> Lies:
    """What follows from a file that lies in a tree in which all is sound."""
    if file is None:
        return NOTHING
    if path.startswith(LEDGER):
        return Lies(named=True, digest=blobs.digest(file), blobs=())
    return Lies(named=True, digest=None, blobs=(file.oid,))


@dataclass(frozen=True)
class Counts:
    """How much there was: entries by kind, emergencies that are settled, withdrawals that kept a change out, entries
    that rest on an agent's word that a gap is real."""

    kinds: Mapping[str, int]
    emergencies: int
    withdrawals: int
    after_gap: int

    @property
    def entries(self) -> int:
        """All of them."""
        return sum(self.kinds.values())


@dataclass(frozen=True)
class Earlier:
    """What is not read again. `at` is when it was verified, `whole` when a ledger was last verified from its genesis,
    and up to which entry; `entries` are those that later ones are told beside."""

    blobs: Blobs
    commit: str
    odd: Mapping[str, Lies]
    strays: frozenset[str]
    """Blobs that somebody brought as files of the ledger, and that are none of its entries."""
    sha256: str
    head: str
    at: datetime
    whole: tuple[datetime, int]
    taken: int
    counts: Counts
    entries: tuple[Entry, ...]

    def at_path(self, path: str) -> Lies:
        """What is remembered of a path."""
        known = self.odd.get(path)
        return implied(self.blobs, path, self.file(path)) if known is None else known

    def file(self, path: str) -> TreeFile | None:
        """What lies there, in the tree."""
        return self.blobs.lying(self.commit, path)

    def has(self, entry: Entry) -> bool:
        """Whether an entry is one of the ledger's."""
        return self.at_path(path_of(entry.position, entry.kind, entry.digest)).digest == entry.digest
