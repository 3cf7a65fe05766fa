"""State of a replay x a commit -> main's line from P to there, and whether an entry may stand on it.

Where the ledger is on main, whoever makes an entry's commit chooses its parent. Rules kept: what main was then is asked
of a line through P and through the commit that brought the last entries, never of first parents alone; a commit that
does not come after those entries stands on a main that they have seen left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.git.interface import FileChange
from runtime.git.onward import onward
from runtime.ledger.line import Place, inputs_of

if TYPE_CHECKING:
    from runtime.ledger.replaying import Replaying


def line_to(state: Replaying, head: str) -> list[tuple[str, tuple[FileChange, ...]]] | None:
    """Main's line from P to a head, and what it does to the inputs; None where that does not lead on from P."""
    start = _since(state, head, state.commit)
    if start is not None and (state.stands is None or _since(state, head, state.stands) is not None):
        return state.line[start + 1 :]
    if state.git.resolve(head) != head:
        return None
    steps = onward(state.git, state.commit, head, through=state.stands)
    return None if steps is None else list(inputs_of(steps))


def leads(state: Replaying, place: Place) -> bool:
    """Whether a commit comes after the one that brought the last entries."""
    before, parent = state.stands, place.parent
    if before is None or parent is None or _since(state, parent, before) is not None:
        return True
    return state.git.is_ancestor(before, parent)


def _since(state: Replaying, head: str, start: str) -> int | None:
    """Where `start` is on the line, if that leads on from there by first parents, as far as it has come, to `head`."""
    at = state.index.get(start)
    return at if state.line and head == state.line[-1][0] and at is not None and at >= state.straight else None
