"""Attacks by whoever may push to main, and puts a file where the agent is going to put its evidence."""

from __future__ import annotations

import pytest

from runtime.agent.loop import once
from runtime.git.objects import TreeEntry, encode_commit, encode_tree, object_id, parse_tree
from runtime.ledger import append
from runtime.ledger.entry import approval_path, change_path
from runtime.testing.fleet import Fleet
from runtime.testing.memory_git import SOMEBODY, MemoryGit


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def fleet(request: pytest.FixtureRequest) -> Fleet:
    fleet = Fleet.started(request.param)
    once(fleet.world())
    return fleet


def taken(fleet: Fleet, digest: str) -> bool:
    """Whether the change was taken, done, and is believed by whoever reads it from the start."""
    outcome = once(fleet.world())
    history = fleet.history()
    assert not outcome.failed
    assert history.findings == ()
    assert history.open_intent is None
    return history.change(digest) is not None and history.commit != history.genesis.commit


def executable(git: MemoryGit, head: str, path: str) -> str:
    """Commit that a file is executable now; returns the commit."""

    def edited(tree: str, parts: list[str]) -> str:
        entries = []
        for entry in parse_tree(git.objects[tree][1]):
            if entry.name != parts[0].encode():
                entries.append(entry)
            elif len(parts) == 1:
                entries.append(TreeEntry(b"100755", entry.name, entry.raw))
            else:
                entries.append(TreeEntry(b"40000", entry.name, bytes.fromhex(edited(entry.raw.hex(), parts[1:]))))
        return store("tree", encode_tree(entries))

    def store(kind: str, data: bytes) -> str:
        oid = object_id(kind, data)
        git.objects[oid] = (kind, data)
        return oid

    tree = edited(git.commit(head).tree, path.split("/"))
    return store("commit", encode_commit(tree, [head], message="x", author=SOMEBODY, at=git.tick()))


def place(fleet: Fleet, path: str, data: bytes = b"{}") -> None:
    fleet.pull()
    fleet.people.commit_files({path: data}, branch=fleet.branch, at=fleet.now)
    fleet.publish(fleet.branch)


@pytest.mark.parametrize("below", ["", "/x"])
def test_a_change_that_lies_there_already_is_replaced_by_the_real_one(fleet: Fleet, below: str) -> None:
    digest = fleet.approved(initech={})
    place(fleet, change_path(digest) + below)
    assert taken(fleet, digest)
    assert once(fleet.world()).entries == ()


def test_an_approval_that_lies_there_already_is_replaced_by_the_real_one(fleet: Fleet) -> None:
    change = fleet.edit(initech={})
    for name in ("mara", "tomas"):
        path = fleet.approve(change, name)
        place(fleet, approval_path(change.digest, path.rsplit("/", 1)[-1].split(".", 1)[0]), b"not an approval")
    assert taken(fleet, change.digest)


@pytest.mark.parametrize("above", [1, 2])
def test_a_file_where_a_folder_belongs_is_replaced(fleet: Fleet, above: int) -> None:
    digest = fleet.approved(initech={})
    place(fleet, change_path(digest).rsplit("/", above)[0])
    assert taken(fleet, digest)


def test_a_change_in_another_folder_than_its_own_is_nobodys(fleet: Fleet) -> None:
    digest = fleet.approved(initech={})
    elsewhere = [f"evidence/approvals/{folder}{digest}/change.json" for folder in ("", "zz/")]
    for path in elsewhere:
        place(fleet, path)
    assert taken(fleet, digest)
    assert {item.path for item in fleet.history().foreign} == set(elsewhere)


def test_the_right_content_under_another_mode_is_replaced(fleet: Fleet) -> None:
    change = fleet.edit(initech={})
    fleet.approve(change, "mara", "tomas")
    place(fleet, change_path(change.digest), change.data)
    git = fleet.people
    ref = f"refs/heads/{fleet.branch}"
    git.refs[ref] = head = executable(git, git.refs[ref], change_path(change.digest))
    fleet.publish(fleet.branch)
    assert git.files(head, "evidence")[change_path(change.digest)].mode == "100755"
    assert taken(fleet, change.digest)
    fleet.pull()
    files = git.files(git.refs[ref], "evidence")
    assert files[change_path(change.digest)].mode == "100644"


def test_what_an_agent_before_this_one_signed_over_such_a_file_stops_nobody(fleet: Fleet) -> None:
    """The verdict names a change that is not on main: it takes nothing, and whoever comes next takes the change."""
    change = fleet.edit(initech={})
    fleet.approve(change, "mara", "tomas")
    place(fleet, change_path(change.digest))
    history, writer = fleet.history(), fleet.world().writer
    grounds = append.Grounds(
        base=history.commit,
        head=history.pending[0],
        before=history.snapshot.manifest.digest,
        after=fleet.snapshot(history.pending[0]).manifest.digest,
        change=change,
        approvals={},
        landed=(),
    )
    void = append.verdict(history.end, writer, fleet.now, grounds)
    fleet.people.refs[f"refs/heads/{fleet.branch}"] = append.record(
        fleet.people,
        history.evidence,
        [append.Written(void.path, void.envelope, void.statement, {}, void.tip)],
        writer,
        at=fleet.now,
    )
    fleet.publish(fleet.branch)
    outcome = once(fleet.world())
    assert not outcome.failed
    assert fleet.history().commit == history.pending[0]
