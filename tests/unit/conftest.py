"""Fixtures of the unit tests."""

from __future__ import annotations

import pytest

from runtime.agent.loop import once
from runtime.testing.fleet import Fleet


@pytest.fixture
def fleet() -> Fleet:
    """An installation whose genesis has been made real."""
    fleet = Fleet.started()
    once(fleet.world())
    return fleet
