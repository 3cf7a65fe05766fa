"""docs/runbooks/keys.md and the pages beside it, played step by step: every command on them, in their order."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from runtime.signing.keys import load_private, write_keypair
from runtime.testing.small_tree import AGENT, seed_of
from tests.services.commands import Ran, conductor, git
from tests.services.real_installation import ROLES, RealInstallation, tenant_yaml

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
Words: TypeAlias = Mapping[str, str | Path]
INES = "policies/people/ines.yaml"
AGENT_FILE = f"policies/agents/{AGENT}.yaml"


def blocks(page: str) -> list[str]:
    """The commands of a page, block by block."""
    return re.findall(r"^```sh\n(.*?)^```$", (RUNBOOKS / page).read_text(), flags=re.MULTILINE | re.DOTALL)


NEW, PROVE, APPROVE, LIST, AGENT_PROVES = blocks("keys.md")
WITHDRAW, LOST_NEW, LOST_PROVE = blocks("person-lost-key.md")
LEAVE, LEAVE_COMMIT, LEAVE_PLAN = blocks("person-left.md")
AGENT_LOOK, AGENT_NEW, AGENT_LOST_PROVE, AGENT_ONCE, AGENT_VERIFY = blocks("agent-key-lost.md")


@dataclass
class Desk:
    """A clone with a work tree, the keys of everybody in a folder, and the installation around it."""

    where: RealInstallation
    folder: Path

    @property
    def repo(self) -> Path:
        return self.folder / "desk"

    def key(self, name: str) -> Path:
        return self.folder / "keys" / name

    def play(self, block: str, words: Words, *, code: int = 0) -> Ran:
        """Type a block: `conductor` in this process, the rest as bash; returns what the last `conductor` said."""
        said = Ran(0, "", "")
        for line in block.splitlines():
            for word in sorted(words, key=len, reverse=True):
                line = re.sub(rf"(?<![A-Z-]){word}(?![A-Z-]*[A-Z])", str(words[word]), line)  # noqa: PLW2901 -- word by word
            typed = shlex.split(line, comments=True)
            if typed[0] != "conductor":
                subprocess.run(("bash", "-euc", line), cwd=self.repo, check=True, capture_output=True, timeout=60)
                continue
            yes = ["--yes"] if typed[1] in {"approve", "withdraw"} else []
            said = conductor(*typed[1:], *yes)
            assert said.code == code, (line, said)
        return said

    def edit(self, path: str, text: str) -> None:
        (self.repo / path).write_text(text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Put one key's line in another's place."""
        text = (self.repo / path).read_text()
        assert self.line(old) in text
        self.edit(path, text.replace(self.line(old), self.line(new)))

    def line(self, name: str) -> str:
        return load_private(self.key(name)).public_line

    def take(self, *approvers: str, agent: str = "agent", name: str | None = None) -> None:
        """What keys.md says of how it is approved and taken."""
        for approver in approvers:
            self.play(APPROVE, {"APPROVER": approver, "APPROVER-KEY": self.key(approver)})
        git(self.repo, "push", "-q", "origin", "origin/keys:main")
        named = ("--agent", name) if name else ()
        ran = self.agent("once", "--key", self.key(agent), *named)
        assert (ran.code, "Take" in ran.out) == (0, True), ran
        self.play(LIST, {})

    def agent(self, *arguments: str | Path) -> Ran:
        return conductor("agent", *arguments, "--repo", self.where.agent_clone)

    def keys(self, holder: str) -> set[str]:
        """The keys that count, by `conductor key list`."""
        listed = json.loads(conductor("key", "list", "--format", "json").out)["keys"]
        return {item["fingerprint"] for item in listed if item["holder"] == holder}

    def fingerprint(self, name: str) -> str:
        return load_private(self.key(name)).fingerprint


