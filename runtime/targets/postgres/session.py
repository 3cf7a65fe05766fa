"""DSN -> one connection as the agent uses it, and the guard every action runs in.

Rules kept:
- names are resolved in `pg_catalog` only, every statement and every wait for a lock has a time limit;
- an action is one transaction that first takes a lock named after the object, then reads the object's mark again: what
  is not ours, or was written by a newer intent, is refused before anything is done. (Roles and schemas live in
  catalogs that cannot be locked by row; whoever acts for Conductor takes the same lock of `locks`.)
- a tenant's session that an action has to wait for is ended (see `blockers`): no transaction of theirs holds us up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runtime.contract.errors import EnvironmentFailedError
from runtime.targets.interface import TerminalError
from runtime.targets.postgres import locks
from runtime.targets.postgres.blockers import ending_blockers
from runtime.targets.postgres.failures import unreachable
from runtime.targets.postgres.marks import Mark, Owner, believed

Connection: TypeAlias = locks.Connection
Kind: TypeAlias = Literal["role", "schema"]

STATEMENT_TIMEOUT = "30s"
LOCK_TIMEOUT = "10s"
_OPTIONS = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c search_path=pg_catalog"
_DEFAULTS = {"connect_timeout": "10", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}

_LOOK: dict[Kind, sql.SQL] = {
    "role": sql.SQL(
        "SELECT o.mark, o.id = r.oid, shobj_description(r.oid, 'pg_authid') FROM pg_roles r"
        " LEFT JOIN conductor_locks.object o ON o.kind = 'role' AND o.name = r.rolname WHERE r.rolname = %s"
    ),
    "schema": sql.SQL(
        "SELECT o.mark, o.id = n.oid, obj_description(n.oid, 'pg_namespace') FROM pg_namespace n"
        " LEFT JOIN conductor_locks.object o ON o.kind = 'schema' AND o.name = n.nspname WHERE n.nspname = %s"
    ),
}
_KEEP = """
UPDATE conductor_locks.object SET mark = %(mark)s, id = CASE kind
    WHEN 'role' THEN (SELECT oid FROM pg_roles WHERE rolname = name)
    ELSE (SELECT oid FROM pg_namespace WHERE nspname = name) END
 WHERE kind = %(kind)s AND name = %(name)s
"""


def connect(dsn: str, *, where: str, application_name: str) -> Connection:
    """Connect; raises RetryableError when the server is away, TerminalError when it refuses us, and
    EnvironmentFailedError, without the value, for a DSN that is none."""
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        raise EnvironmentFailedError(
            f"the DSN of {where} is not a PostgreSQL connection string",
            help="write it as postgresql://user:password@host:port/database",
        ) from None
    options = f"{given.pop('options', '')} {_OPTIONS}".strip()
    given.pop("application_name", None)
    conninfo = make_conninfo("", **{**_DEFAULTS, **given, "options": options, "application_name": application_name})
    try:
        return psycopg.connect(conninfo, autocommit=True)
    except psycopg.Error as error:
        raise unreachable(where, error) from None


@dataclass(frozen=True)
class Session:
    """A connection, whose objects are ours there, how the agent signs in the server's log; `reach` opens another one
    beside it."""

    connection: Connection
    owner: Owner
    application_name: str
    reach: Callable[[], Connection]

    @contextmanager
    def guarded(self, kind: Kind, name: str, intent: int) -> Iterator[Mark | None]:
        """A transaction in which this object may be acted upon; gives its mark, None if it does not exist."""
        with self.locked(kind, name, intent):
            if kind == "role":
                locks.lock_role(self.connection, name)
            yield self.mark(kind, name, intent)

    @contextmanager
    def locked(self, kind: Kind, name: str, intent: int) -> Iterator[None]:
        """A transaction in which nobody else of ours acts upon this object, whosever it is."""
        locks.prepare_objects(self.connection)
        with ending_blockers(self.connection.info.backend_pid, self.reach), self.connection.transaction():
            locks.lock_object(self.connection, kind, name)
            self.connection.execute(
                "SELECT set_config('application_name', %s, true)", [f"{self.application_name} intent {intent}"[:63]]
            )
            yield

    def mark(self, kind: Kind, name: str, intent: int) -> Mark | None:
        """The object's mark, None if it does not exist; raises TerminalError if this intent may not touch it."""
        locks.prepare_objects(self.connection)
        row = self.connection.execute(_LOOK[kind], [name]).fetchone()
        if row is None:
            return None
        text, same, comment = row
        mark = believed(text, self.owner, same=same, comment=comment)
        if mark is None:
            raise TerminalError(
                f"{kind} {name} exists and Conductor did not make it",
                help=f"rename or drop the {kind} by hand, give the tenant another name, or say `adopt: true` of it",
            )
        if mark.intent > intent:
            raise TerminalError(
                f"{kind} {name} was written by intent {mark.intent}, which is newer than this one ({intent})",
                help="nothing to do: a newer agent has already acted",
            )
        return mark

    def execute(self, statement: str, *values: sql.Composable) -> None:
        """Execute a statement whose `{}` are filled with quoted identifiers and literals."""
        self.connection.execute(sql.SQL(statement).format(*values))

    def write_mark(self, kind: Kind, name: str, mark: Mark) -> None:
        """Keep that the object is ours, and which intent wrote it; its comment says so to people, once it is proved.
        Within `guarded`."""
        self.connection.execute(_KEEP, {"kind": kind, "name": name, "mark": mark.text})
        if not mark.unproved:
            statement = "COMMENT ON ROLE {} IS {}" if kind == "role" else "COMMENT ON SCHEMA {} IS {}"
            self.execute(statement, sql.Identifier(name), sql.Literal(mark.hint))

    def forget_mark(self, kind: Kind, name: str) -> None:
        """The object is gone. Within `guarded`."""
        self.connection.execute(
            "UPDATE conductor_locks.object SET mark = NULL, id = NULL WHERE kind = %s AND name = %s", [kind, name]
        )
