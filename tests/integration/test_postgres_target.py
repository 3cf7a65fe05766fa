from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import ObjectId
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.marks import Mark, Owner
from runtime.targets.postgres.target import PostgresTarget
from runtime.targets.secrets import Secrets as OneTurn
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.tenant import REPOSITORY, TARGET, Secrets, Tenant, apply, create, delete, lines, target

pytestmark = pytest.mark.service

ACME = Tenant("acme-retail")
NORD = Tenant("nordwind")


@pytest.fixture
def secret(dsn: str) -> Secrets:
    return Secrets.of(dsn, ACME, NORD)


@pytest.fixture
def running(secret: Secrets) -> Iterator[PostgresTarget]:
    with target(secret) as opened:
        yield opened


@pytest.fixture
def admin(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def test_what_is_made_is_observed_attribute_by_attribute(running: PostgresTarget) -> None:
    apply(running, (ACME,), intent=2)
    observed = running.observe(item.id for item in ACME.objects)
    assert dict(observed) == {item.id: item.attributes for item in ACME.objects}
    assert lines(running, (ACME,)) == ()


def test_nothing_that_exists_is_an_object_before_it_is_made(running: PostgresTarget) -> None:
    assert running.observe(item.id for item in ACME.objects) == {}


def test_objects_of_ours_are_observed_though_nobody_names_them(running: PostgresTarget) -> None:
    apply(running, (ACME, NORD), intent=2)
    observed = running.observe(item.id for item in ACME.objects)
    assert set(observed) == {item.id for tenant in (ACME, NORD) for item in tenant.objects}
    assert [action.id for action in lines(running, (ACME,), former=(NORD,))] == [
        item.id for item in reversed(NORD.objects[2:])
    ] + [item.id for item in sorted(NORD.objects[:2], key=lambda item: item.id)]


def test_deleting_a_tenant_leaves_nothing_of_it(running: PostgresTarget, admin: psycopg.Connection) -> None:
    apply(running, (ACME,), intent=2)
    apply(running, (), intent=3, former=(ACME,))
    assert running.observe(item.id for item in ACME.objects) == {}
    assert admin.execute("SELECT count(*) FROM pg_default_acl").fetchone() == (0,)
    assert admin.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 't\\_%'").fetchone() == (0,)


def test_a_schema_with_a_table_in_it_is_never_dropped(running: PostgresTarget, admin: psycopg.Connection) -> None:
    apply(running, (ACME,), intent=2)
    admin.execute(f"CREATE TABLE {ACME.schema}.orders (id int)")
    with pytest.raises(TerminalError, match="2BP01"):
        running.perform(delete(ACME.object("schema")), intent=3)
    assert running.observe([])[ACME.object("schema").id] == {"owner": ACME.owner}


def test_an_action_done_twice_is_done_once(running: PostgresTarget) -> None:
    for item in (*ACME.objects, *ACME.objects):
        running.perform(create(item), intent=2)
    assert lines(running, (ACME,)) == ()
    for item in (*reversed(ACME.objects), *reversed(ACME.objects)):
        running.perform(delete(item), intent=3)
    assert running.observe([]) == {}


@pytest.mark.parametrize("statement", ["CREATE ROLE {0.app}", "CREATE SCHEMA {0.schema}"])
def test_an_object_that_somebody_else_made_is_never_touched(
    running: PostgresTarget, admin: psycopg.Connection, statement: str
) -> None:
    admin.execute(statement.format(ACME))
    kind = "app" if "ROLE" in statement else "schema"
    item = ACME.object(kind)
    assert running.observe([item.id]) == {item.id: {"foreign": True}}
    assert running.observe([]) == {}
    for action in (create(item), delete(item)):
        with pytest.raises(TerminalError, match="Conductor did not make it") as raised:
            running.perform(action, intent=9)
        assert raised.value.help is not None
    assert admin.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [ACME.app]).fetchone() in (
        (False,),
        None,
    )


def test_objects_of_another_repository_are_foreign(running: PostgresTarget, secret: Secrets) -> None:
    apply(running, (ACME,), intent=2)
    with target(secret, repository="6" * 32) as other:
        named = other.observe([item.id for item in ACME.objects])
        assert set(map(str, named.values())) == {"{'foreign': True}"}
        assert other.observe([]) == {}


