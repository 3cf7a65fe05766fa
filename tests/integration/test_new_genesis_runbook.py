"""The hand-over of docs/runbooks/new-genesis.md: what one repository made becomes another's, as the page says it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import psycopg
import pytest

from runtime.contract.canonical import encode, sha256
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.targets.release import ReleaseTarget
from tests.services.fixtures_postgres import Servers
from tests.services.postgres import database
from tests.services.tenant import Secrets, Tenant, apply, lines, target

pytestmark = pytest.mark.service

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "new-genesis.md"
OLD, NEW, OTHER = "a1" * 16, "b2" * 16, "c3" * 16
ACME, GLOBEX = Tenant("acme-retail"), Tenant("globex")


def page(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found: str = next(block for block in blocks if containing in block)
    return found.replace("OLD-ID", OLD).replace("NEW-ID", NEW)


def test_a_database_is_handed_over_and_what_is_others_stays_theirs(postgres_servers: Servers) -> None:
    running = postgres_servers(18)
    with database(running, "graph") as dsn:
        secret = Secrets.of(dsn, ACME, GLOBEX)
        with target(secret, repository=OLD) as opened:
            apply(opened, (ACME,), intent=12)
        with target(secret, repository=OTHER) as opened:
            apply(opened, (GLOBEX,), intent=7)
        with psycopg.connect(dsn, autocommit=True) as admin:
            admin.execute(page("sql", "conductor_locks").encode())
        with target(secret, repository=NEW) as opened:
            assert lines(opened, (ACME,)) == ()
            apply(opened, (ACME.suspended,), intent=1)
            assert lines(opened, (ACME.suspended,)) == ()
        with target(secret, repository=OTHER) as opened:
            assert lines(opened, (GLOBEX,)) == ()


def test_a_release_folder_is_handed_over(tmp_path: Path) -> None:
    files = {"config/flags/flag/a.json": b"1"}
    digests = {path: sha256(data) for path, data in files.items()}
    wanted = {"manifest": sha256(encode({"bundle": digests})), "files": sha256(encode(digests))}
    current = ObjectId("releases", "release", "current")

    def release(repository: str) -> ReleaseTarget:
        return ReleaseTarget(
            "releases",
            folder="env:RELEASES",
            expected=None,
            repository=repository,
            files=lambda: files,
            resolve=lambda _: str(tmp_path),
            new_id=lambda: "an-id",
            kept=3,
        )

    with release(OLD) as opened:
        opened.perform(Action(Operation.CREATE, current, None, wanted, 9, None, "genesis"), intent=21)
    with release(NEW) as opened:
        assert opened.observe([current]) == {current: {"foreign": True}}
    subprocess.run(("sh", "-c", page("sh", "sed -i").replace("FOLDER", str(tmp_path))), check=True, timeout=30)
    with release(NEW) as opened:
        assert opened.observe([current]) == {current: wanted}