@pytest.fixture
def desk(where18: RealInstallation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Mara and Tomas, an agent that has made the genesis real."""
    (tmp_path / "keys").mkdir()
    for name in ROLES:
        write_keypair(tmp_path / "keys" / name, seed_of(name))
    write_keypair(tmp_path / "keys" / "agent", seed_of(AGENT))
    git(tmp_path, "clone", "-q", str(where18.remote), "desk")
    desk = Desk(where18, tmp_path)
    for name, value in {"user.name": "Somebody", "user.email": "somebody@example.org"}.items():
        git(desk.repo, "config", name, value)
    for name, value in where18.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(desk.repo)
    return desk


def appoint(desk: Desk, key: str) -> None:
    """Ines is new; or, where she is there, gets one more key."""
    words: Words = {"NAME": "ines", "NEW-KEY": desk.key(key)}
    desk.play(NEW, words)
    if (desk.repo / INES).exists():
        desk.edit(INES, (desk.repo / INES).read_text() + f"    - {desk.line(key)}\n")
    else:
        head = "apiVersion: conductor/v1\nkind: Person\nmetadata:\n  name: ines\nspec:\n  title: Somebody\n"
        roles = "  roles: [platform, pm]\n"
        desk.edit(INES, f"{head}{roles}  keys:\n    - {desk.line(key)}\n")
    desk.play(PROVE, words)
    desk.take("mara", "tomas")


def side_branch(desk: Desk) -> str:
    """Somebody's change that waits for approvals on a branch; its SHA-256."""
    git(desk.repo, "checkout", "-q", "-B", "side", "origin/main")
    desk.where.password("fjord")
    desk.edit("tenants/fjord.yaml", tenant_yaml("fjord").decode())
    git(desk.repo, "add", ".")
    git(desk.repo, "commit", "-q", "-m", "Add fjord")
    git(desk.repo, "push", "-q", "-f", "origin", "side")
    git(desk.repo, "fetch", "-q", "origin")
    change: str = json.loads(conductor("plan", "--head", "origin/side", "--format", "json").out)["change"]["sha256"]
    return change


def approve(desk: Desk, key: str, *more: str) -> Ran:
    signing = ("--person", "ines", "--key", desk.key(key), "--head", "origin/side", "--yes", "--push")
    return conductor("approve", *signing, *more)


def test_somebody_comes_gets_a_second_key_loses_one_and_leaves(desk: Desk) -> None:
    appoint(desk, "first")
    assert desk.keys("person/ines") == {desk.fingerprint("first")}
    appoint(desk, "second")
    assert desk.keys("person/ines") == {desk.fingerprint(name) for name in ("first", "second")}

    change = side_branch(desk)
    assert approve(desk, "first").code == 0
    words: Words = {"NAME": "ines", "OTHER-KEY": desk.key("second"), "CHANGE": change, "NEW-KEY": desk.key("third")}
    desk.play(WITHDRAW, words)
    assert "ines withdrew it" in " ".join(conductor("plan", "--head", "origin/side").out.split())
    desk.play(LOST_NEW, words)
    desk.replace(INES, "first", "third")
    git(desk.repo, "rm", "-q", f"policies/keys/ines-{load_private(desk.key('first')).public.sha256[:8]}.yaml")
    desk.play(LOST_PROVE, words)
    desk.take("mara", "tomas")
    assert desk.keys("person/ines") == {desk.fingerprint(name) for name in ("second", "third")}
    old = approve(desk, "first")
    assert (old.code, "is nobody's at the last verified commit" in old.err) == (2, True)

    side_branch(desk)
    assert approve(desk, "third").code == 0
    desk.play(LEAVE, {"NAME": "ines"})
    desk.play(LEAVE_COMMIT, {"NAME": "ines"})
    desk.take("mara", "tomas")
    assert desk.keys("person/ines") == set()
    gone = desk.play(LEAVE_PLAN, {"CHANGE-BRANCH": "origin/side"})
    assert "is no person's key" in " ".join(gone.out.split())
    assert conductor("verify").code == 0


def test_an_agent_gets_another_key_as_planned(desk: Desk) -> None:
    words: Words = {"NAME": AGENT, "NEW-KEY": desk.key("next")}
    desk.play(NEW, words)
    text = (desk.repo / AGENT_FILE).read_text()
    desk.edit(AGENT_FILE, text.replace("  keys:\n", f"  keys:\n    - {desk.line('next')}\n"))
    desk.play(AGENT_PROVES, words)
    desk.play(PROVE.splitlines()[1], words)
    desk.take("mara", "tomas")
    git(desk.repo, "checkout", "-q", "-B", "keys", "origin/main")
    desk.edit(AGENT_FILE, (desk.repo / AGENT_FILE).read_text().replace(f"    - {desk.line('agent')}\n", ""))
    desk.play(PROVE.splitlines()[1], words)
    for approver in ("mara", "tomas"):
        desk.play(APPROVE, {"APPROVER": approver, "APPROVER-KEY": desk.key(approver)})
    git(desk.repo, "push", "-q", "origin", "origin/keys:main")
    refused = desk.agent("once", "--key", desk.key("agent"))
    assert (refused.code, "that may write the next entry" in refused.err) == (2, True)
    assert "Take" in desk.agent("once", "--key", desk.key("next")).out
    desk.play(LIST, {})
    assert desk.keys(f"agent/{AGENT}") == {desk.fingerprint("next")}
    assert conductor("verify").code == 0


def test_an_agents_lost_key_is_replaced_by_one_that_takes_its_own_change(desk: Desk) -> None:
    words: Words = {"NAME": AGENT, "NEW-KEY": desk.key("next")}
    assert "genesis" in desk.play(AGENT_LOOK, words).out.lower()
    desk.play(AGENT_NEW, words)
    desk.replace(AGENT_FILE, "agent", "next")
    desk.play(AGENT_LOST_PROVE, words)
    desk.key("agent").unlink()
    for approver in ("mara", "tomas"):
        desk.play(APPROVE, {"APPROVER": approver, "APPROVER-KEY": desk.key(approver)})
    git(desk.repo, "push", "-q", "origin", "origin/keys:main")
    assert "Take" in desk.play(AGENT_ONCE, words).out
    desk.play(LIST, {})
    assert desk.keys(f"agent/{AGENT}") == {desk.fingerprint("next")}
    desk.play(AGENT_VERIFY, words)
    write_keypair(desk.key("stolen"), seed_of(AGENT))
    stolen = desk.agent("once", "--key", desk.key("stolen"))
    assert (stolen.code, "belongs to no agent at the last verified commit" in stolen.err) == (2, True)
