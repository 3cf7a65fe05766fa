"""The ledger's head, kept outside git: a remote that does not extend it is refused, one that is behind is caught up.

Rules kept: what is recorded is what the remote has acknowledged; a file is replaced whole, and lasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runtime.contract.canonical import decode, encode
from runtime.contract.errors import EnvironmentFailedError, FormatError
from runtime.whole import replace

TAKEN, TRUST_ROOT = "/taken", "/trust-root"
"""Ends of the names of the rows beside a repository's own: the verdict that was taken last, and the pinned genesis."""


@dataclass(frozen=True)
class Head:
    """The last entry that the remote is known to hold (0 and the genesis before any), and a commit that has it."""

    sequence: int
    digest: str
    commit: str


class HeadStore(Protocol):
    """Where it is kept: the control database, or a file outside the clone."""

    def head(self, repository: str) -> Head | None:
        """Return the head as last recorded."""
        ...

    def record(self, repository: str, head: Head) -> None:
        """Record the head."""
        ...


def carry(known: HeadStore, to: HeadStore, repository: str) -> None:
    """Let another place remember what this one does; raises where that one knows more."""
    for beside in ("", TAKEN, TRUST_ROOT):
        if (head := known.head(repository + beside)) is not None:
            to.record(repository + beside, head)


@dataclass(frozen=True)
class HeadFile:
    """One file for one agent, repository by repository."""

    path: Path

    def head(self, repository: str) -> Head | None:
        """Read it; raises EnvironmentFailedError for a file that is none of ours."""
        match self._read().get(repository):
            case {"sequence": int(sequence), "digest": str(digest), "commit": str(commit)}:
                return Head(sequence, digest, commit)
        return None

    def record(self, repository: str, head: Head) -> None:
        """Replace the file."""
        value = self._read()
        value[repository] = {"sequence": head.sequence, "digest": head.digest, "commit": head.commit}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace(self.path, encode(value), durable=True)
        except OSError as error:
            raise self._failed(str(error.strerror)) from None

    def _read(self) -> dict[str, object]:
        try:
            value = decode(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, FormatError) as error:
            raise self._failed(str(error)) from None
        if not isinstance(value, dict):
            raise self._failed("it holds something else")
        return value

    def _failed(self, why: str) -> EnvironmentFailedError:
        return EnvironmentFailedError(
            f"the ledger's head cannot be kept in {self.path}: {why}",
            help="let `ledger_head` of the Agent name a file that the agent may read and write, outside the clone",
        )
