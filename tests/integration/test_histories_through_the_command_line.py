"""Random histories, once in memory and once on real git through the command line: the same is taken.

The same acts are played side by side: in memory as the state machine does (`tests.property`), and with `git`,
`conductor approve` and `conductor agent once` over a copy of this repository's YAML and two real PostgreSQL servers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from compiler.cli.demo.copy import copy_tree, replace
from compiler.cli.demo.world import World, opened
from compiler.plan_queue import elsewhere
from runtime.contract.change import Change
from runtime.git.repository import Repository
from runtime.ledger.history import History, replay
from runtime.signing.keys import write_keypair
from runtime.testing.small_tree import seed_of
from tests.property.acts import FOLDERS
from tests.property.histories import Story
from tests.property.material import EXTRA, GROUPS, KINDS, NAMES, ROOT, Edits, inputs_of, real

pytestmark = pytest.mark.service

CONDUCTOR = str(Path(sys.executable).parent / "conductor")
AGENT = "conductor-eu"


@dataclass
class Clone:
    """A person's clone of a real repository, driven by commands only."""

    world: World

    @property
    def repo(self) -> Path:
        return self.world.repo

    def git(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.repo), *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done.stdout.strip() if done.returncode == 0 else ""

    def conductor(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [CONDUCTOR, *arguments, "--repo", str(self.repo)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def start(self) -> None:
        """A copy of this repository's YAML with the test's keys, servers and dates, and its genesis."""
        keys = {}
        (self.world.folder / "keys").mkdir()
        for name, file in {**{name: name for name in NAMES.values()}, AGENT: "agent"}.items():
            keys[name] = write_keypair(self.world.folder / "keys" / file, seed_of(name)).public_line
        self.repo.mkdir()
        copy_tree(ROOT, self.repo)
        for _ in replace(self.repo, keys=keys, targets=self.world.places(), created=self.world.today.isoformat()):
            pass
        standard = (self.repo / "tenants/blueprints/standard.yaml").read_text()
        (self.repo / EXTRA).write_text(standard.replace("name: standard", "name: extra"))
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Somebody")
        self.git("config", "user.email", "somebody@example.org")
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.world.remote)], check=True, timeout=60)
        self.git("remote", "add", "origin", str(self.world.remote))
        self.commit("main", {})
        for person, more in ((NAMES["mara"], ()), (NAMES["tomas"], ("--more",)), (NAMES["ines"], ())):
            done = self.conductor("genesis", "--person", person, "--key", self.world.key(person), *more)
            assert done.returncode == 0, done.stderr
        self.git("push", "-q", "-u", "origin", "main")
        self.look()

    def commit(self, branch: str, edits: Edits) -> None:
        """Commit edits to a branch as it is checked out."""
        for path, data in edits.items():
            if data is None:
                (self.repo / path).unlink(missing_ok=True)
            else:
                (self.repo / path).write_bytes(data)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", f"Edit {branch}")

    def open(self, branch: str, on: str, edits: Edits) -> None:
        self.git("switch", "-q", "-c", branch, on)
        self.commit(branch, edits)
        self.git("switch", "-q", "main")

    def approve(self, head: str, names: tuple[str, ...], base: str | None = None) -> bool:
        """Each signs and pushes; whether all could."""
        more = ("--base", base) if base else ()
        done = [
            self.conductor(
                "approve", "--person", person, "--key", self.world.key(person), "--head", head, *more, "--yes", "--push"
            )
            for person in (NAMES[name] for name in names)
        ]
        return all(item.returncode == 0 for item in done)

    def land(self, branch: str, how: str) -> bool:
        if how == "rebase":
            self.git("switch", "-q", branch)
            if not self.tried("rebase", "-q", "main"):
                self.git("rebase", "--abort")
                self.git("switch", "-q", "main")
                return False
            self.git("switch", "-q", "main")
        words = ("--squash",) if how == "squash" else ("--no-ff", "-m", f"Merge {branch}")
        if not self.tried("merge", "-q", *words, branch):
            self.git("reset", "-q", "--hard", "main")
            return False
        if how == "squash":
            self.git("commit", "-q", "--allow-empty", "-m", f"Squash {branch}")
        self.git("push", "-q", "origin", "main")
        return True

    def push(self, edits: Edits) -> None:
        self.commit("main", edits)
        self.git("push", "-q", "origin", "main")

    def revert(self, index: int) -> bool:
        """Revert a commit of main that changed inputs, counted from the last."""
        commit = self.git("log", "--first-parent", "--format=%H", "main", "--", *FOLDERS).split("\n")[index]
        parents = self.git("log", "-1", "--format=%P", commit).split()
        words = ("-m", "1") if len(parents) > 1 else ()
        if not self.tried("revert", "--no-commit", *words, commit):
            self.git("reset", "-q", "--hard", "main")
            return False
        self.git("commit", "-q", "--allow-empty", "-m", f"Revert {commit}")
        self.git("push", "-q", "origin", "main")
        return True

    def tried(self, *arguments: str) -> bool:
        command = ["git", "-C", str(self.repo), *arguments]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    def look(self) -> None:
        done = self.conductor("agent", "once", "--key", self.world.key("agent"))
        assert done.returncode == ("not taken: " in done.stdout), done.stdout + done.stderr
        self.git("pull", "-q", "--ff-only", "origin", "main")

    def history(self) -> History:
        repository = Repository(self.repo)
        try:
            return replay(repository, self.git("rev-parse", "main"))
        finally:
            repository.close()


