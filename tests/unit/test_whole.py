"""A file replaced whole, on a real file system: it is the old one or the new one, and nothing else is left there."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from compiler.cli.policy import put
from compiler.cli.remembered import Remembered, keep
from compiler.source import from_worktree
from runtime.contract.errors import EnvironmentFailedError
from runtime.ledger.head import Head, HeadFile
from runtime.targets.archives import Archives
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import RetryableError
from runtime.whole import replace
from tests.services.commands import limited

HEAD = Head(1, "a" * 64, "b" * 40)


def archives(folder: Path) -> Archives:
    return Archives(ArchiveConfig(folder=f"file:{folder}", recipients=("age1",)))


def there(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_file_is_replaced_with_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    replace(tmp_path / "file", b"one", mode=0o644)
    replace(tmp_path / "file", b"two")
    assert there(tmp_path) == {"file": b"two"}
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_disk_that_is_full_keeps_the_old_file_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    code = "import sys, pathlib, runtime.whole as whole; whole.replace(pathlib.Path(sys.argv[1]), bytes(9999))"
    ended = limited(sys.executable, "-c", code, tmp_path / "file", limit=("FSIZE", 4096))
    assert (ended.returncode, "File too large" in ended.stderr) == (1, True), ended.stderr
    assert there(tmp_path) == {"file": b"old"}


def test_what_is_durable_is_on_the_disk_before_it_has_its_name_and_so_is_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    monkeypatch.setattr(
        os, "fsync", lambda at: synced.append((stat.S_ISDIR(os.fstat(at).st_mode), (tmp_path / "file").exists()))
    )
    replace(tmp_path / "file", b"one", durable=True)
    assert synced == [(False, False), (True, True)]
    HeadFile(tmp_path / "head").record("x", HEAD)
    archives(tmp_path).remember("acme", {"file": "x"})
    assert [is_folder for is_folder, _ in synced] == [False, True] * 3


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", refuse)


@pytest.mark.usefixtures("full")
def test_whoever_could_not_replace_a_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    for folder in ("head", "values", "archives", "repo/policies"):
        (tmp_path / folder).mkdir(mode=0o700, parents=True)
    with pytest.raises(EnvironmentFailedError, match="No space left"):
        HeadFile(tmp_path / "head" / "file").record("x", HEAD)
    with pytest.raises(RetryableError, match="No space left"):
        archives(tmp_path / "archives").remember("acme", {"file": "x"})
    remembered = Remembered()
    remembered.put(b"a: 1\n", {"a": 1})
    keep(tmp_path / "values" / "x.values", remembered)
    with pytest.raises(OSError, match="No space left"):
        put(tmp_path / "repo", {"policies/policy.wasm": b"wasm"})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_policy_that_was_being_written_when_its_writer_was_killed_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    code = (
        "import os, signal, sys; from pathlib import Path; from compiler.cli import policy;"
        "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "policy.put(Path(sys.argv[1]), {'policies/policy.wasm': b'wasm'})"
    )
    assert limited(sys.executable, "-c", code, tmp_path).returncode == -9
    assert len(there(tmp_path)) == 1
    assert (dict(from_worktree(tmp_path).files), from_worktree(tmp_path).findings) == ({}, ())
