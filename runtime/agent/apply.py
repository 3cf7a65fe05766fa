"""Actions -> outcomes: performs them stage by stage, or tells from what is observed which of them were done.

Rules kept: before each action the lock is checked; a failed stage stops the next; each action has exactly one outcome;
a failure is told with the target's own words and with what a next attempt should wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from runtime.agent.diff import Attributes, Diff
from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError, EnvironmentFailedError
from runtime.contract.objects import Action, ObjectId
from runtime.contract.predicates import Outcome
from runtime.targets.interface import RetryableError, Target, TerminalError

ENVIRONMENT_AFTER = 60
"""Seconds before an action is tried again that failed because something around the agent was missing."""


class LockLostError(RetryableError):
    """The control database no longer says that this agent may act."""


def perform(
    todo: Sequence[Action],
    targets: Mapping[str, Target],
    *,
    intent: int,
    held: Callable[[], bool],
    stopping: Callable[[], bool],
    at: Callable[[str], None],
    note: Callable[[int, Mapping[str, JSON]], None],
) -> tuple[Outcome, ...]:
    """Do what can be done; raises LockLostError as soon as another agent may be acting. `note` is told what was
    measured, action by action."""
    outcomes: list[Outcome] = []
    stopped: str | None = None
    for _, stage in Diff(tuple(todo)).stages():
        for action in stage:
            index = len(outcomes)
            if stopped is None and stopping():
                stopped = "the agent was asked to stop"
            if stopped is not None:
                outcomes.append(Outcome(index=index, outcome="not-tried", message=stopped))
                continue
            if not held():
                raise LockLostError(
                    "the lock in the control database was lost",
                    help="whoever holds it now closes the open intent by looking again",
                )
            step = f"action {index} {action.operation} {action.id}"
            at(f"before {step}")
            outcomes.append(_one(index, action, targets[action.id.target], intent))
            note(index, outcomes[-1].facts)
            at(f"after {step}")
        failed = [item for item in outcomes if item.outcome == "failed"]
        if failed and stopped is None:
            stopped = f"action {failed[0].index} of an earlier wave failed"
    return tuple(outcomes)


def found(
    todo: Sequence[Action], observed: Mapping[ObjectId, Attributes], noted: Mapping[int, Mapping[str, JSON]]
) -> tuple[Outcome, ...]:
    """Tell what became of the actions of an intent whose agent never said: done is what is as it was meant to be;
    `noted` is what that agent had measured."""
    return tuple(
        Outcome(
            index=index,
            outcome="done",
            message="found done by looking again",
            facts={**noted.get(index, {}), "observed": True},
        )
        if observed.get(action.id) == action.after
        else Outcome(index=index, outcome="not-tried", message="the agent stopped, and it was not found done")
        for index, action in enumerate(todo)
    )


def retry_after(outcomes: Sequence[Outcome]) -> int | None:
    """Seconds that the failures among them ask to wait; None if one of them needs a person, 0 if none failed."""
    waits = [item.facts.get("retry_after_seconds") for item in outcomes if item.outcome == "failed"]
    if None in waits:
        return None
    return max((wait for wait in waits if isinstance(wait, int)), default=0)


def _one(index: int, action: Action, target: Target, intent: int) -> Outcome:
    facts: Mapping[str, JSON]
    try:
        facts = target.perform(action, intent=intent)
    except RetryableError as error:
        return _failed(index, error, {"retry_after_seconds": max(1, int(error.after))})
    except TerminalError as error:
        return _failed(index, error, {})
    except EnvironmentFailedError as error:
        return _failed(index, error, {"retry_after_seconds": ENVIRONMENT_AFTER})
    return Outcome(index=index, outcome="done", facts=dict(facts))


def _failed(index: int, error: ConductorError, facts: dict[str, JSON]) -> Outcome:
    return Outcome(index=index, outcome="failed", message=error.message, facts=facts)
