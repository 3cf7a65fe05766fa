"""Repository or object -> a lock in the database that no tenant can take.

    conductor_locks.agent_<repository>  locked whole by the agent that acts
    conductor_locks.object              a row for each object, locked while it is acted upon; it holds the object's mark

Advisory locks are open to every login, and `pg_locks` shows everybody whose they are: a tenant could keep the agent
out. To lock a table one needs rights in it, and a view of the catalogs is a table, too: PUBLIC has UPDATE on
`pg_settings`, so that everybody can lock it, and nothing of ours reads it. Rules kept: schema and tables are made on
first use, and PUBLIC has no rights in them; the lock that is held for long has neither a snapshot nor a transaction id,
so it keeps no rows alive.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import psycopg
from psycopg import sql

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]


_SCHEMA = "conductor_locks"
_OBJECTS = "object"
_ATTEMPTS = 5

_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks
     WHERE locktype = 'relation' AND mode = 'ExclusiveLock' AND granted AND pid = pg_backend_pid()
       AND relation = to_regclass(%s))
"""


def lock_object(connection: Connection, kind: str, name: str) -> None:
    """Wait, within a transaction and to its end, until nobody else acts upon this object."""
    connection.execute(
        "INSERT INTO conductor_locks.object (kind, name) VALUES (%s, %s)"
        " ON CONFLICT (kind, name) DO UPDATE SET kind = excluded.kind",
        [kind, name],
    )


def lock_role(connection: Connection, name: str) -> None:
    """Wait for whoever is altering a role, within a transaction and to its end. Without it, one who may alter it and
    commits once we wait makes our own statement fail ("tuple concurrently updated"), as often as they like. Only a
    superuser can."""
    if connection.info.parameter_status("is_superuser") == "on":
        connection.execute("SELECT FROM pg_catalog.pg_authid WHERE rolname = %s FOR UPDATE", [name])


def prepare_objects(connection: Connection) -> None:
    """Make what `lock_object` needs, and where marks lie."""
    _make(connection, _OBJECTS, "kind text, name text, id oid, mark text, PRIMARY KEY (kind, name)")


def marks_of(connection: Connection) -> sql.Composable:
    """The table of marks, for a FROM; an empty one where no action has made it yet."""
    if connection.execute("SELECT to_regclass('conductor_locks.object') IS NULL").fetchone() == (True,):
        return sql.SQL("(SELECT NULL::text AS kind, NULL::text AS name, NULL::oid AS id, NULL::text AS mark LIMIT 0)")
    return sql.Identifier(_SCHEMA, _OBJECTS)


def without_limits(connection: Connection, *settings: str, local: bool) -> None:
    """Set these time limits to none, where the server has them: asked by name, as everybody can lock `pg_settings`."""
    for setting in settings:
        connection.execute(
            "SELECT set_config(%s, '0', %s) WHERE current_setting(%s, true) IS NOT NULL", [setting, local, setting]
        )


def take_agent(connection: Connection, repository: str) -> bool:
    """Take the lock of a repository's agents, in a transaction that stays open; False if another session has it."""
    without_limits(
        connection, "idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout", local=False
    )
    _make(connection, _agent(repository), "")
    connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
    try:
        connection.execute(
            sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE NOWAIT").format(sql.Identifier(_SCHEMA, _agent(repository)))
        )
    except psycopg.errors.LockNotAvailable:
        connection.execute("ROLLBACK")
        return False
    return True


def has_agent(connection: Connection, repository: str) -> bool:
    """Whether this session has the lock, by the server's word."""
    try:
        return connection.execute(_HELD, [f'{_SCHEMA}."{_agent(repository)}"']).fetchone() == (True,)
    except psycopg.Error:
        return False


def _agent(repository: str) -> str:
    return f"agent_{repository}"


def _make(connection: Connection, table: str, columns: str) -> None:
    """Make a table, unless it is there. Two that make it at once: the second waits, fails, and finds it."""
    for attempt in range(_ATTEMPTS):
        if connection.execute("SELECT to_regclass(%s) IS NULL", [f'{_SCHEMA}."{table}"']).fetchone() == (False,):
            return
        try:
            with connection.transaction():
                connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_SCHEMA}")
                connection.execute(f"REVOKE ALL ON SCHEMA {_SCHEMA} FROM PUBLIC")
                name = sql.Identifier(_SCHEMA, table)
                connection.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(columns)))
                connection.execute(sql.SQL("REVOKE ALL ON TABLE {} FROM PUBLIC").format(name))
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateTable, psycopg.errors.InternalError_):
            # InternalError_: both revoked at once
            if attempt == _ATTEMPTS - 1:
                raise
