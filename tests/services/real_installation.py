"""A whole installation on disk: people's clone, a bare remote, the agent's own clone, a database, a release folder.

The real compiler, the real policy, real git; tenants are added, altered, approved and merged by a call each. Keys come
from names (`runtime.testing.small_tree.key_of`), so that every run is the same.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from compiler.driver import compile_commit
from runtime.contract.change import Change, Snapshot, between
from runtime.git.interface import PushOutcome
from runtime.git.process import run
from runtime.git.repository import Repository
from runtime.governance.approvals import filed
from runtime.ledger import genesis
from runtime.ledger.entry import Entry
from runtime.ledger.history import History, replay
from runtime.release import VERSION
from runtime.signing.keys import write_keypair
from runtime.targets.release import IDENTITY
from runtime.testing.memory_git import SOMEBODY
from runtime.testing.small_tree import AGENT, BRANCH, REPOSITORY, key_of, seed_of
from runtime.testing.statements import Kind, approval, signed_genesis
from tests.cases.inputs import own_policy, own_tree

_PROTECTED = """#!/bin/sh
while read old new ref; do
  if [ "$ref" = refs/heads/main ] && [ "$PUSHER" != forge ]; then
    echo "GH006: Protected branch update failed for refs/heads/main." >&2
    exit 1
  fi
done
"""
ROLES = {
    "mara": "[admin, mc, pm, backend, incident-commander]",
    "tomas": "[platform, sec-tl, security]",
}
PASSWORD = "correct horse battery staple"  # noqa: S105 -- of tenants of throw-away servers


def resource(kind: str, name: str, spec: str) -> bytes:
    """A YAML document; `spec` is its body, indented by two."""
    return f"apiVersion: conductor/v1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n{spec}".encode()


def tenant_yaml(name: str, *, state: str = "active", connection_limit: int = 40, adopt: bool = False) -> bytes:
    """A tenant on the standard blueprint."""
    overrides = (
        f"  overrides:\n    database: {{connection_limit: {connection_limit}}}\n" if connection_limit != 40 else ""
    )
    adopted = "  adopt: true\n" if adopt else ""
    return resource("Tenant", name, f"  blueprint: standard\n  state: {state}\n{overrides}{adopted}")


def _keyed(kind: str, name: str, more: str) -> bytes:
    return resource(kind, name, f"  keys:\n    - {key_of(name).public_line}\n{more}")


def tree(identity: str, release: str, drift: str, archive: str | None = None) -> dict[str, bytes]:
    """The inputs: two people, an agent, the repository's own Rego and blueprint, two targets, a tenant."""
    rules = (
        "  approval_days: 14\n  rules:\n"
        "    - name: tenants\n      paths: [tenants/**, config/tenants/**, objects/tenant/**]\n"
        "      people: {platform: 1, pm: 1}\n"
        "    - name: policies\n      paths: [policies/**, config/governance/**]\n      people: {mc: 1, sec-tl: 1}\n"
    )
    return {
        **own_policy(),
        **{
            f"policies/people/{who}.yaml": _keyed("Person", who, f"  title: Somebody\n  roles: {roles}\n")
            for who, roles in ROLES.items()
        },
        f"policies/agents/{AGENT}.yaml": _keyed("Agent", AGENT, "  heartbeat_seconds: 86400\n  ledger_head: control\n"),
        "policies/approvals.yaml": resource("ApprovalPolicy", "approvals", rules),
        "policies/compiler.yaml": resource("Compiler", "compiler", f"  release: {VERSION}\n"),
        "tenants/blueprints/standard.yaml": own_tree()["tenants/blueprints/standard.yaml"],
        "tenants/keeper.yaml": tenant_yaml("keeper"),
        "spec/targets/pg-eu.yaml": resource(
            "Target",
            "pg-eu",
            f"  type: postgres\n  region: eu-central\n  dsn: env:CONDUCTOR_TEST_PG\n  identity: {identity!r}\n"
            f"  drift: {drift}\n  max_delete_percent: 50\n  control: true\n"
            + (f"  archive: {archive}\n" if archive else ""),
        ),
        "spec/targets/release-eu.yaml": resource(
            "Target",
            "release-eu",
            f"  type: release\n  region: eu-central\n  dsn: env:CONDUCTOR_TEST_RELEASE\n  identity: {release}\n"
            "  drift: heal\n",
        ),
    }


