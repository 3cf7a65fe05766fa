"""What `Git` promises, asked of the real repository and of its double alike: so the double is proven, not believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.contract.errors import EnvironmentFailedError
from runtime.git.inputs import digests, digests_from
from runtime.git.interface import Author, FileChange, Git, NoRemoteError, PushOutcome, RemoteAwayError
from runtime.git.repository import Repository
from runtime.signing import sshsig
from runtime.signing.keys import PrivateKey
from runtime.testing.memory_git import MemoryGit, MemoryRemote

AUTHOR = Author("Ines Carvalho", "ines@example.org")
AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
KEY = PrivateKey.from_seed(bytes(range(32)))


@dataclass
class World:
    """Two clones of one remote called `origin`, and how to send the remote away."""

    git: Git
    other: Git
    send_away: Callable[[], None]
    protect: Callable[[], None]

    def commit(self, parent: str | None, add: dict[str, str], *remove: str, minute: int = 0) -> str:
        return self.git.write(
            parent,
            {path: text.encode() for path, text in add.items()},
            message=f"Commit {minute}",
            author=AUTHOR,
            at=AT.replace(minute=minute),
            remove=remove,
        )


@pytest.fixture(params=["real", "memory"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param == "memory":
        remote = MemoryRemote()
        yield World(
            MemoryGit({"origin": remote}),
            MemoryGit({"origin": remote}),
            lambda: setattr(remote, "away", True),
            lambda: remote.protected.add("main"),
        )
        return
    remote_path = tmp_path / "remote.git"
    Repository.init(remote_path, bare=True)

    def protect() -> None:
        hook = remote_path / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho protected >&2\nexit 1\n")
        hook.chmod(0o755)

    def send_away() -> None:
        remote_path.rename(tmp_path / "gone.git")

    with (
        Repository.mirror(str(remote_path), tmp_path / "one.git") as one,
        Repository.mirror(str(remote_path), tmp_path / "two.git") as two,
    ):
        yield World(one, two, send_away, protect)


def test_the_same_commit_has_the_same_id_everywhere(world: World) -> None:
    first = world.commit(None, {"tenants/acme.yaml": "a", "tenants/blueprints/basic.yaml": "b", "flags/x.yaml": "c"})
    second = world.commit(first, {"tenants/acme.yaml": "d"}, "flags/x.yaml", minute=1)
    assert first == "42dc51361c4c250863aeb939750a96a9bbe6d382"
    assert second == "b15f7127f7efc9faf401d37ef5e8aa9aad39870d"


def test_a_written_commit_reads_back_as_it_was_given(world: World) -> None:
    root = world.commit(None, {"a": "1"})
    oid = world.git.write(
        root, {"b": b"2"}, message="Say why\n\nAt length.\n", author=AUTHOR, at=AT, sign=sshsig.sign_commit(KEY)
    )
    commit = world.git.commit(oid)
    assert (commit.oid, commit.parents, commit.author) == (oid, (root,), "Ines Carvalho <ines@example.org>")
    assert (commit.committed_at, commit.message, commit.subject) == (AT, "Say why\n\nAt length.\n", "Say why")
    assert commit.signature is not None
    assert sshsig.verify(commit.signature, commit.signed) == KEY.fingerprint
    assert world.git.commit(root).signature is None


def test_files_are_those_below_the_asked_folders(world: World) -> None:
    oid = world.commit(None, {"spec/a": "1", "spec/b/c": "2", "specials": "3", "flags/d": "4", "z": "5"})
    assert list(world.git.files(oid)) == ["flags/d", "spec/a", "spec/b/c", "specials", "z"]
    assert list(world.git.files(oid, "spec", "flags")) == ["flags/d", "spec/a", "spec/b/c"]
    assert list(world.git.files(oid, "spec/b")) == ["spec/b/c"]
    assert list(world.git.files(oid, "specials")) == ["specials"]
    assert world.git.files(oid, "absent") == {}


def test_blobs_are_raw_bytes(world: World) -> None:
    data = bytes(range(256)) + b"\r\n"
    oid = world.git.write(None, {"a": data, "b": b""}, message="m", author=AUTHOR, at=AT)
    files = world.git.files(oid)
    assert files["a"].mode == "100644"
    assert world.git.blob(files["a"].oid) == data
    assert world.git.blobs(item.oid for item in files.values()) == {files["a"].oid: data, files["b"].oid: b""}


def test_many_large_blobs_come_in_one_go(world: World) -> None:
    add = {f"f/{number:04}": bytes([number % 256]) * 3000 + str(number).encode() for number in range(700)}
    oid = world.git.write(None, add, message="m", author=AUTHOR, at=AT)
    files = world.git.files(oid)
    blobs = world.git.blobs(item.oid for item in files.values())
    assert {path: blobs[item.oid] for path, item in files.items()} == add


def test_changes_are_sorted_and_name_both_sides(world: World) -> None:
    one = world.commit(None, {"a/x": "1", "a/y": "2", "b": "3", "c/d": "4"})
    two = world.commit(one, {"a/y": "changed", "b/now/a/folder": "5", "c": "now a file"}, "a/x", "b", "c/d")
    before, after = world.git.files(one), world.git.files(two)
    assert world.git.changes(one, two) == (
        FileChange("a/x", before["a/x"], None),
        FileChange("a/y", before["a/y"], after["a/y"]),
        FileChange("b", before["b"], None),
        FileChange("b/now/a/folder", None, after["b/now/a/folder"]),
        FileChange("c", None, after["c"]),
        FileChange("c/d", before["c/d"], None),
    )
    assert [item.path for item in world.git.changes(one, two, "a")] == ["a/x", "a/y"]
    assert [item.path for item in world.git.changes(one, two, "a/y", "c")] == ["a/y", "c", "c/d"]
    assert world.git.changes(two, two) == ()
    assert [item.path for item in world.git.changes(None, one)] == ["a/x", "a/y", "b", "c/d"]


def test_removing_the_last_file_of_a_folder_removes_the_folder(world: World) -> None:
    one = world.commit(None, {"a/b/c": "1", "d": "2"})
    two = world.commit(one, {}, "a/b/c", "never/was/there")
    assert list(world.git.files(two)) == ["d"]
    assert world.git.files(world.commit(two, {}, "d")) == {}


def test_first_parents_show_what_each_commit_brought_to_the_line(world: World) -> None:
    root = world.commit(None, {"flags/a": "1"})
    side = world.commit(root, {"flags/side": "1", "other": "x"}, minute=1)
    main = world.commit(root, {"other": "y"}, minute=2)
    merge = _merge(world.git, main, side)
    tip = world.commit(merge, {"flags/a": "2"}, minute=4)
    steps = world.git.first_parents(tip, "flags")
    assert [(step.commit.oid, [item.path for item in step.changes]) for step in steps] == [
        (root, ["flags/a"]),
        (main, []),
        (merge, ["flags/side"]),
        (tip, ["flags/a"]),
    ]
    assert [step.commit.oid for step in world.git.first_parents(tip, since=main)] == [merge, tip]
    assert [step.commit.oid for step in world.git.first_parents(tip, since=side)] == [main, merge, tip]
    assert world.git.first_parents(tip, since=tip) == []
    assert world.git.first_parents(root, since=tip) == []


def test_what_lies_beside_a_line_is_found_behind_its_merges_and_gone_through_once(world: World) -> None:
    root = world.commit(None, {"flags/a": "1"})
    first = world.commit(root, {"flags/side": "1", "other": "x"}, minute=1)
    second = world.commit(first, {"flags/side": "2"}, minute=2)
    main = world.commit(root, {"other": "y"}, minute=3)
    merge = _merge(world.git, main, second)
    line = [root, main, merge]
    assert {step.commit.oid for step in world.git.beside(line, "flags")} == {first, second}
    assert {step.commit.oid for step in world.git.beside([merge], "flags", known=line)} == {first, second}
    assert [step.commit.oid for step in world.git.beside([merge], "flags", known=[*line, first])] == [second]
    changes = {step.commit.oid: step.changes for step in world.git.beside([merge], "flags", known=line, beyond=True)}
    assert [item.path for item in changes[first]] == ["flags/side", "other"]
    assert [item.path for item in changes[second]] == ["flags/side"]


def test_what_came_beyond_a_commit_is_all_that_it_does_not_reach(world: World) -> None:
    root = world.commit(None, {"flags/a": "1"})
    side = world.commit(root, {"flags/side": "1"}, minute=1)
    main = world.commit(root, {"other": "y"}, minute=2)
    merge = _merge(world.git, main, side)
    found = {step.commit.oid: step.changes for step in world.git.beyond(merge, main, "flags")}
    assert found.keys() == {side, merge}
    assert [item.path for item in found[side]] == ["flags/side"]
    assert {step.commit.oid for step in world.git.beyond(merge, side)} == {main, merge}
    assert world.git.beyond(main, merge) == []


def test_ancestry_follows_every_parent(world: World) -> None:
    root = world.commit(None, {"a": "1"})
    side = world.commit(root, {"b": "1"}, minute=1)
    main = world.commit(root, {"a": "2"}, minute=2)
    merge = _merge(world.git, main, side)
    alone = world.commit(None, {"z": "1"}, minute=5)
    assert world.git.is_ancestor(side, merge)
    assert world.git.is_ancestor(merge, merge)
    assert not world.git.is_ancestor(merge, side)
    assert not world.git.is_ancestor(main, side)
    assert world.git.merge_base(main, side) == root
    assert world.git.merge_base(merge, side) == side
    assert world.git.merge_base(main, alone) is None


def test_a_long_line_is_walked_to_its_root(world: World) -> None:
    oid = world.commit(None, {"n": "start"})
    line = [oid]
    for number in range(300):
        oid = world.git.write(oid, {"n": b"%d" % number}, message="m", author=AUTHOR, at=AT)
        line.append(oid)
    assert [step.commit.oid for step in world.git.first_parents(oid)] == line
    assert [step.commit.oid for step in world.git.first_parents(oid, since=line[3])] == line[4:]
    assert world.git.is_ancestor(line[0], oid)


def test_refs_move_by_compare_and_swap(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    two = world.commit(one, {"a": "2"}, minute=1)
    assert world.git.resolve("refs/heads/topic") is None
    assert world.git.set_ref("refs/heads/topic", one, old=None)
    assert not world.git.set_ref("refs/heads/topic", two, old=None)
    assert not world.git.set_ref("refs/heads/topic", two, old=two)
    assert world.git.set_ref("refs/heads/topic", two, old=one)
    assert world.git.resolve("topic") == world.git.resolve("refs/heads/topic") == two


def test_the_tips_are_where_branches_stand_here_and_where_the_remotes_did(world: World) -> None:
    assert world.git.tips() == frozenset()
    one = world.commit(None, {"a": "1"})
    two, three = world.commit(one, {"a": "2"}, minute=1), world.commit(one, {"a": "3"}, minute=2)
    world.git.set_ref("refs/heads/topic", two, old=None)
    world.git.set_ref("refs/tags/v1", one, old=None)
    world.git.push("origin", "main", three, old=None)
    assert world.git.tips() == {two}
    world.git.fetch("origin", "main")
    assert world.git.tips() == {two, three}


def test_revisions_resolve_as_git_writes_them(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    two = world.commit(one, {"a": "2"}, minute=1)
    world.git.set_ref("refs/heads/main", two, old=None)
    resolve = world.git.resolve
    assert [resolve(rev) for rev in ("HEAD", "main", two, two[:12])] == [two] * 4
    assert [resolve(rev) for rev in ("HEAD~1", "main^", f"{two}~")] == [one] * 3
    tree = world.git.commit(one).tree
    for nothing in ("main~2", "main^2", "absent", "0" * 40, tree, "", "two words", "line\nbreak", "-x"):
        assert resolve(nothing) is None


def test_an_absent_object_is_an_error_that_names_it(world: World) -> None:
    with pytest.raises(EnvironmentFailedError, match="1234" * 10):
        world.git.commit("1234" * 10)


def test_a_push_moves_the_remote_and_a_fetch_brings_it(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    assert world.git.push("origin", "main", one, old=None) is PushOutcome.DONE
    assert world.git.push("origin", "main", one, old=None) is PushOutcome.DONE
    assert world.other.fetch("origin", "main", "approvals") == {"main": one, "approvals": None}
    assert list(world.other.files(one)) == ["a"]
    assert world.other.resolve("refs/heads/main") is None
    assert world.other.fetch("origin", "approvals") == {"approvals": None}


def test_a_push_that_somebody_beat_changes_nothing(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    mine, theirs = world.commit(one, {"a": "2"}, minute=1), world.commit(one, {"a": "3"}, minute=2)
    world.git.push("origin", "main", one, old=None)
    assert world.git.push("origin", "main", theirs, old=one) is PushOutcome.DONE
    assert world.git.push("origin", "main", mine, old=one) is PushOutcome.BEATEN
    assert world.git.push("origin", "main", mine, old=None) is PushOutcome.BEATEN
    assert world.other.fetch("origin", "main") == {"main": theirs}


def test_a_push_never_forces(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    two, unrelated = world.commit(one, {"a": "2"}, minute=1), world.commit(None, {"z": "1"}, minute=2)
    world.git.push("origin", "main", two, old=None)
    assert world.git.push("origin", "main", one, old=two) is PushOutcome.BEATEN
    assert world.git.push("origin", "main", unrelated, old=two) is PushOutcome.BEATEN
    assert world.other.fetch("origin", "main") == {"main": two}


def test_a_protected_branch_refuses(world: World) -> None:
    world.protect()
    assert world.git.push("origin", "main", world.commit(None, {"a": "1"}), old=None) is PushOutcome.REFUSED


def test_a_remote_that_there_is_not_is_wrong_usage_with_the_command_that_adds_it(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    for ask in (lambda: world.git.fetch("upstream", "main"), lambda: world.git.push("upstream", "main", one, old=None)):
        with pytest.raises(NoRemoteError, match="no remote `upstream`") as caught:
            ask()
        assert (caught.value.exit_code, caught.value.help) == (2, "git remote add upstream URL")


def test_the_inputs_of_a_commit_follow_from_those_of_any_other(world: World) -> None:
    one = world.commit(
        None, {"tenants/a.yaml": "a", "tenants/b.yaml": "b", "tenants/README.md": "r", "docs/x.yaml": "x"}
    )
    two = world.commit(one, {"tenants/a.yaml": "2", "flags/c.yaml": "c", "tenants/README.md": "s"}, "tenants/b.yaml")
    three = world.commit(None, {"policies/text.rego": "package text"})
    for known in (one, two, three):
        for asked in (one, two, three):
            assert digests_from(world.git, known, digests(world.git, known), asked) == digests(world.git, asked)


def test_a_remote_that_is_away_says_so(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    world.send_away()
    with pytest.raises(RemoteAwayError, match="origin"):
        world.git.push("origin", "main", one, old=None)
    with pytest.raises(RemoteAwayError, match="origin"):
        world.git.fetch("origin", "main")


def test_a_fetch_follows_a_remote_that_went_back(world: World) -> None:
    one = world.commit(None, {"a": "1"})
    two = world.commit(one, {"a": "2"}, minute=1)
    world.git.push("origin", "main", two, old=None)
    world.git.push("origin", "old", one, old=None)
    assert world.other.fetch("origin", "main", "old") == {"main": two, "old": one}


def _merge(git: Git, ours: str, theirs: str) -> str:
    assert isinstance(git, Repository | MemoryGit)
    add = {item.path: git.blob(item.after.oid) for item in git.changes(ours, theirs) if item.after and not item.before}
    return git.write_merge([ours, theirs], add, message="Merge", author=AUTHOR, at=AT.replace(minute=3))
