"""Roles: catalogs -> attributes; attributes -> the one transaction that makes a role so.

Two shapes are wanted, and no other: an owner, `{"login": false}`, and a tenant's application role, `{"login",
"connection_limit", "password", "settings"}`. What is observed has the same shape, and one attribute more for
everything that is not as it would be of a fresh role (`superuser`, `member_of`, `database_settings`, …), so that
whatever was altered by hand, or left half done, differs from what is wanted and is undone.

Rules kept: passwords travel as SCRAM verifiers made by libpq, in a statement that the server does not log; an unchanged
password keeps its verifier; a role keeps nothing that its attributes do not say. A role can write its own settings, so
a value that we did not write is never shown: its SHA-256 stands for it, and names and numbers have a limit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from psycopg import sql

from runtime.contract.canonical import JSON
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import FOREIGN
from runtime.contract.printable import line
from runtime.targets.interface import TerminalError
from runtime.targets.postgres import lending, locks, scram
from runtime.targets.postgres.marks import Mark, Owner, believed
from runtime.targets.postgres.session import Connection, Session
from runtime.targets.secrets import Resolve

Attributes = Mapping[str, JSON]
Holds = Callable[[str, str | None, str], bool]
"""Role, stored verifier (None: not readable), password -> whether the password is the role's."""

AT_A_TIME = 50
"""Roles whose passwords one thread compares in a row."""

_POWERS = {
    "rolsuper": ("superuser", "NOSUPERUSER"),
    "rolcreaterole": ("create_role", "NOCREATEROLE"),
    "rolcreatedb": ("create_database", "NOCREATEDB"),
    "rolreplication": ("replication", "NOREPLICATION"),
    "rolbypassrls": ("bypass_rls", "NOBYPASSRLS"),
}
_SETTING = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
_LISTS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
"""Settings whose value is a list of names: a literal would be taken for one name."""

_QUIET = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_min_error_statement": "panic",
}

MAX_SETTINGS = 20
"""So many settings that are not ours are named, and so many roles in a list; the others are counted."""
_NAME = 63
_VALUE = 512
"""Bytes of a longer setting never leave the server."""
_READ = 200

_OBSERVE = """
SELECT r.rolname, o.mark, o.id = r.oid, c.description, {password},
       r.rolcanlogin, r.rolconnlimit, r.rolinherit,
       CASE WHEN isfinite(r.rolvaliduntil) THEN r.rolvaliduntil::text END,
       ARRAY[r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls],
       (SELECT json_agg(json_build_array(d.datname, cardinality(s.setconfig),
            (SELECT json_agg(json_build_array(left(split_part(entry, '=', 1), 64),
                    CASE WHEN octet_length(entry) <= {value} THEN substr(entry, strpos(entry, '=') + 1) END,
                    encode(sha256(convert_to(substr(entry, strpos(entry, '=') + 1), 'UTF8')), 'hex')))
               FROM unnest(s.setconfig[:{read}]) entry)) ORDER BY d.datname)
          FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase WHERE s.setrole = r.oid),
       ARRAY(SELECT DISTINCT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid),
       ARRAY(SELECT DISTINCT pg_get_userbyid(m.member)::text FROM pg_auth_members m
              WHERE m.roleid = r.oid AND m.member <> current_user::regrole),
       CASE WHEN r.rolcanlogin THEN 0 ELSE coalesce(s.count, 0) END
  FROM {roles} r
  LEFT JOIN {marks} o ON o.kind = 'role' AND o.name = r.rolname
  LEFT JOIN (SELECT usesysid, count(*) FROM pg_stat_activity GROUP BY usesysid) s ON s.usesysid = r.oid
  LEFT JOIN pg_shdescription c ON c.objoid = r.oid AND c.classoid = 'pg_authid'::regclass
 WHERE r.rolname = ANY({names}) OR ({marked} AND o.mark IS NOT NULL)
 ORDER BY r.rolname
"""


