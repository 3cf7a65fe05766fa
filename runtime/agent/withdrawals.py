"""The branch `approvals` as it is x as it was seen -> a commit that holds both: a withdrawal once seen is obeyed.

Anyone who may push to that branch can remove a file from it. An approval that is gone does not count; a withdrawal that
is gone still does, for every agent that has seen it (plan, section 7, rule 3).

Rules kept: what was seen stays under a ref of the clone, `refs/conductor/approvals`; nothing here believes a signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runtime.contract.errors import FormatError
from runtime.git.interface import Author, Git, TreeFile
from runtime.governance.approvals import MAX_BYTES
from runtime.governance.case import Signed
from runtime.ledger.blobs import FILES

SEEN = "refs/conductor/approvals"
_NOBODY = Author("conductor", "conductor@conductor.invalid")


def with_seen(git: Git, head: str | None, at: datetime) -> str | None:
    """Return a commit with the approvals of `head` and the withdrawals seen before; `head` itself if none is gone."""
    before = git.resolve(SEEN)
    if before is None or before == head:
        gone: Mapping[str, bytes] = {}
    else:
        now = {} if head is None else git.files(head)
        lost = {path: entry for path, entry in git.files(before).items() if now.get(path) != entry}
        gone = {path: data for path, data in _contents(git, lost).items() if _withdraws(data)}
    seen = git.write(head, gone, message="Keep withdrawals that were seen", author=_NOBODY, at=at) if gone else head
    if seen is not None and seen != before:
        git.set_ref(SEEN, seen, old=before)
    return seen


def _contents(git: Git, entries: Mapping[str, TreeFile]) -> dict[str, bytes]:
    blobs = git.readable((entry.oid for entry in entries.values() if entry.mode in FILES), MAX_BYTES)
    return {path: blobs[entry.oid] for path, entry in entries.items() if entry.oid in blobs}


def _withdraws(data: bytes) -> bool:
    try:
        return len(data) <= MAX_BYTES and Signed.from_bytes(data).approval.kind == "withdrawal"
    except FormatError:
        return False
