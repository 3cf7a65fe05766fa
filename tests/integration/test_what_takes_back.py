"""What status says takes something back, typed with git itself: nothing waits then, and main compiles."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from compiler.cli.clone import Clone
from compiler.cli.queue import decided, judging
from compiler.cli.status_text import as_text
from compiler.driver import compile_commit
from runtime.agent.status import Status, Waiting
from runtime.agent.status_page import page
from runtime.agent.stock import take_stock
from runtime.git.inputs import rows
from runtime.git.repository import Repository
from tests.cases.plan_world import ADA, BEN, PlanWorld, base_files, tenant
from tests.cases.typed_git import laid_out

ACME, BLUEPRINT = "tenants/acme-retail.yaml", "tenants/blueprints/standard.yaml"
BROKEN = {"tenants/zz.yaml": tenant("zz").replace("standard", "nowhere")}


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def stands(world: PlanWorld) -> Status:
    clone, history, compiled = Clone.read(world.git), world.history, judging(world.git)
    decision = decided(clone, history, world.now, compiled)
    return take_stock(history, decision, clone.git, clone.statements, compile=compiled, at=world.now)


def held(world: PlanWorld) -> list[Waiting]:
    return [item for item in stands(world).waiting if item.for_a_person]


def merged(world: PlanWorld, name: str, files: dict[str, str]) -> str:
    world.commit(files, branch=name, message=f"Edit {name}")
    return world.git.merge(name, message=f"Merge {name}")


def typed(world: PlanWorld, folder: Path, command: str | None) -> None:
    """Type a command in a checkout of main, and bring main here as it is then."""
    laid_out(world.git, folder, main=world.main)
    for words in ("git reset --quiet --hard main", *(command or "").split(" && ")):
        told = subprocess.run(
            shlex.split(words), cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **SOMEBODY}
        )
        assert told.returncode == 0, (words, told.stderr)
    with Repository(folder) as after:
        head = after.resolve("refs/heads/main")
        assert head is not None
        assert not rows(after, world.history.commit, head)
        assert not compile_commit(after)(head).errors


SOMEBODY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))
}


def test_behind_a_broken_merge_that_was_reverted_the_change_is_called_what_it_is_and_its_own_merge_reverted(
    world: PlanWorld, tmp_path: Path
) -> None:
    broken = merged(world, "zz", BROKEN)
    longer = merged(world, "500", {ACME: tenant("acme-retail", "retention_days: 500")})
    first = held(world)[0]
    assert (first.commit, first.take_back) == (broken, f"git revert --no-edit -m 1 {broken[:12]}")
    back = world.git.revert(broken, message='Revert "Merge zz"')
    (item,) = held(world)
    assert item.commit == back
    assert item.take_back == f"git revert --no-edit -m 1 {longer[:12]}", "a revert of the revert brings zz back"
    status = stands(world)
    assert f"waits     {back[:12]}  Merge 500  (" in as_text(status)
    assert f'brought by {longer[:12]}; this is Revert "Merge zz"' in as_text(status)
    assert f"<code>{back[:12]}</code> Merge 500 " in page(status, None).decode()
    typed(world, tmp_path, item.take_back)
    for person in (ADA, BEN):
        world.approve(person, back)
    world.take(back)
    assert f"verified  {back[:12]}  Merge 500  (" in as_text(stands(world))


def test_what_others_need_is_taken_back_with_them_and_so_is_what_was_edited_time_and_again(
    world: PlanWorld, tmp_path: Path
) -> None:
    wide = base_files()[BLUEPRINT].decode().replace("name: standard", "name: wide")
    merged(world, "wide", {"tenants/blueprints/wide.yaml": wide})
    for days in (100, 200, 300, 400):
        grown = tenant("fjord", f"retention_days: {days}").replace("blueprint: standard", "blueprint: wide")
        world.commit({"tenants/fjord.yaml": grown}, branch="main")
    told = {item.take_back for item in held(world)} - {None}
    assert len(told) == 2, "the blueprint's takes the tenant's with it, and each of the tenant's is the same"
    for number, command in enumerate(sorted(filter(None, told))):
        assert command.startswith(f"git restore --source {world.history.commit[:12]} --staged --worktree -- ")
        assert "tenants/fjord.yaml" in command
        if "wide.yaml" in command:
            typed(world, tmp_path / str(number), command)
