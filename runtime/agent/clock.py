"""This machine's clock x where the ledger's stands -> whether to write at all, and what may be taken.

Rules kept: an agent writes nothing where its clock is further ahead of the last sound entry than governance allows,
unless two people have signed what it takes that late, or whoever started it says that the gap is real; then it mends,
tells, and takes nothing that nobody vouches for, because everybody who reads the ledger would say that it took nothing.
What it writes only because it was told so says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from runtime.agent.decide import Decision, Nothing, Take
from runtime.agent.state import State
from runtime.agent.world import World
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.instant import after, text
from runtime.governance.clock import allowed, limit

_NEAR = timedelta(minutes=1)


class ClockGapError(EnvironmentFailedError):
    """Nobody vouches for the time that this machine's clock says."""


def in_time(world: World, state: State, decision: Decision) -> Decision:
    """What of a decision may be done now: nothing is taken whose time nobody vouches for. Raises ClockGapError."""
    at = state.tip.moment(world.clock())
    approvals = decision.approvals if isinstance(decision, Take) else ()
    if at <= limit(state.history.governance, state.tip.time, approvals):
        return decision
    require_step(world, state)
    return Nothing(decision.pending) if isinstance(decision, Take) else decision


def require_step(world: World, state: State) -> None:
    """Raise ClockGapError where an entry would run ahead, and nobody said that it may."""
    at = state.tip.moment(world.clock())
    if world.after_gap or _needs_no_word(state, at):
        return
    gap, most = at - state.tip.time, allowed(state.history.governance)
    raise ClockGapError(
        f"this machine's clock says {text(at)}, {_days(gap)} after the ledger's last sound time, "
        f"{text(state.tip.time)}; {_days(most)} are allowed: a heartbeat, and `clock_gap_seconds` of approvals.yaml",
        help="if the clock is wrong, set it. If no agent was at work for so long, let two people approve a change "
        "(again): that vouches for the time. Or start with --after-gap: it mends and tells, and takes what is approved "
        "from then on",
    )


def marking(world: World, state: State) -> World:
    """The world in which what is written says that only `--after-gap` let it be, if so it is."""
    told = world.after_gap and not _needs_no_word(state, state.tip.moment(world.clock()))
    return replace(world, writer=replace(world.writer, after_gap=told))


def unvouched(wanted: Decision, decision: Decision) -> tuple[str, ...]:
    """Why what could be taken was not, where that is for want of somebody who vouches for the time."""
    if decision is wanted or not isinstance(wanted, Take):
        return ()
    digest = wanted.change.digest[:12]
    return (
        f"change {digest} has its approvals, and nobody vouches for this clock's time: approve it anew, two of you",
    )


def in_step(state: State, at: datetime) -> bool:
    """Whether a time is near enough to the last sound one."""
    return at <= limit(state.history.governance, state.tip.time, ())


def _needs_no_word(state: State, at: datetime) -> bool:
    return in_step(state, at) or _in_step_with_the_last(state, at)


def _in_step_with_the_last(state: State, at: datetime) -> bool:
    """Whether the last entry has run ahead already, and this follows it: the gap is in the ledger then."""
    last = state.tip.latest
    return last > state.tip.time and after(last, -_NEAR) <= at <= after(last, allowed(state.history.governance))


def _days(length: timedelta) -> str:
    return f"{length.days} days" if length >= timedelta(days=2) else f"{int(length.total_seconds()) // 3600} hours"
