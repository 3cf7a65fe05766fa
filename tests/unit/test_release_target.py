from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runtime.contract.canonical import encode, sha256
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.targets import release
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.release import ReleaseTarget

ID = ObjectId("releases", "release", "current")
ONE = {"config/flags/flag/a.json": b"1", "policy/policy.wasm": b"\0wasm"}
TWO = {"config/flags/flag/a.json": b"2", "config/flags/flag/b.json": b"2"}

Open = Callable[..., ReleaseTarget]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def make(
        files: Mapping[str, bytes] = ONE, *, repository: str = "5" * 32, expected: str | None = None, kept: int = 3
    ) -> ReleaseTarget:
        return ReleaseTarget(
            "releases",
            folder="env:RELEASES",
            expected=expected,
            repository=repository,
            files=lambda: files,
            resolve=lambda _: str(tmp_path / "releases"),
            new_id=lambda: "an-id",
            kept=kept,
        )

    return make


def wanted(files: Mapping[str, bytes]) -> dict[str, str]:
    digests = {path: sha256(data) for path, data in files.items()}
    return {"manifest": sha256(encode({"bundle": digests})), "files": sha256(encode(digests))}


def publish(files: Mapping[str, bytes], *, operation: Operation = Operation.CREATE) -> Action:
    return Action(operation, ID, None, wanted(files), 9, None, "genesis")


def test_a_release_goes_out_whole_and_is_observed(opened: Open, tmp_path: Path) -> None:
    with opened() as target:
        assert target.observe([ID]) == {}
        facts = target.perform(publish(ONE), intent=3)
        assert target.observe([ID]) == {ID: wanted(ONE)}
    assert facts == {"release": {"before": None, "after": wanted(ONE)["manifest"], "files": 2}}
    current = tmp_path / "releases" / "current"
    assert current.is_symlink()
    assert {path: (current / path).read_bytes() for path in ONE} == ONE


def test_the_next_release_replaces_it_by_the_symlink_alone(opened: Open, tmp_path: Path) -> None:
    with opened(ONE) as target:
        target.perform(publish(ONE), intent=3)
    held = os.open(tmp_path / "releases" / "current", os.O_RDONLY)
    with opened(TWO) as target:
        target.perform(publish(TWO), intent=5)
        assert target.observe([]) == {ID: wanted(TWO)}
    still = os.listdir(held)  # noqa: PTH208 -- by descriptor: who had opened the old one still has it
    assert sorted(still) == [".release.json", "config", "policy"]
    os.close(held)


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "linked", "unmarked"])
def test_a_file_changed_by_hand_is_seen_and_the_release_written_anew(opened: Open, tmp_path: Path, damage: str) -> None:
    with opened() as target:
        target.perform(publish(ONE), intent=3)
        file = tmp_path / "releases" / "current" / "config" / "flags" / "flag" / "a.json"
        match damage:
            case "changed":
                file.write_bytes(b"9")
            case "missing":
                file.unlink()
            case "added":
                file.with_name("z.json").write_bytes(b"9")
            case "linked":
                file.with_name("z.json").symlink_to("/etc/hostname")
            case _:
                file.rename(file.with_name("renamed.json"))
        assert target.observe([ID])[ID] != wanted(ONE)
        target.perform(publish(ONE, operation=Operation.UPDATE), intent=4)
        assert target.observe([ID]) == {ID: wanted(ONE)}


def test_a_release_published_again_is_the_same(opened: Open) -> None:
    with opened() as target:
        for _ in range(2):
            target.perform(publish(ONE), intent=3)
        assert target.observe([ID]) == {ID: wanted(ONE)}


def test_going_back_to_an_earlier_release_publishes_it(opened: Open) -> None:
    for intent, files in enumerate((ONE, TWO, ONE), start=1):
        with opened(files) as target:
            target.perform(publish(files), intent=intent)
            assert target.observe([ID]) == {ID: wanted(files)}


def test_a_few_releases_are_kept_and_what_a_killed_agent_left_is_removed(opened: Open, tmp_path: Path) -> None:
    rubbish = tmp_path / "releases" / "releases" / f".{'0' * 64}.1"
    for intent in range(1, 8):
        files = {"config/a.json": str(intent).encode()}
        with opened(files, kept=2) as target:
            rubbish.mkdir(parents=True, exist_ok=True)
            target.perform(publish(files), intent=intent)
    names = sorted(item.name for item in (tmp_path / "releases" / "releases").iterdir())
    assert names == sorted(wanted({"config/a.json": str(intent).encode()})["manifest"] for intent in (5, 6, 7))


