"""Fixtures: a driver of agents, and installations whose genesis has been made real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.fixtures_postgres import Servers
from tests.services.real_installation import RealInstallation


@pytest.fixture
def agents() -> Iterator[Agents]:
    """The driver."""
    with Agents() as running:
        yield running


@pytest.fixture
def where(tmp_path: Path, dsn: str, agents: Agents) -> Iterator[RealInstallation]:
    """An installation with one tenant, `keeper`, made from the genesis: on each version of PostgreSQL."""
    yield from _made(tmp_path, dsn, agents)


@pytest.fixture
def where18(tmp_path: Path, dsn18: str, agents: Agents) -> Iterator[RealInstallation]:
    """The same on PostgreSQL 18 alone, for tests that are not about the database."""
    yield from _made(tmp_path, dsn18, agents)


@pytest.fixture
def apart(tmp_path: Path, dsn18: str, agents: Agents) -> Iterator[RealInstallation]:
    """The same, with its ledger on a branch of its own, at a remote whose main takes no agent's push."""
    yield from _made(tmp_path, dsn18, agents, ledger="ledger")


@pytest.fixture
def postgres18(postgres_servers: Servers) -> EmbeddedPostgres:
    """The server of `where18`."""
    return postgres_servers(18)


def _made(folder: Path, dsn: str, agents: Agents, ledger: str | None = None) -> Iterator[RealInstallation]:
    made = RealInstallation.make(folder / "installation", dsn, ledger=ledger)
    assert agents.once(made).answer["error"] is None
    yield made
    made.close()
