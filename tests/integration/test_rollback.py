"""`conductor rollback`, typed: the branch it writes is approved, merged, applied and verified like any other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from runtime.contract.instant import text
from runtime.git.repository import Repository
from runtime.ledger.history import replay
from runtime.signing.keys import write_keypair
from runtime.testing.small_tree import seed_of
from tests.services.commands import Ran, conductor, git
from tests.services.real_installation import ROLES, RealInstallation, resource, tenant_yaml

pytestmark = pytest.mark.service

KEEPER = "tenants/keeper.yaml"


@dataclass
class Clone:
    """A person's clone of an installation."""

    where: RealInstallation
    repo: Path

    def merged(self, files: dict[str, bytes], message: str) -> str:
        """Merge a change to main, have it approved by both and applied; returns its commit."""
        commit = self.where.merge(files, message=message)
        self.pull()
        self.approved("HEAD")
        self.applied()
        return commit

    def pull(self) -> None:
        git(self.repo, "pull", "--quiet", "--rebase", "origin", "main")

    def approved(self, head: str) -> None:
        for name in ROLES:
            key = self.where.folder / f"{name}.key"
            ran = conductor(
                *("approve", "--repo", self.repo, "--head", head, "--person", name, "--key", key, "--yes", "--push")
            )
            assert ran.code == 0, ran.out + ran.err

    def applied(self) -> None:
        ran = conductor("agent", "once", "--repo", self.where.agent_clone, "--key", self.where.folder / "agent.key")
        assert ran.code == 0, ran.out + ran.err
        self.pull()

    def rollback(self, commit: str, *more: str) -> Ran:
        return conductor("rollback", commit, "--repo", self.repo, *more)

    def limit(self) -> int:
        """How many connections the database grants keeper."""
        with psycopg.connect(self.where.dsn) as admin:
            row = admin.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 't_keeper_app'").fetchone()
        assert row is not None
        return int(row[0])

    def branches(self) -> str:
        return git(self.repo, "branch", "--format=%(refname)")


@pytest.fixture
def clone(tmp_path: Path, dsn18: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clone]:
    where = RealInstallation.make(tmp_path / "installation", dsn18)
    where.password("later")
    for name in ROLES:
        write_keypair(where.folder / f"{name}.key", seed_of(name))
    for name, value in where.environment.items():
        monkeypatch.setenv(name, value)
    git(tmp_path, "clone", "--quiet", where.remote, "clone")
    made = Clone(where, tmp_path / "clone")
    for setting, value in (("user.name", "Mara"), ("user.email", "mara@example.org")):
        git(made.repo, "config", setting, value)
    made.applied()
    yield made
    where.close()


def test_what_was_applied_is_rolled_back_approved_applied_and_verified(clone: Clone) -> None:
    before = git(clone.repo, "rev-parse", "HEAD")
    clone.merged({KEEPER: tenant_yaml("keeper", connection_limit=7)}, "Give keeper less")
    clone.merged({"tenants/later.yaml": tenant_yaml("later")}, "Take later in")
    rules = (clone.repo / "policies/approvals.yaml").read_bytes().replace(b"approval_days: 14", b"approval_days: 13")
    clone.merged({"policies/approvals.yaml": rules}, "Let approvals last a day less")
    assert clone.limit() == 7
    head, status = git(clone.repo, "rev-parse", "HEAD"), git(clone.repo, "status", "--porcelain")

    told = json.loads(clone.rollback(before, "--branch", "other", "--format", "json").out)
    assert (told["branch"], told["to"], told["kept"]) == ("other", before, ["tenants/later.yaml"])
    assert told["commit"] == git(clone.repo, "rev-parse", "other")
    assert [row[0] for row in told["plan"]["change"]["inputs"]] == [KEEPER]

    ran = clone.rollback(before, "--branch", "back")

    assert ran.code == 0, ran.err
    assert "Stays too, since its removal is refused yet: tenants/later.yaml." in ran.out
    assert f"conductor plan --repo {clone.repo} --head back" in ran.out
    assert (git(clone.repo, "rev-parse", "HEAD"), git(clone.repo, "status", "--porcelain")) == (head, status)
    assert git(clone.repo, "log", "--format=%an <%ae> %P", "-1", "back") == f"Mara <mara@example.org> {head}"
    assert git(clone.repo, "diff", "--name-only", "main", "back") == KEEPER
    assert git(clone.repo, "diff", "--name-only", before, "back", "--", "tenants") == "tenants/later.yaml"
    assert git(clone.repo, "show", "back:policies/approvals.yaml") == rules.decode().strip()

    clone.approved("back")
    git(clone.repo, "push", "--quiet", "origin", "back:main")
    clone.applied()

    assert clone.limit() == 40
    with Repository(clone.repo) as repository:
        history = replay(repository, git(clone.repo, "rev-parse", "HEAD"))
    done = conductor("verify", "--repo", clone.repo, "--at", text(history.tip.time), "--render")
    assert done.code == 0, done.out + done.err
    assert history.commit == git(clone.repo, "rev-parse", "back")


