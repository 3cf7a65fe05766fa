from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.contract.errors import EnvironmentFailedError
from runtime.targets.secrets import MAX_BYTES, Secrets, known, resolve


def test_a_variable_and_a_file_hold_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDUCTOR_TEST_SECRET", "from the environment")
    (tmp_path / "secret").write_text("from a file\n")
    assert resolve("env:CONDUCTOR_TEST_SECRET") == "from the environment"
    assert resolve(f"file:{tmp_path / 'secret'}") == "from a file"


def test_one_trailing_newline_of_a_file_is_left_out(tmp_path: Path) -> None:
    for text, secret in (("x\n\n", "x\n"), ("x\r\n", "x"), (" x ", " x ")):
        (tmp_path / "secret").write_bytes(text.encode())
        assert resolve(f"file:{tmp_path / 'secret'}") == secret


@pytest.mark.parametrize("reference", ["env:CONDUCTOR_NOT_SET", "file:/nonexistent/secret", "hunter2", "env:", "file:"])
def test_what_is_missing_is_named(reference: str) -> None:
    with pytest.raises(EnvironmentFailedError) as raised:
        resolve(reference)
    assert "hunter2" not in str(raised.value)


def test_an_empty_secret_is_none(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(EnvironmentFailedError, match="empty"):
        resolve(f"file:{tmp_path / 'secret'}")


def test_a_secret_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(EnvironmentFailedError, match="UTF-8"):
        resolve(f"file:{tmp_path / 'secret'}")


def test_only_files_are_read_and_no_more_of_them_than_a_secret_has(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "link").symlink_to("/dev/zero")
    for name, why in (("pipe", "regular"), ("large", "bytes"), ("link", "regular"), (".", "regular")):
        with pytest.raises(EnvironmentFailedError, match=why):
            resolve(f"file:{tmp_path / name}")


def test_a_running_system_names_no_secret_that_the_repository_does_not_name() -> None:
    asked: list[str] = []

    def source(reference: str) -> str:
        asked.append(reference)
        return "a secret"

    secrets = Secrets(source)
    secrets.hold([("env:MINE", lambda value, _: value)])
    assert known(secrets)("env:MINE") == "a secret"
    with pytest.raises(EnvironmentFailedError, match="in the current configuration uses"):
        known(secrets)("file:/etc/shadow")
    assert asked == ["env:MINE"]
