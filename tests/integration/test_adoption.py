"""A tenant that a platform had before is brought under rule: planned, approved, adopted, killed on the way, altered."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from runtime.contract.predicates import Intent, Result
from runtime.ledger.reading import lines
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.assertions import assert_done_once, assert_sound, done_in_log
from tests.services.real_installation import PASSWORD, RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

BY_HAND = """
CREATE ROLE {0}_owner NOLOGIN;
CREATE ROLE {0}_app LOGIN PASSWORD '{1}' CONNECTION LIMIT 20;
CREATE SCHEMA {0} AUTHORIZATION {0}_owner;
CREATE TABLE {0}.orders AS SELECT n AS id FROM generate_series(1, 100) n;
ALTER TABLE {0}.orders OWNER TO {0}_owner;
GRANT USAGE, CREATE ON SCHEMA {0} TO {0}_app;
"""


@pytest.fixture
def admin(where18: RealInstallation) -> Iterator[psycopg.Connection]:
    with psycopg.connect(where18.dsn, autocommit=True) as connection:
        yield connection


def made_by_hand(admin: psycopg.Connection, *names: str) -> None:
    for name in names:
        admin.execute(BY_HAND.format(f"t_{name.replace('-', '_')}", PASSWORD))


def rows(admin: psycopg.Connection, schema: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, "orders"))
    (count,) = admin.execute(query).fetchone() or (0,)
    return int(count)


def words(where: RealInstallation) -> list[tuple[str, str]]:
    """Operation and name of every action of the last intent."""
    intent = where.entries("intent")[-1].predicate
    assert isinstance(intent, Intent)
    return [(action.operation, action.name) for action in intent.actions if action.type != "release"]


def test_evidence_names_what_was_adopted_with_what_it_was_before(
    where18: RealInstallation, agents: Agents, admin: psycopg.Connection
) -> None:
    made_by_hand(admin, "acme-retail")
    where18.tenant("acme-retail")
    first = agents.once(where18).answer
    assert "pg-eu/role/t_acme_retail_app exists and Conductor did not make it" in first["problems"]
    change = where18.tenant("acme-retail", adopt=True)
    assert agents.once(where18).answer["failed"] is False
    intent = where18.entries("intent")[-1].predicate
    result = where18.entries("result")[-1].predicate
    assert isinstance(intent, Intent)
    assert isinstance(result, Result)
    adopted = {f"{item.type} {item.name}": item for item in intent.actions if item.operation == "adopt"}
    assert {item.because for item in adopted.values()} == {change.digest}
    app = adopted["role t_acme_retail_app"]
    assert app.before is not None
    assert app.before["connection_limit"] == 20
    facts = result.outcomes[list(intent.actions).index(app)].facts
    assert facts["adopted"] == {"login": True, "connection_limit": 20, "settings": {}}
    assert facts["login"]["before"]["credential"] == "00000", "its login went on"
    told = " ".join(line.what for line in lines(where18.history()))
    assert "adopt role t_acme_retail_app" in told
    assert rows(admin, "t_acme_retail") == 100
    assert_sound(where18, agents)


def test_killed_at_any_step_of_an_adoption_the_next_agent_finishes_and_tells_it_once(
    where18: RealInstallation, agents: Agents, admin: psycopg.Connection, postgres18: EmbeddedPostgres
) -> None:
    made_by_hand(admin, "model")
    where18.tenant("model", adopt=True)
    undisturbed = agents.once(where18)
    assert undisturbed.answer["error"] is None
    steps = [(number, step) for number, step in enumerate(undisturbed.steps, start=1) if " adopt " in step]
    assert len(steps) == 8, "before and after each of four"
    for number, step in steps[1::2]:
        name = f"killed-at-{number}"
        made_by_hand(admin, name)
        where18.tenant(name, adopt=True)
        since, logged = where18.history().tip.sequence, done_in_log(postgres18)
        killed = agents.once(where18, kill_at=number)
        assert killed.state == "killed", step
        after = agents.again(where18)
        assert (after.answer["error"], after.answer["failed"]) == (None, False), step
        assert_done_once(where18, postgres18, since, logged)
        assert rows(admin, f"t_killed_at_{number}") == 100
    assert_sound(where18, agents)


def test_killed_between_the_mark_and_what_it_stands_for_the_next_agent_goes_on_with_what_is_ours(
    where18: RealInstallation, agents: Agents, admin: psycopg.Connection
) -> None:
    made_by_hand(admin, "acme-retail")
    where18.tenant("acme-retail", adopt=True)
    marked = "SELECT count(*) FROM conductor_locks.object WHERE name = 't_acme_retail_app' AND mark IS NOT NULL"
    with psycopg.connect(where18.dsn) as admin_at_work:
        # an admin's transaction holds the role, so the agent marks it and waits
        admin_at_work.execute("ALTER ROLE t_acme_retail_app CONNECTION LIMIT 21")
        run = agents.start(where18)
        deadline = time.monotonic() + 30
        while admin.execute(marked).fetchone() == (0,):
            assert time.monotonic() < deadline
        os.kill(run.pid, signal.SIGKILL)
        assert agents.wait(run).state == "killed"
    after = agents.again(where18).answer
    assert (after["error"], after["failed"]) == (None, False)
    assert ("update", "t_acme_retail_app") in words(where18)
    assert ("adopt", "t_acme_retail") in words(where18)
    assert rows(admin, "t_acme_retail") == 100
    assert_sound(where18, agents)


def test_what_is_refused_is_adopted_because_of_its_change_once_somebody_has_mended_it(
    where18: RealInstallation, agents: Agents, admin: psycopg.Connection
) -> None:
    made_by_hand(admin, "acme-retail")
    admin.execute("ALTER ROLE t_acme_retail_app SUPERUSER")
    change = where18.tenant("acme-retail", adopt=True)
    refused = agents.once(where18).answer
    assert any("it has SUPERUSER (ALTER ROLE t_acme_retail_app NOSUPERUSER)" in why for why in refused["problems"])
    assert agents.once(where18).answer["entries"] == [], "told once"
    admin.execute("ALTER ROLE t_acme_retail_app NOSUPERUSER")
    assert agents.once(where18).answer["problems"] == []
    intent = where18.entries("intent")[-1].predicate
    assert isinstance(intent, Intent)
    assert {(item.operation, item.because) for item in intent.actions} == {("adopt", change.digest)}
    assert_sound(where18, agents)


def test_what_has_the_name_after_the_adoption_was_done_is_somebody_elses(
    where18: RealInstallation, agents: Agents, admin: psycopg.Connection
) -> None:
    made_by_hand(admin, "acme-retail")
    where18.tenant("acme-retail", adopt=True)
    assert agents.once(where18).answer["failed"] is False
    admin.execute("DROP OWNED BY t_acme_retail_app; DROP ROLE t_acme_retail_app; CREATE ROLE t_acme_retail_app LOGIN")
    for limit in (40, 12):
        where18.tenant("acme-retail", connection_limit=limit, adopt=True)
        answer = agents.once(where18).answer
        problems = " ".join(answer["problems"])
        assert "what `adopt: true` was approved for was another one" in problems, answer
    assert admin.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 't_acme_retail_app'").fetchone() == (-1,)
    where18.tenant("acme-retail", connection_limit=12)
    agents.once(where18)
    where18.tenant("acme-retail", connection_limit=12, adopt=True)
    assert agents.once(where18).answer["problems"] == []
    assert_sound(where18, agents)