def test_nobody_goes_back_to_what_nobody_agreed_to(clone: Clone) -> None:
    proposed = clone.where.merge({KEEPER: tenant_yaml("keeper", connection_limit=7)}, message="Give keeper less")
    clone.pull()
    there = clone.branches()
    ran = clone.rollback(proposed)
    assert ran.code == 2
    assert f"no verdict has taken the inputs of {proposed[:12]}" in ran.err
    assert clone.branches() == there


def test_what_would_not_compile_leaves_no_branch_until_it_is_kept(clone: Clone) -> None:
    before = git(clone.repo, "rev-parse", "HEAD")
    standard = (clone.repo / "tenants/blueprints/standard.yaml").read_bytes()
    special = "tenants/blueprints/special.yaml"
    later = resource("Tenant", "later", "  blueprint: special\n  state: active\n")
    clone.merged(
        {
            special: standard.replace(b"name: standard", b"name: special"),
            "tenants/later.yaml": later,
            KEEPER: tenant_yaml("keeper", connection_limit=7),
        },
        "Take later in, on a blueprint of its own",
    )
    there = clone.branches()
    refused = clone.rollback(before, "--branch", "back")
    assert refused.code == 1
    assert "do not compile beside what stays, so no branch was written" in refused.err
    assert "unknown blueprint `special`" in refused.err
    assert clone.branches() == there
    kept = clone.rollback(before, "--branch", "back", "--keep", special)
    assert kept.code == 0, kept.err
    assert git(clone.repo, "diff", "--name-only", "main", "back") == KEEPER
    again = clone.rollback(before, "--branch", "back", "--keep", special)
    assert again.code == 2
    assert "the branch `back` already exists" in again.err


def test_what_is_refused_today_is_named_and_leaves_no_branch(clone: Clone) -> None:
    today = datetime.now(tz=UTC).date()
    spec = (
        "  type: boolean\n  variants: {enabled: true, disabled: false}\n  default: disabled\n  safe: disabled\n"
        f"  owner: mara\n  reason: To see whether it helps\n  created: {today}\n  ttl_seconds: 604800\n"
    )
    flag = resource("Flag", "short-lived", spec)
    with_flag = clone.merged({"flags/short-lived.yaml": flag}, "Try something for a week")
    clone.where.merge({}, remove=("flags/short-lived.yaml",), message="End the trial")
    clone.pull()
    there = clone.branches()
    refused = clone.rollback(with_flag, "--today", str(today + timedelta(days=30)))
    assert refused.code == 1
    assert "are refused now, so no branch was written" in refused.err
    assert "flag `short-lived` has expired" in refused.err
    assert clone.branches() == there
    assert clone.rollback(with_flag, "--today", str(today)).code == 0


def test_going_back_to_where_main_is_or_keeping_what_is_not_there_is_a_mistake(clone: Clone) -> None:
    here = git(clone.repo, "rev-parse", "HEAD")
    assert "there is nothing to go back to" in clone.rollback(here).err
    unknown = clone.rollback(here, "--keep", "tenants/nobody.yaml")
    assert (unknown.code, "neither main nor" in unknown.err) == (2, True)
