"""Fixtures: somebody's platform with a history, and a copy of it that has a remote of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.commands import git
from tests.services.platform import Platform


@pytest.fixture
def original(tmp_path: Path, dsn18: str) -> Platform:
    """A platform with a genesis and one tenant, made real."""
    return Platform.started(tmp_path / "original", dsn18)


@pytest.fixture
def copy(original: Platform, tmp_path: Path) -> Platform:
    """A clone of it, pushed to a remote of its own."""
    folder = tmp_path / "copy"
    folder.mkdir()
    git(folder, "clone", "--quiet", original.folder / "remote.git", "repo")
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(folder / "repo", "remote", "set-url", "origin", str(folder / "remote.git"))
    return Platform(folder, original.dsn)
