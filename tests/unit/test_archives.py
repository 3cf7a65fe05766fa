"""Archives in a folder that others use as well: each gets a file of its own, and none takes another's place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from runtime.targets.archives import Archives, Stream
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import TerminalError

IDENTITY = pyrage.x25519.Identity.generate()


@pytest.fixture
def archives(tmp_path: Path) -> Archives:
    return Archives(ArchiveConfig(folder=f"file:{tmp_path}/kept", recipients=(str(IDENTITY.to_public()),)))


def names(archives: Archives) -> list[str]:
    return sorted(path.name for path in archives.folder.iterdir())


def test_an_archive_of_the_same_name_and_intent_is_another_file(archives: Archives) -> None:
    """As when two repositories share a folder: both call it pg-t_acme, and both are at intent 5."""
    kept = [archives.write("pg-t_acme", 5, Stream([text])) for text in (b"one's rows", b"the other's rows")]
    assert names(archives) == ["pg-t_acme-000000005.1.sql.age", "pg-t_acme-000000005.sql.age"]
    found = [pyrage.decrypt((archives.folder / one.file).read_bytes(), [IDENTITY]) for one in kept]
    assert found == [b"one's rows", b"the other's rows"]
    assert all(archives.intact(one.file, one.sha256) for one in kept)


def test_whatever_lies_there_under_that_name_stays_and_so_does_what_a_link_leads_to(
    archives: Archives, tmp_path: Path
) -> None:
    archives.write("pg-t_acme", 4, Stream([b"rows"]))
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (archives.folder / "pg-t_acme-000000005.sql.age").symlink_to(tmp_path / "elsewhere")
    (archives.folder / "pg-t_acme-000000005.1.sql.age").symlink_to("nowhere")
    assert archives.write("pg-t_acme", 5, Stream([b"rows"])).file == "pg-t_acme-000000005.2.sql.age"
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"


def test_a_stream_that_breaks_leaves_nothing(archives: Archives) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise TerminalError("the server went")

    with pytest.raises(TerminalError, match="the server went"):
        archives.write("pg-t_acme", 5, Stream(broken()))
    assert names(archives) == []


def test_a_file_system_without_links_is_said_and_nothing_stays(
    archives: Archives, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as vfat says it

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(TerminalError, match="file system without hard links"):
        archives.write("pg-t_acme", 5, Stream([b"rows"]))
    assert names(archives) == []
