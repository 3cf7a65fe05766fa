"""What somebody tries who may write into the folder of releases, or once could: pipes, links, odd names and modes.

A pipe that nobody writes to would keep an agent waiting for ever: every test has a deadline of its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from runtime.contract.canonical import encode, sha256
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.release import ReleaseTarget

ID = ObjectId("releases", "release", "current")
FILES = {"config/a.json": b"{}", "policy/p.wasm": b"x"}
DIGEST = sha256(encode({path: sha256(data) for path, data in FILES.items()}))
ONE, TWO = "a" * 64, "b" * 64


def opened(folder: Path) -> ReleaseTarget:
    return ReleaseTarget(
        "releases",
        folder="env:RELEASES",
        expected=None,
        repository="5" * 32,
        files=lambda: FILES,
        resolve=lambda _: str(folder),
        new_id=lambda: "an-id",
    )


def publish(manifest: str) -> Action:
    return Action(Operation.UPDATE, ID, None, {"manifest": manifest, "files": DIGEST}, 9, None, "drift")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "served"
    with opened(found) as target:
        target.perform(publish(ONE), intent=1)
    return found


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it waits for a pipe")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced_by_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parents[1] / "victim")


def linked_elsewhere(path: Path) -> None:
    elsewhere = path.parents[1] / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


def deep(path: Path) -> None:
    for _ in range(300):
        path /= "d"
        path.mkdir()


def put(path: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.close(descriptor)


HEALED: dict[str, Callable[[Path], None]] = {
    "a pipe for the mark": lambda release: replaced_by_a_pipe(release / ".release.json"),
    "a pipe for a file": lambda release: replaced_by_a_pipe(release / "config" / "a.json"),
    "a folder for the mark": lambda release: replaced_by_a_folder(release / ".release.json"),
    "no mark": lambda release: (release / ".release.json").unlink(),
    "a name that is no text": lambda release: put(os.fsencode(release) + b"/\xff"),
    "a file that everybody may write": lambda release: (release / "config" / "a.json").chmod(0o666),
    "a folder that everybody may write": lambda release: (release / "config").chmod(0o777),
    "folders without end": deep,
    "a release that is a link": linked_elsewhere,
}


@pytest.mark.parametrize("sabotage", HEALED.values(), ids=HEALED.keys())
def test_what_is_odd_in_a_release_is_drift_and_a_new_one_is_written(
    folder: Path, sabotage: Callable[[Path], None]
) -> None:
    sabotage((folder / "current").resolve())
    with opened(folder) as target:
        assert target.observe([])[ID] != {"manifest": ONE, "files": DIGEST}
        target.perform(publish(ONE), intent=2)
        assert target.observe([]) == {ID: {"manifest": ONE, "files": DIGEST}}


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a file in releases": lambda folder: (folder / "releases" / ".note").write_text("x"),
    "a folder for the next link": lambda folder: (folder / ".current").mkdir(),
    "a link for the next release": lambda folder: (folder / "releases" / f".{TWO}.2").symlink_to(folder.parent),
    "a file for the next release": lambda folder: (folder / "releases" / f".{TWO}.2").write_text("x"),
    "a link of its name": lambda folder: (folder / "releases" / TWO).symlink_to(folder.parent / "nowhere"),
}


@pytest.mark.parametrize("sabotage", IN_THE_WAY.values(), ids=IN_THE_WAY.keys())
def test_what_lies_in_the_way_of_a_release_is_taken_away_and_nothing_behind_it(
    folder: Path, sabotage: Callable[[Path], object]
) -> None:
    precious = folder.parent / "precious"
    precious.write_text("x")
    sabotage(folder)
    with opened(folder) as target:
        facts = target.perform(publish(TWO), intent=2)
        assert target.observe([]) == {ID: {"manifest": TWO, "files": DIGEST}}
    assert facts["release"]["files"] == len(FILES)
    assert sorted(item.name for item in folder.parent.iterdir()) == ["precious", "served"]


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe for the lock": (lambda folder: replaced_by_a_pipe(folder / ".lock"), "is no file of the agent's"),
    "a link for the lock": (lambda folder: replaced_by_a_link(folder / ".lock"), "is no file of the agent's"),
    "a pipe for the identity": (lambda folder: replaced_by_a_pipe(folder / ".conductor-target"), "holds no identity"),
    "an identity that is no text": (
        lambda folder: (folder / ".conductor-target").write_bytes(b"\xff\xfe"),
        "holds no identity",
    ),
    "a folder that everybody may write": (lambda folder: folder.chmod(0o777), "the agent alone may write"),
    "releases that everybody may write": (
        lambda folder: (folder / "releases").chmod(0o777),
        "the agent alone may write",
    ),
    "releases that lie elsewhere": (lambda folder: linked_elsewhere(folder / "releases"), "the agent alone may write"),
}


@pytest.mark.parametrize(("sabotage", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_folder_that_is_not_the_agents_alone_is_refused(
    folder: Path, sabotage: Callable[[Path], object], words: str
) -> None:
    sabotage(folder)
    with pytest.raises(TerminalError, match=words) as raised, opened(folder) as target:
        target.perform(publish(TWO), intent=2)
    assert raised.value.help is not None


def test_a_release_that_is_altered_while_it_is_published_is_no_success(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runtime.targets import release  # noqa: PLC0415 -- only this test puts somebody's hand into its steps

    point = release._point  # noqa: SLF001 -- as above

    def with_a_hand(place: Path, name: str) -> None:
        point(place, name)
        (place / "current" / "config" / "a.json").write_text("9")

    monkeypatch.setattr(release, "_point", with_a_hand)
    with opened(folder) as target, pytest.raises(RetryableError, match="altered while it was published"):
        target.perform(publish(TWO), intent=2)


def test_a_lock_that_somebody_holds_is_waited_out(folder: Path) -> None:
    with (folder / ".lock").open("ab") as held, opened(folder) as target:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(RetryableError, match="another agent"):
            target.perform(publish(TWO), intent=2)
