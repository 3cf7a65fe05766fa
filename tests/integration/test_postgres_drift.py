"""Everything about a tenant that can be altered by hand: seen by one look, undone by applying what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.postgres import database
from tests.services.tenant import Secrets, Tenant, apply, lines, target

pytestmark = pytest.mark.service

HANSE, IBERA = Tenant("hanse-bank"), Tenant("ibera-mobil")

DRIFT = {
    "login taken": "ALTER ROLE {0.app} NOLOGIN",
    "login given to the owner": "ALTER ROLE {0.owner} LOGIN",
    "password changed": "ALTER ROLE {0.app} PASSWORD 'something else'",
    "password removed": "ALTER ROLE {0.app} PASSWORD NULL",
    "password given to the owner": "ALTER ROLE {0.owner} PASSWORD 'let me in'",
    "connection limit": "ALTER ROLE {0.app} CONNECTION LIMIT 100",
    "connection limit of the owner": "ALTER ROLE {0.owner} CONNECTION LIMIT 100",
    "setting changed": "ALTER ROLE {0.app} SET statement_timeout = 0",
    "setting removed": "ALTER ROLE {0.app} RESET lock_timeout",
    "setting added": "ALTER ROLE {0.app} SET search_path = public, pg_catalog",
    "setting in one database": "ALTER ROLE {0.app} IN DATABASE {1} SET statement_timeout = 0",
    "superuser": "ALTER ROLE {0.app} SUPERUSER",
    "creates roles": "ALTER ROLE {0.app} CREATEROLE CREATEDB",
    "replication": "ALTER ROLE {0.owner} REPLICATION BYPASSRLS",
    "expires": "ALTER ROLE {0.app} VALID UNTIL '2030-01-01'",
    "no inheritance": "ALTER ROLE {0.app} NOINHERIT",
    "member of the owner": "GRANT {0.owner} TO {0.app}",
    "member of another": "GRANT pg_monitor TO {0.app} WITH ADMIN OPTION",
    "others are members": "GRANT {0.owner} TO {2.app}",
    "dropped": "REASSIGN OWNED BY {0.app} TO postgres; DROP OWNED BY {0.app}; DROP ROLE {0.app}",
    "schema's owner": "ALTER SCHEMA {0.schema} OWNER TO postgres",
    "schema open to everybody": "GRANT USAGE ON SCHEMA {0.schema} TO PUBLIC",
    "schema open for making": "GRANT CREATE ON SCHEMA {0.schema} TO {0.app}",
    "schema open to another": "GRANT USAGE ON SCHEMA {0.schema} TO {2.app}",
    "schema closed": "REVOKE USAGE ON SCHEMA {0.schema} FROM {0.app}",
    "table open to everybody": "GRANT SELECT ON {0.schema}.orders TO PUBLIC",
    "table open to another": "GRANT SELECT ON {0.schema}.orders TO {2.app}",
    "column open to another": "GRANT UPDATE (note) ON {0.schema}.orders TO {2.app}",
    "table may be handed on": "GRANT SELECT ON {0.schema}.orders TO {0.app} WITH GRANT OPTION",
    "table closed": "REVOKE INSERT ON {0.schema}.orders FROM {0.app}",
    "table open for truncating": "GRANT TRUNCATE ON {0.schema}.orders TO {0.app}",
    "table made by somebody else": "CREATE TABLE {0.schema}.extra (id int)",
    "sequence open to another": "GRANT USAGE ON SEQUENCE {0.schema}.numbers TO {2.app}",
    "sequence closed": "REVOKE USAGE ON SEQUENCE {0.schema}.numbers FROM {0.app}",
    "function open to everybody": "GRANT EXECUTE ON FUNCTION {0.schema}.answer() TO PUBLIC",
    "function closed": "REVOKE EXECUTE ON FUNCTION {0.schema}.answer() FROM {0.app}",
    "later tables open to another": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} IN SCHEMA {0.schema} GRANT SELECT ON TABLES TO {2.app}"
    ),
    "later tables closed": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} IN SCHEMA {0.schema} REVOKE SELECT ON TABLES FROM {0.app}"
    ),
    "later functions open to everybody": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC"
    ),
    "later tables of somebody else open": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA {0.schema} GRANT SELECT ON TABLES TO {2.app}"
    ),
}


@dataclass
class Lived:
    """Two tenants with things in their schemas, in a database that all kinds of drift share: each test heals it."""

    admin: psycopg.Connection
    running: PostgresTarget
    intent: int = 2

    def heal(self) -> bool:
        """Apply until nothing is left to do; says whether there was something."""
        self.intent += 1
        done = apply(self.running, (HANSE, IBERA), intent=self.intent)
        assert lines(self.running, (HANSE, IBERA)) == ()
        return bool(done)


@pytest.fixture(scope="module")
def lived(postgres: EmbeddedPostgres) -> Iterator[Lived]:
    with (
        database(postgres, "lived_in") as dsn,
        psycopg.connect(dsn, autocommit=True) as admin,
        target(Secrets.of(dsn, HANSE, IBERA)) as running,
    ):
        apply(running, (HANSE, IBERA), intent=2)
        admin.execute(
            f"SET ROLE {HANSE.owner}; CREATE TABLE {HANSE.schema}.orders (id int, note text);"
            f"CREATE SEQUENCE {HANSE.schema}.numbers;"
            f"CREATE FUNCTION {HANSE.schema}.answer() RETURNS int LANGUAGE sql RETURN 42; RESET ROLE"
        )
        assert lines(running, (HANSE, IBERA)) == (), "what the owner makes is granted as it should be from the start"
        yield Lived(admin, running)
        admin.execute(f"DROP SCHEMA {HANSE.schema} CASCADE")
        apply(running, (), intent=10**6, former=(HANSE, IBERA))


@pytest.mark.parametrize("statement", DRIFT.values(), ids=DRIFT.keys())
def test_what_is_altered_by_hand_is_seen_and_undone(lived: Lived, statement: str) -> None:
    lived.heal()
    for part in statement.split("; "):
        lived.admin.execute(part.format(HANSE, lived.admin.info.dbname, IBERA))
    assert lived.heal()
