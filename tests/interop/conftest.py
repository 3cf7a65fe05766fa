"""Fixtures of a repository with a history, and the programs that read it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.services import cosign as tools
from tests.services.go_tools import BUILD_SECONDS
from tests.services.own_history import finished_history, own_copy

__all__ = ["cosign", "finished_history", "own_copy"]

READER = Path(__file__).resolve().parent / "in_toto_reader"


@pytest.fixture(scope="session")
def cosign() -> Path:
    """The real cosign."""
    return tools.cosign()


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program around in-toto's own Go types (`in_toto_reader/`)."""
    goal = tmp_path_factory.mktemp("reader") / "reader"
    command = ("go", "build", "-mod=readonly", "-o", goal, ".")
    subprocess.run(command, cwd=READER, env=os.environ | {"CGO_ENABLED": "0"}, check=True, timeout=BUILD_SECONDS)
    return goal
