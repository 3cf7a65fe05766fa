"""Targets as they are found: another system behind the DSN, drift, foreign objects, actions that fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runtime.contract.predicates import Drift, Intent
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.assertions import assert_sound, done_in_log
from tests.services.fixtures_postgres import Servers
from tests.services.postgres import database
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service


def by_hand(where: RealInstallation, *statements: str) -> None:
    """What somebody types at a database prompt."""
    with psycopg.connect(where.dsn, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement)


def limit_of(where: RealInstallation, role: str) -> int:
    """The connection limit that the server has."""
    with psycopg.connect(where.dsn) as admin:
        row = admin.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def reporting(tmp_path: Path, dsn18: str, agents: Agents) -> Iterator[RealInstallation]:
    """An installation whose database target says `drift: report`."""
    made = RealInstallation.make(tmp_path / "reporting", dsn18, drift="report")
    assert agents.once(made).answer["error"] is None
    yield made
    made.close()


def test_a_dsn_that_points_at_another_database_is_refused_before_anything_is_done(
    where: RealInstallation, agents: Agents, postgres: EmbeddedPostgres
) -> None:
    where.tenant("acme-retail")
    story = [entry.digest for entry in where.history().entries]
    with database(postgres, "another") as other:
        refused = agents.once(where, environment={"CONDUCTOR_TEST_PG": other})
        assert refused.answer["error"] == "TerminalError"
        assert "is the system" in refused.answer["message"]
        assert schemas(other) == set()
    assert [entry.digest for entry in where.history().entries] == story
    assert refused.steps == [], "not even the lock was taken there"


def test_a_dsn_that_points_at_another_server_is_refused_before_anything_is_done(
    where18: RealInstallation, agents: Agents, postgres_servers: Servers
) -> None:
    where18.tenant("acme-retail")
    logged = done_in_log(postgres_servers(15))
    with psycopg.connect(where18.dsn) as connection:
        name = connection.info.dbname
    with database(postgres_servers(15), name) as other:
        refused = agents.once(where18, environment={"CONDUCTOR_TEST_PG": other})
        assert refused.answer["error"] == "TerminalError"
        assert schemas(other) == set()
    assert done_in_log(postgres_servers(15)) == logged
    assert agents.again(where18).answer["error"] is None
    assert_sound(where18, agents)


def test_drift_is_recorded_and_healed(where: RealInstallation, agents: Agents) -> None:
    by_hand(where, "ALTER ROLE t_keeper_app CONNECTION LIMIT 3")
    assert agents.once(where).answer["error"] is None
    assert limit_of(where, "t_keeper_app") == 40
    (found,) = where.entries("drift")
    assert isinstance(found.predicate, Drift)
    assert found.predicate.response == "heal"
    assert [(action.name, action.because) for action in found.predicate.actions] == [("t_keeper_app", "drift")]
    intent = where.entries("intent")[-1].predicate
    assert isinstance(intent, Intent)
    assert intent.because == "drift"
    assert_sound(where, agents)


def test_drift_is_reported_once_and_left_alone_where_the_target_says_so(
    reporting: RealInstallation, agents: Agents
) -> None:
    by_hand(reporting, "ALTER ROLE t_keeper_app CONNECTION LIMIT 3")
    agents.once(reporting)
    assert agents.once(reporting).answer["entries"] == []
    (found,) = reporting.entries("drift")
    assert isinstance(found.predicate, Drift)
    assert found.predicate.response == "report"
    assert limit_of(reporting, "t_keeper_app") == 3

    by_hand(reporting, "ALTER ROLE t_keeper_app CONNECTION LIMIT 40")
    agents.once(reporting)
    gone = reporting.entries("drift")[-1].predicate
    assert isinstance(gone, Drift)
    assert gone.actions == (), "the report is taken back once it is no longer true"
    assert_sound(reporting, agents)


def test_a_change_is_made_where_drift_is_only_reported(reporting: RealInstallation, agents: Agents) -> None:
    by_hand(reporting, "ALTER ROLE t_keeper_app CONNECTION LIMIT 3")
    agents.once(reporting)
    reporting.tenant("keeper", connection_limit=12)
    assert agents.once(reporting).answer["failed"] is False
    assert limit_of(reporting, "t_keeper_app") == 12
    assert_sound(reporting, agents)


def test_a_foreign_object_is_reported_left_alone_and_the_change_made_once_it_is_gone(
    where18: RealInstallation, agents: Agents
) -> None:
    by_hand(where18, "CREATE ROLE t_acme_retail_owner NOLOGIN")
    change = where18.tenant("acme-retail")
    first = agents.once(where18).answer
    assert "pg-eu/role/t_acme_retail_owner exists and Conductor did not make it" in first["problems"]
    assert not any("acme_retail" in name for name in schemas(where18.dsn))
    assert agents.once(where18).answer["entries"] == []

    by_hand(where18, "DROP ROLE t_acme_retail_owner")
    assert agents.once(where18).answer["problems"] == []
    intent = where18.entries("intent")[-1].predicate
    assert isinstance(intent, Intent)
    assert intent.because == change.digest
    assert_sound(where18, agents)


def test_what_failed_is_told_and_done_because_of_its_change_once_its_cause_is_gone(
    where18: RealInstallation, agents: Agents
) -> None:
    change = where18.tenant("acme-retail")
    with psycopg.connect(where18.dsn) as connection:
        name = connection.info.dbname
    by_hand(where18, f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')
    first = agents.once(where18).answer
    assert (first["error"], first["failed"]) == (None, True)
    assert agents.once(where18, patient=True).answer["entries"] == [], "not tried again before its time"
    by_hand(where18, f'GRANT CONNECT ON DATABASE "{name}" TO PUBLIC')
    assert agents.once(where18).answer["failed"] is False
    intent = where18.entries("intent")[-1].predicate
    assert isinstance(intent, Intent)
    assert intent.because == change.digest
    assert_sound(where18, agents)


def schemas(dsn: str) -> set[str]:
    """The schemas of tenants and of the control database."""
    with psycopg.connect(dsn) as admin:
        rows = admin.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%' OR nspname = 'conductor'")
        return {str(row[0]) for row in rows}
