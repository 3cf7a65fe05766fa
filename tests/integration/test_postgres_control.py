from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from runtime.ledger.head import Head
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.control import ControlDatabase
from tests.services.tenant import REPOSITORY

pytestmark = pytest.mark.service

Open = Callable[[], ControlDatabase]


@pytest.fixture
def control(dsn: str) -> Open:
    return lambda: ControlDatabase("control", dsn="env:DSN", expected=None, resolve=lambda _: dsn)


@pytest.fixture
def admin(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def test_one_session_at_a_time_holds_the_lock(control: Open) -> None:
    with control() as one, control() as other:
        assert one.lock(REPOSITORY)
        assert one.lock(REPOSITORY)
        assert one.held()
        assert not other.lock(REPOSITORY)
        assert not other.held()
        assert other.lock("6" * 32)
    with control() as other:
        assert other.lock(REPOSITORY)


def test_the_lock_ends_with_the_session_and_the_agent_is_told(control: Open, admin: psycopg.Connection) -> None:
    with control() as one:
        assert one.lock(REPOSITORY)
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            "   AND application_name = 'conductor lock'"
        )
        assert not one.held()
        with pytest.raises(RetryableError):
            one.head(REPOSITORY)
    with control() as other:
        assert other.lock(REPOSITORY)


def test_the_lock_is_one_of_the_servers_and_not_of_our_memory(control: Open) -> None:
    with control() as one:
        assert one.lock(REPOSITORY)
        connection = one._lock  # noqa: SLF001 -- somebody lets go of it behind our back
        assert connection is not None
        connection.execute("ROLLBACK")
        assert not one.held()


def test_a_login_without_rights_locks_nobody_out(control: Open, admin: psycopg.Connection, dsn: str) -> None:
    """A tenant takes every lock that its own login can reach, to stop the agent that is about to suspend it."""
    password = secrets.token_hex(8)
    admin.execute(f"CREATE ROLE t_mallory_app LOGIN PASSWORD '{password}'")
    with control() as one:
        assert one.lock(REPOSITORY)
        one.record(REPOSITORY, Head(1, "a" * 64, "1" * 40))
    tables = [row[0] for row in admin.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'")]
    assert any(table.startswith("conductor_locks.") for table in tables)
    own = make_conninfo(dsn, user="t_mallory_app", password=password)
    with psycopg.connect(own) as tenant:
        for table in (table for table in tables if table.startswith("conductor")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), tenant.transaction():
                tenant.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        tenant.execute("SELECT pg_advisory_lock(key) FROM generate_series(1, 50) key")
        with control() as one:
            assert one.lock(REPOSITORY)
            one.record(REPOSITORY, Head(2, "b" * 64, "2" * 40))
            assert one.held()


def test_asking_changes_nothing_in_a_database_that_was_never_used(control: Open, admin: psycopg.Connection) -> None:
    with control() as one:
        assert one.lock(REPOSITORY)
        assert one.head(REPOSITORY) is None
    assert admin.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'conductor'").fetchone() == (0,)


def test_the_head_is_kept_and_never_goes_back(control: Open) -> None:
    first, second = Head(1, "a" * 64, "1" * 40), Head(2, "b" * 64, "2" * 40)
    with control() as one:
        one.record(REPOSITORY, first)
        one.record(REPOSITORY, second)
        one.record(REPOSITORY, second)
        for late in (first, Head(2, "c" * 64, "3" * 40)):
            with pytest.raises(TerminalError, match="further"):
                one.record(REPOSITORY, late)
        assert one.head("6" * 32) is None
    with control() as again:
        assert again.head(REPOSITORY) == second


def test_two_first_uses_at_once_make_one_layout(control: Open) -> None:
    failed: list[Exception] = []

    def use(number: int) -> None:
        try:
            with control() as one:
                one.record(f"{number:032x}", Head(number, "a" * 64, "1" * 40))
        except Exception as error:  # noqa: BLE001 -- a thread's failure is shown by the test
            failed.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with control() as one:
        heads = [one.head(f"{number:032x}") for number in range(6)]
    assert [head.sequence for head in heads if head is not None] == list(range(6))


def test_a_schema_that_somebody_else_made_is_left_alone(control: Open, admin: psycopg.Connection) -> None:
    admin.execute("CREATE SCHEMA conductor")
    with control() as one:
        with pytest.raises(TerminalError, match="did not make"):
            one.head(REPOSITORY)
        with pytest.raises(TerminalError, match="did not make"):
            one.record(REPOSITORY, Head(1, "a" * 64, "1" * 40))


def test_another_database_is_refused_before_any_lock(dsn: str) -> None:
    other = ControlDatabase("control", dsn="env:DSN", expected="7/other", resolve=lambda _: dsn)
    with pytest.raises(TerminalError, match="7/other"), other:
        raise AssertionError
