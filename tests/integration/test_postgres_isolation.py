"""Every ordered pair of tenants, by real logins over TCP: what one may do with the other's is nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeAlias

import psycopg
import pytest
from psycopg import errors

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.postgres import database
from tests.services.tenant import Secrets, Tenant, apply, create, target

pytestmark = pytest.mark.service

Installation: TypeAlias = tuple[EmbeddedPostgres, str, Secrets]
"""A server, the database in it, and the tenants' passwords."""

TENANTS = (
    Tenant("acme-retail"),
    Tenant("nordwind", tables=("SELECT",), functions=()),
    Tenant("hanse-bank"),
)
PAIRS = tuple(itertools.permutations(TENANTS, 2))

MAKE = """
SET ROLE {0.owner};
CREATE TABLE {0.schema}.{1} (id int PRIMARY KEY, note text);
INSERT INTO {0.schema}.{1} VALUES (1, 'of {0.name}');
CREATE SEQUENCE {0.schema}.{1}_numbers;
CREATE FUNCTION {0.schema}.{1}_answer() RETURNS int LANGUAGE sql RETURN 42;
CREATE VIEW {0.schema}.{1}_view AS SELECT * FROM {0.schema}.{1};
CREATE PROCEDURE {0.schema}.{1}_work() LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
"""

USES = (
    "SELECT * FROM {0.schema}.{1}",
    "SELECT note FROM {0.schema}.{1}",
    "SELECT * FROM {0.schema}.{1}_view",
    "TABLE {0.schema}.{1}",
    "INSERT INTO {0.schema}.{1} VALUES (2, 'x')",
    "UPDATE {0.schema}.{1} SET note = 'x'",
    "DELETE FROM {0.schema}.{1}",
    "TRUNCATE {0.schema}.{1}",
    "COPY {0.schema}.{1} TO STDOUT",
    "LOCK TABLE {0.schema}.{1}",
    "SELECT nextval('{0.schema}.{1}_numbers')",
    "SELECT last_value FROM {0.schema}.{1}_numbers",
    "SELECT setval('{0.schema}.{1}_numbers', 7)",
    "SELECT {0.schema}.{1}_answer()",
    "CALL {0.schema}.{1}_work()",
    "CREATE TABLE pg_temp.stolen AS SELECT * FROM {0.schema}.{1}",
    "ALTER TABLE {0.schema}.{1} ADD COLUMN x int",
    "DROP TABLE {0.schema}.{1} CASCADE",
    "DROP FUNCTION {0.schema}.{1}_answer()",
    "CREATE TRIGGER t BEFORE INSERT ON {0.schema}.{1} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE INDEX ON {0.schema}.{1} (note)",
    "GRANT SELECT ON {0.schema}.{1} TO PUBLIC",
    "CREATE POLICY p ON {0.schema}.{1}",
)
"""What can be done to things of a tenant, tried on things that were there and on things made later."""

TAKES = (
    "SET ROLE {0.app}",
    "SET ROLE {0.owner}",
    "SET SESSION AUTHORIZATION {0.app}",
    "SET SESSION AUTHORIZATION {0.owner}",
    "CREATE TABLE {0.schema}.mine (id int)",
    "CREATE FUNCTION {0.schema}.mine() RETURNS int LANGUAGE sql RETURN 1",
    "ALTER SCHEMA {0.schema} RENAME TO mine",
    "DROP SCHEMA {0.schema} CASCADE",
    "GRANT USAGE ON SCHEMA {0.schema} TO PUBLIC",
    "COMMENT ON SCHEMA {0.schema} IS 'mine'",
    "ALTER ROLE {0.app} PASSWORD 'mine'",
    "ALTER ROLE {0.app} NOLOGIN",
    "ALTER ROLE {0.app} SET search_path = 'mine'",
    "ALTER ROLE {0.owner} LOGIN",
    "COMMENT ON ROLE {0.app} IS 'mine'",
    "DROP ROLE {0.app}",
    "GRANT {0.owner} TO CURRENT_USER",
    "GRANT {0.app} TO CURRENT_USER",
    "REASSIGN OWNED BY {0.owner} TO CURRENT_USER",
    "DROP OWNED BY {0.owner}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} GRANT SELECT ON TABLES TO PUBLIC",
)
"""What can be done to a tenant's roles and schema."""

ALONE = ("CREATE DATABASE", "ALTER SYSTEM")
"""Statements that run outside a transaction only."""

SHARED = (
    "CREATE TABLE public.mine (id int)",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "CREATE EXTENSION pg_stat_statements",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_read_file('PG_VERSION')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "SET SESSION AUTHORIZATION postgres",
    "SET ROLE postgres",
    "LOAD 'auto_explain'",
)
"""What belongs to everybody or to nobody."""


@pytest.fixture(scope="module")
def installation(postgres: EmbeddedPostgres) -> Iterator[Installation]:
    """Three tenants with things that were there before their grants, and things made later."""
    with database(postgres, "isolation") as dsn, psycopg.connect(dsn, autocommit=True) as admin:
        secret = Secrets.of(dsn, *TENANTS)
        with target(secret) as running:
            for item in (item for tenant in TENANTS for item in tenant.objects[:3]):
                running.perform(create(item), intent=1)
            for tenant in TENANTS:
                admin.execute(MAKE.format(tenant, "early"))
            apply(running, TENANTS, intent=2)
            for tenant in TENANTS:
                admin.execute(MAKE.format(tenant, "late"))
        yield postgres, admin.info.dbname, secret