@dataclass(frozen=True)
class Role:
    """A role as wanted."""

    login: bool
    connection_limit: int = -1
    password: str | None = None
    settings: Mapping[str, str] | None = None

    @classmethod
    def of(cls, name: str, attributes: Attributes) -> Role:
        """Read wanted attributes; raises TerminalError for a shape that is none of the two."""
        match attributes:
            case {"login": False} if len(attributes) == 1:
                return cls(login=False)
            case {
                "login": bool(login),
                "connection_limit": int(limit),
                "password": str(reference),
                "settings": dict(settings),
            } if len(attributes) == 4 and all(
                _SETTING.fullmatch(key) and isinstance(value, str) for key, value in settings.items()
            ):
                return cls(login, limit, reference, settings)
        raise TerminalError(
            f"role {name} cannot be made: its attributes are {', '.join(sorted(attributes))}",
            help="a role has login alone, or login, connection_limit, password and settings",
        )


@dataclass(frozen=True)
class Settings:
    """A role's own settings: the values (of a long one its digest), the digests, and how many there are."""

    values: Mapping[str, str]
    digests: Mapping[str, str]
    count: int

    def shown(self, ours: Mapping[str, str]) -> dict[str, JSON]:
        """Those of `ours` that are as we wrote them; of the others a digest, for as many as are named."""
        same = {name: value for name, value in ours.items() if self.values.get(name) == value}
        others = [name for name in self.digests if name not in same][:MAX_SETTINGS]
        found: dict[str, JSON] = {**same, **{line(name, _NAME): self.digests[name] for name in others}}
        return found | ({"…": f"and {left} more"} if (left := self.count - len(found)) > 0 else {})


@dataclass(frozen=True)
class Found:
    """A role as it is."""

    name: str
    mark: Mark | None
    verifier: str | None
    login: bool
    connection_limit: int
    settings: Settings
    elsewhere: Mapping[str, Settings]
    """Settings for one database only, by database: they override the others."""
    powers: tuple[str, ...]
    valid_until: str | None
    inherits: bool
    member_of: tuple[str, ...]
    members: tuple[str, ...]
    sessions: int
    """Sessions of a role that may not log in: what an interrupted suspension leaves behind."""

    def as_ours(self, mark: Mark) -> Found:
        """The same, told as it would be with this mark."""
        return replace(self, mark=mark)

    def attributes(self, reference: str | None) -> Attributes:
        """What an observer reports; `reference` is what `reference_of` says of the password."""
        if self.mark is None:
            return FOREIGN
        found: dict[str, JSON] = {"login": self.login}
        settings = self.settings.shown(self.mark.settings or {})
        if self.mark.password is not None:
            found |= {"connection_limit": self.connection_limit, "password": reference, "settings": settings}
        else:
            extra: dict[str, tuple[JSON, bool]] = {
                "connection_limit": (self.connection_limit, self.connection_limit != -1),
                "password": ("set", self.verifier is not None),
                "settings": (settings, bool(settings)),
            }
            found |= {name: value for name, (value, differs) in extra.items() if differs}
        found |= dict.fromkeys(self.powers, True)
        more: dict[str, JSON] = {
            "valid_until": self.valid_until,
            "member_of": _few(self.member_of),
            "members": _few(self.members),
            "sessions": self.sessions,
            "unproved": self.mark.unproved,
            "database_settings": {line(name, _NAME): values.shown({}) for name, values in self.elsewhere.items()},
        }
        found |= {name: value for name, value in more.items() if value}
        return found if self.inherits else found | {"inherit": False}


