"""Actions -> outcomes: performs them stage by stage, or tells from what is observed which of them were done.

Rules kept: before each action the lock is checked; a failed action stops later stages of its tenant, and everybody's
if it is nobody's; what a stage has done is looked at again, and what is not so any more has failed; each action has
exactly one outcome; a failure is told with the target's own words and with what a next attempt should wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from runtime.agent.diff import Attributes, Diff
from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError, EnvironmentFailedError
from runtime.contract.objects import ABSENCE, Action, ObjectId, Operation
from runtime.contract.predicates import Outcome
from runtime.targets.interface import RetryableError, Target, TerminalError

ENVIRONMENT_AFTER = 60
"""Seconds before an action is tried again that failed because something around the agent was missing."""


UNDONE_AFTER = 60
"""Seconds before an action is tried again that somebody undid at once."""


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
    failed: list[tuple[int, Action]] = []
    stopped = False
    for _, stage in Diff(tuple(todo)).stages():
        first = len(outcomes)
        for action in stage:
            index = len(outcomes)
            stopped = stopped or stopping()
            if (why := "the agent was asked to stop" if stopped else _in_the_way(action, failed)) is not None:
                outcomes.append(Outcome(index=index, outcome="not-tried", message=why))
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
        outcomes[first:] = _looked_at(stage, outcomes[first:], targets)
        failed += [
            (item.index, action)
            for action, item in zip(stage, outcomes[first:], strict=True)
            if item.outcome == "failed"
        ]
    return tuple(outcomes)


def _in_the_way(action: Action, failed: Sequence[tuple[int, Action]]) -> str | None:
    """Why an action is not tried after these of earlier stages: its tenant's own, or nobody's that was to be made."""
    for index, earlier in failed:
        if earlier.tenant == action.tenant or (earlier.tenant is None and earlier.operation is not Operation.DELETE):
            return f"action {index} of an earlier wave failed"
    return None


def _looked_at(
    stage: Sequence[Action], outcomes: Sequence[Outcome], targets: Mapping[str, Target]
) -> Iterator[Outcome]:
    """The outcomes of a stage, with those as failed that somebody has undone already; a target that cannot be looked
    at says nothing against what it has just done."""
    done = [action.id for action, item in zip(stage, outcomes, strict=True) if item.outcome == "done"]
    seen: dict[str, Mapping[ObjectId, Attributes]] = {}
    for name in {found.target for found in done}:
        with suppress(ConductorError):
            seen[name] = targets[name].observe([found for found in done if found.target == name])
    for action, item in zip(stage, outcomes, strict=True):
        there = seen.get(action.id.target)
        if item.outcome == "done" and there is not None and there.get(action.id) != action.after:
            facts = {**item.facts, "retry_after_seconds": UNDONE_AFTER}
            message = f"{action.id} was made as it should be, and is not so any more"
            yield Outcome(index=item.index, outcome="failed", message=message, facts=facts)
        else:
            yield item


def found(
    todo: Sequence[Action], observed: Mapping[ObjectId, Attributes], noted: Mapping[int, Mapping[str, JSON]]
) -> tuple[Outcome, ...]:
    """Tell what became of the actions of an intent whose agent never said: done is what is as it was meant to be, but
    for a proof of absence, which is only done if what was found is known; `noted` is what that agent had measured."""
    return tuple(
        Outcome(
            index=index,
            outcome="done",
            message="found done by looking again",
            facts={**noted.get(index, {}), "observed": True},
        )
        if observed.get(action.id) == action.after and (action.id.type != ABSENCE or index in noted)
        else Outcome(index=index, outcome="not-tried", message="the agent stopped, and it was not found done")
        for index, action in enumerate(todo)
    )


def retry_after(outcomes: Sequence[Outcome]) -> int | None:
    """Seconds that the failures among them ask to wait; None if one of them needs a person, 0 if none failed."""
    waits = [item.facts.get("retry_after_seconds") for item in outcomes if item.outcome == "failed"]
    if None in waits:
        return None
    return max((0, *(wait for wait in waits if isinstance(wait, int))))


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
