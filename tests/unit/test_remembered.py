"""What `check` keeps of a large work tree: nobody else's, nothing damaged, and nothing that anybody else believes."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from compiler.cli.remembered import Remembered, keep, place, recall
from compiler.parse import MAX_DEPTH
from compiler.values import reader, value_of
from tests.benchmarks import trees
from tests.cases.inputs import ROOT
from tests.services.commands import conductor

ONE, OTHER = b"a: 1\n", b"b: 2\n"


def kept(folder: Path) -> Path:
    remembered, file = Remembered(), folder / "some" / "values"
    remembered.put(ONE, {"a": 1})
    remembered.put(OTHER, {"b": 2})
    keep(file, remembered)
    return file


def forged(file: Path, data: bytes, value: bytes) -> None:
    """Write a value that is not that of these bytes, with everything else as it is to be."""
    body = b"".join([hashlib.sha256(data).hexdigest().encode(), b" ", value])
    _, _, before = file.read_bytes().partition(b"\n")
    lines = [line for line in before.split(b"\n") if line[:64] != body[:64]]
    body = b"\n".join([*lines, body])
    file.write_bytes(
        b"conductor-values-1 %s %s\n%s" % (reader().encode(), hashlib.sha256(body).hexdigest().encode(), body)
    )


def test_values_are_found_by_the_bytes_they_were_read_from(tmp_path: Path) -> None:
    remembered = recall(kept(tmp_path))
    assert remembered.get(ONE) == {"a": 1}
    assert remembered.get(OTHER) == {"b": 2}
    assert remembered.get(b"a: 2\n") is None
    assert remembered.lines is None  # nothing new to be kept


def test_the_folder_and_its_files_are_the_users_alone(tmp_path: Path) -> None:
    file = kept(tmp_path)
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [path.name for path in file.parent.iterdir()] == ["values"]


def test_what_was_not_asked_for_is_dropped(tmp_path: Path) -> None:
    file = kept(tmp_path)
    remembered = recall(file)
    assert remembered.get(ONE) == {"a": 1}
    keep(file, remembered)
    assert recall(file).get(OTHER) is None
    assert recall(file).get(ONE) == {"a": 1}


def test_not_one_bit_may_differ(tmp_path: Path) -> None:
    file = kept(tmp_path)
    data = file.read_bytes()
    for at in range(len(data)):
        file.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert recall(file).get(ONE) is None, at
    for length in range(len(data)):
        file.write_bytes(data[:length])
        assert recall(file).get(ONE) is None, length


def test_what_others_could_have_written_is_not_read(tmp_path: Path) -> None:
    file = kept(tmp_path)
    file.chmod(0o660)
    assert recall(file).get(ONE) is None
    file.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(file)
    assert recall(link).get(ONE) is None
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert recall(tmp_path / "pipe").get(ONE) is None
    assert recall(file).get(ONE) == {"a": 1}


def test_a_file_in_which_a_secret_may_stand_is_not_kept(tmp_path: Path) -> None:
    remembered, file = Remembered(), tmp_path / "values"
    remembered.put(ONE, {"a": 1})
    remembered.put(b"password: hunter2\n", {"password": "hunter2"})
    assert remembered.get(b"password: hunter2\n") is None
    keep(file, remembered)
    assert b"hunter2" not in file.read_bytes()
    assert recall(file).get(ONE) == {"a": 1}


def test_somebody_without_a_home_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("could not determine home directory")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert place(ROOT) is not None
    monkeypatch.setattr(Path, "home", homeless)
    assert place(ROOT) is None


def test_values_of_another_reader_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = kept(tmp_path)
    monkeypatch.setattr("compiler.cli.remembered.reader", lambda: "0" * 64)
    assert recall(file).get(ONE) is None


def test_a_place_where_nothing_can_be_written_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "some").write_text("a file where the folder would be")
    kept(tmp_path)
    assert recall(tmp_path / "some" / "values").get(ONE) is None


def test_repositories_that_nobody_checks_are_forgotten(tmp_path: Path) -> None:
    old = kept(tmp_path).rename(tmp_path / "some" / "old.values")
    os.utime(old, (0, 0))
    kept(tmp_path)
    assert not old.exists()


def kept_of(repo: Path) -> Path:
    file = place(repo)
    assert file is not None
    return file


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("compiler.cli.check.LEAST", 1)
    trees.conductor(ROOT, tmp_path / "repo", 8)
    return tmp_path / "repo"


def test_a_large_tree_is_remembered_from_one_check_to_the_next_and_only_there(repo: Path, tmp_path: Path) -> None:
    check = ("check", "--repo", repo, "--today", "2026-11-24")
    assert conductor(*check, "--no-cache").code == 0
    assert conductor("build", "--repo", repo, "-o", tmp_path / "cold").code == 0
    assert not kept_of(repo).exists()
    first = conductor(*check)
    assert first.code == 0
    assert kept_of(repo).exists()
    assert conductor(*check) == first

    edited = repo / "tenants" / "bench-00007.yaml"
    sound = edited.read_bytes()
    wrong = sound.replace(b"retention_days: 97", b"retention_days: 0")
    edited.write_bytes(wrong)
    refused = conductor(*check, "--no-cache")
    assert refused.code == 1
    assert conductor(*check) == refused

    # whoever may write here may deceive whoever checks, and nobody else
    forged(kept_of(repo), wrong, json.dumps(value_of(sound.decode(), MAX_DEPTH)).encode())
    assert conductor(*check).code == 0
    assert conductor(*check, "--no-cache") == refused
    assert conductor("build", "--repo", repo, "-o", tmp_path / "warm").code == 1


def test_a_value_that_is_found_out_is_given_up(repo: Path) -> None:
    check = ("check", "--repo", repo, "--today", "2026-11-24")
    edited = repo / "tenants" / "bench-00007.yaml"
    edited.write_bytes(edited.read_bytes().replace(b"blueprint: standard", b"blueprint: standart"))
    refused = conductor(*check)
    assert refused.code == 1
    forged(kept_of(repo), edited.read_bytes(), b'{"kind":"Tenant"}')
    assert conductor(*check) == refused
