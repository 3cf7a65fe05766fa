"""A schema -> SQL that makes it anew, row by row, as a stream; and how many rows each table has in it.

Rules kept: what is counted and what is dumped is one snapshot; `pg_dump` does it where there is one of the server's
major version or a newer one, else `copying`; pg_dump reaches the very server that the connection has reached, however
that was told; the password goes to it in its environment, never in its arguments;
owners and privileges are left out, so that the stream needs nothing but an empty database.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from runtime.contract import children
from runtime.contract.canonical import JSON, encode, sha256
from runtime.contract.printable import line
from runtime.targets.interface import RetryableError
from runtime.targets.postgres import copying
from runtime.targets.postgres.session import Connection

PIECE = 1024 * 1024
BLOCKS = 128 * 1024
"""A table is counted in pieces of so many blocks, a GiB: the server reads each in seconds, or in few minutes."""
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\S*)")
_SECONDS = 30
LONGEST = 400
_LOOKED_UP = frozenset({b"service", b"servicefile", b"passfile"})
"""What these files said is known by now."""

_TABLES = """
SELECT c.relname::text, pg_relation_size(c.oid) / current_setting('block_size')::int
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relkind IN ('r', 'm') ORDER BY c.relname
"""
_ROWS = """
SELECT count(*), coalesce(sum(xmin::text::numeric), 0)::text FROM ONLY {} WHERE ctid >= %s::tid AND ctid < %s::tid
"""
_SEQUENCES = """
SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relkind = 'S' ORDER BY c.relname
"""
_SHAPE = """
SELECT c.relkind::text, c.relname::text, c.relnatts::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s
UNION ALL
SELECT 'function', p.oid::regprocedure::text, md5(p.prosrc)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %(schema)s
ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Contents:
    """What is in a schema: rows of each table, and a digest that is another one once anything has been written."""

    tables: Mapping[str, int]
    fingerprint: str


def contents(connection: Connection, schema: str, moved: Callable[[], None]) -> Contents:
    """Look, in a transaction without a time limit. A row that was written carries another transaction than before.
    `moved` is told of each piece of a table."""
    tables: dict[str, int] = {}
    told: list[JSON] = []
    for name, blocks in connection.execute(_TABLES, [schema]).fetchall():
        counted, rows, written = sql.SQL(_ROWS).format(sql.Identifier(schema, name)), 0, 0
        for first in range(0, blocks, BLOCKS):  # what lies behind these blocks was written after the snapshot
            bounds = [f"({first},0)", f"({first + BLOCKS},0)"]
            count, transactions = connection.execute(counted, bounds).fetchone() or (0, "0")
            rows, written = rows + count, written + int(transactions)
            moved()
        tables[name] = rows
        told.append([name, rows, str(written)])
    for (name,) in connection.execute(_SEQUENCES, [schema]).fetchall():
        query = sql.SQL("SELECT last_value::text, is_called FROM {}")
        told.append([name, *(connection.execute(query.format(sql.Identifier(schema, name))).fetchone() or ())])
    told.extend([*row] for row in connection.execute(_SHAPE, {"schema": schema}).fetchall())
    return Contents(tables, sha256(encode(told)))


@dataclass(frozen=True)
class PgDump:
    """An executable, and the version that it says it is."""

    path: Path
    version: str
    major: int


def found_pg_dump() -> PgDump | None:
    """The `pg_dump` of the machine, if there is one."""
    path = shutil.which("pg_dump")
    if path is None:
        return None
    said = subprocess.run(  # noqa: S603 -- an argument list, no shell
        [path, "--version"], capture_output=True, text=True, check=False, timeout=_SECONDS
    ).stdout
    version = _VERSION.search(said)
    return None if version is None else PgDump(Path(path), "".join(version.groups()), int(version[1]))


def able(pg_dump: PgDump | None, connection: Connection) -> PgDump | None:
    """Whether it can dump this server: not, if it is of an older major version."""
    server = connection.info.server_version // 10_000
    return pg_dump if pg_dump is not None and pg_dump.major >= server else None


def stream(connection: Connection, schema: str, pg_dump: PgDump | None) -> Iterator[bytes]:
    """Give the SQL, of the snapshot of the connection's transaction."""
    if pg_dump is None:
        yield from copying.script(connection, schema)
        return
    (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
    yield from _piped(_command(pg_dump, schema, snapshot), environment(connection), schema)


def environment(connection: Connection) -> dict[str, str]:
    """What an open connection was made by, in libpq's variables, with the one server that it has reached."""
    made = {
        option.envvar.decode(): option.val.decode()
        for option in connection.pgconn.info
        if option.val is not None and option.envvar is not None and option.keyword not in _LOOKED_UP
    }
    info = connection.info
    reached = {
        "PGHOST": info.host,
        "PGHOSTADDR": info.hostaddr,
        "PGPORT": str(info.port),
        "PGUSER": info.user,
        "PGDATABASE": info.dbname,
        "PGPASSWORD": info.password,
    }
    own = {"LC_ALL": "C", "PGAPPNAME": "conductor archive"}
    return children.environment() | made | {name: value for name, value in reached.items() if value} | own


def _command(pg_dump: PgDump, schema: str, snapshot: str) -> list[str]:
    return [
        str(pg_dump.path), "--format=plain", "--encoding=UTF8", "--no-owner", "--no-privileges", "--no-password",
        "--lock-wait-timeout=10s", "--strict-names", f'--schema="{schema}"', f"--snapshot={snapshot}",
    ]  # fmt: skip


def _piped(command: list[str], given: Mapping[str, str], schema: str) -> Iterator[bytes]:
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(  # noqa: S603 -- an argument list, no shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=dict(given)
        ) as process,
    ):
        try:
            while process.stdout is not None and (piece := process.stdout.read(PIECE)):
                yield piece
        except GeneratorExit:
            process.kill()
            raise
        if process.wait() != 0:
            said.seek(0)
            words = line(" ".join(said.read(2000).decode("utf-8", "replace").split()), LONGEST)
            raise RetryableError(f"pg_dump of {schema} failed: {words}", after=60)
