"""A whole installation in memory: a remote with a genesis, an agent's clone, running systems, a control database.

The agent's loop runs over it as over the real parts. Tenants become two objects each on `pg-eu`; targets are declared
in `spec/targets/<name>.yaml` as their configuration; `policy.wasm` is a stand-in that has no objection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from runtime.agent.world import Remote, World
from runtime.contract.change import Change, Snapshot, between
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.genesis import Genesis
from runtime.contract.objects import ObjectId
from runtime.contract.predicates import Intent, Release
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.governance.approvals import filed
from runtime.ledger.append import Writer
from runtime.ledger.entry import Entry
from runtime.ledger.history import History, replay
from runtime.release import VERSION
from runtime.signing.keys import PrivateKey
from runtime.targets.config import TargetConfig
from runtime.targets.interface import Target
from runtime.targets.secrets import Secrets
from runtime.testing.memory_git import MemoryGit, MemoryRemote
from runtime.testing.memory_policy import no_objection
from runtime.testing.memory_target import MemoryControl, MemoryDatabase, MemorySystem, MemoryTarget
from runtime.testing.small_tree import AGENT, BRANCH, REPOSITORY, START, document, key_of, small_tree
from runtime.testing.statements import Kind, approval, signed_genesis
from runtime.testing.tiny_compiler import compile_commit

Files = Callable[[], Mapping[str, bytes]]
DAY = timedelta(days=1)


def target(name: str, *, drift: str = "heal", identity: str = "memory/1", control: bool = False, **more: Any) -> bytes:
    """A target's input file."""
    kind = "release" if name.startswith("release") else "postgres"
    config = {
        "name": name,
        "type": kind,
        "region": "eu",
        "dsn": f"env:{name.upper().replace('-', '_')}",
        "identity": identity,
        "drift": drift,
        "max_delete_percent": 50,
        "control": control,
    }
    return TargetConfig.model_validate({**config, **more}).data()


