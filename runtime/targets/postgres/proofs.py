"""Role and credential -> facts: what real logins over TCP came to, and that no session is left.

Rules kept: a proof is measured, never concluded; every answer is an SQLSTATE (`00000`: logged in); a wrong password is
tried beside the right one, because where both work neither proves anything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from psycopg import errors

from runtime.contract.canonical import JSON
from runtime.contract.errors import ConductorError
from runtime.contract.printable import line
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.login import NOT_PERMITTED, SUCCESS, WRONG_PASSWORD, Door, Nonce
from runtime.targets.postgres.session import Connection

TOO_MANY_CONNECTIONS = "53300"
_LONGEST = 200
_ROUNDS = 10
_ROUND_MILLISECONDS = 1000

_END_LENT = """
SELECT pg_terminate_backend(pid, %(wait)s) FROM pg_stat_activity
 WHERE usesysid = ANY(%(lent)s::oid[]) AND pid <> pg_backend_pid() AND (backend_start > %(now)s) IS NOT TRUE
"""
"""Who may not read others' `backend_start` ends those that began since, too."""


@dataclass(frozen=True)
class Measured:
    """What two logins came to."""

    credential: str
    wrong_password: str

    def facts(self) -> JSON:
        """As evidence carries it."""
        return {"credential": self.credential, "wrong_password": self.wrong_password}


@dataclass(frozen=True)
class Prover:
    """Knocks at the door."""

    door: Door
    nonce: Nonce

    def measure(self, role: str, password: str) -> Measured:
        """Try the credential and a wrong one; raises TerminalError if the wrong one is let in."""
        wrong = self.door.login(role, self.nonce(), self.nonce)
        if wrong == SUCCESS:
            raise TerminalError(
                f"the server let {role} in with a wrong password, so that nothing can be proved there",
                help="let pg_hba.conf ask the tenants' roles for scram-sha-256",
            )
        return Measured(self.door.login(role, password, self.nonce), wrong)

    def before(self, role: str, password: str) -> JSON:
        """What an action starts from, told and not required: a role may have made itself one that cannot be measured,
        and that must not be what keeps it as it is."""
        try:
            return self.measure(role, password).facts()
        except ConductorError as error:
            return {"not_measured": line(error.message, _LONGEST)}

    def holds(self, role: str, password: str) -> bool:
        """Whether the password is the role's, by a login, whatever comes after the password: for agents that may not
        read verifiers. A verifier that nobody can log in with is none of ours."""
        try:
            return self.door.login(role, password, self.nonce) != WRONG_PASSWORD
        except TerminalError:
            return False


def require(role: str, measured: Measured, *, login: bool) -> None:
    """Refuse, as failed, what does not prove that the role may log in, or may not."""
    allowed = (SUCCESS, TOO_MANY_CONNECTIONS) if login else (NOT_PERMITTED,)
    if measured.credential not in allowed or measured.wrong_password != WRONG_PASSWORD:
        raise TerminalError(
            f"{role} should {'' if login else 'not '}be able to log in, but its credential gave SQLSTATE "
            f"{measured.credential} and a wrong one {measured.wrong_password}",
            help=f"look at pg_hba.conf, and at the CONNECT privilege of {role}" if login else None,
        )


def sessions(connection: Connection, role: str) -> int:
    """How many sessions the role has, whatever they do."""
    row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [role]).fetchone()
    return int(row[0]) if row is not None else 0


def end_present(connection: Connection, role: str) -> int:
    """End the sessions that the role has now, whatever comes after; gives their number."""
    rows = connection.execute(
        "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE usename = %s",
        [_ROUND_MILLISECONDS, role],
    ).fetchall()
    return sum(1 for (gone,) in rows if gone)


def end_sessions(connection: Connection, role: str) -> int:
    """End every session of the role and wait until they are gone; gives their number, raises RetryableError."""
    ended = 0
    for _ in range(_ROUNDS):
        ended += end_present(connection, role)
        if sessions(connection, role) == 0:
            return ended
    raise RetryableError(f"sessions of {role} do not end", after=10)


def end_lent(connection: Connection, role: str, lent: Collection[int]) -> int:
    """End the sessions of those who could act as the role until now, and wait until they are gone; gives their number.
    No server tells as whom another session acts, so all of them count; one that begins later cannot become the role.
    Raises TerminalError if the agent may not, and RetryableError."""
    (now,) = connection.execute("SELECT clock_timestamp()").fetchone() or (None,)
    ended = 0
    for _ in range(_ROUNDS):
        try:
            rows = connection.execute(
                _END_LENT, {"wait": _ROUND_MILLISECONDS, "lent": list(lent), "now": now}
            ).fetchall()
        except errors.InsufficientPrivilege:
            raise TerminalError(
                f"sessions that may act as {role} are not the agent's to end, so that nothing about it is proved",
                help="GRANT pg_signal_backend TO the agent's role, or end the sessions of these oids by hand:"
                f" {', '.join(map(str, lent))} (pg_stat_activity.usesysid)",
            ) from None
        if not rows:
            return ended
        ended += sum(1 for (gone,) in rows if gone)
    raise RetryableError(f"sessions that may act as {role} do not end", after=10)


def others(connection: Connection, role: str) -> int:
    """How many sessions other roles have, but for superusers and the agent: a membership that came and went before
    anybody looked may have left one of them acting as the role, and no server tells."""
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid"
        " WHERE NOT r.rolsuper AND r.rolname NOT IN (%s, current_user)",
        [role],
    ).fetchone()
    return int(row[0]) if row is not None else 0
