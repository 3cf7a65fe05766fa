"""The genesis that a clone, and the control database, have settled on -> kept, so that no push chooses another one.

Whoever may push to main can let it descend from a genesis of their own. What counts is what was known first (plan,
section 7, rule 7): the first run pins it; another one counts only where somebody says so with `--trust-root`.

Rules kept: one ref of our own, `refs/conductor/trust-root`; beside the ledger's head, one row for the genesis; what was
pinned stays until a person names another genesis.
"""

from __future__ import annotations

from datetime import datetime

from runtime.contract.errors import ConductorError
from runtime.git.interface import Author, Git
from runtime.ledger.head import TRUST_ROOT, Head, HeadStore

PIN = "refs/conductor/trust-root"
_FILE = "trust-root"
_NOBODY = Author("conductor", "conductor@conductor.invalid")
_DIGITS = frozenset("0123456789abcdef")


class OtherGenesisError(ConductorError):
    """What is there starts from another genesis than the one that was pinned."""

    def __init__(self, found: str, *, pinned: str, where: str) -> None:
        super().__init__(
            f"main starts from genesis sha256:{found}, and {where} is pinned to sha256:{pinned}",
            help="somebody has rewritten main, or started it anew: ask, by another way than this repository, which one "
            "holds; --trust-root sha256:… says it, and pins it (conductor explain runbooks/new-genesis)",
        )


def pinned(git: Git) -> str | None:
    """Return the SHA-256 of the genesis that this clone has pinned."""
    commit = git.resolve(PIN)
    file = None if commit is None else git.files(commit).get(_FILE)
    text = "" if file is None else git.blob(file.oid).decode("ascii", errors="replace").strip()
    return text if len(text) == 64 and _DIGITS.issuperset(text) else None


def pin(git: Git, digest: str, at: datetime) -> None:
    """Pin a genesis in this clone."""
    if pinned(git) != digest:
        commit = git.write(None, {_FILE: f"{digest}\n".encode()}, message="Pin the genesis", author=_NOBODY, at=at)
        git.set_ref(PIN, commit, old=git.resolve(PIN))


def settle(heads: HeadStore, repository: str, digest: str, commit: str, *, told: bool) -> None:
    """Pin a genesis beside the ledger's head; raises OtherGenesisError where another one is pinned there.

    `told`: a person named it. Every genesis has a repository id of its own, so a new one has its own row.
    """
    row = repository + TRUST_ROOT
    known = heads.head(row)
    if known is None:
        heads.record(row, Head(0, digest, commit))
    elif known.digest != digest and told:
        heads.record(row, Head(known.sequence + 1, digest, commit))
    elif known.digest != digest:
        raise OtherGenesisError(digest, pinned=known.digest, where="the control database")