@dataclass
class Fleet:
    """See the module. `people` is a clone that merges; `now` the clock; `steps` every step that an agent passed."""

    remote: MemoryRemote = field(default_factory=MemoryRemote)
    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    databases: dict[str, MemoryDatabase] = field(default_factory=dict)
    systems: dict[str, MemorySystem] = field(default_factory=dict)
    now: datetime = START
    steps: list[str] = field(default_factory=list)
    release: str = VERSION
    missing: set[str] = field(default_factory=set)
    """References to secrets that lead to nothing."""

    ledger: str | None = None
    """The branch that holds the ledger, in a remote that lets no agent push to main; None: main."""

    @classmethod
    def started(cls, ledger: str | None = None, /, **files: bytes) -> Fleet:
        """Build one up to its genesis; `files` are more inputs, or other ones."""
        fleet = cls(ledger=ledger)
        people = fleet.people = MemoryGit({"origin": fleet.remote})
        inputs = small_tree(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True), **files})
        commit = people.commit_files(inputs, at=START - DAY)
        genesis = Genesis(REPOSITORY, BRANCH, commit, fleet.snapshot(commit), ledger=ledger)
        named = [path.split("/")[-1].removesuffix(".yaml") for path in inputs if path.startswith("policies/people/")]
        signed = signed_genesis(genesis, map(key_of, named), START - DAY)
        people.commit_files(signed.files, at=START - DAY)
        fleet.publish()
        if ledger is not None:
            fleet.remote.protected.add(BRANCH)
        for path in inputs:
            if path.startswith("spec/targets/"):
                fleet.systems[path.rsplit("/", 1)[-1].removesuffix(".yaml")] = MemorySystem()
        fleet.agent_git = MemoryGit({"origin": fleet.remote})
        return fleet

    people: MemoryGit = field(default_factory=MemoryGit)
    agent_git: MemoryGit = field(default_factory=MemoryGit)

    def snapshot(self, commit: str) -> Snapshot:
        """What a commit compiles to."""
        snapshot = compile_commit(self.people)(commit).snapshot
        if snapshot is None:
            raise ValueError(commit)
        return snapshot

    def world(self, *, name: str = AGENT, key: PrivateKey | None = None, git: MemoryGit | None = None) -> World:
        """What the agent is given."""
        git = git or self.agent_git
        return World(
            git=git,
            upstream=Remote(git, "origin"),
            branch="main",
            writer=Writer(name, key or key_of(name), Release(version=self.release, sha256="0" * 64), "0" * 32),
            compile=compile_commit(git),
            target=self.target,
            control=lambda config: MemoryControl(self.databases.setdefault(config.name, self.database)),
            clock=lambda: self.now,
            policies=no_objection,
            secrets=Secrets(self.secret),
            at=self.steps.append,
        )

    def secret(self, reference: str) -> str:
        """What a reference leads to."""
        if reference in self.missing:
            raise EnvironmentFailedError(f"{reference} is not set")
        return f"the secret of {reference}"

    def target(self, config: TargetConfig, *, repository: str, files: Files, anyone: bool) -> Target:
        """Connect to a system."""
        del repository, files
        return MemoryTarget(config.name, self.systems[config.name], expected=None if anyone else config.identity)

    @property
    def branch(self) -> str:
        """The branch that holds the ledger."""
        return self.ledger or BRANCH

    def publish(self, branch: str = BRANCH) -> None:
        """Push a branch of the people's, by force."""
        self.remote.refs[f"refs/heads/{branch}"] = self.people.refs[f"refs/heads/{branch}"]
        self.remote.objects.update(self.people.objects)

    def pull(self) -> None:
        """Bring the people's branches to where the remote is."""
        for name, oid in self.people.fetch("origin", BRANCH, self.branch).items():
            self.people.refs.pop(f"refs/heads/{name}", None)
            if oid is not None:
                self.people.refs[f"refs/heads/{name}"] = oid

    def edit(self, **spec: dict[str, Any] | None) -> Change:
        """Merge a change of tenants (None removes one), push it; returns the change from P."""
        self.pull()
        files = {
            f"tenants/{name}.yaml": document(blueprint="basic", **value)
            for name, value in spec.items()
            if value is not None
        }
        gone = [f"tenants/{name}.yaml" for name, value in spec.items() if value is None]
        return self.merge(files, remove=gone)

    def merge(self, files: Mapping[str, bytes], *, remove: tuple[str, ...] | list[str] = ()) -> Change:
        """Merge other files; returns the change from P."""
        self.pull()
        commit = self.people.commit_files(files, remove=remove, at=self.now)
        self.publish()
        history = self.history()
        return between(history.snapshot, self.snapshot(commit), repository=history.genesis.repository, branch="main")

    def approved(self, **spec: dict[str, Any] | None) -> str:
        """Merge a change of tenants, approved by two people; returns the change's digest."""
        change = self.edit(**spec)
        self.approve(change, "mara", "tomas")
        return change.digest

    def withdraw(self, change: Change, name: str) -> str:
        """Push a withdrawal; returns its path on the branch."""
        return self.approve(change, name, kind="withdrawal")

    def approve(self, change: Change, *names: str, kind: Kind = "approval", after: str | None = None) -> str:
        """Push an approval by each of these people, who know of the last verdict (or only of another one), to the
        branch `approvals`; returns the last one's path there."""
        after = after or self.history().verified.timeline.last.sha256
        signed = [approval(change, key_of(name), after=after, at=self.now, kind=kind) for name in names]
        files = filed(change, *signed)
        known = self.remote.refs.get("refs/heads/approvals")
        if known is not None:
            self.people.refs["refs/heads/approvals"] = known
        self.remote.refs["refs/heads/approvals"] = self.people.commit_files(files, branch=APPROVALS, at=self.now)
        self.remote.objects.update(self.people.objects)
        return list(files)[-1]

    def history(self) -> History:
        """What main's evidence says."""
        self.pull()
        head = self.people.refs["refs/heads/main"]
        return replay(self.people, head, policies=no_objection)

    def story(self) -> list[str]:
        """Kind by kind what the ledger says."""
        return [entry.kind for entry in self.history().entries]

    def entries(self, kind: str) -> list[Entry]:
        """The entries of one kind."""
        return [entry for entry in self.history().entries if entry.kind == kind]

    def last_intent(self) -> Intent:
        """What the agent last set out to do."""
        predicate = self.entries("intent")[-1].predicate
        if not isinstance(predicate, Intent):
            raise TypeError(predicate)
        return predicate

    def login_of(self, role: ObjectId) -> object:
        """Whether a role on `pg-eu` may log in."""
        return self.systems["pg-eu"].world[role].attributes["login"]
