"""Role -> nobody is in it, it is in no other, and whoever could act as it until now is out, with what they had begun.

Each membership would be a way from one tenant to another. Rules kept: memberships are taken back, and the sessions of
those who had them ended, before anything else is done to a role: whoever may act as it may keep a transaction open that
everything else would wait for, and would fail by. Likewise nothing is said of a schema while a transaction is open that
began before it was closed to others: no look sees what it has made.
"""

from __future__ import annotations

from dataclasses import replace

from psycopg import sql

from runtime.contract.printable import line
from runtime.targets.interface import RetryableError
from runtime.targets.postgres import proofs
from runtime.targets.postgres.session import Connection, Session

_LONGEST = 63
LOCKED_BY_ROLE = 160_000
"""From this version on REVOKE locks the role, so that no other membership of it is on its way meanwhile."""

_LENT = """
WITH RECURSIVE lent(oid) AS (
    SELECT member FROM pg_auth_members WHERE roleid = %(role)s::regrole AND member <> current_user::regrole
    UNION SELECT member FROM pg_auth_members WHERE member = %(role)s::regrole
    UNION SELECT m.member FROM pg_auth_members m JOIN lent ON lent.oid = m.roleid
     WHERE m.member <> current_user::regrole
)
SELECT oid::bigint FROM lent
"""
"""Members of members too; the role itself, if it is a member: it stands as another. Not who may act as the agent."""

_BEGUN = """
SELECT l.transactionid::text, l.pid, u.rolname::text
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_roles u ON u.oid = a.usesysid
 WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted AND a.datname = current_database()
   AND NOT u.rolsuper AND u.rolname <> current_user
"""
"""Transactions that have written something, by whoever is neither a superuser nor the agent."""
_END = """
SELECT pg_terminate_backend(%s) FROM conductor_locks.object WHERE kind = 'role' AND name = %s AND mark IS NOT NULL
"""
ROUNDS = 20
_PAUSE = 0.1
"""Seconds; in the first half of the rounds honest work ends by itself."""


def put_out(session: Session, name: str, intent: int) -> int:
    """Take back what lends the role, and end the sessions of those it was lent to; gives their number. The mark says
    whose, so that the next agent ends them if this one is killed in between."""
    mark = session.mark("role", name, intent)
    if mark is None or not (mark.lent or _lent(session, name)):
        return 0
    with session.guarded("role", name, intent) as mark:
        if mark is None:
            return 0
        if session.connection.info.server_version < LOCKED_BY_ROLE:
            session.execute("LOCK TABLE pg_catalog.pg_auth_members IN SHARE ROW EXCLUSIVE MODE")
        lent = tuple(sorted({*take_back(session, name), *mark.lent}))
        session.write_mark("role", name, replace(mark, intent=intent, unproved=True, lent=lent))
    return proofs.end_lent(session.connection, name, lent)


def take_back(session: Session, name: str) -> tuple[int, ...]:
    """Gives whom something was lent to by what is taken back: a session that has said SET ROLE goes on as that role, so
    theirs are to be ended. Within `guarded`."""
    lent = _lent(session, name)
    rows = session.connection.execute(
        "SELECT pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text, pg_get_userbyid(grantor)::text"
        "  FROM pg_auth_members WHERE (roleid = %(role)s::regrole AND member <> current_user::regrole)"
        "    OR member = %(role)s::regrole",
        {"role": _quoted(session, name)},
    ).fetchall()
    names_grantor = session.connection.info.server_version >= LOCKED_BY_ROLE
    for group, member, grantor in rows:
        statement = "REVOKE {} FROM {}" + (" GRANTED BY {}" if names_grantor else "") + " CASCADE"
        values = (group, member, grantor) if names_grantor else (group, member)
        session.execute(statement, *(sql.Identifier(value) for value in values))
    return lent


def require_nothing_open(connection: Connection, what: str) -> None:
    """Wait until what has been written when this is called is committed or gone, and tenants' transactions are ended
    for it; raises RetryableError where somebody else's goes on. What is written later is judged by the rights of then.
    """
    begun = connection.execute(_BEGUN).fetchall()
    for count in range(ROUNDS):
        now = {transaction for transaction, *_ in connection.execute(_BEGUN)}
        begun = [row for row in begun if row[0] in now]
        if not begun:
            return
        for _, pid, role in begun if count >= ROUNDS // 2 else ():
            connection.execute(_END, [pid, role])
        connection.execute("SELECT pg_sleep(%s)", [_PAUSE])
    _, pid, role = begun[0]
    raise RetryableError(
        f"a transaction of {line(role, _LONGEST)} (process {pid}) began before {what} was closed to others, and may"
        " still bring something into it",
        after=10,
        help=f"let it end, or end it: SELECT pg_terminate_backend({pid})",
    )


def _lent(session: Session, name: str) -> tuple[int, ...]:
    rows = session.connection.execute(_LENT, {"role": _quoted(session, name)})
    return tuple(sorted(oid for (oid,) in rows))


def _quoted(session: Session, name: str) -> str:
    return sql.Identifier(name).as_string(session.connection)
