"""A PostgreSQL database as a target: objects of type `role`, `schema`, `grants`, `archive` and
`absence` (plan, sections 5 and 8).

Rules kept:
- a server is used only if it is the one the `Target` names, asks logins for scram-sha-256 over TCP, and lets nobody
  create in a schema that belongs to everybody: looked at before anything else;
- observe reads catalogs in one read-only transaction, at one moment, in five queries however many tenants there are;
- perform is one transaction on one object (see `session`); what a login proves is measured around it (see `proofs`).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Self

import psycopg

from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError
from runtime.contract.objects import ABSENCE, ARCHIVE, Action, ObjectId, Operation
from runtime.targets.archives import Archives
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres import adopting, dropping, grants, lending, proofs, roles, scram
from runtime.targets.postgres.dump import PgDump, found_pg_dump
from runtime.targets.postgres.ending import Ending, Names
from runtime.targets.postgres.failures import translated
from runtime.targets.postgres.login import Door, Nonce
from runtime.targets.postgres.marks import Owner
from runtime.targets.postgres.session import Connection, Session, connect
from runtime.targets.secrets import Resolve, known

OLDEST_VERSION = 150_000
SELF_GRANT_VERSION = 160_000
NEEDED_CONNECTIONS = 4
"""Of an agent at work: control database, lock, target, and the one that ends a session that is in its way."""
_RESERVED = f"""
SELECT current_setting('reserved_connections')::int >= {NEEDED_CONNECTIONS}
   AND pg_has_role(current_user, 'pg_use_reserved_connections', 'USAGE')
