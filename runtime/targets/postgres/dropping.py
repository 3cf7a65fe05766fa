"""Role -> no role: what names it is taken back, what it owns stays, and what stands in the way is said.

A tenant's login may own large objects, and may name any role in its own default privileges or on its large objects:
no right is needed for either, and each keeps PostgreSQL from dropping the role. Rules kept: privileges are revoked;
large objects, which are data, are kept and become the agent's; anything else that the role owns, or what another
database has of it, is named and nothing is done.
"""

from __future__ import annotations

from typing import NamedTuple

from psycopg import sql

from runtime.contract.printable import line
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.session import Session

SHOWN = 5
_LONGEST = 120

_NAMING = """
SELECT s.deptype::text, s.classid::regclass::text, s.objid::bigint, s.dbid NOT IN (0, d.oid),
       CASE WHEN s.dbid IN (0, d.oid) THEN pg_describe_object(s.classid, s.objid, s.objsubid)
            ELSE 'something in database ' || (SELECT datname FROM pg_database WHERE oid = s.dbid) END
  FROM pg_shdepend s, pg_database d
 WHERE d.datname = current_database() AND s.refclassid = 'pg_authid'::regclass
   AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
 ORDER BY 4, 2, 3
"""
_GRANTEES = """
SELECT DISTINCT pg_get_userbyid(a.grantee)::text FROM pg_largeobject_metadata m, aclexplode(m.lomacl) a
 WHERE m.oid = %s AND a.grantee <> 0 AND a.grantee <> m.lomowner
"""
_OWNED, _LARGE, _DEFAULTS = "o", "pg_largeobject", "pg_default_acl"


class _Naming(NamedTuple):
    """One thing that names the role: how, of which catalog, whether in another database, and in words."""

    how: str
    catalog: str
    id: int
    elsewhere: bool
    words: str


def drop(session: Session, name: str, intent: int) -> int:
    """Drop the role if it is there; gives how many large objects of it were kept. Raises TerminalError, before
    anything is done, for what it owns beside them."""
    with session.guarded("role", name, intent) as mark:
        if mark is None:
            return 0
        naming = _naming(session, name)
        _refuse(name, [item for item in naming if item.elsewhere or _stays(item)])
        role = sql.Identifier(name)
        large = [item for item in naming if item.how == _OWNED and item.catalog == _LARGE]
        for item in large:
            session.execute("ALTER LARGE OBJECT {} OWNER TO CURRENT_USER", sql.Literal(item.id))
        session.execute("DROP OWNED BY {} RESTRICT", role)
        for item in _naming(session, name):
            if item.catalog == _LARGE:
                _revoke(session, item.id)
        left = _naming(session, name)
        if left:
            raise RetryableError(f"role {name} is named again while it is dropped: {_told(left)}", after=1)
        session.execute("DROP ROLE {}", role)
        session.forget_mark("role", name)
        return len(large)


def _stays(item: _Naming) -> bool:
    """Whether the role owns it, and it is nothing that goes with the role."""
    return item.how == _OWNED and item.catalog not in (_LARGE, _DEFAULTS)


def _refuse(name: str, standing: list[_Naming]) -> None:
    if standing:
        raise TerminalError(
            f"role {name} cannot be dropped because it owns, or is named by: {_told(standing)}",
            help="move or drop that by hand, in another database by DROP OWNED BY; the agent never does",
        )


def _revoke(session: Session, large_object: int) -> None:
    """Take back what others have handed on to the role: only what comes from the owner goes by DROP OWNED."""
    grantees = [grantee for (grantee,) in session.connection.execute(_GRANTEES, [large_object])]
    if grantees:
        everybody = sql.SQL(", ").join(sql.Identifier(grantee) for grantee in grantees)
        session.execute("REVOKE ALL ON LARGE OBJECT {} FROM {} CASCADE", sql.Literal(large_object), everybody)


def _naming(session: Session, name: str) -> list[_Naming]:
    return [_Naming(*row) for row in session.connection.execute(_NAMING, [name])]


def _told(items: list[_Naming]) -> str:
    words = list(dict.fromkeys(line(item.words, _LONGEST) for item in items))
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
