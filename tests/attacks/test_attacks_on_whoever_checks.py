"""Attempts on whoever looks at somebody's branch: by what lies in the checkout, and by what hides it from them.

Nobody has approved anything yet: a machine, or a reviewer, has fetched the branch and looks at it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler import opa
from compiler.cli.approvals_branch import append
from compiler.cli.clone import Clone
from compiler.cli.clone_status import CloneStatus
from compiler.cli.proposed import OPENED, proposed
from compiler.cli.queue import decided, judging
from compiler.cli.remembered import Remembered, keep
from compiler.cli.status_text import as_text
from compiler.parse import MAX_DEPTH
from compiler.rego import OPA_VERSION
from compiler.values import value_of
from runtime.agent.stock import take_stock
from runtime.contract.envelope import SUFFIX
from runtime.testing.memory_git import SOMEBODY
from tests.benchmarks import trees
from tests.cases.inputs import ROOT
from tests.cases.plan_world import ADA, BEN, PlanWorld, tenant
from tests.services.commands import conductor, git

CHECK = ("check", "--today", "2026-11-24", "--format", "concise")
LONG_AGO = (0, 0)


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the cache in it, as CI has them, of a tree that is remembered."""
    monkeypatch.setattr("compiler.cli.check.LEAST", 1)
    folder = tmp_path / "builds" / "repo"
    trees.conductor(ROOT, folder, 8)
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".cache" / "conductor").mkdir(mode=0o700, parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / ".cache"))
    return folder


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What drops the rule about caches, to show what it keeps out."""
    with monkeypatch.context() as dropped:
        yield dropped


def believe(dropped: pytest.MonkeyPatch) -> None:
    """Drop the rule."""
    for where in ("compiler.own_cache.fit", "compiler.opa.fit"):
        dropped.setattr(where, lambda place, _: place)


def ssh(tmp_path: Path) -> Path:
    """Somebody's keys, which they have had for long."""
    keys = tmp_path / "home" / ".ssh"
    keys.mkdir(mode=0o700, parents=True)
    for name in ("id_ed25519", "known_hosts", "old.values"):
        (keys / name).write_text("precious")
        os.utime(keys / name, LONG_AGO)
    return keys


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_cache_that_leads_to_somebodys_keys(repo: Path, tmp_path: Path, believing: pytest.MonkeyPatch) -> None:
    """I commit a link where CI keeps what it remembers. It leads to the keys of whoever checks, and what has not been
    written for thirty days is removed there.
    """
    keys = ssh(tmp_path)
    (repo / ".cache/conductor/values").symlink_to("../../../../home/.ssh")
    assert conductor(*CHECK, "--repo", repo).code == 0
    assert names(keys) == ["id_ed25519", "known_hosts", "old.values"]
    believe(believing)
    assert conductor(*CHECK, "--repo", repo).code == 0
    left = names(keys)
    assert {"id_ed25519", "known_hosts"} < {*left}  # even so, only what is called as ours is
    assert "old.values" not in left


def test_values_that_were_remembered_before_anybody_checked(repo: Path, believing: pytest.MonkeyPatch) -> None:
    """I commit what `check` would remember of a tree without mistakes, filed under the bytes of mine, which has one."""
    tenant = repo / "tenants/bench-00007.yaml"
    sound = tenant.read_bytes()
    tenant.write_bytes(sound.replace(b"retention_days: 97", b"retention_days: 0"))
    poison, value = Remembered(), value_of(sound.decode(), MAX_DEPTH)
    assert value is not None
    poison.put(tenant.read_bytes(), value)
    name = hashlib.sha256(os.fsencode(repo)).hexdigest()[:32]
    keep(repo / ".cache/conductor/values" / f"{name}.values", poison)
    assert conductor(*CHECK, "--repo", repo).code == 1
    believe(believing)
    assert conductor(*CHECK, "--repo", repo).code == 0


def planted_opa(repo: Path) -> Path:
    """A program where the tools' cache keeps OPA, which tells that it was started."""
    program, started = opa.cached(), repo.parent / "started"
    program.parent.mkdir(mode=0o700, parents=True)
    program.write_text(f"#!/bin/sh\ntouch '{started}'\necho 'Version: {OPA_VERSION}'\ntest $1 = version\n")
    program.chmod(0o755)
    return started


