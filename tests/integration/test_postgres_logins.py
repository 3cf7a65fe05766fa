"""Suspension and its proof, by real logins over TCP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runtime.contract.errors import EnvironmentFailedError
from runtime.targets.interface import TerminalError
from runtime.targets.postgres import proofs, roles
from runtime.targets.postgres.login import Door
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres, temporary
from tests.services.postgres import binaries
from tests.services.tenant import Secrets, Tenant, apply, create, lines, target

pytestmark = pytest.mark.service

ACME = Tenant("acme-retail", connection_limit=3)


@pytest.fixture
def secret(dsn: str) -> Secrets:
    return Secrets.of(dsn, ACME)


@pytest.fixture
def running(secret: Secrets) -> Iterator[PostgresTarget]:
    with target(secret) as opened:
        apply(opened, (ACME,), intent=1)
        yield opened


def login(secret: Secrets, password: str | None = None) -> psycopg.Connection:
    return psycopg.connect(secret("env:DSN"), user=ACME.app, password=password or secret(ACME.reference))


def test_a_new_tenant_is_logged_into_and_the_facts_say_so(dsn: str) -> None:
    secret = Secrets.of(dsn, ACME)
    with target(secret) as opened:
        assert opened.perform(create(ACME.object("app")), intent=1) == {
            "login": {
                "method": "scram-sha-256",
                "after": {"credential": "00000", "wrong_password": "28P01"},
                "can_login": True,
            }
        }
    with login(secret) as session:
        assert session.execute("SELECT current_user").fetchone() == (ACME.app,)
        assert session.execute("SHOW statement_timeout").fetchone() == ("30s",)


def test_suspending_ends_sessions_and_proves_that_the_credential_opens_nothing(
    running: PostgresTarget, secret: Secrets
) -> None:
    with login(secret) as one, login(secret) as other:
        other.execute("BEGIN")
        (action,) = lines(running, (ACME.suspended,))
        facts = running.perform(action, intent=2)
        for session in (one, other):
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
    assert facts == {
        "login": {
            "method": "scram-sha-256",
            "before": {"credential": "00000", "wrong_password": "28P01"},
            "sessions_ended": 2,
            "after": {"credential": "28000", "wrong_password": "28P01"},
            "can_login": False,
            "sessions": 0,
            "sessions_of_others": 0,
        }
    }
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        login(secret)
    assert lines(running, (ACME.suspended,)) == ()


def test_suspending_again_measures_what_there_is(running: PostgresTarget) -> None:
    apply(running, (ACME.suspended,), intent=2)
    again = running.perform(create(ACME.suspended.object("app")), intent=3)["login"]
    assert again["before"] == again["after"] == {"credential": "28000", "wrong_password": "28P01"}
    assert (again["sessions_ended"], again["sessions"]) == (0, 0)


def test_resuming_gives_the_same_credential_back(running: PostgresTarget, secret: Secrets) -> None:
    apply(running, (ACME.suspended,), intent=2)
    (action,) = lines(running, (ACME,))
    facts = running.perform(action, intent=3)["login"]
    assert facts["before"] == {"credential": "28000", "wrong_password": "28P01"}
    assert facts["after"] == {"credential": "00000", "wrong_password": "28P01"}
    login(secret).close()


def test_a_tenant_that_uses_up_its_connections_is_suspended_all_the_same(
    running: PostgresTarget, secret: Secrets
) -> None:
    sessions = [login(secret) for _ in range(ACME.connection_limit)]
    facts = running.perform(create(ACME.suspended.object("app")), intent=2)["login"]
    assert facts["before"] == {"credential": "53300", "wrong_password": "28P01"}
    assert facts["after"] == {"credential": "28000", "wrong_password": "28P01"}
    assert facts["sessions_ended"] == len(sessions)
    for session in sessions:
        session.close()


def test_a_tenant_that_logs_in_all_the_time_has_no_session_after_its_suspension(
    running: PostgresTarget, secret: Secrets
) -> None:
    stop = threading.Event()

    def knock() -> None:
        while not stop.is_set():
            try:
                login(secret).close()
            except psycopg.OperationalError:
                continue

    threads = [threading.Thread(target=knock) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for intent in range(2, 12, 2):
            facts = running.perform(create(ACME.suspended.object("app")), intent=intent)["login"]
            assert (facts["after"]["credential"], facts["sessions"]) == ("28000", 0)
            with psycopg.connect(secret("env:DSN")) as admin:
                assert proofs.sessions(admin, ACME.app) == 0
            running.perform(create(ACME.object("app")), intent=intent + 1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_suspension_that_cannot_be_proved_is_not_begun(running: PostgresTarget, secret: Secrets) -> None:
    password = secret.values.pop(ACME.reference)
    with pytest.raises(EnvironmentFailedError, match="is not set"):
        running.perform(create(ACME.suspended.object("app")), intent=2)
    secret.values[ACME.reference] = password
    with login(secret):
        assert lines(running, (ACME,)) == ()


@pytest.mark.parametrize("killed", ["before its sessions end", "before its proof"])
def test_a_suspension_that_was_interrupted_is_seen_and_finished(
    running: PostgresTarget, secret: Secrets, killed: str
) -> None:
    session = running._opened()  # noqa: SLF001 -- the first half of the action, and then nothing
    with login(secret):
        wanted = ACME.suspended.object("app")
        roles.write(session, ACME.app, roles.Role.of(ACME.app, wanted.attributes), secret(ACME.reference), 2)
        if killed == "before its proof":
            proofs.end_sessions(session.connection, ACME.app)
        (action,) = lines(running, (ACME.suspended,))
        facts = running.perform(action, intent=2)["login"]
    assert facts["after"] == {"credential": "28000", "wrong_password": "28P01"}
    assert facts["sessions_ended"] == (0 if killed == "before its proof" else 1)
    assert lines(running, (ACME.suspended,)) == ()


def test_a_role_whose_login_does_not_work_is_no_success(running: PostgresTarget, dsn: str, secret: Secrets) -> None:
    name = conninfo_to_dict(dsn)["dbname"]
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    with pytest.raises(TerminalError, match="42501") as raised:
        running.perform(create(replace(ACME, connection_limit=4).object("app")), intent=2)
    assert "CONNECT" in str(raised.value.help)
    assert lines(running, (replace(ACME, connection_limit=4),)) != ()


def test_a_server_that_trusts_everybody_is_refused_as_a_target() -> None:
    for version in (18, 15):
        with temporary(binaries=binaries(version), authentication="trust") as trusting:
            secret = Secrets.of(trusting.dsn(), ACME)
            with pytest.raises(TerminalError, match="trust") as raised, target(secret):
                raise AssertionError
            assert "scram-sha-256" in str(raised.value.help)
            with psycopg.connect(trusting.dsn()) as admin:
                assert admin.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 't\\_%'").fetchone() == (0,)


def test_a_unix_socket_where_no_password_counts_is_refused() -> None:
    with temporary(settings={"unix_socket_directories": "."}) as server:
        socket = str((server.folder / "data").resolve())
        secret = Secrets({"env:DSN": make_conninfo(server.dsn(), host=socket)})
        with pytest.raises(TerminalError, match="Unix socket") as raised, target(secret):
            raise AssertionError
        assert "host and a port" in str(raised.value.help)


@pytest.mark.parametrize("line", ["host all {0} 127.0.0.1/32 trust", "host all {0} 127.0.0.1/32 password"])
def test_a_server_that_trusts_one_tenant_proves_nothing_about_it(line: str) -> None:
    with temporary(binaries=binaries(18)) as server:
        secret = Secrets.of(server.dsn(), ACME)
        with target(secret) as opened:
            apply(opened, (ACME,), intent=1)
            _first_rule(server, line.format(ACME.app))
            with pytest.raises(TerminalError, match=r"trust|clear-text"):
                opened.perform(create(ACME.suspended.object("app")), intent=2)


def test_a_server_that_shuts_tenants_out_before_any_password_proves_nothing() -> None:
    """`no pg_hba.conf entry` has the same SQLSTATE as a role without login: it must not pass for one."""
    with temporary(binaries=binaries(18)) as server:
        secret = Secrets.of(server.dsn(), ACME)
        with target(secret) as opened:
            apply(opened, (ACME,), intent=1)
            _first_rule(server, f"host all {ACME.app} 127.0.0.1/32 reject")
            with pytest.raises(TerminalError, match="before it asks for a password"):
                opened.perform(create(ACME.suspended.object("app")), intent=2)


def test_logins_are_measured_whatever_language_the_server_speaks(
    running: PostgresTarget, secret: Secrets, postgres: EmbeddedPostgres
) -> None:
    door = Door("127.0.0.1", "127.0.0.1", postgres.port, conninfo_to_dict(secret("env:DSN"))["dbname"], {})  # type: ignore[arg-type]
    password = secret(ACME.reference)
    assert door.login(ACME.app, password, lambda: "nonce-of-a-test") == "00000"
    assert door.login(ACME.app, "wrong", lambda: "nonce-of-a-test") == "28P01"
    assert door.login("nobody-here", password, lambda: "nonce-of-a-test") == "28P01"
    elsewhere = replace(door, database="no-such-database")
    assert elsewhere.login(ACME.app, password, lambda: "nonce-of-a-test") == "3D000"


def test_an_agent_that_may_not_read_verifiers_compares_by_logging_in(running: PostgresTarget, secret: Secrets) -> None:
    holds = running._proves().holds  # noqa: SLF001 -- what it falls back to
    assert holds(ACME.app, secret(ACME.reference))
    assert not holds(ACME.app, "something else")
    apply(running, (ACME.suspended,), intent=2)
    assert holds(ACME.app, secret(ACME.reference))
    assert not holds(ACME.app, "something else")


def _first_rule(server: EmbeddedPostgres, line: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        row = admin.execute("SHOW hba_file").fetchone()
        assert row is not None
        loaded = admin.execute("SELECT pg_conf_load_time()").fetchone()
        file = Path(row[0])
        file.write_text(f"{line}\n{file.read_text()}")
        admin.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the server reads it in its own time; a new session knows
        with psycopg.connect(server.dsn()) as fresh:
            if fresh.execute("SELECT pg_conf_load_time()").fetchone() != loaded:
                return
    raise AssertionError("pg_hba.conf was not read again")
