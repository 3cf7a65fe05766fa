"""Attacks by trees that name each other: ten small objects, a thousand million paths. Whoever reads stays whole."""

from __future__ import annotations

import pytest

from runtime.agent.loop import once
from runtime.contract.errors import FormatError
from runtime.git import trees, weight
from runtime.git.objects import TreeEntry, encode_commit, encode_tree
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.testing.fleet import Fleet
from runtime.testing.memory_git import SOMEBODY, MemoryGit
from tests.attacks.test_attacks_by_one_odd_push import goes_on, push, store

pytestmark = pytest.mark.service  # real sockets and large trees wait as long as they do

PLACES = ["zzz", "tenants/zzz", "tenants", "evidence/zzz", "evidence/ledger/2026/11/zzz", "evidence", "flags/z.yaml"]


def bomb(at: MemoryGit, *, levels: int = 9, wide: int = 10, name: bytes = b"%d.yaml") -> str:
    """A tree of `wide` to the `levels` paths."""
    mode, oid = b"100644", store(at, "blob", b"x")
    for _ in range(levels):
        rows = [TreeEntry(mode, name % number, bytes.fromhex(oid)) for number in range(wide)]
        mode, oid = b"40000", store(at, "tree", encode_tree(rows))
    return oid


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet.started()
    once(fleet.world())
    fleet.approved(hooli={})
    once(fleet.world())
    return fleet


def back(fleet: Fleet, to: str, *, branch: str = "main") -> None:
    """An ordinary commit that takes all of it away again."""
    at, ref = fleet.people, f"refs/heads/{branch}"
    head = fleet.remote.refs[ref]
    data = encode_commit(at.commit(to).tree, [head], message="back", author=SOMEBODY, at=at.tick())
    fleet.remote.refs[ref] = at.refs[ref] = store(at, "commit", data)
    fleet.remote.objects.update(at.objects)


@pytest.mark.parametrize("place", PLACES)
def test_a_bomb_and_its_revert_stop_nobody(fleet: Fleet, place: str) -> None:
    main = fleet.history().head
    push(fleet, place, b"40000", bomb(fleet.people))
    story = fleet.story()
    once(fleet.world())
    assert fleet.story()[: len(story)] == story
    if not place.startswith("evidence"):
        assert fleet.history().findings == ()
    back(fleet, main)
    assert goes_on(fleet)


@pytest.mark.parametrize("place", ["zzz", "ab" * 32, f"{'ab' * 32}/zzz"])
def test_a_bomb_among_the_approvals_stops_nobody(fleet: Fleet, place: str) -> None:
    push(fleet, place, b"40000", bomb(fleet.people), branch=APPROVALS)
    assert goes_on(fleet)


def test_changes_in_a_bomb_leave_no_trace_once_it_is_gone(fleet: Fleet) -> None:
    """Part of what nobody reads is altered, all of it is taken away: a reader that saw only the part keeps it."""
    main = fleet.history().head
    push(fleet, "tenants/zzz", b"40000", bomb(fleet.people))
    push(fleet, "tenants/zzz/0.yaml/new.yaml", b"100644", store(fleet.people, "blob", b"{}"))
    back(fleet, main)
    assert goes_on(fleet)
    assert not any("zzz" in path for path in fleet.history().state.main)


def test_a_folder_is_read_or_not_whatever_it_is_compared_with(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight, "PATHS", 12)
    at, before = fleet.people, fleet.history().head
    full = push(fleet, "flags/zzz", b"40000", bomb(at, levels=1))
    over = push(fleet, "flags/zzz/more.yaml", b"100644", store(at, "blob", b"y"))
    back(fleet, before)
    again = fleet.remote.refs["refs/heads/main"]
    for one in (before, full, over, again):
        for other in (before, full, over, again):
            view = dict(at.files(one, "flags"))
            for change in MemoryGit.changes(fresh(at), one, other, "flags"):
                assert view.pop(change.path, None) == change.before
                if change.after is not None:
                    view[change.path] = change.after
            assert view == at.files(other, "flags")
    assert [file.mode for file in at.files(over, "flags").values()] == ["040000"]
    assert len(at.files(full, "flags")) == 11


def fresh(at: MemoryGit) -> MemoryGit:
    other = MemoryGit()
    other.objects = at.objects
    return other


@pytest.mark.parametrize(("levels", "room"), [(31, True), (32, False), (5000, False)])
def test_a_folder_nested_too_deeply_is_not_read(fleet: Fleet, levels: int, room: bool) -> None:  # noqa: FBT001 -- a table
    commit = push(fleet, "tenants/z", b"40000", bomb(fleet.people, levels=levels, wide=1, name=b"%d"))
    files = fleet.people.files(commit, "tenants")
    assert ("tenants" not in files) is room


def test_a_tree_of_too_many_bytes_is_not_read(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "TREE_BYTES", 5000)
    commit = push(fleet, "evidence/zzz", b"40000", bomb(fleet.people, levels=1, wide=1000))
    at = fresh(fleet.people)
    assert at.files(commit, "evidence/zzz")["evidence/zzz"].mode == "040000"
    assert at.folder(commit, "evidence/zzz") == {}
    files = {f"evidence/yyy/{number}": b"x" for number in range(1000)}
    with pytest.raises(FormatError, match="more than anybody reads"):
        at.write(commit, files, message="x", author=SOMEBODY, at=at.tick())


def test_no_more_paths_of_evidence_are_listed_than_the_budget(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "CHANGED", 50)
    before = fleet.history().head
    after = push(fleet, "evidence/zzz", b"40000", bomb(fleet.people))
    changes = fleet.people.changes(before, after, "evidence")
    assert 0 < len(changes) <= 50
