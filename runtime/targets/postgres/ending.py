"""The end of a tenant: its archive, and the proof that nothing of it is left.

`archive/<schema>` exists once the schema's mark names an archive that lies in the folder, or the schema is gone;
`absence/<schema>` once neither the schema nor one of its two roles exists. Between the two everything is deleted.

Rules kept: the login is forbidden and every session ended before anything is dumped; what is dumped and what is counted
is one snapshot; the mark is written last; only a schema whose mark names an archive is dropped with what is in it, and
only if that file is still what was written, nothing has been written since, and nothing outside depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from psycopg import sql

from runtime.contract.canonical import JSON, encode, sha256
from runtime.contract.objects import ABSENCE, ARCHIVE, FOREIGN
from runtime.contract.printable import line
from runtime.targets.archives import Archives, Stream
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres import across, dump, grants, locks, proofs, roles
from runtime.targets.postgres.dump import PgDump
from runtime.targets.postgres.marks import Mark
from runtime.targets.postgres.session import Connection, Session

SHOWN = 5
LONGEST = 120
TABLES_TOLD = 500
"""How many tables of a tenant stand in evidence by name; the record beside the archive has all of them, and evidence
says how many those are, and the SHA-256 of their canonical JSON."""

_THERE = """
SELECT 'role ' || rolname FROM pg_roles WHERE rolname = ANY(%(roles)s)
UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = %(schema)s ORDER BY 1
"""
_LARGE_OBJECTS = """
SELECT count(*) FROM pg_largeobject_metadata m JOIN pg_roles r ON r.oid = m.lomowner WHERE r.rolname = ANY(%s)
"""

_PROOF = {
    "memberships": "SELECT count(*) FROM pg_auth_members m WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = m.member)"
    " OR NOT EXISTS (SELECT FROM pg_roles WHERE oid = m.roleid)",
    "settings": "SELECT count(*) FROM pg_db_role_setting s WHERE s.setrole <> 0"
    " AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = s.setrole)",
    "default_privileges": "SELECT count(*) FROM pg_default_acl d"
    " WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = d.defaclrole) OR (d.defaclnamespace <> 0"
    " AND NOT EXISTS (SELECT FROM pg_namespace WHERE oid = d.defaclnamespace))",
    "owned_objects": "SELECT count(*) FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass"
    " AND s.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"
    " AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = s.refobjid)",
    "grants": "SELECT count(*) FROM (SELECT relacl AS acl FROM pg_class UNION ALL SELECT nspacl FROM pg_namespace"
    " UNION ALL SELECT proacl FROM pg_proc UNION ALL SELECT typacl FROM pg_type UNION ALL SELECT attacl"
    " FROM pg_attribute UNION ALL SELECT datacl FROM pg_database UNION ALL SELECT defaclacl FROM pg_default_acl) acls,"
    " aclexplode(acls.acl) a"
    " WHERE a.grantee <> 0 AND NOT EXISTS (SELECT FROM pg_roles WHERE oid = a.grantee)",
}
"""What a role or schema that is gone could have left behind: rows that name nobody any more."""


class Names(NamedTuple):
    """The roles of a schema, as its tenant's objects name them."""

    owner: str
    role: str

    @classmethod
    def of(cls, schema: str) -> Names:
        """As the compiler names them."""
        return cls(f"{schema}_owner", f"{schema}_app")

    @classmethod
    def wanted(cls, schema: str, attributes: Mapping[str, JSON]) -> Names:
        """Those of an action; raises TerminalError for any others."""
        names = cls.of(schema)
        if attributes != names.attributes:
            raise TerminalError(f"the end of {schema} cannot be made: its roles are {names.owner} and {names.role}")
        return names

    @property
    def attributes(self) -> Mapping[str, JSON]:
        """Of both objects."""
        return self._asdict()


