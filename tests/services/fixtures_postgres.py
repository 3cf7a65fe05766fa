"""Fixtures: a server of each version for a whole test session, an empty database for one test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.postgres import VERSIONS, database, server

_numbers = itertools.count(1)


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"postgres{version}")
def postgres(request: pytest.FixtureRequest) -> Iterator[EmbeddedPostgres]:
    """One server of each version; a test that asks for it runs on both."""
    with server(request.param) as running:
        yield running


@pytest.fixture
def dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The superuser's DSN of an empty database; it goes with the roles that came into being meanwhile."""
    with database(postgres, f"test_{next(_numbers)}") as found:
        yield found
