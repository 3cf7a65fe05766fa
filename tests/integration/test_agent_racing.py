"""Two agents at once, one of them paused at every push and every action.

The second agent of each pair has a clone of its own and the same key. While the first one holds the lock, the second
does nothing. When the first one's session is lost, as after a network failure, the second finishes its work; and when
the first wakes up after all, it does no harm.
"""

from __future__ import annotations

import psycopg
import pytest

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.assertions import assert_done_once, assert_sound, done_in_log
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service


def test_paused_at_any_step_an_agent_keeps_the_other_out_and_does_no_harm_when_it_wakes_up_late(
    where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    other = where18.second_clone()
    where18.tenant("model")
    undisturbed = agents.once(where18)
    for number, step in enumerate(undisturbed.steps, start=1):
        where18.tenant(f"paused-at-{number}")
        since, logged = where18.history().tip.sequence, done_in_log(postgres18)
        sleeper = agents.once(where18, stop_at=number)
        assert sleeper.state == "stopped", step
        assert agents.once(where18, clone=other).answer["error"] == "BusyError", step

        end_control_session(where18)
        finisher = agents.again(where18, clone=other)
        assert (finisher.answer["error"], finisher.answer["failed"]) == (None, False), step
        head = where18.head()

        agents.resume(sleeper)
        assert sleeper.answer["error"] in {"LockLostError", "BeatenError", "RetryableError"}, step
        assert where18.head() == head, "the late one has pushed nothing"
        assert_done_once(where18, postgres18, since, logged)
    assert_sound(where18, agents)


def test_the_second_agent_finds_nothing_left_to_do_when_the_first_has_finished(
    where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    where18.tenant("acme-retail")
    since, logged = where18.history().tip.sequence, done_in_log(postgres18)
    first = agents.once(where18, stop_at=3)
    assert agents.once(where18, clone=where18.second_clone()).answer["error"] == "BusyError"
    assert agents.resume(first).answer["error"] is None
    assert agents.again(where18, clone=where18.second_clone()).answer["entries"] == []
    assert_done_once(where18, postgres18, since, logged)
    assert_sound(where18, agents)


def end_control_session(where: RealInstallation) -> None:
    """Lose the session that holds the lock: the server forgets it, the agent does not know."""
    with psycopg.connect(where.dsn, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'conductor control lock' AND datname = current_database()"
        ).fetchall()
    assert ended == [(True,)]
