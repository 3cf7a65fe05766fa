"""A tenant that somebody made by hand, beside one of Conductor's: what a test adopts, or tries to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from runtime.targets.postgres.target import PostgresTarget
from tests.services.tenant import Secrets, Tenant, apply, target

ACME, NORD = Tenant("acme-retail", adopt=True), Tenant("nordwind")


@contextmanager
def admin_of(dsn: str, role: str) -> Iterator[psycopg.Connection]:
    """An administrator, and a role of the whole server that is theirs and goes with them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount:
            connection.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(role)))


@contextmanager
def made_by_hand(secret: Secrets, admin: psycopg.Connection, statements: Iterable[str]) -> Iterator[PostgresTarget]:
    """A target that has NORD, and in which the administrator has made ACME; `{1}` is its password."""
    for statement in statements:
        admin.execute(statement.format(ACME, secret(ACME.reference)))
    with target(secret) as opened:
        apply(opened, (NORD,), intent=1)
        yield opened
