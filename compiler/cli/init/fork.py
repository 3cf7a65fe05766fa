"""A copy with somebody's history -> what must differ before it may start its own. Writes nothing.

Rules kept: what the copy would be is what HEAD of main compiles to, what the original is comes from its ledger; while
an agent's key, a target's identity or a file of the ledger's head is the original's, or nobody has said whose the
remote is, no command that starts anything is given.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compiler.driver import compile_commit
from runtime.agent.state import PUSHED
from runtime.contract.change import Snapshot
from runtime.contract.errors import ConductorError, UsageError
from runtime.contract.genesis import Genesis
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.git.process import run, without_credentials
from runtime.git.repository import Repository
from runtime.governance.config import Governance
from runtime.ledger.entry import GENESIS
from runtime.ledger.history import History, replay
from runtime.ledger.start import read_genesis
from runtime.targets.config import targets_of

_MAIN = "main"
_FILE = "file:"


@dataclass(frozen=True)
class Must:
    """Something that may not stay: where, what, and what to do about it."""

    where: str
    what: str
    do: str


@dataclass(frozen=True)
class Fork:
    """What the copy is: of which history, what may not stay, what is worth a look, and who could sign."""

    original: Genesis
    verified: str
    musts: tuple[Must, ...]
    notes: tuple[str, ...]
    people: tuple[str, ...]


def look_at(git: Repository, *, origin: str | None, trust_root: str | None) -> Fork:
    """Compare; raises UsageError or ConductorError where this is no copy, or not one that may be looked at."""
    head = _head(git)
    history = _history(git, head, trust_root)
    compiled = compile_commit(git)(head)
    if compiled.snapshot is None:
        raise ConductorError(
            f"commit {head[:12]} does not compile: {compiled.errors[0]}", help="`conductor check` shows every mistake"
        )
    mine = _Side.of([compiled.snapshot])
    theirs = _Side.of([history.genesis.snapshot, history.snapshot])
    text = {path: git.blob(file.oid).decode() for path, file in git.files(head, "policies", "spec").items()
            if path.endswith(".yaml")}  # fmt: skip
    musts = (*_remote(git, origin), *_agents(mine, theirs, text), *_targets(mine, theirs, text))
    notes = (*_ledger_notes(history), *_notes(mine, theirs))
    return Fork(history.genesis, history.commit, musts, notes, tuple(sorted(mine.people)))


@dataclass(frozen=True)
class _Side:
    """What two repositories must not share: the values, each with the agent or target that has it."""

    keys: dict[str, str]
    heads: dict[str, str]
    identities: dict[str, str]
    dsns: dict[str, str]
    people: frozenset[str]

    @classmethod
    def of(cls, snapshots: Iterable[Snapshot]) -> _Side:
        both = [(Governance.of(one.contents), targets_of(one.contents)) for one in snapshots]
        agents = [agent for governance, _ in both for agent in governance.agents.values()]
        targets = [target for _, found in both for target in found.values()]
        return cls(
            keys={key.public: agent.name for agent in agents for key in agent.keys},
            heads={_one_name(agent.ledger_head): agent.name for agent in agents if agent.ledger_head.startswith(_FILE)},
            identities={target.identity: target.name for target in targets},
            dsns={target.dsn: target.name for target in targets},
            people=frozenset(name for governance, _ in both for name in governance.people),
        )


def _one_name(reference: str) -> str:
    """One file has one name here, however it is spelt."""
    path = posixpath.normpath(reference.removeprefix(_FILE))
    return f"{_FILE}/{path.lstrip('/')}" if path.startswith("//") else f"{_FILE}{path}"


def _head(git: Repository) -> str:
    head = git.resolve(f"refs/heads/{_MAIN}")
    if head is None or head != git.resolve("HEAD"):
        raise UsageError(f"a history starts on {_MAIN}, which is not checked out", help=f"git switch {_MAIN}")
    if dirty := git.uncommitted(*INPUT_FOLDERS):
        raise UsageError(f"{dirty[0]} is not committed, so it would not be looked at", help="commit it, or git restore")
    if git.resolve(PUSHED) is not None:
        raise UsageError(
            "an agent of the original works in this clone", help="make a copy of its own: git clone URL, and go there"
        )
    return head


def _history(git: Repository, head: str, trust_root: str | None) -> History:
    found = [
        genesis
        for path, file in git.files(head, GENESIS.rstrip("/")).items()
        if (genesis := read_genesis(path, git.blob(file.oid))) is not None
    ]
    if not found:
        raise UsageError("this copy has no history to part from", help="without --fork, `conductor init` begins one")
    replaced = {genesis.previous for genesis in found}
    last = [genesis.digest for genesis in found if genesis.digest not in replaced]
    if trust_root is None and len(found) > 1:
        raise UsageError(
            f"this history has started anew already, last with genesis sha256:{last[0]}",
            help=f"if that is this copy's own, all is done; if it is the original's, --trust-root sha256:{last[0]}",
        )
    history = replay(git, head, trust_root=trust_root)
    if history.findings:
        raise ConductorError(
            f"the history of this copy is invalid: {history.findings[0].message}",
            help="`conductor verify` says more; copy the original again",
        )
    return history


def _remote(git: Repository, origin: str | None) -> Iterator[Must]:
    url = run(git.path, "config", "--get", "remote.origin.url").out.decode(errors="replace").strip()
    if not url and origin is not None:
        raise UsageError("this copy has no remote `origin`", help="leave --origin out, or git remote add origin URL")
    if url and origin not in {url, without_credentials(url)}:
        shown = without_credentials(url)
        yield Must(
            "origin",
            f"the remote is {shown}, and nobody said that it is this copy's own",
            f"--origin {shown} says so; git remote set-url origin URL if it is the original's",
        )


def _agents(mine: _Side, theirs: _Side, text: dict[str, str]) -> Iterator[Must]:
    for key, name in mine.keys.items():
        if key in theirs.keys:
            yield Must(
                _place(text, f"policies/agents/{name}.yaml", key),
                f"`{name}` would sign with a key of the original's agent `{theirs.keys[key]}`",
                "ssh-keygen -t ed25519 -N '' -f FILE makes a new one; put the line of FILE.pub here",
            )
    for head, name in mine.heads.items():
        if head in theirs.heads:
            yield Must(
                _place(text, f"policies/agents/{name}.yaml", head),
                f"`{name}` would keep the ledger's head where the original's agent keeps its own",
                "name another file, or `control`",
            )


def _targets(mine: _Side, theirs: _Side, text: dict[str, str]) -> Iterator[Must]:
    for identity, name in mine.identities.items():
        if identity in theirs.identities:
            yield Must(
                _place(text, f"spec/targets/{name}.yaml", identity),
                f"target `{name}` is the original's system {identity}",
                "let `dsn` lead to a system of your own, and put its identity here: `conductor agent once --dry-run` "
                "prints it; or remove the target",
            )


def _ledger_notes(history: History) -> Iterator[str]:
    branch = history.genesis.ledger
    if branch is None:
        return
    yield f"the original's ledger is on the branch `{branch}`: if main takes no robot here, name another: --ledger"
    if history.ledger is None:
        yield f"that branch is not here, so what it took since its genesis was not compared: git fetch origin {branch}"


def _notes(mine: _Side, theirs: _Side) -> Iterator[str]:
    for dsn, name in mine.dsns.items():
        if dsn in theirs.dsns:
            yield f"target `{name}` is found through {dsn}, as the original's is: give it another value, or rename it"
    if both := sorted(mine.people & theirs.people):
        yield f"of the original's people these approve here too: {', '.join(both)}"
    yield "tenants' passwords are read from the references that the original uses: give them other values"


def _place(text: dict[str, str], path: str, value: str) -> str:
    """`path:line` of a value; the path alone where YAML spells it otherwise."""
    for number, line in enumerate(text.get(path, "").splitlines(), start=1):
        if value in line:
            return f"{path}:{number}"
    return path