def test_a_release_written_by_a_newer_intent_stays(opened: Open) -> None:
    with opened(TWO) as target:
        target.perform(publish(TWO), intent=9)
    with opened(ONE) as late:
        with pytest.raises(TerminalError, match="newer"):
            late.perform(publish(ONE), intent=8)
        assert late.observe([ID]) == {ID: wanted(TWO)}


def test_what_somebody_else_put_there_is_foreign(opened: Open, tmp_path: Path) -> None:
    with opened() as target:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "releases" / "current").symlink_to(tmp_path / "elsewhere")
        assert target.observe([ID]) == {ID: {"foreign": True}}
        with pytest.raises(TerminalError, match="did not make"):
            target.perform(publish(ONE), intent=3)


def test_a_release_of_another_repository_is_foreign(opened: Open) -> None:
    with opened() as target:
        target.perform(publish(ONE), intent=3)
    with opened(repository="6" * 32) as other:
        assert other.observe([ID]) == {ID: {"foreign": True}}


def test_files_that_are_not_those_of_the_manifest_are_refused(opened: Open) -> None:
    with opened(ONE) as target:
        with pytest.raises(TerminalError, match="files at hand"):
            target.perform(publish(TWO), intent=3)
        assert target.observe([ID]) == {}


def test_a_release_of_many_files_goes_out_too(opened: Open) -> None:
    files = {f"config/tenants/tenant/{number}.json": str(number).encode() for number in range(release.ONE_BY_ONE + 1)}
    with opened(files) as target:
        target.perform(publish(files), intent=3)
        assert target.observe([ID]) == {ID: wanted(files)}


@pytest.mark.parametrize("path", ["../escape.json", "/etc/escape.json", ".release.json", "config/../../escape.json"])
def test_no_file_lands_outside_its_release(opened: Open, tmp_path: Path, path: str) -> None:
    files = {path: b"x"}
    with opened(files) as target, pytest.raises(TerminalError, match="no path of a release"):
        target.perform(publish(files), intent=3)
    assert not list(tmp_path.rglob("escape.json"))


def test_the_folder_gets_an_identity_when_it_is_first_prepared_and_keeps_it(opened: Open, tmp_path: Path) -> None:
    with opened() as target:
        assert target.identity() == "an-id"
    (tmp_path / "releases" / ".conductor-target").write_text("moved\n")
    with opened(expected="moved") as target:
        assert target.identity() == "moved"
    with pytest.raises(TerminalError, match="an-id") as raised, opened(expected="an-id"):
        raise AssertionError
    assert "identity: moved" in str(raised.value.help)


def test_a_folder_with_other_files_in_it_is_refused(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "precious.txt").write_text("x")
    with pytest.raises(TerminalError, match="did not make it"), opened():
        raise AssertionError


def test_a_relative_folder_is_refused() -> None:
    target = ReleaseTarget(
        "releases",
        folder="env:RELEASES",
        expected=None,
        repository="5" * 32,
        files=dict,
        resolve=lambda _: "releases",
        new_id=lambda: "an-id",
    )
    with pytest.raises(EnvironmentFailedError, match="absolute"), target:
        raise AssertionError


def test_two_agents_never_write_at_once(opened: Open, tmp_path: Path) -> None:
    with opened() as target:
        with (
            release._locked(tmp_path / "releases"),  # noqa: SLF001 -- the other agent, in the middle
            pytest.raises(RetryableError, match="another agent"),
        ):
            target.perform(publish(ONE), intent=3)
        target.perform(publish(ONE), intent=3)


@pytest.mark.parametrize("step", ["_write_all", "sync", "_point"])
def test_a_failure_in_the_middle_leaves_the_release_that_was_there(
    opened: Open, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with opened(ONE) as target:
        target.perform(publish(ONE), intent=3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with opened(TWO) as target:
        with monkeypatch.context() as patched:
            patched.setattr(release, step, full)
            with pytest.raises(RetryableError, match="No space left"):
                target.perform(publish(TWO), intent=4)
        assert target.observe([ID]) == {ID: wanted(ONE)}
        target.perform(publish(TWO), intent=4)
        assert target.observe([ID]) == {ID: wanted(TWO)}


def test_deleting_takes_the_symlink_away(opened: Open) -> None:
    with opened() as target:
        target.perform(publish(ONE), intent=3)
        target.perform(Action(Operation.DELETE, ID, wanted(ONE), None, 9, None, "drift"), intent=4)
        assert target.observe([ID]) == {}
