"""The branch `approvals` as it is x as it was seen -> a commit that holds both: a withdrawal once seen is obeyed.

Anyone who may push to that branch can remove a file from it. An approval that is gone does not count; a withdrawal that
is gone still does, for every agent that has seen it (plan, section 7, rule 3).

Rules kept: what was seen stays under a ref of the clone, `refs/conductor/approvals`; nothing here believes a signature;
only folders of changes are opened, one that many changes have in common once, and of a withdrawal only the folder of
the change that it speaks of counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runtime.contract.manifest import SHA256
from runtime.git.interface import Author, Git
from runtime.governance.approvals import statements_in

SEEN = "refs/conductor/approvals"
_NOBODY = Author("conductor", "conductor@conductor.invalid")


def with_seen(git: Git, head: str | None, at: datetime) -> str | None:
    """Return a commit with the approvals of `head` and the withdrawals seen before; `head` itself if none is gone."""
    before = git.resolve(SEEN)
    gone = {} if before is None or before == head else _gone(git, before, head)
    seen = _with(git, head, gone, at) if gone else head
    if seen is not None and seen != before:
        git.set_ref(SEEN, seen, old=before)
    return seen


def _gone(git: Git, before: str, head: str | None) -> dict[str, bytes]:
    """The withdrawals that were there before and are not now."""
    now = {} if head is None else git.folder(head)
    changed = {
        name: file.oid for name, file in git.folder(before).items() if SHA256.fullmatch(name) and now.get(name) != file
    }
    gone: dict[str, bytes] = {}
    for oid, like in {oid: name for name, oid in changed.items()}.items():
        folder = git.folder(before, like)
        for name, signed in statements_in(git, folder).items():
            change = signed.change or ""
            if signed.approval.kind == "withdrawal" and changed.get(change) == oid:
                here = {} if head is None else git.folder(head, change)
                if here.get(name) != folder[name]:
                    gone[f"{change}/{name}"] = signed.envelope.data
    return gone


def _with(git: Git, head: str | None, gone: Mapping[str, bytes], at: datetime) -> str:
    """A commit with these files beside what can be read of `head`."""
    there = {} if head is None else git.folder(head)
    folders = {path.partition("/")[0] for path in gone} & there.keys()
    unreadable = [name for name in folders if head is not None and not git.folder(head, name)]
    base = head if there else None
    return git.write(base, gone, message="Keep withdrawals that were seen", author=_NOBODY, at=at, remove=unreadable)