def test_roles_of_another_database_of_the_same_server_are_left_alone(
    running: PostgresTarget, secret: Secrets, admin: psycopg.Connection
) -> None:
    apply(running, (ACME,), intent=2)
    name = f"{admin.info.dbname}_second"
    admin.execute(f"CREATE DATABASE {name}")
    try:
        elsewhere = Secrets({**secret.values, "env:DSN": f"{secret.values['env:DSN']} dbname={name}"})
        with target(elsewhere) as other:
            assert other.observe([]) == {}
    finally:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_object_written_by_a_newer_intent_is_refused_and_stays(running: PostgresTarget) -> None:
    apply(running, (ACME,), intent=7)
    late = replace(ACME, connection_limit=1, tables=("SELECT",))
    for item in late.objects:
        with pytest.raises(TerminalError, match="newer"):
            running.perform(create(item), intent=6)
        with pytest.raises(TerminalError, match="newer"):
            running.perform(delete(item), intent=6)
    assert lines(running, (ACME,)) == ()
    for item in late.objects:
        running.perform(create(item), intent=7)
    assert lines(running, (late,)) == ()


def test_a_late_agent_that_waits_for_a_newer_one_is_refused_when_it_gets_its_turn(
    running: PostgresTarget, secret: Secrets, dsn: str
) -> None:
    """Both want the same role; the newer is inside its transaction when the older begins."""
    apply(running, (ACME,), intent=5)
    item = ACME.object("schema")
    with psycopg.connect(dsn) as newer, target(secret) as late:
        session = running._opened()  # noqa: SLF001 -- the newer agent, paused inside its own transaction
        with session.guarded("schema", item.id.name, 9) as mark:
            assert mark is not None
            session.write_mark("schema", item.id.name, replace(mark, intent=9))
            waiting = late._opened().connection  # noqa: SLF001 -- its wait is cut short
            waiting.execute("SET lock_timeout = '200ms'")
            with pytest.raises(RetryableError, match="locked by somebody else"):
                late.perform(create(item), intent=6)
        with pytest.raises(TerminalError, match="newer"):
            late.perform(create(item), intent=6)
        assert not newer.closed


def test_two_agents_that_do_the_same_at_once_do_it_one_after_the_other(secret: Secrets) -> None:
    def act() -> None:
        with target(secret) as running:
            for item in ACME.objects:
                running.perform(create(item), intent=4)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(act) for _ in range(3)]:
            done.result()
    with target(secret) as running:
        assert lines(running, (ACME,)) == ()


def test_a_connection_that_is_lost_may_be_made_again(
    running: PostgresTarget, secret: Secrets, admin: psycopg.Connection
) -> None:
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    for lost in (
        lambda: running.perform(create(ACME.object("owner")), intent=2),
        lambda: running.observe([]),
        running.identity,
    ):
        with pytest.raises(RetryableError):
            lost()
    with target(secret) as again:
        again.perform(create(ACME.object("owner")), intent=2)
        assert set(again.observe([])) == {ACME.object("owner").id}


def test_a_target_that_was_left_is_not_connected(secret: Secrets) -> None:
    with target(secret) as running:
        assert running.identity()
    with pytest.raises(RetryableError, match="not connected"):
        running.identity()


def test_a_changed_secret_is_a_difference_and_an_unchanged_one_keeps_its_verifier(
    running: PostgresTarget, secret: Secrets, admin: psycopg.Connection
) -> None:
    apply(running, (ACME,), intent=2)

    def verifier() -> str:
        row = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [ACME.app]).fetchone()
        assert row is not None
        return str(row[0])

    first = verifier()
    running.perform(create(ACME.object("app")), intent=3)
    assert verifier() == first
    secret.values[ACME.reference] = "another secret"
    (action,) = lines(running, (ACME,))
    assert action.before is not None
    assert action.before["password"] == f"differs from {ACME.reference}"
    running.perform(action, intent=4)
    assert verifier() != first
    assert lines(running, (ACME,)) == ()