def login(installation: Installation, tenant: Tenant) -> psycopg.Connection:
    server, name, secret = installation
    return psycopg.connect(server.dsn(name, user=tenant.app, password=secret(tenant.reference)), autocommit=True)


def refused(connection: psycopg.Connection, statement: str) -> bool:
    """Whether the server says that it is not permitted; any other answer fails the test."""
    try:
        with nullcontext() if statement.startswith(ALONE) else connection.transaction(force_rollback=True):
            if statement.startswith("COPY"):
                with connection.cursor().copy(statement) as copy:
                    assert list(copy)
            else:
                connection.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    except errors.SyntaxError as error:
        raise AssertionError(statement) from error
    return False


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda tenant: tenant.name)
def test_no_tenant_reads_uses_or_alters_what_is_anothers(
    installation: Installation, one: Tenant, other: Tenant
) -> None:
    tried = [use.format(other, when) for when in ("early", "late") for use in USES]
    tried += [take.format(other) for take in TAKES]
    with login(installation, one) as connection:
        assert [statement for statement in tried if not refused(connection, statement)] == []


@pytest.mark.parametrize("tenant", TENANTS, ids=lambda tenant: tenant.name)
def test_no_tenant_makes_anything_in_public_or_becomes_anybody_else(installation: Installation, tenant: Tenant) -> None:
    with login(installation, tenant) as connection:
        assert [statement for statement in SHARED if not refused(connection, statement)] == []
        own = (f"SET ROLE {tenant.owner}", f"CREATE TABLE {tenant.schema}.mine (id int)")
        assert [statement for statement in own if not refused(connection, statement)] == []


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("tenant", TENANTS, ids=lambda tenant: tenant.name)
def test_a_tenant_does_with_its_own_exactly_what_it_was_granted(
    installation: Installation, tenant: Tenant, when: str
) -> None:
    writes = {"INSERT", "UPDATE", "DELETE"} & set(tenant.tables)
    granted = {
        "SELECT * FROM {0.schema}.{1}": True,
        "SELECT * FROM {0.schema}.{1}_view": True,
        "COPY {0.schema}.{1} TO STDOUT": True,
        "INSERT INTO {0.schema}.{1} VALUES (2, 'x')": "INSERT" in writes,
        "UPDATE {0.schema}.{1} SET note = 'x'": "UPDATE" in writes,
        "DELETE FROM {0.schema}.{1}": "DELETE" in writes,
        "TRUNCATE {0.schema}.{1}": False,
        "SELECT nextval('{0.schema}.{1}_numbers')": True,
        "SELECT setval('{0.schema}.{1}_numbers', 7)": False,
        "SELECT {0.schema}.{1}_answer()": bool(tenant.functions),
        "CALL {0.schema}.{1}_work()": bool(tenant.functions),
        "ALTER TABLE {0.schema}.{1} ADD COLUMN x int": False,
    }
    with login(installation, tenant) as connection:
        found = {statement: not refused(connection, statement.format(tenant, when)) for statement in granted}
    assert found == granted


def test_the_owner_uses_and_alters_its_own(installation: Installation) -> None:
    server, name, _ = installation
    with psycopg.connect(server.dsn(name), autocommit=True) as connection:
        for tenant in TENANTS:
            connection.execute(f"SET ROLE {tenant.owner}")
            own = [use.format(tenant, when) for when in ("early", "late") for use in USES]
            assert [statement for statement in own if refused(connection, statement)] == []
            for other in set(TENANTS) - {tenant}:
                theirs = [use.format(other, when) for when in ("early", "late") for use in USES]
                assert [statement for statement in theirs if not refused(connection, statement)] == []
            connection.execute("RESET ROLE")


def test_another_tenants_password_opens_no_other_tenants_role(
    installation: Installation,
) -> None:
    server, name, secret = installation
    for one, other in PAIRS:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn(name, user=one.app, password=secret(other.reference)))


def test_fewer_privileges_are_taken_from_what_is_there_and_from_what_comes(
    installation: Installation,
) -> None:
    server, name, secret = installation
    acme = TENANTS[0]
    less = (replace(acme, tables=("SELECT",), sequences=(), functions=()), *TENANTS[1:])
    with target(secret) as running, psycopg.connect(server.dsn(name), autocommit=True) as admin:
        apply(running, less, intent=3)
        admin.execute(MAKE.format(acme, "later_still"))
        try:
            with login(installation, acme) as connection:
                for when in ("early", "late", "later_still"):
                    assert not refused(connection, f"TABLE {acme.schema}.{when}")
                    assert refused(connection, f"TRUNCATE {acme.schema}.{when}")
                    assert refused(connection, f"LOCK TABLE {acme.schema}.{when}")
                    assert refused(connection, f"SELECT nextval('{acme.schema}.{when}_numbers')")
                    assert refused(connection, f"SELECT {acme.schema}.{when}_answer()")
        finally:
            apply(running, TENANTS, intent=4)
