"""What a tenant tries with nothing but its own login, and what somebody tries who may act as a schema's owner.

Each test is an attack that once worked: the agent stops nowhere, and does what was decided, all the same.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, nullcontext

import psycopg
import pytest
from psycopg import sql

from runtime.contract.canonical import encode
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres import locks, roles
from runtime.targets.postgres.session import Session
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.integration.conftest import dsn, postgres, postgres_servers
from tests.services.postgres import database, server
from tests.services.tenant import REPOSITORY, Secrets, Tenant, apply, create, delete, lines, target

__all__ = ["dsn", "postgres", "postgres_servers"]

pytestmark = pytest.mark.service

ACME, NORD = Tenant("acme-retail"), Tenant("nordwind")
TENANTS = (ACME, NORD)
TOO_COSTLY = f"SCRAM-SHA-256$1100000:{'A' * 22}==${'A' * 43}=:{'A' * 43}="


@pytest.fixture
def secret(dsn: str) -> Secrets:
    return Secrets.of(dsn, *TENANTS)


@pytest.fixture
def running(secret: Secrets) -> Iterator[PostgresTarget]:
    with target(secret) as opened:
        apply(opened, TENANTS, intent=1)
        yield opened


@pytest.fixture
def admin(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def login(secret: Secrets, tenant: Tenant = ACME) -> psycopg.Connection:
    return psycopg.connect(secret("env:DSN"), user=tenant.app, password=secret(tenant.reference), autocommit=True)


def may_log_in(admin: psycopg.Connection, tenant: Tenant = ACME) -> bool:
    return admin.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [tenant.app]).fetchone() == (True,)


def test_a_lock_on_every_relation_that_everybody_may_lock_keeps_no_agent_out(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    """PUBLIC has UPDATE on the view pg_settings, and whoever has more than SELECT may lock it against all others."""
    lockable = [
        name
        for (name,) in admin.execute(
            "SELECT DISTINCT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a"
            " WHERE a.grantee = 0 AND a.privilege_type <> 'SELECT' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        )
    ]
    assert "pg_settings" in lockable
    with login(secret, NORD) as attacker, attacker.transaction():
        for name in lockable:
            attacker.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        with target(secret) as opened:
            opened._opened().connection.execute("SET lock_timeout = '1s'")  # noqa: SLF001 -- the wait is cut short
            with psycopg.connect(secret("env:DSN"), autocommit=True) as lock:
                lock.execute("SET lock_timeout = '1s'")
                assert locks.take_agent(lock, REPOSITORY)
            apply(opened, (ACME.suspended, NORD), intent=2)
            apply(opened, (NORD,), intent=3, former=(ACME,))
    assert not may_log_in(admin)


def test_a_verifier_that_nobody_can_measure_does_not_keep_a_tenant_from_being_suspended(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    with login(secret) as attacker:
        attacker.execute(f"ALTER ROLE CURRENT_USER PASSWORD '{TOO_COSTLY}'")
    (action,) = lines(running, (ACME.suspended, NORD))
    facts = running.perform(action, intent=2)["login"]
    assert "iterations" in facts["before"]["not_measured"]
    assert facts["after"] == {"credential": "28000", "wrong_password": "28P01"}
    assert not may_log_in(admin)
    assert lines(running, (ACME.suspended, NORD)) == ()


@pytest.mark.parametrize("statement", ["PASSWORD 'x'", "SET work_mem = '3MB'", "RESET ALL"])
def test_an_open_transaction_does_not_hold_up_a_suspension_or_a_repair(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection, statement: str
) -> None:
    admin.execute(f"ALTER ROLE {NORD.app} SET application_name = 'mine'")
    begun = time.monotonic()
    with closing(login(secret)) as one, closing(login(secret, NORD)) as other:
        for attacker in (one, other):
            attacker.execute("BEGIN")
            attacker.execute(f"ALTER ROLE CURRENT_USER {statement}")
        done = apply(running, (ACME.suspended, NORD), intent=2)
    assert [action.id.name for action in done] == [ACME.app, NORD.app]
    assert time.monotonic() - begun < 9, "the time limit of a lock is ten seconds"
    assert not may_log_in(admin)
    assert lines(running, (ACME.suspended, NORD)) == ()


def test_a_tenant_that_comes_again_and_again_is_suspended_all_the_same(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    stop = threading.Event()

    def again() -> None:
        while not stop.is_set():
            try:
                with closing(login(secret)) as attacker:
                    attacker.execute("BEGIN")
                    attacker.execute("ALTER ROLE CURRENT_USER PASSWORD 'x'")
                    attacker.execute("SELECT pg_sleep(30)")
            except psycopg.Error:
                continue

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        running.perform(create(ACME.suspended.object("app")), intent=2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not may_log_in(admin)
    assert lines(running, (ACME.suspended, NORD)) == ()


@pytest.mark.parametrize("dropped", [False, True], ids=["kept-out", "rule-dropped"])
def test_a_transaction_that_is_committed_as_soon_as_the_agent_waits_for_it(
    secret: Secrets,
    running: PostgresTarget,
    admin: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    dropped: bool,
) -> None:
    """I alter my own role, see in pg_locks that the agent waits, and commit: what it was about to write is written to
    what is there no more. I do it at every turn.
    """
    forbid, opened, written = roles.forbid_login, ExitStack(), threading.Event()

    def watches(attacker: psycopg.Connection) -> None:
        waits = "SELECT FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()"
        while not (admin.execute(waits).rowcount or written.is_set()):
            continue
        attacker.execute("COMMIT")

    def late(session: Session, name: str, intent: int) -> None:
        attacker = opened.enter_context(closing(login(secret)))
        attacker.execute("BEGIN")
        attacker.execute("ALTER ROLE CURRENT_USER PASSWORD 'x'")
        watcher = threading.Thread(target=watches, args=(attacker,))
        watcher.start()
        try:
            forbid(session, name, intent)
        finally:
            written.set()
            watcher.join()

    monkeypatch.setattr(roles, "forbid_login", late)
    if dropped:
        monkeypatch.setattr(locks, "lock_role", lambda *_: None)
    with opened, pytest.raises(RetryableError, match="concurrent") if dropped else nullcontext():
        running.perform(create(ACME.suspended.object("app")), intent=2)
    assert may_log_in(admin) == dropped


def test_naming_anothers_role_and_schema_in_an_open_transaction_does_not_hold_up_its_removal(
    secret: Secrets, running: PostgresTarget
) -> None:
    with closing(login(secret, NORD)) as attacker:
        attacker.execute("BEGIN")
        attacker.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {ACME.schema} GRANT SELECT ON TABLES TO {ACME.app}")
        apply(running, (NORD,), intent=2, former=(ACME,))
    assert lines(running, (NORD,), former=(ACME,)) == ()


NAMES_OTHERS = {
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {0.app}, {0.owner}",
    "default privileges of one schema": (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {0.schema} GRANT USAGE ON TYPES TO {0.app}"
    ),
    "a large object": "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO {0.app}, {0.owner}",
    "a large object, by another hand": (
        "SELECT lo_create(4711); GRANT ALL ON LARGE OBJECT 4711 TO {1.owner} WITH GRANT OPTION"
    ),
}


@pytest.mark.parametrize("statement", NAMES_OTHERS.values(), ids=NAMES_OTHERS.keys())
def test_a_role_that_another_tenant_names_can_be_dropped(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection, statement: str
) -> None:
    with login(secret, NORD) as attacker:
        attacker.execute(statement.format(ACME, NORD))
    if "GRANT OPTION" in statement:
        admin.execute(f"SET ROLE {NORD.owner}; GRANT SELECT ON LARGE OBJECT 4711 TO {ACME.app}; RESET ROLE")
    apply(running, (NORD,), intent=2, former=(ACME,))
    assert admin.execute("SELECT FROM pg_roles WHERE rolname LIKE 't\\_acme%'").fetchall() == []


def test_a_tenants_large_objects_do_not_keep_its_role_and_are_kept(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    with login(secret) as attacker:
        attacker.execute("SELECT lo_from_bytea(4712, 'data')")
    apply(running, (ACME.suspended, NORD), intent=2)
    for item in reversed(ACME.objects[:1] + ACME.objects[2:]):
        running.perform(delete(item), intent=3)
    facts = running.perform(delete(ACME.object("app")), intent=3)
    assert facts["large_objects_kept"] == 1
    assert admin.execute("SELECT lo_get(4712)").fetchone() == (b"data",)
    admin.execute("SELECT lo_unlink(4712)")


def test_what_a_role_owns_or_has_in_another_database_is_named_and_nothing_is_done(
    postgres: EmbeddedPostgres, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    admin.execute("CREATE SCHEMA shared")
    admin.execute(f"CREATE TABLE shared.mine (id int); ALTER TABLE shared.mine OWNER TO {ACME.app}")
    with pytest.raises(TerminalError, match=r"table shared\.mine") as raised:
        running.perform(delete(ACME.object("app")), intent=2)
    assert raised.value.help is not None
    admin.execute("DROP SCHEMA shared CASCADE")
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as elsewhere:
        elsewhere.execute(f"SET ROLE {ACME.app}; SELECT lo_create(4713)")
    with pytest.raises(TerminalError, match="something in database postgres"):
        running.perform(delete(ACME.object("app")), intent=3)
    with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as elsewhere:
        elsewhere.execute(f"DROP OWNED BY {ACME.app}")
    running.perform(delete(ACME.object("app")), intent=4)


@pytest.mark.parametrize(
    "what", ["SELECT ON TABLES TO PUBLIC", "USAGE ON TYPES TO {0.app}", "ALL ON TABLES TO {1.app}"]
)
def test_defaults_of_a_role_that_makes_nothing_in_a_schema_are_no_drift_of_it(
    secret: Secrets, running: PostgresTarget, what: str
) -> None:
    with login(secret, NORD) as attacker:
        attacker.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA {ACME.schema} GRANT {what.format(ACME, NORD)}")
    assert lines(running, TENANTS) == ()


@pytest.mark.parametrize("maker", [ACME.owner, "postgres"])
@pytest.mark.parametrize("kind", ["TABLES", "SEQUENCES", "FUNCTIONS", "TYPES"])
def test_defaults_of_a_role_that_may_make_something_are_drift_that_one_repair_undoes(
    running: PostgresTarget, admin: psycopg.Connection, kind: str, maker: str
) -> None:
    admin.execute(
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {maker} IN SCHEMA {ACME.schema} GRANT ALL ON {kind} TO {NORD.app}"
    )
    assert [action.id.type for action in apply(running, TENANTS, intent=2)] == ["grants"]
    assert lines(running, TENANTS) == ()


FORGED = {
    "nothing": None,
    "no mark": "mine",
    "privileges of no known shape": {"grants": {"owner": ACME.owner, "role": ACME.app, "tables": [{}]}},
    "the newest intent there can be": {"intent": 2**53 - 1},
    "another's owner": {"grants": {"owner": NORD.owner, "role": ACME.app, "tables": []}},
    "another repository": {"repository": "6" * 32},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED.keys())
def test_what_a_schemas_owner_writes_into_its_comment_changes_nothing(
    running: PostgresTarget, admin: psycopg.Connection, forged: dict[str, object] | str | None
) -> None:
    row = admin.execute(f"SELECT obj_description('{ACME.schema}'::regnamespace)").fetchone()
    assert row is not None
    there = json.loads(row[0].removeprefix("conductor:"))
    text = "conductor:" + encode(there | forged).decode() if isinstance(forged, dict) else forged
    admin.execute(f"SET ROLE {ACME.owner}")
    admin.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(ACME.schema), sql.Literal(text)))
    admin.execute(f"GRANT USAGE ON SCHEMA {ACME.schema} TO PUBLIC; RESET ROLE")
    (action,) = apply(running, TENANTS, intent=2)
    assert action.id.type == "grants"
    assert lines(running, TENANTS) == ()
    defaults = "SELECT defaclacl::text FROM pg_default_acl WHERE defaclrole = %s::regrole AND defaclnamespace = 0"
    before = admin.execute(defaults, [NORD.owner]).fetchall()
    apply(running, (NORD,), intent=3, former=(ACME,))
    assert admin.execute(defaults, [NORD.owner]).fetchall() == before
    assert lines(running, (NORD,), former=(ACME,)) == ()


def test_a_schema_that_somebody_made_anew_is_not_ours_though_one_of_that_name_was(
    running: PostgresTarget, admin: psycopg.Connection
) -> None:
    admin.execute(f"DROP SCHEMA {ACME.schema} CASCADE; CREATE SCHEMA {ACME.schema}")
    item = ACME.object("schema")
    assert running.observe([item.id])[item.id] == {"foreign": True}
    with pytest.raises(TerminalError, match="Conductor did not make it"):
        running.perform(create(item), intent=2)


def test_no_tenant_reads_where_the_marks_lie_or_what_they_say(secret: Secrets, running: PostgresTarget) -> None:
    with login(secret) as attacker:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            attacker.execute("SELECT * FROM conductor_locks.object")
        hints = attacker.execute(
            "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname LIKE 't\\_nord%'"
        ).fetchall()
    assert hints
    assert NORD.reference not in repr(hints)


def test_text_that_a_tenant_writes_enters_no_action_as_it_is(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    odd = "x\n\nfake: trailer\x1b]0;pwned\x07\u202egnp password=hunter2"
    long = "a" * 5_000_000
    with login(secret) as attacker:
        for name, value in (("application_name", odd), ("work_mem", "3MB"), ("search_path", long)):
            attacker.execute(f"ALTER ROLE CURRENT_USER SET {name} = {sql.quote(value)}")
        attacker.execute(
            f"ALTER ROLE CURRENT_USER IN DATABASE {admin.info.dbname} SET application_name = {sql.quote(odd)}"
        )
    for number in range(300):
        admin.execute(f"ALTER ROLE {ACME.app} SET custom.{'n' * 100}{number} = 'hunter2'")
    (action,) = lines(running, TENANTS)
    assert action.before is not None
    told = encode(action.to_json()).decode()
    assert len(told) < 8_000
    assert "hunter2" not in told
    assert "\\u" not in told
    assert told.isprintable()
    settings = action.before["settings"]
    assert isinstance(settings, dict)
    assert settings["application_name"] == "sha256:" + hashlib.sha256(odd.encode()).hexdigest()
    assert settings["statement_timeout"] == "30s", "what we wrote ourselves is shown as it is"
    apply(running, TENANTS, intent=2)
    assert lines(running, TENANTS) == ()
    assert admin.execute("SELECT cardinality(setconfig) FROM pg_db_role_setting").fetchall() == [(3,), (3,)]


def test_a_server_on_which_locks_outlive_their_sessions_is_refused() -> None:
    with (
        server(18, {"max_prepared_transactions": "5"}) as running,
        database(running, "prepared") as dsn,
        pytest.raises(TerminalError, match="lets transactions be prepared"),
        target(Secrets.of(dsn)),
    ):
        raise AssertionError
