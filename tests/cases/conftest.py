"""Fixtures of the golden cases. `pytest tests/cases --update-goldens` writes what is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.golden import Golden, Trees


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="write what the compiler makes into tests/cases")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(update=bool(request.config.getoption("--update-goldens", default=False)))


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path)
