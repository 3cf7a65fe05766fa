"""A clone with its remote, its genesis and people's keys: what a reviewer sits at."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.signing.keys import write_keypair
from tests.cases.inputs import lay_out
from tests.cases.plan_world import ADA, BEN, base_files
from tests.services.commands import Ran, conductor, git

PEOPLE = (ADA, BEN)
DAY = ("--today", "2026-11-24")


@dataclass
class Desk:
    """A clone with its remote and keys, and the command line."""

    folder: Path

    @property
    def repo(self) -> Path:
        return self.folder / "repo"

    def git(self, *args: str, cwd: Path | None = None) -> str:
        return git(cwd or self.repo, *args)

    def commit(self, message: str, **files: str) -> str:
        for path, text in files.items():
            (self.repo / path).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / path).write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def conductor(self, *args: str, repo: Path | None = None) -> Ran:
        return conductor(*args, "--repo", repo or self.repo)

    def approve(self, person: str, *more: str, key: str | None = None) -> Ran:
        path = str(self.folder / "keys" / (key or person))
        return self.conductor("approve", "--person", person, "--key", path, "--yes", *DAY, *more)

    def withdraw(self, person: str, *more: str) -> Ran:
        path = str(self.folder / "keys" / person)
        return self.conductor("withdraw", "--person", person, "--key", path, "--yes", *more)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, a repository whose genesis is signed, and its remote."""
    folder = tmp_path_factory.mktemp("begun")
    (folder / "keys").mkdir()
    repo = folder / "repo"
    lay_out(repo, base_files())
    for name in (*PEOPLE, "stranger"):
        key = write_keypair(folder / "keys" / name)
        file = repo / "policies" / "people" / f"{name}.yaml"
        if file.exists():
            lines = file.read_text().splitlines()
            kept = [f"    - {key.public_line}" if "ssh-ed25519" in line else line for line in lines]
            file.write_text("\n".join(kept) + "\n")
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "--all"],
        ["commit", "-q", "-m", "Lay out the installation"],
        ["init", "-q", "--bare", "-b", "main", str(folder / "remote.git")],
        ["remote", "add", "origin", "../remote.git"],
    ):
        git(repo, *command)
    for name in PEOPLE:
        assert conductor("genesis", "--repo", repo, "--person", name, "--key", folder / "keys" / name).code == 0
    git(repo, "push", "-q", "origin", "main")
    return folder


@pytest.fixture
def desk(begun: Path, tmp_path: Path) -> Desk:
    shutil.copytree(begun, tmp_path / "desk", symlinks=True)
    made = Desk(tmp_path / "desk")
    made.git("switch", "-q", "-c", "topic")
    return made
