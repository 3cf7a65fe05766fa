"""A tenant that somebody made by hand becomes Conductor's: its rows stay, and everything else is as declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from runtime.contract.canonical import encode, sha256
from runtime.contract.objects import Action, Operation
from runtime.targets.interface import TerminalError
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.adopted import ACME, NORD, admin_of, made_by_hand
from tests.services.tenant import Secrets, apply, compared, create, lines, target

pytestmark = pytest.mark.service

BY_HAND = (
    "CREATE ROLE {0.owner} LOGIN PASSWORD 'of the migrations' CONNECTION LIMIT 20",
    "CREATE ROLE {0.app} LOGIN PASSWORD '{1}' CONNECTION LIMIT 20",
    "CREATE ROLE billing NOLOGIN",
    "GRANT {0.app} TO billing",
    "ALTER ROLE {0.app} SET work_mem TO '64MB'",
    "CREATE SCHEMA {0.schema} AUTHORIZATION {0.owner}",
    "COMMENT ON SCHEMA {0.schema} IS 'the shop of ACME, ask Jonas'",
    "CREATE TABLE {0.schema}.orders (id int PRIMARY KEY, what text)",
    "ALTER TABLE {0.schema}.orders OWNER TO {0.owner}",
    "INSERT INTO {0.schema}.orders SELECT n, 'order ' || n FROM generate_series(1, 500) n",
    "GRANT USAGE, CREATE ON SCHEMA {0.schema} TO {0.app}",
    "GRANT SELECT ON {0.schema}.orders TO PUBLIC",
    "GRANT ALL ON {0.schema}.orders TO {0.app}",
    "CREATE SEQUENCE {0.schema}.numbers",
    "ALTER SEQUENCE {0.schema}.numbers OWNER TO {0.owner}",
    "GRANT USAGE, SELECT ON {0.schema}.numbers TO {0.app}",
    "CREATE TYPE {0.schema}.mood AS ENUM ('good')",
    "ALTER TYPE {0.schema}.mood OWNER TO {0.owner}",
    "GRANT USAGE ON TYPE {0.schema}.mood TO billing",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} GRANT EXECUTE ON FUNCTIONS TO billing",
)
"""What a platform has before there is Conductor."""
NAMED = "SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = 'billing'::regrole"
"""How many things name a role that is no tenant's."""
QUIET = ("log_statement", "log_min_duration_statement", "log_min_duration_sample", "log_min_error_statement")
ROWS = "SELECT count(*), md5(string_agg(id || what, ',' ORDER BY id)) FROM {0.schema}.orders"


@pytest.fixture
def secret(dsn: str) -> Secrets:
    return Secrets.of(dsn, ACME, NORD)


@pytest.fixture
def admin(dsn: str) -> Iterator[psycopg.Connection]:
    with admin_of(dsn, "billing") as connection:
        yield connection


@pytest.fixture
def running(secret: Secrets, admin: psycopg.Connection) -> Iterator[PostgresTarget]:
    with made_by_hand(secret, admin, BY_HAND) as opened:
        yield opened


def by_name(actions: tuple[Action, ...]) -> dict[str, Action]:
    return {f"{action.id.type} {action.id.name}": action for action in actions}


def test_a_dry_run_says_what_adopting_changes_and_changes_nothing(
    running: PostgresTarget, admin: psycopg.Connection
) -> None:
    found = by_name(lines(running, (ACME, NORD)))
    assert {action.operation for action in found.values()} == {Operation.ADOPT}
    assert found[f"role {ACME.app}"].before == {
        "login": True,
        "connection_limit": 20,
        "password": ACME.reference,
        "settings": {"work_mem": f"sha256:{sha256(b'64MB')}"},
        "members": ["billing"],
    }
    assert found[f"role {ACME.owner}"].before == {"login": True, "connection_limit": 20, "password": "set"}
    granted = found[f"grants {ACME.schema}"].before
    assert granted is not None
    assert [item.replace("MAINTAIN, ", "") for item in granted["deviations"]] == [
        f"new functions of {ACME.owner} are for everybody",
        f"new functions of {ACME.owner} everywhere: billing has EXECUTE",
        "table orders: PUBLIC has SELECT",
        f"table orders: {ACME.app} has REFERENCES, TRIGGER, TRUNCATE",
        f"the schema: {ACME.app} has CREATE",
        "type mood: billing has USAGE",
    ], "what it has and keeps is no difference"
    schema = found[f"schema {ACME.schema}"].before
    assert schema is not None
    assert (schema["owner"], schema["comment"][:7]) == (ACME.owner, "sha256:")
    assert "Jonas" not in encode([action.to_json() for action in found.values()]).decode()
    assert admin.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", [ACME.app]).fetchone() == (20,)


