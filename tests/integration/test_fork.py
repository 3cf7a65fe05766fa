"""`conductor init --fork`: what a copy must let go of before it starts a history of its own."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from runtime.signing.keys import write_keypair
from tests.services.commands import Ran, git
from tests.services.fixtures_postgres import Servers
from tests.services.platform import PEOPLE, Platform
from tests.services.postgres import database

pytestmark = pytest.mark.service

AGENT = "policies/agents/conductor.yaml"
TARGET = "spec/targets/pg-eu-central.yaml"


def fork(copy: Platform, *more: str) -> Ran:
    return copy.conductor("init", "--fork", "--origin", str(copy.folder / "remote.git"), *more)


def replace(copy: Platform, path: str, before: str, after: str) -> None:
    file = copy.repo / path
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


def own_key(copy: Platform) -> None:
    """Give the copy's agent a key of its own."""
    (copy.folder / "keys").mkdir()
    line = write_keypair(copy.key("agent")).public_line
    file = copy.repo / AGENT
    old = next(part for part in file.read_text().splitlines() if "ssh-ed25519" in part)
    file.write_text(file.read_text().replace(old, f"    - {line}"))


def identity_of(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT system_identifier, current_database() FROM pg_control_system()").fetchone()
    assert row is not None
    return f"{row[0]}/{row[1]}"


def test_everything_of_the_originals_is_named_with_its_line_and_nothing_is_written(
    original: Platform, copy: Platform
) -> None:
    told = copy.conductor("init", "--fork")
    assert told.code == 1
    assert f"genesis {original.root}" in told.out
    assert "Must differ before two people may sign (3):" in told.out
    assert f"  origin: the remote is {copy.folder}/remote.git, and nobody said that it is this copy's own" in told.out
    assert f"  {AGENT}:8: `conductor` would sign with a key of the original's agent `conductor`" in told.out
    assert f"  {TARGET}:10: target `pg-eu-central` is the original's system {identity_of(original.dsn)}" in told.out
    assert "conductor genesis" not in told.out
    assert git(copy.repo, "status", "--porcelain") == ""


def test_a_copy_that_let_go_of_all_starts_a_history_that_names_the_old_one(
    original: Platform, copy: Platform, postgres_servers: Servers
) -> None:
    with database(postgres_servers(18), "of_the_copy") as dsn:
        mine = Platform(copy.folder, dsn)
        own_key(mine)
        replace(mine, TARGET, identity_of(original.dsn), identity_of(dsn))
        (mine.repo / "tenants" / "acme-retail.yaml").unlink()  # its roles are of this server, and the original's
        unseen = fork(mine)
        assert (unseen.code, "is not committed" in unseen.err) == (2, True)
        git(mine.repo, "commit", "--quiet", "--all", "--message=Let go of the original")
        told = fork(mine)
        assert (told.code, told.err) == (0, "")
        assert f"conductor genesis --previous {original.root} --person mara --key FILE" in told.out
        for name in PEOPLE:
            mine.done("genesis", "--previous", original.root, "--person", name, "--key", str(original.key(name)))
        again = fork(mine)
        assert (again.code, "has started anew already" in again.err) == (2, True)
        git(mine.repo, "push", "--quiet", "origin", "main")
        (new,) = {file.stem for file in (mine.repo / "evidence" / "genesis").glob("*.json")} - {original.root[7:]}
        mine.done("agent", "once", "--trust-root", new, "--key", str(mine.key("agent")))
        git(mine.repo, "pull", "--quiet", "origin", "main")
        mine.done("verify", "--trust-root", new)
        original.done("verify", "--trust-root", original.root)


def test_what_an_original_had_at_its_genesis_is_the_originals_still(original: Platform, copy: Platform) -> None:
    own_key(copy)
    git(copy.repo, "commit", "--quiet", "--all", "--message=A new key")
    told = fork(copy)
    assert (told.code, AGENT in told.out, TARGET in told.out) == (1, False, True)


def test_a_clone_in_which_an_agent_of_the_original_works_is_no_copy(original: Platform) -> None:
    refused = original.conductor("init", "--fork")
    assert (refused.code, "an agent of the original works in this clone" in refused.err) == (2, True)


def test_a_history_that_does_not_hold_is_not_parted_from(copy: Platform) -> None:
    (entry,) = (copy.repo / "evidence" / "ledger").rglob("*-intent-*.sigstore.json")
    git(copy.repo, "rm", "--quiet", str(entry))
    git(copy.repo, "commit", "--quiet", "--message=Lose an entry")
    refused = fork(copy)
    assert (refused.code, "the history of this copy is invalid" in refused.err) == (1, True)


def test_where_there_is_no_history_there_is_nothing_to_part_from(tmp_path: Path, dsn18: str) -> None:
    made = Platform.laid_out(tmp_path / "new", dsn18)
    refused = made.conductor("init", "--fork")
    assert (refused.code, "has no history to part from" in refused.err) == (2, True)
    odd = made.conductor("init", "--origin", "x", "--yes")
    assert (odd.code, "need --fork" in odd.err) == (2, True)


def test_where_the_originals_ledger_is_on_a_branch_of_its_own_a_copy_without_it_is_told(
    tmp_path: Path, postgres_servers: Servers
) -> None:
    with database(postgres_servers(18), "apart") as dsn:
        apart = Platform.laid_out(tmp_path / "apart", dsn)
        for name in PEOPLE:
            apart.done("genesis", "--ledger", "ledger", "--person", name, "--key", str(apart.key(name)))
        git(apart.repo, "push", "--quiet", "origin", "main")
        apart.done("agent", "once", "--key", str(apart.key("agent")))
        git(tmp_path, "clone", "--quiet", "--single-branch", apart.folder / "remote.git", "copy")
        without = apart.conductor("init", "--fork", cwd=tmp_path / "copy")
        assert "the original's ledger is on the branch `ledger`" in without.out
        assert "that branch is not here" in without.out
        git(tmp_path / "copy", "fetch", "--quiet", "origin", "ledger:refs/remotes/origin/ledger")
        having = apart.conductor("init", "--fork", cwd=tmp_path / "copy")
        assert (having.code, "that branch is not here" in having.out, TARGET in having.out) == (1, False, True)
