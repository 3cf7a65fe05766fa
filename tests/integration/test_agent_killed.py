"""The agent killed with SIGKILL before and after every action and every push, and started again.

One tenant is created, altered and suspended for every step that an undisturbed agent passes: at each, the agent of one
tenant is killed. What it left must be finished by the next one: same attributes, one result for each intent, every
action reported done once, and done once by the server's own log.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.assertions import assert_done_once, assert_sound, done_in_log, logins_proved
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

Step = Callable[[RealInstallation, str], object]
STEPS: dict[str, Step] = {
    "create": lambda where, name: where.tenant(name),
    "change": lambda where, name: where.tenant(name, connection_limit=12),
    "suspend": lambda where, name: where.tenant(name, state="suspended"),
}


@pytest.mark.parametrize("what", STEPS)
def test_killed_at_any_step_the_next_agent_finishes_and_tells_it_once(
    what: str, where: RealInstallation, agents: Agents, postgres: EmbeddedPostgres
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
        assert_done_once(where, postgres, since, logged)
        if what == "suspend":
            assert logins_proved(where, since) == [("00000", "28000")], f"the proof outlives its agent: {step}"
    assert_sound(where, agents)


def begin(where: RealInstallation, agents: Agents, what: str, *names: str) -> None:
    """What comes before the step is done by an undisturbed agent."""
    if what != "create":
        where.tenant(*names)
        assert agents.once(where).answer["error"] is None
