"""`conductor check --watch` beside somebody who edits: a real process, real files, real git."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cases.inputs import base_tree, lay_out
from tests.services.commands import conductor, git

pytestmark = pytest.mark.service

TENANT = "tenants/acme-retail.yaml"
SECONDS = 120
"""After which a round that does not come has not come."""


class Watching:
    """The process, and what it says of each round."""

    def __init__(self, repo: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "compiler.cli", "check", "--watch", "--today", "2026-11-24", *arguments],
            cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )  # fmt: skip
        self.late = threading.Timer(SECONDS, self.process.kill)
        self.late.start()

    def says(self, wanted: Callable[[str], bool]) -> str:
        """Return the next line that is wanted; those of rounds in between may say anything."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if wanted(line):
                return line
        raise AssertionError(f"it has ended: {self.process.communicate()[1]}")

    def finds(self, *codes: str) -> dict[str, Any]:
        """Return the next round that finds exactly these."""

        def wanted(line: str) -> bool:
            found = json.loads(line).get("findings")  # a round in which nothing could be read has none
            return found is not None and [item["code"] for item in found] == list(codes)

        round_: dict[str, Any] = json.loads(self.says(wanted))
        return round_

    def interrupted(self) -> int:
        self.process.send_signal(signal.SIGINT)
        _, told = self.process.communicate(timeout=SECONDS)
        assert told == ""
        return self.process.returncode


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    lay_out(tmp_path, base_tree())
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "All of it")
    return tmp_path


@pytest.fixture
def watching(repo: Path) -> Iterator[Watching]:
    started = Watching(repo, "--format", "json")
    yield started
    started.late.cancel()
    started.process.kill()
    started.process.communicate()


def test_every_way_of_changing_a_file_gives_a_round(repo: Path, watching: Watching) -> None:
    sound = (repo / TENANT).read_text()
    typo = sound.replace("blueprint: standard", "blueprint: standart")
    files = watching.finds()["files"]
    # saved in place, and mended as an editor does that writes beside the file and renames
    (repo / TENANT).write_text(typo)
    (found,) = watching.finds("MC0012")["findings"]
    assert (found["path"], found["help"]) == (TENANT, "did you mean `standard`?")
    (repo / ".new").write_text(sound)
    (repo / ".new").replace(repo / TENANT)
    watching.finds()
    # half saved, and then the rest
    with (repo / TENANT).open("w") as stream:
        stream.write(sound[: len(sound) // 2] + "\n  [")
        stream.flush()
        watching.says(lambda line: '"severity": "error"' in line)
        stream.seek(0)
        stream.truncate()
        stream.write(sound)
    watching.finds()
    # a file more in a folder that is there, and one less
    other = repo / TENANT.replace("acme", "other")
    other.write_text(sound.replace("acme-retail", "other-retail"))
    assert watching.finds()["files"] == files + 1
    other.unlink()
    assert watching.finds()["files"] == files
    # another branch, and back
    git(repo, "switch", "--quiet", "-c", "typo")
    (repo / TENANT).write_text(typo)
    git(repo, "commit", "--quiet", "-am", "A typo")
    watching.finds("MC0012")
    git(repo, "switch", "--quiet", "main")
    watching.finds()
    # folders that go, one or all, and come back
    shutil.move(repo / "tenants", repo / "gone")
    watching.says(lambda line: json.loads(line).get("files", files) < files)
    shutil.move(repo / "gone", repo / "tenants")
    watching.finds()
    there = [path for path in repo.iterdir() if path.is_dir() and path.name != ".git"]
    for path in there:
        path.rename(repo / f".git/{path.name}-away")
    assert "has none of the folders" in json.loads(watching.says(lambda line: "error" in json.loads(line)))["error"]
    for path in there:
        (repo / f".git/{path.name}-away").rename(path)
    watching.finds()
    (repo / TENANT).write_text(typo)
    watching.finds("MC0012")
    assert watching.interrupted() == 130


def test_a_person_reads_the_findings_and_when_they_were_found(repo: Path) -> None:
    watching = Watching(repo)
    try:
        first = watching.says(lambda line: "waiting for a change" in line)
        assert first.startswith(f"{len(base_tree())} files: no errors, no warnings, in ")
        (repo / TENANT).write_text((repo / TENANT).read_text().replace("blueprint: standard", "blueprint: standart"))
        watching.says(lambda line: line == "error[MC0012]: unknown blueprint `standart`\n")
        watching.says(lambda line: "1 error, no warnings, in" in line)
        assert watching.interrupted() == 130
    finally:
        watching.late.cancel()


def test_a_system_that_tells_of_no_changes_is_an_error_with_a_way_out(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise RuntimeError("Too many open files (os error 24)")

    monkeypatch.setattr("compiler.cli.watch.changes_below", exhausted)
    ran = conductor("check", "--repo", repo, "--watch")
    assert ran.code == 3
    assert "max_user_instances" in ran.err


def test_what_cannot_be_watched_is_said(repo: Path) -> None:
    assert conductor("check", "--repo", repo, "--watch", "--rev", "HEAD").code == 2
    assert "--format full, concise, json" in conductor("check", "--repo", repo, "--watch", "--format", "sarif").err
