"""A whole installation in memory: a remote with a genesis, an agent's clone, running systems, a control database.

The agent's loop runs over it as over the real parts. Tenants become two objects each on `pg-eu`; targets are declared
in `spec/targets/<name>.yaml` as their configuration; `policy.wasm` is a stand-in that has no objection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from runtime.agent.world import Remote, World
from runtime.contract.canonical import decode, sha256
from runtime.contract.change import Change, Snapshot, between
from runtime.contract.compiling import Compile, Compiled
from runtime.contract.genesis import Genesis
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.contract.objects import Object, ObjectId, encode_objects
from runtime.contract.statement import Approval, GenesisApproval, Release, Seen, Statement, subject
from runtime.git.inputs import is_input
from runtime.ledger.append import Writer
from runtime.ledger.entry import Entry
from runtime.ledger.history import History, replay
from runtime.ledger.start import genesis_path, statement_path
from runtime.policy.engine import Policy, Refused
from runtime.release import VERSION
from runtime.signing.envelopes import sign
from runtime.signing.keys import PrivateKey
from runtime.targets.config import TargetConfig
from runtime.targets.interface import Target
from runtime.testing.court import START, document, installation, key_of
from runtime.testing.memory_git import MemoryGit, MemoryRemote
from runtime.testing.memory_target import MemoryControl, MemoryDatabase, MemorySystem, MemoryTarget
from runtime.testing.tiny_compiler import compile_files

Files = Callable[[], Mapping[str, bytes]]
AGENT = "conductor-eu"
DAY = timedelta(days=1)
NO_OBJECTION = b"a stand-in for policy.wasm"


class Consenting(Policy):
    """A policy that refuses nothing."""

    def __init__(self) -> None:
        """Load nothing."""

    def transition(self, asked: Any) -> list[Refused]:
        """Refuse nothing."""
        del asked
        return []


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


def compile_fleet(files: Mapping[str, bytes]) -> Compiled:
    """Compile with the tiny compiler, and render targets and the tenants' objects as well."""
    compiled = compile_files(files)
    if compiled.errors:
        return compiled
    bundle = dict(compiled.bundle)
    for path, data in files.items():
        name = path.rsplit("/", 1)[-1].removesuffix(".yaml")
        if path.startswith("spec/targets/"):
            bundle[f"config/targets/target/{name}.json"] = data
        elif path.startswith("tenants/") and path.count("/") == 1:
            bundle[f"objects/tenant/{name}.json"] = encode_objects(objects_of(name, data))
    return Compiled(compiled.inputs, bundle)


def objects_of(name: str, data: bytes) -> list[Object]:
    """A tenant's role and schema."""
    login = decode(data).get("state", "active") == "active"
    return [
        Object(ObjectId("pg-eu", "role", f"{name}_app"), {"login": login}, 1, name),
        Object(ObjectId("pg-eu", "schema", name), {"owner": f"{name}_app"}, 2, name),
    ]


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

    @classmethod
    def started(cls, **files: bytes) -> Fleet:
        """Build one up to its genesis; `files` are more inputs, or other ones."""
        fleet = cls()
        people = fleet.people = MemoryGit({"origin": fleet.remote})
        inputs = installation(
            **{
                "spec/targets/pg-eu.yaml": target("pg-eu", control=True),
                "policies/policy.wasm": NO_OBJECTION,
                **files,
            }
        )
        commit = people.commit_files(inputs, at=START - DAY)
        snapshot = fleet.snapshot(commit)
        genesis = Genesis("0123456789abcdef" * 2, "main", commit, snapshot)
        statement = Statement(subject=subject(genesis=genesis.digest), predicate=GenesisApproval(signed_at=START - DAY))
        envelopes = [sign(statement, key_of(name)) for name in ("mara", "tomas")]
        brought = {statement_path(envelope.digest): envelope.data for envelope in envelopes}
        people.commit_files({genesis_path(genesis.digest): genesis.data, **brought}, at=START - DAY)
        fleet.publish()
        for path in inputs:
            if path.startswith("spec/targets/"):
                fleet.systems[path.rsplit("/", 1)[-1].removesuffix(".yaml")] = MemorySystem()
        fleet.agent_git = MemoryGit({"origin": fleet.remote})
        return fleet

    people: MemoryGit = field(default_factory=MemoryGit)
    agent_git: MemoryGit = field(default_factory=MemoryGit)

    def compile(self, git: MemoryGit) -> Compile:
        """Compile commits of a clone."""

        def compiled(commit: str) -> Compiled:
            entries = {path: entry for path, entry in git.files(commit, *INPUT_FOLDERS).items() if is_input(path)}
            return compile_fleet({path: git.blob(entry.oid) for path, entry in entries.items()})

        return compiled

    def snapshot(self, commit: str) -> Snapshot:
        """What a commit compiles to."""
        snapshot = self.compile(self.people)(commit).snapshot
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
            writer=Writer(name, key or key_of(name), Release(version=self.release, sha256="0" * 64)),
            compile=self.compile(git),
            target=self.target,
            control=lambda config: MemoryControl(self.databases.setdefault(config.name, self.database)),
            clock=lambda: self.now,
            policies=lambda _wasm, _contents: Consenting(),
            at=self.steps.append,
        )

    def target(self, config: TargetConfig, *, repository: str, files: Files, anyone: bool) -> Target:
        """Connect to a system."""
        del repository, files
        return MemoryTarget(config.name, self.systems[config.name], expected=None if anyone else config.identity)

    def publish(self) -> None:
        """Push the people's main."""
        self.remote.refs["refs/heads/main"] = self.people.refs["refs/heads/main"]
        self.remote.objects.update(self.people.objects)

    def pull(self) -> None:
        """Bring the people's main to where the remote is."""
        oid = self.people.fetch("origin", "main")["main"]
        self.people.refs["refs/heads/main"] = str(oid)

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

    def approve(self, change: Change, *names: str, kind: Literal["approval", "withdrawal"] = "approval") -> str:
        """Push an approval by each of these people to the branch `approvals`; returns the last one's path there."""
        path = f"{change.digest}/change.json"
        files = {path: change.data}
        for name in names:
            predicate = Approval(
                kind=kind,
                after=self.history().verified.timeline.last.sha256,
                signed_at=self.now,
                expires_at=self.now + 30 * DAY,
                seen=Seen(base=None, head="c0" * 20),
            )
            envelope = sign(Statement(subject=subject(change=change.digest), predicate=predicate), key_of(name))
            path = f"{change.digest}/{sha256(envelope.data)}.sigstore.json"
            files[path] = envelope.data
        known = self.remote.refs.get("refs/heads/approvals")
        if known is not None:
            self.people.refs["refs/heads/approvals"] = known
        self.remote.refs["refs/heads/approvals"] = self.people.commit_files(files, branch="approvals", at=self.now)
        self.remote.objects.update(self.people.objects)
        return path

    def history(self) -> History:
        """What main's evidence says."""
        self.pull()
        head = self.people.refs["refs/heads/main"]
        return replay(self.people, head, policies=lambda _wasm, _contents: Consenting())

    def story(self) -> list[str]:
        """Kind by kind what the ledger says."""
        return [entry.kind for entry in self.history().entries]

    def entries(self, kind: str) -> list[Entry]:
        """The entries of one kind."""
        return [entry for entry in self.history().entries if entry.kind == kind]
