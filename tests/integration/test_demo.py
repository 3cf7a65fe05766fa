"""`make demo` is a story that really happens, as root and as an ordinary user."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONDUCTOR = Path(sys.executable).parent / "conductor"

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Play it once: the folder it leaves, and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "d"
    done = subprocess.run(
        [str(CONDUCTOR), "demo", "--dir", str(folder), "--picture", str(folder.parent / "demo.svg")],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder, done.stdout


def conductor(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(CONDUCTOR), *arguments], cwd="/", capture_output=True, text=True, timeout=120, check=False
    )


def test_it_tells_what_happened_in_the_order_it_happened(demo: tuple[Path, str]) -> None:
    _, story = demo
    milestones = [
        "public key", "Genesis", "trust root: sha256:", "Tenant fjordline-ferries", "logged in as t_fjordline",
        "Refuse", "not permitted to log in", "still count", "now 250", "Find drift", "integrity     ok",
        "integrity     failed", "What to type next",
    ]  # fmt: skip
    places: list[int] = []
    for milestone in milestones:
        assert milestone in story[places[-1] if places else 0 :], milestone
        places.append(story.index(milestone, places[-1] if places else 0))


def test_it_leaves_repository_remote_keys_and_trust_root_where_it_says(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    assert (folder / "repo" / ".git").is_dir()
    assert (folder / "remote.git" / "HEAD").is_file()
    for name in ("mara-lindqvist", "tomas-okafor", "ines-carvalho", "agent"):
        key = folder / "keys" / name
        assert key.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
        assert key.stat().st_mode & 0o077 == 0
        assert key.with_suffix(".pub").read_text().startswith("ssh-ed25519 ")
    assert (folder / "trust-root").read_text().startswith("sha256:")


def test_what_it_leaves_verifies_offline_with_its_trust_root(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    root = (folder / "trust-root").read_text().strip()
    done = conductor("verify", "--repo", str(folder / "repo"), "--trust-root", root)
    assert done.returncode == 0, done.stdout + done.stderr
    other = conductor("verify", "--repo", str(folder / "repo"), "--trust-root", "sha256:" + "0" * 64)
    assert other.returncode == 1, "another trust root is another history"


def test_no_secret_is_in_the_story_or_in_git(demo: tuple[Path, str]) -> None:
    folder, story = demo
    secrets = [
        line.partition("=")[2]
        for line in (folder / "secrets" / "environment").read_text().splitlines()
        if line.startswith("export ")
    ]
    assert len(secrets) == 7
    objects = subprocess.run(
        ["git", "-C", str(folder / "repo"), "log", "--all", "-p", "--text"], capture_output=True, check=True, timeout=60
    ).stdout.decode(errors="replace")
    for secret in secrets:
        assert secret not in story
        assert secret not in objects


def test_nothing_of_it_goes_on_running(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=30).stdout
    assert str(folder) not in running


def test_the_picture_is_drawn_from_the_run(demo: tuple[Path, str]) -> None:
    folder, _ = demo
    picture = (folder.parent / "demo.svg").read_text()
    assert picture.startswith("<svg")
    for words in ("plan", "approve", "verify", "failed", "flipped"):
        assert words in picture


def ordinary_user() -> list[str]:
    """What to put before a command so that an ordinary user runs it; nothing for whoever is one already.

    It may read what root may (the interpreter can lie below /root), and own or write nothing more than `nobody`.
    """
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("nobody")
    return [
        "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
        "--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ]  # fmt: skip


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that an ordinary user reaches and writes: pytest's own lie below one that is only its owner's."""
    with tempfile.TemporaryDirectory(prefix="conductor-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_it_plays_for_an_ordinary_user_too(public_folder: Path) -> None:
    home = str(public_folder)
    environment = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*ordinary_user(), str(CONDUCTOR), "demo", "--dir", str(public_folder / "d")],
        cwd="/", env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert (public_folder / "d" / "repo").stat().st_uid != 0