def rows(history: History) -> list[tuple[object, object]]:
    """What each verdict took."""
    changes: list[Change | None] = [
        history.change(entry.statement.digest_of("change.json") or "")
        for entry in history.entries
        if entry.kind == "verdict"
    ]
    return [(change.inputs, change.bundle) for change in changes if change is not None]


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """Servers, repository and genesis."""
    before = dict(os.environ)
    tenants = [path.stem for path in (ROOT / "tenants").glob("*.yaml")]
    pilots = [f"new-pilot-{number}" for number in range(3)]
    try:
        with opened(tmp_path, [*tenants, *pilots], datetime.now(tz=UTC).date()) as world:
            made = Clone(world)
            made.start()
            yield made
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize("seed", [51])
def test_what_is_taken_in_memory_is_taken_through_the_command_line(clone: Clone, seed: int) -> None:
    story = Story(real(inputs_of(clone.repo)))
    chance = Random(seed)  # noqa: S311 -- a test's choice
    for number in range(24):
        kind, size, names = chance.choice(KINDS), chance.randrange(4), chance.choice(GROUPS[:6])
        match chance.choice(("open", "open", "stack", "land", "land", "push", "revert", "approve", "look", "look")):
            case "open":
                both_open(story, clone, kind, size, names=names, on="main")
            case "stack" if story.pulls:
                both_open(story, clone, kind, size, names=names, on=story.pulls[-1].branch)
            case "land" if waiting := [pull for pull in story.pulls if pull.merged is None]:
                pull, how = waiting[size % len(waiting)], ("merge", "squash", "rebase")[number % 3]
                assert clone.land(pull.branch, how) == (story.land(pull, how) is not None)
            case "push":
                story.edit("main", kind, size)
                clone.push(story.material.edits(kind, size))
            case "revert":
                both_revert(story, clone, size)
            case "approve":
                both_approve_pending(story, clone, size, names)
            case "look":
                both_look(story, clone)
            case _:
                pass
    if story.house.history().pending:
        both_approve_pending(story, clone, -1, ("ines", "mara", "tomas"))
    both_look(story, clone)
    assert len(story.model.verdicts) >= 3
    report = clone.conductor("verify", "--format", "json")
    assert json.loads(report.stdout)["ok"], report.stdout
    assert clone.history().commit in clone.git("log", "--first-parent", "--format=%H", "main").split("\n")


def both_open(story: Story, clone: Clone, kind: str, size: int, *, names: tuple[str, ...], on: str) -> None:
    base = story.house.git.resolve(on)
    pull = story.open(kind, size, on=on)
    clone.open(pull.branch, on, story.material.edits(kind, size))
    approved = story.approve(pull.branch, names, base=base)
    assert clone.approve(pull.branch, names, None if on == "main" else on) == hopeful(story, approved)


def hopeful(story: Story, change: Change | None) -> bool:
    """Whether `approve` signs: not what is nothing, does not compile, or cannot be taken whoever approves; nor what
    starts where no verdict is, although in memory somebody signs it: what is taken is the same."""
    if change is None or elsewhere(change, story.house.history().snapshot.manifest):
        return False
    inputs = [path for path, _, _ in change.inputs]
    mixed = len({path.startswith("policies/") for path in inputs}) > 1
    return not mixed and (story.material.held, None) not in {(path, after) for path, _, after in change.inputs}


def both_revert(story: Story, clone: Clone, index: int) -> None:
    git = story.house.git
    steps = [step.commit.oid for step in git.first_parents(story.house.main, *FOLDERS)[1:] if step.changes]
    if not steps:
        return
    index %= len(steps)
    try:
        git.revert(steps[-1 - index])
    except Exception:  # noqa: BLE001 -- whatever the double could not do, git cannot either
        assert not clone.revert(index)
    else:
        assert clone.revert(index)


def both_approve_pending(story: Story, clone: Clone, index: int, names: tuple[str, ...]) -> None:
    mine, real_one = story.house.history(), clone.history()
    assert len(mine.pending) == len(real_one.pending)
    if mine.pending:
        index %= len(mine.pending)
        approved = story.approve(mine.pending[index], names, base=mine.commit)
        assert clone.approve(real_one.pending[index], names) == hopeful(story, approved)


def both_look(story: Story, clone: Clone) -> None:
    story.run()
    clone.look()
    mine, theirs = story.house.history(), clone.history()
    assert theirs.findings == ()
    assert rows(theirs) == rows(mine)
    assert theirs.snapshot == mine.snapshot
    assert len(theirs.pending) == len(mine.pending)