@dataclass
class RealInstallation:
    """See the module. `environment` is what an agent needs to know, `ahead` how far clocks are ahead."""

    folder: Path
    people: Repository
    environment: dict[str, str]
    dsn: str
    ledger: str | None = None
    """The branch that holds the ledger, at a remote whose main takes people's pushes only; None: main."""
    ahead: timedelta = timedelta()
    _known: History | None = None

    @classmethod
    def make(
        cls, folder: Path, dsn: str, *, drift: str = "heal", archive: str | None = None, ledger: str | None = None
    ) -> RealInstallation:
        """Build one up to its genesis; `archive` is that of its database, as YAML."""
        folder.mkdir(parents=True, exist_ok=True)
        Repository.init(folder / "remote.git", bare=True).close()
        people = Repository.mirror(str(folder / "remote.git"), folder / "people.git")
        Repository.mirror(str(folder / "remote.git"), folder / "agent.git").close()
        write_keypair(folder / "agent.key", seed_of(AGENT))
        release = folder / "release"
        release.mkdir()
        (release / IDENTITY).write_text("f" * 32 + "\n")
        environment = {"CONDUCTOR_TEST_PG": dsn, "CONDUCTOR_TEST_RELEASE": str(release)}
        made = cls(folder, people, environment, dsn, ledger)
        if ledger is not None:
            made._protect_main()
        made.password("keeper")
        with psycopg.connect(dsn) as connection:
            (system,) = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone() or (
                "",
            )
            files = tree(f"{system}/{connection.info.dbname}", "f" * 32, drift, archive)
        made.merge(files)
        made._begin()
        return made

    @property
    def remote(self) -> Path:
        """The bare remote."""
        return self.folder / "remote.git"

    @property
    def agent_clone(self) -> Path:
        """The agent's own clone."""
        return self.folder / "agent.git"

    def second_clone(self) -> Path:
        """Another agent's clone, with the same key."""
        place = self.folder / "agent-two.git"
        if not place.exists():
            Repository.mirror(str(self.remote), place).close()
        return place

    def head(self) -> str:
        """Main's head at the remote."""
        head = self.people.fetch("origin", "main")["main"]
        assert head is not None
        return head

    @property
    def branch(self) -> str:
        """The branch that holds the ledger."""
        return self.ledger or BRANCH

    def pushed(self) -> str | None:
        """The head of the ledger's branch at the remote."""
        return self.people.fetch("origin", self.branch)[self.branch]

    def history(self) -> History:
        """What main's evidence says."""
        heads = self.people.fetch("origin", BRANCH, self.branch)
        main, ledger = heads[BRANCH], heads[self.branch]
        assert main is not None
        self._known = replay(self.people, main, after=self._known, heads=lambda _: (main, ledger))
        return self._known

    def entries(self, kind: str, *, since: int = 0) -> list[Entry]:
        """The entries of a kind after a number."""
        return [entry for entry in self.history().entries if entry.kind == kind and entry.sequence > since]

    def password(self, tenant: str) -> None:
        """Let the tenant's password reference lead to something."""
        self.environment[f"CONDUCTOR_TENANT_{tenant.upper().replace('-', '_')}_PASSWORD"] = PASSWORD

    def merge(
        self,
        files: Mapping[str, bytes],
        *,
        remove: tuple[str, ...] = (),
        message: str = "Change",
        branch: str = BRANCH,
    ) -> str:
        """Commit to main (or another branch) and push; returns the commit."""
        known = self.people.fetch("origin", branch)[branch]
        commit = self.people.write(known, files, message=message, author=SOMEBODY, at=_now(), remove=remove)
        assert self.people.push("origin", branch, commit, old=known) is PushOutcome.DONE
        return commit

    def tenant(self, *names: str, state: str = "active", connection_limit: int = 40, adopt: bool = False) -> Change:
        """Merge tenants as they are to be, approved by both people; returns the change."""
        for name in names:
            self.password(name)
        self.merge(
            {
                f"tenants/{name}.yaml": tenant_yaml(name, state=state, connection_limit=connection_limit, adopt=adopt)
                for name in names
            },
            message=f"Let {', '.join(names)} be {state} with {connection_limit} connections"
            + (", as they are" if adopt else ""),
        )
        change = self.change()
        self.approve(change, *ROLES)
        return change

    def change(self) -> Change:
        """From P to main's head."""
        history = self.history()
        return between(
            history.snapshot, self.snapshot(history.head), repository=history.genesis.repository, branch="main"
        )

    def snapshot(self, commit: str) -> Snapshot:
        """What a commit compiles to."""
        found = compile_commit(self.people)(commit)
        assert found.snapshot is not None, found.errors
        return found.snapshot

    def approve(self, change: Change, *names: str, kind: Kind = "approval") -> None:
        """Push an approval (or withdrawal) by each of these people."""
        known = self.people.fetch("origin", "approvals")["approvals"]
        now, after = _now() + self.ahead, self.history().verified.timeline.last.sha256
        files = filed(change, *(approval(change, key_of(name), after=after, at=now, kind=kind) for name in names))
        commit = self.people.write(known, files, message="Approve", author=SOMEBODY, at=now)
        assert self.people.push("origin", "approvals", commit, old=known) is PushOutcome.DONE

    def copy_of_remote(self, name: str) -> Path:
        """A copy of the remote as it is now."""
        place = self.folder / name
        shutil.copytree(self.remote, place)
        return place

    def close(self) -> None:
        """End git's process."""
        self.people.close()

    def _protect_main(self) -> None:
        """Let main take the pushes of the forge's user only: that is the one who says so to the remote."""
        hook = self.remote / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(_PROTECTED)
        hook.chmod(0o755)
        said = run(self.people.path, "config", "remote.origin.receivepack", "env PUSHER=forge git-receive-pack")
        assert said.code == 0

    def _begin(self) -> None:
        made = genesis.create(
            compile_commit(self.people),
            self.head(),
            branch=BRANCH,
            repository=REPOSITORY,
            release=VERSION,
            ledger=self.ledger,
        )
        self.merge(signed_genesis(made, map(key_of, ROLES), _now()).files, message="Start the history")


def _now() -> datetime:
    return datetime.now(tz=UTC).replace(microsecond=0)