@dataclass(frozen=True)
class Ending:
    """Acts on one database. `archives` is None where the target declares none; `shut` lets a role do nothing any more
    and says how many sessions that ended; `pg_dump` is the machine's; `moved` is told of each piece of what has no time
    limit."""

    target: str
    session: Session
    archives: Archives | None
    pg_dump: Callable[[], PgDump | None]
    shut: Callable[[str, int], int]
    moved: Callable[[], None]

    def observe(
        self,
        archives: Collection[str],
        absences: Collection[str],
        found: Mapping[str, roles.Found],
        schemas: Mapping[str, grants.Found],
    ) -> Iterator[tuple[str, str, Mapping[str, JSON]]]:
        """Type, name and attributes of those that exist, by what was found of their roles and schemas."""
        for schema in sorted({*archives, *absences}):
            names = Names.of(schema)
            there = schemas.get(schema)
            marks = [item.mark for item in (found.get(names.owner), found.get(names.role), there) if item is not None]
            if schema in absences and None in marks:
                yield ABSENCE, schema, FOREIGN
            elif schema in absences and not marks:
                yield ABSENCE, schema, names.attributes
            if schema in archives and (there is None or self._archived(schema, there.mark)):
                yield ARCHIVE, schema, names.attributes

    def archive(self, schema: str, names: Names, intent: int) -> Mapping[str, JSON]:
        """Put all that the schema holds into an archive, and say on the schema that it is there."""
        archives = self._archives()
        mark = self.session.mark("schema", schema, intent)
        if mark is None:
            raise TerminalError(f"schema {schema} is not there, so there is nothing to archive")
        ended = sum(self.shut(role, intent) for role in (names.role, names.owner))
        self._refuse_large_objects(schema, names)
        with self.session.reach() as connection:
            with _one_snapshot(connection):
                contents = dump.contents(connection, schema, self.moved)
                tool = dump.able(self.pg_dump(), connection)
                stream = Stream(dump.stream(connection, schema, tool))
                kept = archives.write(self._called(schema), intent, stream)
            server = connection.info.parameter_status("server_version")
        record: dict[str, JSON] = {
            "file": kept.file,
            "sha256": kept.sha256,
            "size": kept.size,
            "format": "age",
            "recipients": list(archives.config.recipients),
            "dump": "COPY" if tool is None else f"pg_dump {tool.version}",
            "server": server,
            "tables": dict(contents.tables),
        }
        archives.remember(self._called(schema), record)
        with self.session.guarded("schema", schema, intent) as mark:
            if mark is None:
                raise RetryableError(f"schema {schema} went while it was archived", after=1)
            named = {"file": kept.file, "sha256": kept.sha256, "contents": contents.fingerprint}
            self.session.write_mark("schema", schema, replace(mark, intent=intent, archive=named))
        return {"archive": _told(record), "login": {"sessions_ended": ended}}

    def drop_schema(self, schema: str, intent: int) -> Mapping[str, JSON]:
        """Drop the schema if it is there: with what is in it if that is archived, else only if it is empty."""
        stale: str | None = None
        with self.session.guarded("schema", schema, intent) as mark:
            if mark is None:
                return {}
            if mark.archive is None:
                self.session.execute("DROP SCHEMA {} RESTRICT", sql.Identifier(schema))
                self.session.forget_mark("schema", schema)
                return {}
            stale = self._stale(schema, mark.archive)
            if stale is None:
                self._refuse_outside(schema)
                self._refuse_large_objects(schema, Names.of(schema))
                self.session.execute("DROP SCHEMA {} CASCADE", sql.Identifier(schema))
                self.session.forget_mark("schema", schema)
            else:
                self.session.write_mark("schema", schema, replace(mark, archive=None))
        if stale is not None:
            raise RetryableError(f"{stale}: nothing is dropped, and the schema is archived anew", after=1)
        return {"archive": dict(mark.archive)}

    def absence(self, schema: str, names: Names) -> Mapping[str, JSON]:
        """Look for all that a tenant is made of, and could have left; raises TerminalError for what is found."""
        connection = self.session.connection
        there = [what for (what,) in connection.execute(_THERE, {"roles": list(names), "schema": schema})]
        sessions = {f"session of {name}": proofs.sessions(connection, name) for name in names}
        counts: dict[str, JSON] = {}
        for what, query in _PROOF.items():
            (count,) = connection.execute(query.encode()).fetchone() or (None,)
            counts[what] = count
        left = [*there, *(name for name, count in sessions.items() if count), *(k for k, v in counts.items() if v != 0)]
        if left:
            raise TerminalError(
                f"not all of {schema} is gone: {', '.join(left)}",
                help="what Conductor did not make it does not touch: drop it by hand, and run the agent again",
            )
        looked: dict[str, JSON] = {
            "roles": dict.fromkeys(names, 0),
            "schemas": {schema: 0},
            "sessions": sum(sessions.values()),
            **counts,
        }
        return {"absence": looked, "archive": self._proved_archive(schema)}

    def _proved_archive(self, schema: str) -> JSON:
        """The record of the archive, if its file is still what was written; None if there is none."""
        record = None if self.archives is None else self.archives.record(self._called(schema))
        if record is None or self.archives is None:
            return None
        file, digest = str(record["file"]), str(record["sha256"])
        if not self.archives.intact(file, digest):
            raise TerminalError(
                f"archive {file} is not what was written (sha256:{digest[:12]}…)",
                help=f"bring the file back to {self.archives.folder}; its SHA-256 stands in the ledger",
            )
        return _told(record)

    def _archived(self, schema: str, mark: Mark | None) -> bool:
        """Whether the schema's mark names the archive that is there, for those who are declared."""
        if mark is None or mark.archive is None or self.archives is None:
            return False
        record = self.archives.record(self._called(schema))
        return (
            record is not None
            and record["sha256"] == mark.archive.get("sha256")
            and record.get("recipients") == list(self.archives.config.recipients)
        )

    def _stale(self, schema: str, archive: Mapping[str, JSON]) -> str | None:
        """Why an archive is none of what the schema holds, if it is not."""
        file, digest = str(archive.get("file")), str(archive.get("sha256"))
        if not self._archives().intact(file, digest):
            return f"archive {file} is not what was written (sha256:{digest[:12]}…)"
        connection = self.session.connection
        connection.execute("SELECT set_config('statement_timeout', '0', true)")
        tables = connection.execute(
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind = 'r' ORDER BY 1",
            [schema],
        ).fetchall()
        for (table,) in tables:
            self.session.execute("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", sql.Identifier(schema, table))
        if dump.contents(connection, schema, self.moved).fingerprint != archive.get("contents"):
            return f"something was written into schema {schema} after it was archived"
        return None

    def _refuse_outside(self, schema: str) -> None:
        outside = across.depending(self.session.connection, schema)
        if outside:
            more = f" and {len(outside) - SHOWN} more" if len(outside) > SHOWN else ""
            shown = ", ".join(line(what, LONGEST) for what in outside[:SHOWN])
            raise TerminalError(
                f"schema {schema} cannot be dropped: {shown}{more} outside it depends on it",
                help="drop that by hand, or take its dependency away, and run the agent again",
            )

    def _refuse_large_objects(self, schema: str, names: Names) -> None:
        """They lie in no schema, so an archive of one does not hold them."""
        (count,) = self.session.connection.execute(_LARGE_OBJECTS, [list(names)]).fetchone() or (0,)
        if count:
            raise TerminalError(
                f"the roles of {schema} own {count} large objects, which its archive would not hold",
                help="export them (psql: \\lo_export) and unlink them by hand, and run the agent again",
            )

    def _archives(self) -> Archives:
        if self.archives is None:
            raise TerminalError(
                f"target {self.target} declares no archive, so nothing that holds data is deleted there",
                help=f"add `archive: {{folder: file:/…, recipients: [age1…]}}` in spec/targets/{self.target}.yaml",
            )
        return self.archives

    def _called(self, schema: str) -> str:
        return f"{self.target}-{schema}"


def _told(record: Mapping[str, JSON]) -> dict[str, JSON]:
    """A record as evidence carries it: whatever a tenant has called its tables, and however many there are."""
    tables = dict(record["tables"]) if isinstance(record.get("tables"), dict) else {}
    told = {line(name, LONGEST): rows for name, rows in sorted(tables.items())[:TABLES_TOLD]}
    totals = {"table_count": len(tables), "row_count": sum(tables.values()), "tables_sha256": sha256(encode(tables))}
    return {**record, "tables": told, **totals}


@contextmanager
def _one_snapshot(connection: Connection) -> Iterator[None]:
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        limits = ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
        locks.without_limits(connection, *limits, local=True)
        yield