def test_program_that_waits_where_opa_is_kept(
    repo: Path, monkeypatch: pytest.MonkeyPatch, believing: pytest.MonkeyPatch
) -> None:
    """I commit a program where CI keeps OPA. Whoever tests my policy, or looks whether their machine is in order,
    starts it, and it may do what they may.
    """
    monkeypatch.setattr("compiler.opa.shutil.which", lambda _: None)
    started = planted_opa(repo)
    refused = conductor("policy", "test", "--repo", repo)
    assert (refused.code, "lies in the checkout" in refused.err, "on your PATH" in refused.err) == (3, True, True)
    told = conductor("doctor", "--repo", repo).out
    assert ("lies in the checkout" in told, started.exists()) == (True, False)
    believe(believing)
    conductor("policy", "test", "--repo", repo)
    assert started.exists()


def test_program_that_others_could_have_put_where_opa_is_kept(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, believing: pytest.MonkeyPatch
) -> None:
    """I share the machine, and may write into a folder on the way to the cache."""
    monkeypatch.setattr("compiler.opa.shutil.which", lambda _: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    started = planted_opa(repo)
    (tmp_path / "cache/conductor").chmod(0o707)
    refused = conductor("policy", "test", "--repo", repo)
    assert (refused.code, "can be written by others" in refused.err, "chmod go-w" in refused.err) == (3, True, True)
    assert not started.exists()
    believe(believing)
    conductor("policy", "test", "--repo", repo)
    assert started.exists()


@pytest.mark.parametrize("tracked", [True, False], ids=["tracked", "no-git"])
def test_pipe_in_a_files_place(repo: Path, *, tracked: bool) -> None:
    """I leave a pipe where a file was, into which nobody ever writes: whoever checks the folder waits for ever."""
    if tracked:
        git(repo, "add", ".")
    else:
        shutil.rmtree(repo / ".git")
    file = repo / "tenants/bench-00007.yaml"
    file.unlink()
    os.mkfifo(file)
    done = conductor(*CHECK, "--repo", repo)
    assert (done.code, "is neither a file nor a folder" in done.out) == (1, True)


def test_folders_that_hide_what_is_approved(believing: pytest.MonkeyPatch) -> None:
    """I may push to the branch of the approvals, and have no key. My folders sort before all others: with nothing in
    them, or with what somebody has signed about another change. There are as many as anybody opens.
    """
    world = PlanWorld.begun()
    world.commit({"tenants/fjord.yaml": tenant("fjord").encode()}, message="Add fjord")
    signed = [world.approve(person) for person in (ADA, BEN)]
    copied = {f"{signed[0].sha256}{SUFFIX}": signed[0].envelope.data, "x": b""}
    mine = {f"{number:064x}/{name}": data for number in range(OPENED) for name, data in copied.items()}
    append(world.git, mine, message="Hide it", author=SOMEBODY, at=world.now)
    clone = Clone.read(world.git)
    assert clone.approvals[-1].changes()[:OPENED] == tuple(f"{number:064x}" for number in range(OPENED))

    def shown() -> tuple[list[str], int]:
        decision = decided(clone, world.history, world.now)
        found, unopened = proposed(clone, world.history, (), decision, world.now)
        return [item.subject for item in found], unopened

    assert shown() == (["Add fjord"], 0)
    believing.setattr("compiler.cli.proposed._theirs", lambda *_: iter(signed))  # whatever lies there counts
    assert shown() == ([], 1)


def test_more_changes_than_anybody_opens_are_said_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """I have a key, and sign more changes than anybody opens: whoever looks is told that there are more."""
    world = PlanWorld.begun()
    monkeypatch.setattr("compiler.cli.proposed.OPENED", 2)
    for name in ("fjord", "geyser", "hekla"):
        world.commit({f"tenants/{name}.yaml": tenant(name).encode()}, branch=name, message=f"Add {name}")
        world.approve(ADA, name)
    clone, history = Clone.read(world.git), world.history
    decision = decided(clone, history, world.now)
    of_clone = CloneStatus(*proposed(clone, history, (), decision, world.now))
    assert (len(of_clone.proposed), of_clone.unopened) == (2, 1)
    status = take_stock(history, decision, clone.git, clone.statements, compile=judging(clone.git), at=world.now)
    assert "1 more folder of approvals not opened\n" in as_text(status, clone=of_clone)
    assert of_clone.to_json()["unopened"] == 1