def test_an_adopted_tenant_is_as_declared_and_keeps_its_rows_and_its_password(
    running: PostgresTarget, admin: psycopg.Connection, secret: Secrets
) -> None:
    rows = admin.execute(ROWS.format(ACME)).fetchone()
    actions = lines(running, (ACME, NORD))
    facts = {str(action.id): running.perform(action, intent=2) for action in actions}
    app = facts[str(ACME.object("app").id)]
    before = by_name(actions)[f"role {ACME.app}"].before
    assert before is not None
    assert app["adopted"] == {key: value for key, value in before.items() if key != "password"}
    assert app["login"]["before"] == {"credential": "00000", "wrong_password": "28P01"}, "its password was this one"
    assert secret(ACME.reference) not in encode(list(map(dict, facts.values()))).decode()
    assert lines(running, (ACME, NORD)) == ()
    assert lines(running, (replace(ACME, adopt=False), NORD)) == (), "what is ours needs no word any more"
    assert admin.execute(ROWS.format(ACME)).fetchone() == rows
    with psycopg.connect(secret("env:DSN"), user=ACME.app, password=secret(ACME.reference)) as login:
        assert login.execute(ROWS.format(ACME)).fetchone() == rows
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            login.execute(f"CREATE TABLE {ACME.schema}.mine (id int)")


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT CREATE ON SCHEMA {0.schema} TO {0.app}",
        "GRANT USAGE ON TYPE {0.schema}.mood TO billing",
        "GRANT USAGE ON TYPE {0.schema}.orders TO billing WITH GRANT OPTION",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} GRANT EXECUTE ON FUNCTIONS TO billing",
    ],
)
def test_what_is_altered_by_hand_after_adoption_is_drift_like_any_other(
    running: PostgresTarget, admin: psycopg.Connection, statement: str
) -> None:
    apply(running, (ACME, NORD), intent=2)
    assert admin.execute(NAMED).fetchone() == (0,)
    admin.execute(statement.format(ACME))
    (action,) = lines(running, (ACME, NORD))
    assert (action.operation, action.id) == (Operation.UPDATE, ACME.object("grants").id)
    running.perform(action, intent=3)
    assert lines(running, (ACME, NORD)) == ()
    assert admin.execute(NAMED).fetchone() == (0,)


def test_what_nobody_says_of_is_not_adopted(running: PostgresTarget, admin: psycopg.Connection) -> None:
    quiet = replace(ACME, adopt=False)
    assert {item.reason.split(" ", 1)[1] for item in compared(running, (quiet, NORD)).blocked} == {
        "exists and Conductor did not make it"
    }
    with pytest.raises(TerminalError, match="did not make") as raised:
        running.perform(create(ACME.object("app")), intent=2)
    assert "`adopt: true`" in str(raised.value.help)
    assert admin.execute("SELECT count(*) FROM conductor_locks.object WHERE name LIKE 't_acme%'").fetchone() == (0,)


def test_what_is_missing_is_made_beside_what_is_adopted(running: PostgresTarget, admin: psycopg.Connection) -> None:
    admin.execute(f"DROP OWNED BY {ACME.app}")
    admin.execute(f"DROP ROLE {ACME.app}")
    found = by_name(apply(running, (ACME, NORD), intent=2))
    assert found[f"role {ACME.app}"].operation is Operation.CREATE
    assert found[f"role {ACME.owner}"].operation is Operation.ADOPT
    assert lines(running, (ACME, NORD)) == ()


def test_a_suspended_tenant_is_adopted_with_its_sessions_ended(running: PostgresTarget, secret: Secrets) -> None:
    with psycopg.connect(secret("env:DSN"), user=ACME.app, password=secret(ACME.reference)):
        actions = by_name(lines(running, (ACME.suspended, NORD)))
        facts = {name: running.perform(action, intent=2) for name, action in actions.items()}
    assert facts[f"role {ACME.app}"]["login"]["sessions_ended"] == 1
    assert lines(running, (ACME.suspended, NORD)) == ()


def test_sessions_of_an_owner_that_could_log_in_are_ended(running: PostgresTarget, secret: Secrets) -> None:
    with psycopg.connect(secret("env:DSN"), user=ACME.owner, password="of the migrations"):  # noqa: S106 -- thrown away
        apply(running, (ACME, NORD), intent=2)
    assert lines(running, (ACME, NORD)) == ()


def test_an_agent_that_is_no_superuser_adopts_what_was_handed_over_to_it(
    postgres: EmbeddedPostgres, running: PostgresTarget, secret: Secrets, admin: psycopg.Connection
) -> None:
    if admin.info.server_version < 160_000:
        return
    name = admin.info.dbname
    for statement in (
        "CREATE ROLE t_agent LOGIN CREATEROLE PASSWORD 'agent'",
        f"GRANT CREATE ON DATABASE {name} TO t_agent",
        "GRANT pg_use_reserved_connections TO t_agent",
        "GRANT ALL ON SCHEMA conductor_locks TO t_agent",
        "GRANT ALL ON ALL TABLES IN SCHEMA conductor_locks TO t_agent",
    ):
        admin.execute(statement)
    least = Secrets({**secret.values, "env:DSN": postgres.dsn(name, user="t_agent", password="agent")})  # noqa: S106
    with target(least) as weak:
        reasons = [item.reason for item in compared(weak, (ACME,)).blocked]
        assert f"GRANT {ACME.app} TO the agent's role WITH ADMIN OPTION" in " ".join(reasons)
        admin.execute("REVOKE t_acme_retail_app FROM billing")
        for role in (ACME.owner, ACME.app):
            admin.execute(f"GRANT {role} TO t_agent WITH ADMIN TRUE, INHERIT TRUE, SET TRUE")
        apply(weak, (ACME, NORD), intent=2)
        assert lines(weak, (ACME, NORD)) == ()
    logged = postgres.log.read_text()
    with target(least) as weak:
        for setting in QUIET:
            admin.execute(f"GRANT SET ON PARAMETER {setting} TO t_agent")
        admin.execute(f"ALTER ROLE {ACME.app} PASSWORD 'by hand'")
        (action,) = lines(weak, (ACME, NORD))
        assert action.before is not None
        assert action.before["password"] == f"differs from {ACME.reference}"
        weak.perform(action, intent=3)
        assert lines(weak, (ACME, NORD)) == ()
    since = postgres.log.read_text()[len(logged) :]
    assert "by hand" in since, "the server logs such statements"
    assert "SCRAM-SHA-256$" not in since, "and this one the agent may keep out of its log"
    admin.execute("REVOKE SET ON PARAMETER " + ", ".join(QUIET) + " FROM t_agent")
    admin.execute("DROP OWNED BY t_agent")
