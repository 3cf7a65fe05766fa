"""Fixtures: a driver of agents, and an installation whose genesis has been made real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.agents import Agents
from tests.services.installation import Installation


@pytest.fixture
def agents() -> Iterator[Agents]:
    """The driver."""
    with Agents() as running:
        yield running


@pytest.fixture
def where(tmp_path: Path, dsn: str, agents: Agents) -> Iterator[Installation]:
    """An installation with one tenant, `keeper`, made from the genesis."""
    made = Installation.make(tmp_path / "installation", dsn)
    assert agents.once(made).answer["error"] is None
    yield made
    made.close()
