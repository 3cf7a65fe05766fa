"""Appending approvals to their branch, against a remote that is away, protected or faster; and what differs from what
somebody approved before."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from compiler.cli.approvals_branch import PushRefusedError, append, push
from compiler.cli.clone import Clone
from compiler.cli.earlier import earlier
from compiler.cli.signer import Signer, publish
from compiler.cli.warned import warnings_of
from compiler.paint import Paint
from compiler.plan_differences import Operation
from compiler.plan_page import Page
from compiler.plan_previous import Previous
from compiler.plan_text import previous_text
from runtime.contract.errors import ConductorError
from runtime.contract.predicates import Approval
from runtime.git.interface import RemoteAwayError
from runtime.testing.memory_git import SOMEBODY, MemoryGit, MemoryRemote
from runtime.testing.small_tree import START, key_of
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def add(git: MemoryGit, name: str) -> str:
    return append(git, {f"change/{name}": name.encode()}, message="Approve", author=SOMEBODY, at=START)


def send(git: MemoryGit) -> str:
    return push(git, "origin", message="Together", author=SOMEBODY, at=START)


def clones() -> tuple[MemoryRemote, MemoryGit, MemoryGit]:
    remote = MemoryRemote()
    return remote, MemoryGit({"origin": remote}), MemoryGit({"origin": remote})


def one_is_faster(one: MemoryGit) -> None:
    send(one)


def moved(remote: MemoryRemote, by: MemoryGit) -> None:
    """Somebody else has brought another approval there."""
    head = add(by, str(len(by.objects)))
    remote.objects |= by.objects
    remote.refs["refs/heads/approvals"] = head


def files(git: MemoryGit, commit: str) -> list[str]:
    return [path.removeprefix("change/") for path in git.files(commit)]


def test_the_first_approval_is_an_orphan_branch() -> None:
    _, git, _ = clones()
    commit = add(git, "a")
    assert git.refs["refs/heads/approvals"] == commit
    assert git.commit(commit).parents == ()


def test_appending_what_is_there_changes_nothing() -> None:
    _, git, _ = clones()
    assert add(git, "a") == add(git, "a")


def test_two_clones_that_append_at_once_both_arrive() -> None:
    remote, one, other = clones()
    add(one, "a")
    add(other, "b")
    send(one)
    head = send(other)
    assert files(other, head) == ["a", "b"]
    assert remote.refs["refs/heads/approvals"] == head == other.refs["refs/heads/approvals"]
    assert send(one) == head
    assert [branch for branch, _, _ in remote.pushes] == ["approvals", "approvals"]


def test_whoever_is_beaten_builds_on_the_new_head() -> None:
    remote, one, other = clones()
    add(one, "a")
    send(one)
    add(one, "b")
    add(other, "c")
    remote.before_push.append(lambda: one_is_faster(one))
    head = send(other)
    assert files(other, head) == ["a", "b", "c"]
    assert other.is_ancestor(remote.pushes[0][2], head)


def test_a_branch_that_is_here_already_is_not_pushed_again() -> None:
    remote, one, _ = clones()
    add(one, "a")
    assert send(one) == send(one)
    assert len(remote.pushes) == 1


def test_an_approval_is_built_on_what_was_fetched_of_the_remote() -> None:
    _, one, other = clones()
    add(one, "a")
    send(one)
    other.fetch("origin", "approvals")
    head = add(other, "b")
    assert files(other, head) == ["a", "b"]
    assert other.is_ancestor(one.refs["refs/heads/approvals"], head)


def test_a_protected_branch_says_what_is_needed() -> None:
    remote, one, _ = clones()
    remote.protected.add("approvals")
    add(one, "a")
    with pytest.raises(PushRefusedError, match="does not take") as caught:
        send(one)
    assert "main may stay protected" in str(caught.value.help)


def test_a_remote_that_is_away_loses_nothing() -> None:
    remote, one, _ = clones()
    remote.away = True
    head = add(one, "a")
    with pytest.raises(RemoteAwayError):
        send(one)
    assert one.refs["refs/heads/approvals"] == head


@pytest.mark.parametrize("trouble", ["away", "protected", "faster"])
def test_whatever_keeps_a_push_from_arriving_it_is_said_where_the_signature_lies(trouble: str) -> None:
    remote, one, other = clones()
    add(one, "a")
    match trouble:
        case "away":
            remote.away = True
        case "protected":
            remote.protected.add("approvals")
        case _:
            remote.before_push += [lambda: moved(remote, other)] * 8
    with pytest.raises(ConductorError) as caught:
        publish(one, Signer("ada", key_of(ADA), START), "c" * 64, Path("/srv/it's ours"), push_it=True)
    said = str(caught.value.help)
    assert "it is signed and lies on the branch `approvals` here; later: " in said
    assert shlex.split(said.partition("later: ")[2]) == ["git", "-C", "/srv/it's ours", "push", "origin", "approvals"]


def test_an_approval_names_the_last_verdict_and_holds_as_long_as_the_rules_say(world: PlanWorld) -> None:
    world.land({"tenants/harbour.yaml": tenant("harbour")})
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    signed = world.approve(ADA)
    assert signed.approval == Approval(
        kind="approval",
        after=world.history.verified.timeline.last.sha256,
        signed_at=world.now,
        expires_at=signed.approval.expires_at,
        seen=signed.approval.seen,
    )
    assert (signed.approval.expires_at - signed.approval.signed_at).days == 14
    assert signed.approval.seen.head == world.git.resolve("topic")


def before(world: PlanWorld, person: str, head: str) -> list[Previous]:
    found = earlier(Clone.read(world.git), world.history, person, world.stand(head).change, world.now)
    return [] if found is None else [found]


def test_a_second_version_says_what_differs_from_the_first(world: PlanWorld) -> None:
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 400")})
    world.approve(ADA)
    world.commit(
        {
            "tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 500"),
            "tenants/fjord.yaml": tenant("fjord"),
        }
    )
    (found,) = before(world, ADA, "topic")
    rows = {row.path: row for row in found.differs}
    assert rows["tenants/fjord.yaml"].operation is Operation.ADD
    fields = rows["config/tenants/tenant/acme-retail.json"].fields
    assert [(item.field, item.before, item.after) for item in fields] == [("retention_days", 400, 500)]
    text = previous_text(found, ADA, Page(Paint(on=False), full=False))
    assert "retention_days  approved 400, now 500" in text
    assert before(world, BEN, "topic") == []


def test_the_same_change_and_other_paths_are_no_earlier_version(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    world.approve(ADA)
    assert before(world, ADA, "topic") == []
    world.commit({"tenants/harbour.yaml": tenant("harbour")}, branch="other")
    assert before(world, ADA, "other") == []


def test_what_was_taken_is_no_earlier_version(world: PlanWorld) -> None:
    world.land({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 400")})
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 500")})
    assert before(world, ADA, "topic") == []


def test_what_they_approved_before_a_newer_version_of_theirs_was_taken_is_not_shown_again(world: PlanWorld) -> None:
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 400")})
    world.approve(ADA)
    world.land({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 500")})
    world.commit({"tenants/acme-retail.yaml": tenant("acme-retail", "retention_days: 600")}, branch="third")
    assert before(world, ADA, "third") == []


def test_a_blueprint_that_landed_makes_the_old_approval_no_longer_fit_and_is_shown(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    world.approve(ADA)
    path = "tenants/blueprints/standard.yaml"
    world.land({path: base_files()[path].replace(b"connection_limit: ", b"connection_limit: 1", 1)})
    world.git.merge("main", into="topic")
    (found,) = before(world, ADA, "topic")
    fields = [item for row in found.differs if row.path == "objects/tenant/fjord.json" for item in row.fields]
    assert [item.field.rsplit(".", 1)[-1] for item in fields] == ["connection_limit"]


def test_what_lies_among_the_approvals_and_is_none_is_said_and_stops_nobody(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    world.approve(ADA)
    change = world.stand("topic").change
    path = f"{change.digest}/{'0' * 64}.sigstore.json"
    append(world.git, {path: b"junk"}, message="Vandalise", author=SOMEBODY, at=START)
    assert world.plan().consent is not None
    (warning,) = warnings_of(Clone.read(world.git), change.digest, ())
    assert path in warning
