"""Somebody was lent a tenant's role for a moment, and stands in an open session after SET ROLE.

That the membership is taken back such a session does not notice, and no server tells as whom it acts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext

import psycopg
import pytest

from runtime.contract.errors import ConductorError
from runtime.targets.interface import TerminalError
from runtime.targets.postgres import proofs, roles
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.integration.conftest import dsn, postgres, postgres_servers
from tests.services.tenant import Secrets, Tenant, apply, lines, target

__all__ = ["dsn", "postgres", "postgres_servers"]

pytestmark = pytest.mark.service

ACME, NORD, CITY = Tenant("acme-retail"), Tenant("nordwind"), Tenant("city-books")
TENANTS = (ACME, NORD, CITY)
WRITE = f"INSERT INTO {ACME.schema}.orders VALUES (1)"  # noqa: S608 -- a constant


@pytest.fixture
def secret(dsn: str) -> Secrets:
    return Secrets.of(dsn, *TENANTS)


@pytest.fixture
def admin(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def running(secret: Secrets, admin: psycopg.Connection) -> Iterator[PostgresTarget]:
    with target(secret) as opened:
        apply(opened, TENANTS, intent=1)
        admin.execute(f"CREATE TABLE {ACME.schema}.orders (id int)")
        admin.execute(f"ALTER TABLE {ACME.schema}.orders OWNER TO {ACME.owner}")
        apply(opened, TENANTS, intent=2)
        yield opened


@pytest.fixture
def attacker(secret: Secrets, running: PostgresTarget, admin: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A session of another tenant, lent the role by way of a third, that acts as it."""
    assert running.name
    admin.execute(f"GRANT {ACME.app} TO {CITY.app}")
    admin.execute(f"GRANT {CITY.app} TO {NORD.app}")
    user, password = NORD.app, secret(NORD.reference)
    with closing(psycopg.connect(secret("env:DSN"), user=user, password=password, autocommit=True)) as session:
        session.execute(f"SET ROLE {ACME.app}")
        session.execute(WRITE)
        yield session


@pytest.mark.parametrize("healed", [True, False], ids=["healed-before", "not-healed"])
@pytest.mark.parametrize("dropped", [False, True], ids=["kept-out", "rule-dropped"])
def test_a_session_that_acts_as_a_suspended_tenant_is_ended_with_those_of_the_tenant(
    running: PostgresTarget,
    attacker: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    healed: bool,
    dropped: bool,
) -> None:
    """My role is lent away, the membership is healed, I am suspended, and my accomplice writes on."""
    if dropped:
        monkeypatch.setattr(proofs, "end_lent", lambda *_: 0)
    if healed:
        apply(running, TENANTS, intent=3)
    app = ACME.suspended.object("app").id
    facts = {action.id: running.perform(action, intent=4) for action in lines(running, (ACME.suspended, NORD, CITY))}
    assert (facts[app]["login"]["can_login"], facts[app]["login"]["sessions"]) == (False, 0)
    with nullcontext() if dropped else pytest.raises(psycopg.OperationalError):
        attacker.execute(WRITE)
    if not healed and not dropped:
        assert facts[app]["login"]["lent_sessions_ended"] == 1
    if not dropped:
        assert lines(running, (ACME.suspended, NORD, CITY)) == ()


def test_a_session_whose_membership_went_before_the_agent_was_killed_is_ended_by_the_next(
    running: PostgresTarget, attacker: psycopg.Connection, secret: Secrets
) -> None:
    """The membership is taken back, and the agent dies before it ends my session. Nobody is a member any more."""
    session = running._opened()  # noqa: SLF001 -- the first half of the action, and then nothing
    for tenant in TENANTS:
        wanted = roles.Role.of(tenant.app, tenant.object("app").attributes)
        roles.write(session, tenant.app, wanted, secret(tenant.reference), 3)
    attacker.execute(WRITE)
    apply(running, TENANTS, intent=4)
    with pytest.raises(psycopg.OperationalError):
        attacker.execute(WRITE)
    assert lines(running, TENANTS) == ()


def test_a_role_that_is_lent_again_while_it_is_suspended_is_not_proved(
    running: PostgresTarget, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I lend the role away once more between the suspension and its proof."""
    measure = proofs.Prover.measure

    def lent_meanwhile(self: proofs.Prover, role: str, password: str) -> proofs.Measured:
        admin.execute(f"GRANT {ACME.app} TO {NORD.app}")
        return measure(self, role, password)

    (action,) = lines(running, (ACME.suspended, NORD, CITY))
    with monkeypatch.context() as patch:
        patch.setattr(proofs.Prover, "measure", lent_meanwhile)
        with pytest.raises(ConductorError, match="is lent again"):
            running.perform(action, intent=3)
    apply(running, (ACME.suspended, NORD, CITY), intent=4)
    assert lines(running, (ACME.suspended, NORD, CITY)) == ()


def test_a_session_that_the_agent_may_not_end_leaves_the_suspension_unproved(
    postgres: EmbeddedPostgres, secret: Secrets, admin: psycopg.Connection
) -> None:
    """I am an admin's role, which an agent that is no superuser has no power over."""
    if admin.info.server_version < 160_000:
        return
    name = admin.info.dbname
    for statement in (
        "CREATE ROLE t_agent LOGIN CREATEROLE PASSWORD 'agent'",
        "CREATE ROLE t_ops LOGIN PASSWORD 'ops'",
        f"GRANT CREATE ON DATABASE {name} TO t_agent",
        "GRANT pg_use_reserved_connections TO t_agent",
    ):
        admin.execute(statement)
    least = Secrets({**secret.values, "env:DSN": postgres.dsn(name, user="t_agent", password="agent")})  # noqa: S106
    with target(least) as weak:
        apply(weak, (ACME,), intent=1)
        with psycopg.connect(least("env:DSN"), autocommit=True) as lender:
            lender.execute(f"GRANT {ACME.app} TO t_ops")
        with closing(psycopg.connect(secret("env:DSN"), user="t_ops", password="ops", autocommit=True)) as attacker:  # noqa: S106
            attacker.execute(f"SET ROLE {ACME.app}")
            for intent in (2, 3):
                (action,) = lines(weak, (ACME.suspended,))
                with pytest.raises(TerminalError, match="not the agent's to end"):
                    weak.perform(action, intent=intent)
            admin.execute("GRANT pg_signal_backend TO t_agent")
            apply(weak, (ACME.suspended,), intent=4)
            with pytest.raises(psycopg.OperationalError):
                attacker.execute("SELECT 1")
        assert lines(weak, (ACME.suspended,)) == ()
        apply(weak, (ACME,), intent=6)
        admin.execute(f"GRANT {ACME.app} TO t_ops")
        (action,) = lines(weak, (ACME.suspended,))
        with pytest.raises(TerminalError, match="permission denied to revoke"):
            weak.perform(action, intent=7)
        row = admin.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [ACME.app]).fetchone()
        assert row == (False,), "what the agent may do of it is done"
        apply(weak, (), intent=8, former=(ACME,))
    admin.execute("DROP OWNED BY t_agent")
    admin.execute("DROP ROLE t_ops")
