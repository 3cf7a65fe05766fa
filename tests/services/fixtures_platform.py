"""Fixtures: somebody's platform with a history, and a copy of it that has a remote of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.commands import git
from tests.services.fixtures_postgres import Servers
from tests.services.platform import Platform
from tests.services.postgres import database


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, postgres_servers: Servers) -> Iterator[Platform]:
    """A platform with a genesis and one tenant, made real. Who damages it mends it."""
    with database(postgres_servers(18), "original") as dsn:
        yield Platform.started(tmp_path_factory.mktemp("original"), dsn)


@pytest.fixture
def copy(original: Platform, tmp_path: Path) -> Platform:
    """A clone of it, with a remote of its own."""
    folder = tmp_path / "copy"
    folder.mkdir()
    git(folder, "clone", "--quiet", original.folder / "remote.git", "repo")
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(folder / "repo", "remote", "set-url", "origin", str(folder / "remote.git"))
    return Platform(folder, original.dsn)
