"""Fixtures: a server of each version for a whole test session, an empty database for one test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import TypeAlias

import pytest

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.postgres import VERSIONS, database, server

_numbers = itertools.count(1)

Servers: TypeAlias = Callable[[int], EmbeddedPostgres]


@pytest.fixture(scope="session")
def postgres_servers() -> Iterator[Servers]:
    """Version -> its server, started when it is first asked for."""
    with ExitStack() as stack:
        yield cache(lambda version: stack.enter_context(server(version)))


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"postgres{version}")
def postgres(request: pytest.FixtureRequest, postgres_servers: Servers) -> EmbeddedPostgres:
    """One server of each version; a test that asks for it runs on both."""
    return postgres_servers(request.param)


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The superuser's DSN of an empty database; it goes with the roles that came into being meanwhile."""
    with database(postgres, f"test_{next(_numbers)}") as found:
        yield found


@pytest.fixture
def dsn18(postgres_servers: Servers) -> Iterator[str]:
    """The same on PostgreSQL 18 alone, for tests that do not look at differences between versions."""
    with database(postgres_servers(18), f"test_{next(_numbers)}") as found:
        yield found
