"""Attacks by a copy that lives on: what it kept of the original gives it no power over the original's systems."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from runtime.contract.genesis import Genesis
from tests.services.commands import git
from tests.services.platform import PEOPLE, Platform

pytestmark = pytest.mark.service

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "new-genesis.md"


def limit(dsn: str) -> int:
    """How many connections the tenant's application may have."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 't_acme_retail_app'").fetchone()
    assert row is not None
    return int(row[0])


def hand_over(dsn: str, *, old: str, new: str) -> None:
    """What docs/runbooks/new-genesis.md has somebody do who owns the database."""
    (statement,) = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(statement.replace("OLD-ID", old).replace("NEW-ID", new).encode())


def repository_of(platform: Platform, digest: str) -> str:
    return Genesis.from_bytes((platform.repo / "evidence" / "genesis" / f"{digest}.json").read_bytes()).repository


def test_a_fork_that_kept_everything_of_the_originals_alters_nothing_of_it(original: Platform, copy: Platform) -> None:
    """I pass by `init --fork`: the same agent's key, the same database, and two of its people sign a genesis of my
    copy, in which their tenant has one connection. My agent is told of that genesis, and let loose.

    What keeps me out is the repository's id in the objects' ownership marks. Once that is handed over, I succeed.
    """
    copy.tenant("  overrides:\n    database: {connection_limit: 1}\n")
    git(copy.repo, "-c", "user.name=M", "commit", "--quiet", "--all", "--message=Starve them")
    for name in PEOPLE:
        copy.done("genesis", "--previous", original.root, "--person", name, "--key", str(original.key(name)))
    git(copy.repo, "push", "--quiet", "origin", "main")
    old = original.root.removeprefix("sha256:")
    (new,) = {file.stem for file in (copy.repo / "evidence" / "genesis").glob("*.json")} - {old}
    arguments = ("agent", "once", "--trust-root", new, "--key", str(original.key("agent")))
    refused = copy.conductor(*arguments)
    assert (refused.code, "Conductor did not make it" in refused.out) == (1, True)
    assert limit(original.dsn) == 20
    assert original.done("agent", "once", "--key", str(original.key("agent"))) == "nothing to do\n"
    hand_over(original.dsn, old=repository_of(copy, old), new=repository_of(copy, new))
    copy.conductor(*arguments)
    assert limit(original.dsn) == 1
