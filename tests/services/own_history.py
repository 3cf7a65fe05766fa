"""A repository on disk with this one's YAML, keys of its own, and a history: genesis, one tenant taken, a heartbeat."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compiler.cli.demo.copy import copy_tree, replace
from compiler.driver import compile_commit
from runtime.contract.change import Snapshot, between
from runtime.contract.objects import Action, Operation
from runtime.contract.predicates import Outcome, Release, Seen
from runtime.git.repository import Repository
from runtime.ledger import append
from runtime.ledger.append import Grounds, Tip, Writer, Written, record
from runtime.ledger.history import replay
from runtime.ledger.owed import GENESIS, altered
from runtime.release import VERSION, code_sha256
from runtime.signing.keys import load_private, write_keypair
from runtime.testing.statements import approval
from tests.services.commands import conductor, git

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = ("mara-lindqvist", "tomas-okafor", "ines-carvalho")
ECDSA = "tomas-okafor"
"""Whose key is ECDSA on P-256; the others' are Ed25519."""
AGENT = "conductor-eu"
TENANT = "tenants/fjordline-ferries.yaml"


def own_yaml(folder: Path) -> Path:
    """A repository with this one's YAML, in which the people's and the agent's keys are new."""
    repo, keys = folder / "repo", folder / "keys"
    repo.mkdir()
    keys.mkdir()
    copy_tree(ROOT, repo)
    lines = {name: write_keypair(keys / name).public_line for name in (*PEOPLE, AGENT) if name != ECDSA}
    subprocess.run(
        ("ssh-keygen", "-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", str(keys / ECDSA)), check=True, timeout=60
    )
    lines[ECDSA] = load_private(keys / ECDSA).public_line
    assert list(replace(repo, keys=lines, targets={}, created="2026-11-20"))
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=Lay out the installation")
    return repo


@pytest.fixture
def own_repository(tmp_path: Path) -> Path:
    """A repository without a genesis; the keys lie in `keys` beside it."""
    return own_yaml(tmp_path)


def started(folder: Path, ledger: str = "main", signers: tuple[str, ...] = PEOPLE) -> Path:
    """The same, with a genesis that all of them signed, unless told."""
    repo = own_yaml(folder)
    for name in signers:
        said = ("--person", name, "--key", folder / "keys" / name, *(("--more",) if name != signers[-1] else ()))
        assert conductor("genesis", "--repo", repo, "--ledger", ledger, *said).code == 0
    if ledger != "main":
        git(repo, "branch", ledger)
    return repo


class Agent:
    """Writes to a real repository what an agent would, without any target."""

    def __init__(self, repository: Repository, keys: Path, now: datetime, ledger: str = "main") -> None:
        self.git, self.keys, self.now, self.ref = repository, keys, now, f"refs/heads/{ledger}"
        self.writer = Writer(
            AGENT, load_private(keys / AGENT), Release(version=VERSION, sha256=code_sha256()), "5c" * 16
        )

    def push(self, *entries: Written) -> str:
        """Commit entries to the ledger's branch."""
        head = self.git.resolve(self.ref)
        assert head
        commit = record(self.git, head, entries, self.writer, at=self.now)
        assert self.git.set_ref(self.ref, commit, old=head)
        return commit

    def take(self, commit: str, *people: str) -> None:
        """Take a commit that these people approve, and say that it was done."""
        history = replay(self.git, commit)
        after = compile_commit(self.git)(commit).snapshot
        assert isinstance(after, Snapshot)
        before = history.snapshot
        change = between(before, after, repository=history.genesis.repository, branch="main")
        approvals = {}
        for name in people:
            signed = approval(
                change,
                load_private(self.keys / name),
                after=history.verified.timeline.last.sha256,
                at=self.now,
                until=self.now + timedelta(days=3),
                seen=Seen(base=history.commit, head=commit),
            )
            approvals[signed.sha256] = signed.envelope.data
        grounds = Grounds(
            history.commit, commit, before.manifest.digest, after.manifest.digest, change, approvals, landed=()
        )
        wanted = history.state.wanted
        begun = self.act(history.end, before.manifest.digest, GENESIS, [], len(wanted.objects) + len(wanted.releases))
        verdict = append.verdict(begun, self.writer, self.now, grounds)
        self.push(verdict)
        todo = [
            Action(Operation.CREATE, item.id, None, item.attributes, item.wave, item.tenant, change.digest)
            for _, _, item in altered(change)
            if item is not None
        ]
        self.act(verdict.tip, after.manifest.digest, change.digest, todo, len(wanted.releases))

    def act(self, tip: Tip, manifest: str, because: str, todo: list[Action], as_declared: int) -> Tip:
        """Write an intent and its result."""
        says = {"because": because, "manifest": manifest, "actions": todo, "as_declared": as_declared}
        intent = append.intent(tip, self.writer, self.now, **says)  # type: ignore[arg-type]  # each has its type
        outcomes = [Outcome(index=index, outcome="done") for index in range(len(todo))]
        result = append.result(intent.tip, self.writer, self.now, intent=intent.digest, outcomes=outcomes)
        self.push(intent)
        self.push(result)
        return result.tip


@pytest.fixture(scope="session")
def finished_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `repo`, `keys`: a genesis, one tenant taken, a heartbeat."""
    return _finished(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def finished_apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the ledger on the branch `ledger`."""
    return _finished(tmp_path_factory.mktemp("apart"), "ledger")


def _finished(folder: Path, ledger: str = "main") -> Path:
    repo = started(folder, ledger)
    tenant = (repo / "tenants" / "velora-retail.yaml").read_text()
    (repo / TENANT).write_text(tenant.replace("velora-retail", "fjordline-ferries"))
    git(repo, "add", ".")
    git(repo, "commit", "--quiet", "--message=Add Fjordline Ferries")
    with Repository(repo) as repository:
        agent = Agent(repository, folder / "keys", datetime.now(tz=UTC).replace(microsecond=0), ledger)
        agent.take(git(repo, "rev-parse", "HEAD"), *PEOPLE)
        history = replay(repository, git(repo, "rev-parse", "HEAD"))
        agent.push(
            append.heartbeat(
                history.end, agent.writer, agent.now, commit=history.commit, manifest=history.snapshot.manifest.digest
            )
        )
    git(repo, "reset", "--quiet", "--hard")
    return folder


@pytest.fixture
def own_copy(finished_history: Path, tmp_path: Path) -> Path:
    """The finished repository, to be damaged."""
    shutil.copytree(finished_history / "repo", tmp_path / "copy")
    return tmp_path / "copy"


def trust_root(repo: Path) -> str:
    """The SHA-256 of the only genesis of a work tree."""
    (genesis,) = (repo / "evidence" / "genesis").glob("*.json")
    return f"sha256:{genesis.stem}"
