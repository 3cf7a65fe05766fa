"""A repository in memory with the golden cases' base tree, its genesis, people who approve and an agent that takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from compiler.cli.approvals_branch import append
from compiler.cli.approve import approval_of
from compiler.cli.clone import Clone
from compiler.cli.signer import Signer
from compiler.cli.standpoint import stand
from compiler.driver import compile_commit
from compiler.plan import Plan, Standpoint, plan
from runtime.agent.decide import Take
from runtime.governance.approvals import filed
from runtime.governance.case import Signed
from runtime.ledger import genesis
from runtime.ledger.history import History
from runtime.policy.engine import Policy
from runtime.release import VERSION
from runtime.testing.chronicle import writer
from runtime.testing.installation import Installation, Kit
from runtime.testing.memory_git import MemoryGit, MemoryRemote
from runtime.testing.small_tree import BRANCH, REPOSITORY, START, key_of
from runtime.testing.statements import signed_genesis
from tests.cases.inputs import base_tree

ADA, BEN, AGENT = "ada-berg", "ben-otieno", "agent-eu"
TODAY = date(2026, 11, 24)
TENANT = "apiVersion: conductor/v1\nkind: Tenant\nmetadata:\n  name: {name}\nspec:\n  blueprint: standard\n"


@cache
def base_files() -> Mapping[str, bytes]:
    """The base tree with keys that tests have."""
    files = dict(base_tree())
    for folder, name in (("people", ADA), ("people", BEN), ("agents", AGENT)):
        file = f"policies/{folder}/{name}.yaml"
        files[file] = re.sub(rb"ssh-ed25519 .*", key_of(name).public_line.encode(), files[file])
    return files


def tenant(name: str, *more: str) -> str:
    """A tenant's YAML; `more` are lines of its spec."""
    return TENANT.format(name=name) + "".join(f"  {line}\n" for line in more)


@dataclass
class PlanWorld:
    """The repository and the clock."""

    git: MemoryGit
    now: datetime = START

    @classmethod
    def bare(cls, more: Mapping[str, bytes] | None = None) -> PlanWorld:
        """Before there is a genesis; `more` are other inputs than the base tree's."""
        git = MemoryGit({"origin": MemoryRemote()})
        git.commit_files({**base_files(), **(more or {})}, message="Lay out the installation")
        return cls(git)

    @classmethod
    def begun(cls, more: Mapping[str, bytes] | None = None) -> PlanWorld:
        """With a genesis that Ada and Ben have signed."""
        world = cls.bare(more)
        compiled = compile_commit(world.git)
        made = genesis.create(compiled, world.main, branch=BRANCH, repository=REPOSITORY, release=VERSION)
        signed = signed_genesis(made, map(key_of, (ADA, BEN)), START)
        world.git.commit_files(signed.files, message="Start the history")
        return world

    @property
    def main(self) -> str:
        """Main's head."""
        return self.git.refs["refs/heads/main"]

    @property
    def history(self) -> History:
        """What main's evidence says."""
        found = Clone.read(self.git).history
        assert found is not None
        return found

    def commit(self, files: Mapping[str, str | bytes], *, branch: str = "topic", message: str = "Edit") -> str:
        """Commit to a branch, made at main's head if it is not there."""
        if f"refs/heads/{branch}" not in self.git.refs:
            self.git.branch(branch)
        return self.git.commit_files(files, branch=branch, message=message)

    def stand(self, head: str = "topic", base: str | None = None, *, today: date = TODAY) -> Standpoint:
        """What a plan is made from."""
        return stand(Clone.read(self.git), base, head, at=self.now, today=today)

    def plan(self, head: str = "topic", base: str | None = None, *, today: date = TODAY) -> Plan:
        """The plan."""
        return plan(self.stand(head, base, today=today))

    def signer(self, person: str) -> Signer:
        """Somebody with their key, a minute later."""
        self.now += timedelta(minutes=1)
        return Signer(person, key_of(person), self.now)

    def approve(
        self,
        person: str,
        head: str = "topic",
        *,
        base: str | None = None,
        withdraw: bool = False,
        why: str | None = None,
    ) -> Signed:
        """Approve on the branch `approvals` of this clone; by emergency, where it says why."""
        signer, standpoint = self.signer(person), self.stand(head, base)
        signed = approval_of(signer, self.history, standpoint, why)
        if withdraw:
            signed = signer.statement("withdrawal", standpoint.change.digest, self.history, signed.approval.seen)
        append(self.git, filed(standpoint.change, signed), message="Approve", author=signer.author, at=self.now)
        return signed

    def take(self, commit: str) -> None:
        """Let the agent take a commit of main that is approved."""
        kit = Kit(compile_commit, Policy.of)
        agent = Installation(
            self.git, compile_commit(self.git), self.history.genesis, writer(agent=AGENT), kit, self.now
        )
        decision = agent.step()
        assert isinstance(decision, Take)
        assert self.history.commit == decision.commit == commit
        self.now = agent.now

    def land(self, files: Mapping[str, str | bytes], *, branch: str = "other", message: str = "Land") -> str:
        """Approve, merge and take a change of its own."""
        self.commit(files, branch=branch, message=message)
        for person in (ADA, BEN):
            self.approve(person, branch)
        merged = self.git.merge(branch)
        self.take(merged)
        return merged