def test_a_missing_secret_stops_its_own_tenant_only(running: PostgresTarget, secret: Secrets) -> None:
    apply(running, (ACME, NORD), intent=2)
    del secret.values[ACME.reference]
    (action,) = lines(running, (ACME, NORD))
    assert action.id == ACME.object("app").id
    with pytest.raises(EnvironmentFailedError, match="ACME_RETAIL"):
        running.perform(action, intent=3)


def test_a_mark_does_not_choose_which_secret_the_agent_reads(secret: Secrets, admin: psycopg.Connection) -> None:
    """Whoever administers the server writes a reference of their choice into the mark, and learns what it holds."""
    asked: list[str] = []

    def source(reference: str) -> str:
        asked.append(reference)
        return secret(reference)

    turn = OneTurn(source)
    app = ACME.object("app")
    turn.hold([(reference, lambda value, _: value) for reference in ("env:DSN", ACME.reference)])
    with target(turn) as running:
        apply(running, (ACME,), intent=2)
        assert running.observe([app.id])[app.id] == app.attributes
        mark = Mark(Owner(REPOSITORY, running.identity().split("/")[1]), 2, "file:/proc/self/environ")
        admin.execute(
            "UPDATE conductor_locks.object SET mark = %s WHERE kind = 'role' AND name = %s", [mark.text, ACME.app]
        )
        assert running.observe([app.id])[app.id]["password"] is None
        assert [action.id for action in apply(running, (ACME,), intent=3)] == [app.id]
        assert lines(running, (ACME,)) == ()
    assert set(asked) == {"env:DSN", ACME.reference}


def test_no_secret_reaches_the_servers_log_or_an_attribute(
    postgres: EmbeddedPostgres, running: PostgresTarget, secret: Secrets
) -> None:
    before = postgres.log.stat().st_size  # other tests' agents are no superusers, and may not keep it out
    apply(running, (ACME,), intent=2)
    log = postgres.log.read_bytes()[before:].decode()
    assert f'COMMENT ON ROLE "{ACME.app}"' in log
    assert "SCRAM-SHA-256$" not in log
    assert secret(ACME.reference) not in log
    assert secret(ACME.reference) not in repr(running.observe([]))


def test_the_server_log_says_which_intent_did_what(postgres: EmbeddedPostgres, running: PostgresTarget) -> None:
    number = int.from_bytes(hashlib.sha256(str(time.time_ns()).encode()).digest()[:4], "big")
    running.perform(create(ACME.object("owner")), intent=number)
    named = [line for line in postgres.log.read_text().splitlines() if f"app=conductor test intent {number} " in line]
    assert [line for line in named if f'CREATE ROLE "{ACME.owner}"' in line]


def test_another_system_is_refused_by_its_identity_before_anything_is_done(
    secret: Secrets, admin: psycopg.Connection
) -> None:
    found = admin.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    assert found is not None
    with target(secret, expected=f"{found[0]}/{admin.info.dbname}") as opened:
        assert opened.identity() == f"{found[0]}/{admin.info.dbname}"
    with (
        pytest.raises(TerminalError, match="7000000000000000000/other") as raised,
        target(secret, expected="7000000000000000000/other"),
    ):
        raise AssertionError
    assert f"identity: {found[0]}/{admin.info.dbname}" in str(raised.value.help)
    assert f"spec/targets/{TARGET}.yaml" in str(raised.value.help)


LEAST = "CREATE ROLE {0} LOGIN CREATEROLE PASSWORD 'agent'; GRANT CREATE ON DATABASE {1} TO {0}"


