"""A cache that is believed is its user's alone, and nowhere in the checkout."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from compiler.own_cache import UnfitCacheError, fit, make, place


@pytest.fixture(autouse=True)
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in a checkout, and a cache beside them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "checkout" / ".git").mkdir(parents=True)
    (tmp_path / "checkout" / "platform").mkdir()
    return tmp_path / "checkout" / "platform"


def refusal(path: Path, repo: Path, *, root: int = 0) -> str:
    with pytest.raises(UnfitCacheError) as caught:
        fit(path, repo, root=root)
    assert caught.value.help
    return caught.value.message


def test_a_cache_that_is_not_there_yet_is_made_for_its_user_alone(repo: Path, tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        make(fit(place("values"), repo))
    finally:
        os.umask(before)
    made = [tmp_path / "cache", tmp_path / "cache/conductor", tmp_path / "cache/conductor/values"]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3
    assert fit(place("values"), repo) == made[-1]


@pytest.mark.parametrize("below", ["checkout/.cache", "checkout/platform/.cache", "away/../checkout/.cache"])
def test_a_cache_in_the_checkout_is_left_alone(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / below))
    assert "lies in the checkout" in refusal(place("values"), repo)


@pytest.mark.parametrize("leads", ["elsewhere", "checkout"])
@pytest.mark.parametrize("at", ["cache/conductor", "cache/conductor/values", "cache/conductor/tools"])
def test_a_link_in_the_cache_is_not_followed(repo: Path, tmp_path: Path, leads: str, at: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    make((tmp_path / at).parent)
    (tmp_path / at).symlink_to(tmp_path / leads)
    assert "is a link" in refusal(tmp_path / "cache/conductor" / "/".join(at.split("/")[2:]), repo)


def test_a_cache_that_a_link_leads_to_from_the_checkout_is_left_alone(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns the link, as a machine that does everything as root does."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (repo / ".cache").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(repo / ".cache"))
    assert "lies in the checkout" in refusal(place("values"), repo)
    (tmp_path / "away").symlink_to(repo)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "away"))
    assert "lies in the checkout" in refusal(place("values"), repo)


def test_a_link_of_the_systems_own_is_followed(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "home").symlink_to("real")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home/.cache"))
    assert fit(place("values"), repo, root=os.geteuid()) == place("values")
    assert "is a link" in refusal(place("values"), repo, root=-1)


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
@pytest.mark.parametrize("at", ["cache/conductor", "cache/conductor/values"])
def test_what_others_may_write_is_left_alone(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, mode: int
) -> None:
    monkeypatch.setattr("compiler.own_cache.grp.getgrgid", lambda gid: grp.struct_group(("all", "x", gid, [])))
    make(place("values"))
    (tmp_path / at).chmod(mode)
    assert "can be written by others" in refusal(place("values"), repo)
    (tmp_path / at).chmod(mode & ~0o022)
    fit(place("values"), repo)


@pytest.mark.parametrize(
    ("name", "members", "believed"),
    [("mara", [], True), ("mara", ["mara"], True), ("mara", ["mara", "tomas"], False), ("staff", [], False)],
)
def test_a_group_is_no_other_where_the_user_is_alone_in_it(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, members: list[str], *, believed: bool
) -> None:
    """A umask of 002 makes every folder writable for the group that has the user's own name."""
    own = pwd.struct_passwd(("mara", "x", os.geteuid(), os.getegid(), "", "/", ""))
    monkeypatch.setattr("compiler.own_cache.pwd.getpwuid", lambda _uid: own)
    monkeypatch.setattr("compiler.own_cache.grp.getgrgid", lambda gid: grp.struct_group((name, "x", gid, members)))
    make(place("values"))
    (tmp_path / "cache").chmod(0o775)
    place("values").chmod(0o775)
    if believed:
        fit(place("values"), repo)
    else:
        assert "can be written by others" in refusal(place("values"), repo)


def test_above_it_what_others_may_write_is_believed_where_nobody_can_move_what_is_anothers(
    repo: Path, tmp_path: Path
) -> None:
    make(place("values"))
    (tmp_path / "cache").chmod(0o1777)  # as /tmp is
    fit(place("values"), repo)
    (tmp_path / "cache").chmod(0o777)
    assert "can be written by others" in refusal(place("values"), repo)


def test_what_is_somebody_elses_is_left_alone(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(place("values"))
    mine: Callable[[], int] = os.geteuid
    other = mine() + 1
    monkeypatch.setattr("compiler.own_cache.os.geteuid", lambda: other)
    assert "belongs to another user" in refusal(place("values"), repo, root=other)
