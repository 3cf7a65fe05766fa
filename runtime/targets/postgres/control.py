"""The control database: who may act, what the ledger's head was, and what workers want to be evidence.

    conductor.ledger_head   repository -> sequence, digest, commit: never goes back
    conductor.outbox        facts of workers, append-only
    conductor.outbox_taken  which fact the ledger has, and in which entry

Rules kept:
- the lock is a session advisory lock: it ends with the session, so a dead agent never holds it, and `held` asks the
  server, not our memory;
- schema and tables are made on first use and marked; a schema `conductor` that somebody else made is left alone;
- the database must be the one that the `Target` names, as with any target.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import psycopg

from runtime.contract.canonical import JSON, decode, encode
from runtime.ledger.head import Head
from runtime.targets.interface import RetryableError, TerminalError
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
CREATE TABLE conductor.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    repository text NOT NULL,
    domain text NOT NULL,
    kind text NOT NULL,
    fact text NOT NULL,
    put_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE conductor.outbox_taken (
    id bigint PRIMARY KEY REFERENCES conductor.outbox,
    sequence bigint NOT NULL
);
CREATE FUNCTION conductor.refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON conductor.outbox
    FOR EACH STATEMENT EXECUTE FUNCTION conductor.refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON conductor.outbox_taken
    FOR EACH STATEMENT EXECUTE FUNCTION conductor.refuse();
COMMENT ON SCHEMA conductor IS '{MARK}';
"""

_HELD = """
SELECT EXISTS (
    SELECT FROM pg_locks
     WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted AND objsubid = 1
       AND (classid::bigint << 32) | objid::bigint = %s)
"""


@dataclass(frozen=True)
class Fact:
    """What a worker wants to be evidence."""

    id: int
    domain: str
    kind: str
    fact: JSON
    put_at: datetime


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
        self._key: int | None = None

    def __enter__(self) -> Self:
        """Connect; raises RetryableError when it is away, TerminalError when it is another database."""
        connection = connect(
            self._resolve(self._dsn), where=f"target {self.name}", application_name=f"{self._application_name} control"
        )
        try:
            with translated(f"target {self.name}"):
                refuse_other(self.name, expected=self._expected, found=identity_of(connection))
                connection.execute("SET idle_session_timeout = 0")  # the lock is held through long waits for git
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of the connection, and of the lock with it."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._key = None

    def lock(self, repository: str) -> bool:
        """Try to take the repository's session advisory lock; False if another session holds it."""
        key = lock_key(repository)
        if self._key == key and self.held():
            return True  # PostgreSQL would count it twice
        with self._working() as connection:
            taken = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() == (True,)
        self._key = key if taken else None
        return taken

    def held(self) -> bool:
        """Whether this session still holds it, by the server's word."""
        if self._connection is None or self._key is None:
            return False
        try:
            return self._connection.execute(_HELD, [self._key]).fetchone() == (True,)
        except psycopg.Error:
            return False

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

    def put(self, repository: str, domain: str, kind: str, fact: JSON) -> int:
        """Append a worker's fact; gives its id."""
        with self._working() as connection:
            _prepare(connection)
            row = connection.execute(
                "INSERT INTO conductor.outbox (repository, domain, kind, fact) VALUES (%s, %s, %s, %s) RETURNING id",
                [repository, domain, kind, encode(fact).decode()],
            ).fetchone()
        return int(row[0]) if row is not None else 0

    def waiting(self, repository: str, limit: int = 1000) -> tuple[Fact, ...]:
        """Facts that the ledger does not have yet, oldest first."""
        with self._working() as connection:
            if not _prepared(connection):
                return ()
            rows = connection.execute(
                "SELECT id, domain, kind, fact, put_at FROM conductor.outbox o WHERE repository = %s"
                " AND NOT EXISTS (SELECT FROM conductor.outbox_taken t WHERE t.id = o.id) ORDER BY id LIMIT %s",
                [repository, limit],
            ).fetchall()
        return tuple(Fact(id_, domain, kind, decode(fact.encode()), at) for id_, domain, kind, fact, at in rows)

    def taken(self, ids: Iterable[int], sequence: int) -> None:
        """Say that the ledger's entry `sequence` has these facts; said twice, it stays what was said first."""
        with self._working() as connection:
            connection.execute(
                "INSERT INTO conductor.outbox_taken SELECT unnest(%s::bigint[]), %s ON CONFLICT (id) DO NOTHING",
                [list(ids), sequence],
            )

    @contextmanager
    def _working(self) -> Iterator[Connection]:
        """One transaction, its errors translated."""
        if self._connection is None:
            raise RetryableError(f"the control database {self.name} is not connected")
        with translated(f"control database {self.name}"), self._connection.transaction():
            yield self._connection


def _prepared(connection: Connection) -> bool:
    """Whether schema and tables are there; raises TerminalError if somebody else's are."""
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
    """Make schema and tables, once."""
    if _prepared(connection):
        return
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("layout")])
    if not _prepared(connection):
        connection.execute(_LAYOUT)


def lock_key(repository: str) -> int:
    """The advisory lock of a repository's agents, a signed 64-bit number."""
    digest = hashlib.sha256(f"conductor/agent/{repository}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