"""
PROBE = "conductor_login_probe"
"""A role that nobody has: how would the server authenticate it?"""

_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey")


class PostgresTarget:
    """One database. `expected` is the identity that the `Target` resource declares; None: whatever is found."""

    def __init__(
        self,
        name: str,
        *,
        dsn: str,
        expected: str | None,
        repository: str,
        resolve: Resolve,
        nonce: Nonce,
        application_name: str = "conductor",
        archive: ArchiveConfig | None = None,
        pg_dump: Callable[[], PgDump | None] = found_pg_dump,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._dsn = dsn
        self._expected = expected
        self._repository = repository
        self._resolve = resolve
        self._nonce = nonce
        self._application_name = application_name
        self._moved = moved
        self._archives = None if archive is None else Archives(archive, moved)
        self._pg_dump = pg_dump
        self._session: Session | None = None
        self._prover: proofs.Prover | None = None
        self._reads_verifiers = False

    def __enter__(self) -> Self:
        """Connect, and refuse what must not be acted upon."""
        connection = self._connected(self._application_name)
        try:
            with translated(f"target {self.name}"):
                identity = identity_of(connection)
                refuse_other(self.name, expected=self._expected, found=identity)
                _refuse_unfit(self.name, connection)
                _become_able(self.name, connection)
            door = door_of(self.name, connection)
            door.refuse_unless_scram(PROBE)
        except BaseException:
            connection.close()
            raise
        self._reads_verifiers = connection.info.parameter_status("is_superuser") == "on"
        self._session = Session(
            connection,
            Owner(self._repository, connection.info.dbname),
            self._application_name,
            lambda: self._connected(f"{self._application_name} watch"),
        )
        self._prover = proofs.Prover(door, self._nonce)
        return self

    def _connected(self, application_name: str) -> Connection:
        return connect(self._resolve(self._dsn), where=f"target {self.name}", application_name=application_name)

    def __exit__(self, *exc: object) -> None:
        """Let go of the connection."""
        if self._session is not None:
            self._session.connection.close()
        self._session = self._prover = None

    def identity(self) -> str:
        """`<system identifier>/<database>`."""
        with translated(f"target {self.name}"):
            return identity_of(self._opened().connection)

    def observe(
        self, ids: Iterable[ObjectId], adopt: Mapping[ObjectId, Mapping[str, JSON]] | None = None
    ) -> Mapping[ObjectId, Mapping[str, JSON]]:
        """See `Target.observe`."""
        session, wanted = self._opened(), adopting.Wanted.of(self.name, adopt)
        named: defaultdict[str, set[str]] = defaultdict(set)
        for item in ids:
            if item.target == self.name:
                named[item.type].add(item.name)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            with translated(f"target {self.name}"), session.connection.transaction():
                session.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                ends = named[ARCHIVE] | named[ABSENCE]
                asked = named["role"] | {name for schema in ends for name in Names.of(schema)}
                judged = adopting.judged(session.connection, session.owner, wanted)
                found = roles.find(session.connection, session.owner, asked)
                told = judged.as_ours(found, wanted, session.owner)
                # while the server answers
                references = roles.references_of(told, pool, known(self._resolve), self._holds)
                schemas = grants.find(
                    session.connection,
                    session.owner,
                    named["schema"] | named["grants"] | ends,
                    as_ours=judged.schemas(wanted, session.owner),
                )
            observed = {
                self._id("role", name): attributes if found[name].mark else judged.told("role", name, attributes)
                for name, attributes in roles.observe(told, references).items()
                if name in named["role"] or found[name].mark is not None
            }
        for kind, name, attributes in self._ending(session).observe(named[ARCHIVE], named[ABSENCE], found, schemas):
            observed[self._id(kind, name)] = attributes
        for name, schema in schemas.items():
            owned, granted = {"owner": schema.owner}, schema.grants()
            if schema.mark is None or schema.foreign:
                if name in named["schema"]:
                    observed[self._id("schema", name)] = judged.told("schema", name, owned)
                if name in named["grants"]:
                    observed[self._id("grants", name)] = judged.told_grants(name, granted)
                continue
            observed[self._id("schema", name)] = owned
            if granted is not None:
                observed[self._id("grants", name)] = granted
        return observed

    def perform(self, action: Action, *, intent: int) -> Mapping[str, JSON]:
        """See `Target.perform`. What the action starts from does not matter, only what is to be."""
        session = self._opened()
        name, wanted = action.id.name, action.after
        with translated(str(action.id)):
            if action.operation is Operation.ADOPT and wanted is not None:
                return self._adopt(session, action, wanted, intent)
            match action.id.type:
                case "role":
                    if wanted is None:
                        return self._drop_role(session, name, intent)
                    return self._write_role(session, name, roles.Role.of(name, wanted), intent)
                case "schema":
                    if wanted is None:
                        return self._ending(session).drop_schema(name, intent)
                    grants.write_schema(session, name, _owner(action.id, wanted), intent)
                case "grants":
                    if wanted is None:
                        grants.drop_grants(session, name, intent)
                    else:
                        granted = grants.Grants.of(name, wanted)
                        grants.write_grants(session, name, granted, intent)
                        adopting.settle(session, name, granted.owner, intent)
                case "archive" if wanted is not None:
                    return self._ending(session).archive(name, Names.wanted(name, wanted), intent)
                case "absence" if wanted is not None:
                    return self._ending(session).absence(name, Names.wanted(name, wanted))
                case other:
                    raise TerminalError(f"a PostgreSQL target has no objects of type {other}")
        return {}

    def _adopt(
        self, session: Session, action: Action, attributes: Mapping[str, JSON], intent: int
    ) -> Mapping[str, JSON]:
        """Make it ours, and then what it is to be, as if it always had been."""
        wanted = adopting.Wanted.of(self.name, {action.id: attributes})
        facts: Mapping[str, JSON] = {}
        match action.id.type:
            case "role" | "schema" as kind:
                facts = adopting.take(session, kind, action.id.name, wanted, intent)
        return {**facts, **self.perform(replace(action, operation=Operation.UPDATE), intent=intent)}

    def _write_role(self, session: Session, name: str, role: roles.Role, intent: int) -> Mapping[str, JSON]:
        if role.password is None:
            ended, lent = self._close(session, name, intent)
            written = roles.write(session, name, role, None, intent)
            if written.lent:
                lent += proofs.end_lent(session.connection, name, written.lent)
            if written.unproved:
                self._proved(session, name, role, intent)
            counts = {"sessions_ended": ended, "lent_sessions_ended": lent}
            return {"login": {what: count for what, count in counts.items() if count}} if any(counts.values()) else {}
        password = scram.require_plain(self._resolve(role.password), role.password)
        facts: dict[str, JSON] = {"method": "scram-sha-256"}
        if session.mark("role", name, intent) is not None:
            facts["before"] = self._proves().before(name, password)
        if role.login:
            ended, lent = 0, lending.put_out(session, name, intent)
        else:
            ended, lent = self._close(session, name, intent)
        written = roles.write(session, name, role, password, intent)
        if written.lent:
            lent += proofs.end_lent(session.connection, name, written.lent)
        if lent:
            facts["lent_sessions_ended"] = lent
        measured = self._proves().measure(name, password)
        proofs.require(name, measured, login=role.login)
        facts["after"] = measured.facts()
        facts["can_login"] = role.login
        if not role.login:
            # again: a login that was half-way when it was forbidden has shown up by now
            facts["sessions_ended"] = ended + proofs.end_sessions(session.connection, name)
            facts["sessions"] = self._none_left(session.connection, name)
            facts["sessions_of_others"] = proofs.others(session.connection, name)
        self._proved(session, name, role, intent)
        return {"login": facts}

    def _proved(self, session: Session, name: str, role: roles.Role, intent: int) -> None:
        """Say so; of a role that is being adopted only if the rules hold now that nobody else can act as it."""
        adopting.require(session, "role", name, intent)
        roles.proved(session, name, role, intent)

    def _none_left(self, connection: Connection, name: str) -> int:
        """Look once more: no session, and nobody has allowed the login, or lent the role, meanwhile."""
        left = proofs.sessions(connection, name)
        row = connection.execute(
            "SELECT rolcanlogin OR EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = r.oid"
            " AND m.member <> current_user::regrole) FROM pg_roles r WHERE rolname = %s",
            [name],
        ).fetchone()
        if left or row != (False,):
            raise RetryableError(f"{name} still has {left} sessions, may log in again, or is lent again", after=1)
        return left

    def _close(self, session: Session, name: str, intent: int) -> tuple[int, int]:
        """Put out whom the role was lent to, and let it do nothing any more. Gives how many sessions of its own were
        ended, and of others."""
        try:
            lent = lending.put_out(session, name, intent)
        except (psycopg.Error, ConductorError):  # whom the agent may not put out keeps it from nothing else
            self._shut(session, name, intent)
            raise
        return self._shut(session, name, intent), lent

    def _shut(self, session: Session, name: str, intent: int) -> int:
        """Let the role do nothing any more, before anything about it is written: no session of its own is in the way
        of that, and none begins afterwards. Gives how many were ended."""
        if session.mark("role", name, intent) is None:
            return 0
        ended = proofs.end_present(session.connection, name)
        roles.forbid_login(session, name, intent)
        return ended + proofs.end_sessions(session.connection, name)

    def _drop_role(self, session: Session, name: str, intent: int) -> Mapping[str, JSON]:
        ended = self._shut(session, name, intent)
        kept = dropping.drop(session, name, intent)
        facts: dict[str, JSON] = {"login": {"sessions_ended": ended}}
        return facts | ({"large_objects_kept": kept} if kept else {})

    def _holds(self, role: str, verifier: str | None, password: str) -> bool:
        """Compare with the verifier; where it may not be read, log in."""
        if verifier is not None:
            return scram.matches(verifier, password)
        return not self._reads_verifiers and self._proves().holds(role, password)

    def _ending(self, session: Session) -> Ending:
        return Ending(
            self.name,
            session,
            self._archives,
            self._pg_dump,
            shut=lambda role, intent: self._shut(session, role, intent),
            moved=self._moved,
        )

    def _id(self, kind: str, name: str) -> ObjectId:
        return ObjectId(self.name, kind, name)

    def _opened(self) -> Session:
        if self._session is None:
            raise RetryableError(f"target {self.name} is not connected")
        return self._session

    def _proves(self) -> proofs.Prover:
        if self._prover is None:
            raise RetryableError(f"target {self.name} is not connected")
        return self._prover


def identity_of(connection: Connection) -> str:
    """`<system identifier>/<database>` of a connection."""
    row = connection.execute("SELECT system_identifier, current_database() FROM pg_control_system()").fetchone()
    if row is None:
        raise TerminalError("the server does not say who it is")
    return f"{row[0]}/{row[1]}"


def refuse_other(name: str, *, expected: str | None, found: str) -> None:
    """Raise TerminalError for another system than the `Target` names."""
    if expected is not None and expected != found:
        raise TerminalError(
            f"target {name} is the system {expected}, and what answers there is {found}",
            help=f"if that is the one you mean, set `identity: {found}` in spec/targets/{name}.yaml;"
            " if not, correct the value of the DSN reference",
        )


def door_of(name: str, connection: Connection) -> Door:
    """Where logins of this server knock: the address that this very connection goes to."""
    info = connection.info
    if not info.hostaddr or info.host.startswith(("/", "@")):
        raise TerminalError(
            f"target {name} is reached over a Unix socket, where logins are not proved by passwords",
            help="let the DSN name a host and a port",
        )
    parameters = {key: value for key, value in info.get_parameters().items() if key in _TLS}
    return Door(info.host, info.hostaddr, info.port, info.dbname, parameters)


def _refuse_unfit(name: str, connection: Connection) -> None:
    """Raise for a server that is too old, a standby, or leaves a schema open to everybody."""
    if connection.info.server_version < OLDEST_VERSION:
        raise TerminalError(f"target {name} is PostgreSQL {connection.info.server_version // 10_000}, 15 is the oldest")
    if connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,):
        raise RetryableError(f"target {name} is a standby and takes no changes", after=30)
    if connection.execute("SELECT current_setting('max_prepared_transactions')").fetchone() != ("0",):
        raise TerminalError(
            f"target {name} lets transactions be prepared, whose locks outlive their sessions",
            help="ALTER SYSTEM SET max_prepared_transactions = 0; and restart the server",
        )
    row = connection.execute(
        "SELECT 'SCHEMA ' || quote_ident(n.nspname) FROM pg_namespace n, aclexplode(n.nspacl) a"
        " WHERE a.grantee = 0 AND a.privilege_type = 'CREATE'"
        " UNION ALL"
        " SELECT 'DATABASE ' || quote_ident(d.datname) FROM pg_database d, aclexplode(d.datacl) a"
        " WHERE a.grantee = 0 AND a.privilege_type = 'CREATE' AND d.datname = current_database() LIMIT 1"
    ).fetchone()
    if row is not None:
        raise TerminalError(
            f"in target {name} everybody may create objects ({row[0]}), which tenants would share",
            help=f"REVOKE CREATE ON {row[0]} FROM PUBLIC;",
        )


def _become_able(name: str, connection: Connection) -> None:
    """An agent that is no superuser makes itself a member of the roles that it makes: to own for them, and to end
    their sessions. Before PostgreSQL 16 nobody but a superuser could."""
    if connection.info.parameter_status("is_superuser") == "on":
        return
    if connection.info.server_version < SELF_GRANT_VERSION:
        raise TerminalError(
            f"the agent's role in target {name} is no superuser, which before PostgreSQL 16 it has to be",
            help="let the DSN name a superuser, or use PostgreSQL 16 or later, where CREATEROLE is enough",
        )
    if connection.execute(_RESERVED).fetchone() != (True,):
        raise TerminalError(
            f"target {name} keeps no connection free for the agent: tenants could use up all of them",
            help=f"ALTER SYSTEM SET reserved_connections = {NEEDED_CONNECTIONS};"
            " GRANT pg_use_reserved_connections TO the agent's role; and restart the server",
        )
    connection.execute("SET createrole_self_grant = 'set, inherit'")


def _owner(item: ObjectId, attributes: Mapping[str, JSON]) -> str:
    match attributes:
        case {"owner": str(owner)} if len(attributes) == 1:
            return owner
    raise TerminalError(f"{item} cannot be made: a schema has exactly its owner")


__all__ = ["PostgresTarget", "door_of", "identity_of", "refuse_other"]