def find(connection: Connection, owner: Owner, names: Collection[str], *, alone: bool = False) -> dict[str, Found]:
    """The named roles, and (unless `alone`) every role of ours, in one query."""
    readable = connection.execute("SELECT has_table_privilege('pg_authid', 'SELECT')").fetchone() == (True,)
    query = sql.SQL(_OBSERVE).format(
        password=sql.SQL("r.rolpassword" if readable else "NULL"),
        roles=sql.SQL("pg_authid" if readable else "pg_roles"),
        marks=locks.marks_of(connection),
        marked=sql.Literal(not alone),
        value=sql.Literal(_VALUE),
        read=sql.Literal(_READ),
        names=sql.Literal(list(names)),
    )
    wanted = set(names)
    roles = (_found(row, owner) for row in connection.execute(query))
    return {role.name: role for role in roles if role.mark is not None or role.name in wanted}


def observe(found: Mapping[str, Found], references: Iterable[str | None]) -> dict[str, Attributes]:
    """Attributes of the roles; `references` are those of `references_of`."""
    return {role.name: role.attributes(reference) for role, reference in zip(found.values(), references, strict=True)}


def references_of(found: Mapping[str, Found], pool: Executor, resolve: Resolve, holds: Holds) -> Iterable[str | None]:
    """Begin to compare the roles' passwords, on all cores: PBKDF2 lets go of the interpreter while it works."""
    roles = list(found.values())
    parts = [roles[start : start + AT_A_TIME] for start in range(0, len(roles), AT_A_TIME)]
    return chain.from_iterable(pool.map(lambda part: [reference_of(role, resolve, holds) for role in part], parts))


def reference_of(role: Found, resolve: Resolve, holds: Holds) -> str | None:
    """The reference of the role's password if the role has that password; if not, that it differs from it, in words
    that are no reference. None for a role without; and where nobody can tell, as the mark names one that is wanted no
    more: an agent reads all that is wanted before it looks."""
    if role.mark is None or role.mark.password is None:
        return None
    try:
        password = scram.require_plain(resolve(role.mark.password), role.mark.password)
    except EnvironmentFailedError:
        return None
    same = holds(role.name, role.verifier, password)
    return role.mark.password if same else f"differs from {role.mark.password}"


def write(session: Session, name: str, role: Role, password: str | None, intent: int) -> Mark:
    """Make the role as wanted, in one transaction. `password` None: the role keeps the one it has, if it may have one.
    Gives the mark, which says whose sessions are to be ended before anything is proved.

    Raises TerminalError for a role that is foreign, or that a newer intent wrote.
    """
    with session.guarded("role", name, intent) as mark:
        if mark is None:
            session.execute("CREATE ROLE {} NOLOGIN", sql.Identifier(name))
        found = find(session.connection, session.owner, [name], alone=True)[name]
        _plain(session, found, role)
        _settings(session, found, role.settings or {})
        lent = lending.take_back(session, name)
        adopting = mark is not None and mark.adopting
        written = Mark(
            session.owner,
            intent,
            role.password,
            unproved=role.password is not None or bool(lent) or adopting,
            settings=role.settings,
            lent=lent,
            adopting=adopting,
        )
        session.write_mark("role", name, written)
        if role.password is None:
            if found.verifier is not None:
                session.execute("ALTER ROLE {} PASSWORD NULL", sql.Identifier(name))
        elif password is not None and not (found.verifier and scram.matches(found.verifier, password)):
            _password(session, name, password)
        return written


def proved(session: Session, name: str, role: Role, intent: int) -> None:
    """Say on the role that logins have shown it to be as it should be, and that whom it was lent to is out."""
    with session.guarded("role", name, intent):
        session.write_mark("role", name, Mark(session.owner, intent, role.password, settings=role.settings))


def forbid_login(session: Session, name: str, intent: int) -> None:
    """Let no new session begin, before what there is ends."""
    with session.guarded("role", name, intent) as mark:
        if mark is not None:
            session.execute("ALTER ROLE {} NOLOGIN", sql.Identifier(name))
            session.write_mark("role", name, replace(mark, intent=intent, unproved=True))


