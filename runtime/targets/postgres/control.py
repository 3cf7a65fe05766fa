"""The control database: who may act, and what the ledger's head was.

    conductor.ledger_head  repository -> sequence, digest, commit: never goes back

Rules kept:
- the lock is held by an open transaction of a session of its own (`locks`): it ends with that session, so a dead agent
  never holds it, and `held` asks the server, not our memory;
- schema and table are made on first use and marked; a schema `conductor` that somebody else made is left alone;
- the database must be the one that the `Target` names, as with any target.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from runtime.ledger.head import Head
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres import locks
from runtime.targets.postgres.failures import translated
from runtime.targets.postgres.marks import PREFIX
from runtime.targets.postgres.session import Connection, connect
from runtime.targets.postgres.target import identity_of, refuse_other
from runtime.targets.secrets import Resolve

MARK = f'{PREFIX}{{"control":1}}'
"""The schema's comment: ours, first layout."""

_LAYOUT = f"""
CREATE SCHEMA conductor;
CREATE TABLE conductor.ledger_head (
    repository text PRIMARY KEY,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    digest text NOT NULL,
    commit text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON SCHEMA conductor IS '{MARK}';
"""


class ControlDatabase:
    """One session in the control database. `expected` is the identity that the `Target` declares."""

    def __init__(
        self, name: str, *, dsn: str, expected: str | None, resolve: Resolve, application_name: str = "conductor"
    ) -> None:
        self.name = name
        self._dsn = dsn
        self._expected = expected
        self._resolve = resolve
        self._application_name = application_name
        self._connection: Connection | None = None
        self._lock: Connection | None = None
        self._locked = ""

    def __enter__(self) -> Self:
        """Connect; raises RetryableError when it is away, TerminalError when it is another database."""
        self._connection = self._connected("control")
        return self

    def _connected(self, purpose: str) -> Connection:
        connection = connect(
            self._resolve(self._dsn),
            where=f"target {self.name}",
            application_name=f"{self._application_name} {purpose}",
        )
        try:
            with translated(f"target {self.name}"):
                refuse_other(self.name, expected=self._expected, found=identity_of(connection))
                connection.execute("SET idle_session_timeout = 0")  # there are long waits for git
        except BaseException:
            connection.close()
            raise
        return connection

    def __exit__(self, *exc: object) -> None:
        """Let go of the connection, and of the lock with it."""
        for connection in (self._connection, self._lock):
            if connection is not None:
                connection.close()
        self._connection = self._lock = None

    def lock(self, repository: str) -> bool:
        """Try to take the lock of the repository's agents; False if another session holds it."""
        if self._lock is not None:
            if self._locked == repository and self.held():
                return True
            self._lock.close()
            self._lock = None
        if self._connection is None:
            raise RetryableError(f"the control database {self.name} is not connected")
        lock = self._connected("lock")
        try:
            with translated(f"control database {self.name}"):
                taken = locks.take_agent(lock, repository)
        except BaseException:
            lock.close()
            raise
        if taken:
            self._lock, self._locked = lock, repository
        else:
            lock.close()
        return taken

    def held(self) -> bool:
        """Whether this process still holds it, by the server's word."""
        return self._lock is not None and locks.has_agent(self._lock, self._locked)

    def head(self, repository: str) -> Head | None:
        """The ledger's head as last recorded."""
        with self._working() as connection:
            if not _prepared(connection):
                return None
            row = connection.execute(
                "SELECT sequence, digest, commit FROM conductor.ledger_head WHERE repository = %s", [repository]
            ).fetchone()
        return None if row is None else Head(*row)

    def record(self, repository: str, head: Head) -> None:
        """Record the ledger's head; raises TerminalError if a later one is recorded already."""
        with self._working() as connection:
            _prepare(connection)
            row = connection.execute(
                "INSERT INTO conductor.ledger_head AS known (repository, sequence, digest, commit)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT (repository) DO UPDATE SET"
                " sequence = excluded.sequence, digest = excluded.digest, commit = excluded.commit, recorded_at = now()"
                " WHERE known.sequence < excluded.sequence"
                "    OR (known.sequence = excluded.sequence AND known.digest = excluded.digest)"
                " RETURNING sequence",
                [repository, head.sequence, head.digest, head.commit],
            ).fetchone()
        if row is None:
            raise TerminalError(
                f"the ledger's head in {self.name} is further than entry {head.sequence}, or another entry",
                help="another agent has written since: start again",
            )

    @contextmanager
    def _working(self) -> Iterator[Connection]:
        """One transaction, its errors translated."""
        if self._connection is None:
            raise RetryableError(f"the control database {self.name} is not connected")
        if self._lock is not None and not self.held():
            raise RetryableError(f"the lock in the control database {self.name} is lost")
        with translated(f"control database {self.name}"), self._connection.transaction():
            yield self._connection


def _prepared(connection: Connection) -> bool:
    """Whether schema and table are there; raises TerminalError if somebody else's are."""
    row = connection.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'conductor'"
    ).fetchone()
    if row is not None and row[0] != MARK:
        raise TerminalError(
            "the control database has a schema `conductor` that Conductor did not make, or made in another release",
            help="rename that schema, or name another database as the control database",
        )
    return row is not None


def _prepare(connection: Connection) -> None:
    """Make schema and table, once."""
    if _prepared(connection):
        return
    locks.prepare_objects(connection)
    locks.lock_object(connection, "layout", "conductor")
    if not _prepared(connection):
        connection.execute(_LAYOUT)