def test_an_agent_needs_no_superuser_since_postgresql_16(
    postgres: EmbeddedPostgres, secret: Secrets, admin: psycopg.Connection
) -> None:
    name = admin.info.dbname
    admin.execute(LEAST.format("t_agent", name))
    least = Secrets({**secret.values, "env:DSN": postgres.dsn(name, user="t_agent", password="agent")})  # noqa: S106
    if admin.info.server_version < 160_000:
        with pytest.raises(TerminalError, match="no superuser") as raised, target(least):
            raise AssertionError
        assert "CREATEROLE" in str(raised.value.help)
        return
    with pytest.raises(TerminalError, match="keeps no connection free") as raised, target(least):
        raise AssertionError
    assert "GRANT pg_use_reserved_connections" in str(raised.value.help)
    admin.execute("GRANT pg_use_reserved_connections TO t_agent")
    with target(least) as running:
        apply(running, (ACME, NORD), intent=2)
        with psycopg.connect(postgres.dsn(name, user=ACME.app, password=secret(ACME.reference))):
            (action,) = lines(running, (ACME.suspended, NORD))
            assert running.perform(action, intent=3)["login"]["sessions_ended"] == 1
        apply(running, (ACME, NORD), intent=4)
        secret_of_nord = least.values[NORD.reference]
        least.values[NORD.reference] = "changed"
        (action,) = lines(running, (ACME, NORD))
        assert action.before is not None
        assert action.before["password"] == f"differs from {NORD.reference}"
        running.perform(action, intent=5)
        least.values[NORD.reference] = secret_of_nord
        apply(running, (ACME, NORD), intent=6)
        assert lines(running, (ACME, NORD)) == ()
        apply(running, (), intent=7, former=(ACME, NORD))
        assert running.observe([]) == {}
    admin.execute("DROP OWNED BY t_agent")


@pytest.mark.parametrize("what", ["SCHEMA public", "DATABASE {0}"])
def test_a_place_where_everybody_may_create_makes_a_database_unfit(
    secret: Secrets, admin: psycopg.Connection, what: str
) -> None:
    place = what.format(admin.info.dbname)
    admin.execute(f"GRANT CREATE ON {place} TO PUBLIC")
    with pytest.raises(TerminalError, match="everybody may create") as raised, target(secret):
        raise AssertionError
    assert raised.value.help == f"REVOKE CREATE ON {place} FROM PUBLIC;"


def test_a_server_that_is_away_may_come_back(secret: Secrets) -> None:
    secret.values["env:DSN"] = "postgresql://postgres@127.0.0.1:1/postgres"
    with pytest.raises(RetryableError, match="away"), target(secret):
        raise AssertionError


def test_a_dsn_that_is_none_is_not_shown(secret: Secrets) -> None:
    secret.values["env:DSN"] = "host=127.0.0.1 hunter2"
    with pytest.raises(EnvironmentFailedError) as raised, target(secret):
        raise AssertionError
    assert "hunter2" not in f"{raised.value} {raised.value.help} {raised.value.__cause__}"


def test_a_wrong_password_in_the_dsn_needs_a_person(secret: Secrets) -> None:
    secret.values["env:DSN"] += " password=hunter2"
    with pytest.raises(TerminalError, match="refuses the credential") as raised, target(secret):
        raise AssertionError
    assert "hunter2" not in str(raised.value)


def test_an_object_type_it_does_not_know_is_refused(running: PostgresTarget) -> None:
    item = replace(ACME.object("schema"), id=ObjectId(TARGET, "topic", "x"))
    with pytest.raises(TerminalError, match="topic"):
        running.perform(create(item), intent=2)


@pytest.mark.parametrize("kind", ["app", "schema", "grants"])
def test_attributes_that_it_does_not_know_are_refused(running: PostgresTarget, kind: str) -> None:
    apply(running, (ACME,), intent=2)
    item = replace(ACME.object(kind), attributes={**ACME.object(kind).attributes, "sparkle": True})
    with pytest.raises(TerminalError, match="cannot be made"):
        running.perform(create(item), intent=3)


def test_observing_changes_nothing(postgres: EmbeddedPostgres, running: PostgresTarget) -> None:
    apply(running, (ACME,), intent=2)
    before = postgres.log.stat().st_size
    running.observe(item.id for item in ACME.objects)
    assert postgres.log.stat().st_size == before


def test_the_mark_names_repository_database_and_intent(running: PostgresTarget, admin: psycopg.Connection) -> None:
    apply(running, (ACME,), intent=12)
    row = admin.execute("SELECT obj_description(%s::regnamespace, 'pg_namespace')", [ACME.schema]).fetchone()
    assert row is not None
    assert row[0].startswith("conductor:{")
    for part in (f'"repository":"{REPOSITORY}"', f'"database":"{admin.info.dbname}"', '"intent":12'):
        assert part in row[0]
