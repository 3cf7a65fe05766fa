"""The agent killed with SIGKILL before and after every action and every push, and started again.

One tenant is created, altered and suspended for every step that an undisturbed agent passes: at each, the agent of one
tenant is killed. What it left must be finished by the next one: same attributes, one result for each intent, every
action reported done once, and done once by the server's own log.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest

from runtime.contract.statement import Intent, Result
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.installation import Installation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

_LOGGED = {
    "role": re.compile(r'app=conductor intent \d+ .*statement: ALTER ROLE "(t_\w+)" (?:NO)?LOGIN'),
    "schema": re.compile(r'app=conductor intent \d+ .*statement: CREATE SCHEMA "(t_\w+)"'),
    "grants": re.compile(r'app=conductor intent \d+ .*statement: GRANT USAGE ON SCHEMA "(t_\w+)"'),
}

Step = Callable[[Installation, str], object]
STEPS: dict[str, Step] = {
    "create": lambda where, name: where.tenant(name),
    "change": lambda where, name: where.tenant(name, connection_limit=12),
    "suspend": lambda where, name: where.tenant(name, state="suspended"),
}


@pytest.mark.parametrize("what", STEPS)
def test_killed_at_any_step_the_next_agent_finishes_and_tells_it_once(
    what: str, where: Installation, agents: Agents, postgres: EmbeddedPostgres
) -> None:
    begin(where, agents, what, "model")
    STEPS[what](where, "model")
    undisturbed = agents.once(where)
    assert undisturbed.answer["error"] is None
    assert {step.split()[0] for step in undisturbed.steps} == {"locked", "before", "after"}
    names = [f"killed-at-{number}" for number in range(1, len(undisturbed.steps) + 1)]
    begin(where, agents, what, *names)
    for number, (step, name) in enumerate(zip(undisturbed.steps, names, strict=True), start=1):
        STEPS[what](where, name)
        since, logged = where.history().tip.sequence, done_in_log(postgres)
        killed = agents.once(where, kill_at=number)
        assert killed.state == "killed", step
        assert len(killed.steps) == number
        after = agents.again(where)
        assert (after.answer["error"], after.answer["failed"]) == (None, False), step
        told = done_in_ledger(where, since)
        assert set(told.values()) == {1}, step
        assert told.pop(("release", "current")) == 1
        assert told == done_in_log(postgres) - logged, step
    assert agents.once(where).answer["entries"] == [], "what is there is what is asked for"
    assert where.history().findings == ()
    assert_one_result_each(where)


def begin(where: Installation, agents: Agents, what: str, *names: str) -> None:
    """What comes before the step is done by an undisturbed agent."""
    if what != "create":
        where.tenant(*names)
        assert agents.once(where).answer["error"] is None


def done_in_ledger(where: Installation, since: int) -> Counter[tuple[str, str]]:
    """How often each object's action was reported done after an entry."""
    done: Counter[tuple[str, str]] = Counter()
    intent: Intent | None = None
    for entry in where.history().entries:
        match entry.predicate:
            case Intent() as intent:
                pass
            case Result() as result if intent is not None and entry.sequence > since:
                done.update(
                    (action.type, action.name)
                    for action, outcome in zip(intent.actions, result.outcomes, strict=True)
                    if outcome.outcome == "done"
                )
            case _:
                pass
    return done


def done_in_log(postgres: EmbeddedPostgres) -> Counter[tuple[str, str]]:
    """How often the server carried out each object's action."""
    log = postgres.log.read_text()
    return Counter((kind, name) for kind, pattern in _LOGGED.items() for name in pattern.findall(log))


def assert_one_result_each(where: Installation) -> None:
    """Every intent has exactly one result, right after it."""
    history = where.history()
    intents = [entry.digest for entry in history.entries if isinstance(entry.predicate, Intent)]
    results = [entry.predicate.intent for entry in history.entries if isinstance(entry.predicate, Result)]
    assert intents == results
