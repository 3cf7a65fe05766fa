"""One reader for whatever lies where others may write: a regular file, or a refusal at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from compiler.cli.verify import WorkTree
from runtime.contract import regular
from runtime.ledger.verify import WorkFile


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 100_000])
def test_a_file_is_read_whole_and_no_further_than_was_asked_for(tmp_path: Path, size: int) -> None:
    file, data = tmp_path / "file", os.urandom(size)
    file.write_bytes(data)
    assert regular.read(file, size + 1) == data
    assert regular.read(file, max(size // 2, 1)) == data[: max(size // 2, 1)]


def test_a_file_that_says_it_is_empty_is_read_all_the_same() -> None:
    # in /proc sizes are not known before
    assert regular.read("/proc/self/status", 1 << 20).startswith(b"Name:")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for odd in ("link", "folder", "pipe", "socket", "file/below"):
            with pytest.raises(regular.OddFileError):
                regular.read(tmp_path / odd, 10)
    with pytest.raises(regular.OddFileError):
        regular.read("/dev/zero", 10, follow=True)
    with pytest.raises(FileNotFoundError):
        regular.read(tmp_path / "none", 10)
    assert regular.read(tmp_path / "link", 10, follow=True) == b"x"


def test_nothing_stays_open(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(regular.OddFileError):
            regular.read(tmp_path / "folder", 10)
        with pytest.raises(FileNotFoundError):
            regular.read(tmp_path / "none", 10)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_work_tree_is_read_file_by_file_and_only_where_somebody_asks(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    (evidence / "ledger").mkdir(parents=True)
    (evidence / "ledger" / "one").write_bytes(b"1")
    (evidence / "link").symlink_to("/etc/passwd")
    os.mkfifo(evidence / "pipe")
    tree = WorkTree(tmp_path)
    assert sorted(tree) == ["evidence/ledger/one", "evidence/link", "evidence/pipe"]
    assert tree["evidence/ledger/one"] == WorkFile(b"1")
    assert tree["evidence/link"] == WorkFile(b"/etc/passwd", "120000")
    assert tree["evidence/pipe"] == WorkFile(b"", None)
    (evidence / "ledger" / "one").write_bytes(b"2")
    assert tree["evidence/ledger/one"].data == b"2"
    assert ("evidence/link" in tree, "evidence/two" in tree, tree.get("/etc/passwd")) == (True, False, None)
