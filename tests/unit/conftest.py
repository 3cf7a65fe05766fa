"""Fixtures of the unit tests: one whole of each size (`runtime/testing/__init__.py`)."""

from __future__ import annotations

import pytest

from runtime.agent.loop import once
from runtime.testing.chronicle import Chronicle
from runtime.testing.court import Court
from runtime.testing.fleet import Fleet
from runtime.testing.installation import Installation


@pytest.fixture
def court() -> Court:
    """A small installation at its genesis."""
    return Court.open()


@pytest.fixture
def house() -> Installation:
    """The same with git, a signed genesis, and an agent that decides honestly."""
    return Installation.start()


@pytest.fixture
def chronicle() -> Chronicle:
    """A ledger with its first intent and result, by an agent that writes what it is told."""
    started = Chronicle.start()
    started.apply()
    return started


@pytest.fixture
def fleet() -> Fleet:
    """An installation whose genesis has been made real."""
    fleet = Fleet.started()
    once(fleet.world())
    return fleet