def _plain(session: Session, found: Found, role: Role) -> None:
    """Whether it may log in, how often, until when, and nothing that a superuser would have to give."""
    options = [
        sql.SQL("LOGIN" if role.login else "NOLOGIN"),
        sql.SQL("CONNECTION LIMIT {}").format(sql.Literal(role.connection_limit)),
    ]
    if not found.inherits:
        options.append(sql.SQL("INHERIT"))
    if found.valid_until is not None:
        options.append(sql.SQL("VALID UNTIL 'infinity'"))
    options += [sql.SQL(without) for named, without in _POWERS.values() if named in found.powers]
    session.execute("ALTER ROLE {} {}", sql.Identifier(found.name), sql.SQL(" ").join(options))


def _settings(session: Session, found: Found, wanted: Mapping[str, str]) -> None:
    role = sql.Identifier(found.name)
    for database in found.elsewhere:
        session.execute("ALTER ROLE {} IN DATABASE {} RESET ALL", role, sql.Identifier(database))
    kept = found.settings.values
    if found.settings.count != len(kept.keys() & wanted.keys()):
        session.execute("ALTER ROLE {} RESET ALL", role)
        kept = {}
    for setting, value in sorted(wanted.items()):
        if kept.get(setting) == value:
            continue
        if setting in _LISTS:
            session.connection.execute("SELECT set_config(%s, %s, true)", [setting, value])
            session.execute("ALTER ROLE {} SET {} FROM CURRENT", role, _setting(setting))
        else:
            session.execute("ALTER ROLE {} SET {} TO {}", role, _setting(setting), sql.Literal(value))


def _setting(name: str) -> sql.Composable:
    return sql.SQL(".").join(sql.Identifier(part) for part in name.split("."))


def _password(session: Session, name: str, password: str) -> None:
    """Set the verifier. It is no password, but it allows guessing offline, so it stays out of the server's log, as far
    as the agent's role may say so: a superuser may, another needs `GRANT SET ON PARAMETER`."""
    pgconn = session.connection.pgconn
    verifier = pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    session.connection.execute(
        "SELECT set_config(setting, value, true) FROM unnest(%s::text[], %s::text[]) AS quiet (setting, value)"
        " WHERE has_parameter_privilege(setting, 'SET')",
        [list(_QUIET), list(_QUIET.values())],
    )
    session.execute("ALTER ROLE {} PASSWORD {}", sql.Identifier(name), sql.Literal(verifier))


def _found(row: tuple[Any, ...], owner: Owner) -> Found:
    (
        name,
        text,
        same,
        comment,
        verifier,
        login,
        limit,
        inherits,
        until,
        powers,
        settings,
        member_of,
        members,
        sessions,
    ) = row
    by_database = {database or "": _settings_of(count, entries) for database, count, entries in settings or ()}
    return Found(
        name=name,
        mark=believed(text, owner, same=same, comment=comment),
        verifier=verifier,
        login=login,
        connection_limit=limit,
        settings=by_database.pop("", Settings({}, {}, 0)),
        elsewhere=by_database,
        powers=tuple(named for (named, _), has in zip(_POWERS.values(), powers, strict=True) if has),
        valid_until=until,
        inherits=inherits,
        member_of=tuple(sorted(member_of)),
        members=tuple(sorted(members)),
        sessions=sessions,
    )


def _settings_of(count: int, entries: Iterable[tuple[str, str | None, str]]) -> Settings:
    """As pg_db_role_setting has them; PostgreSQL writes some names in its own case (`TimeZone`)."""
    read = [(name.lower(), value, f"sha256:{digest}") for name, value, digest in entries or ()]
    return Settings(
        {name: digest if value is None else value for name, value, digest in read},
        {name: digest for name, _, digest in read},
        count,
    )


def _few(names: tuple[str, ...]) -> list[JSON]:
    told: list[JSON] = [line(name, _NAME) for name in names[:MAX_SETTINGS]]
    return told if len(told) == len(names) else [*told, f"and {len(names) - len(told)} more"]
