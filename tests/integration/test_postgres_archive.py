"""The end of a tenant on a real server: archived, restored row for row, dropped only then, and proved to be gone."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from runtime.contract.objects import Operation
from runtime.targets.archives import stanzas
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.dump import PgDump
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.fixtures_postgres import Servers
from tests.services.furnished_tenant import (
    ACME,
    ENDED,
    NAMES,
    NORD,
    PG_DUMP,
    Place,
    absence,
    archive,
    drop,
    everything,
    restore,
)
from tests.services.postgres import database
from tests.services.tenant import TARGET, apply, delete, target

pytestmark = pytest.mark.service


@pytest.mark.parametrize("way", [PG_DUMP, None], ids=["pg_dump", "copy"])
def test_an_archive_restores_row_for_row_into_an_empty_database(
    place: Place, postgres: EmbeddedPostgres, postgres_servers: Servers, way: PgDump | None
) -> None:
    """pg_dump may write what servers of its own version and later know; our own script restores on any."""
    other = postgres if way is None else postgres_servers(18)
    before, news = everything(place.dsn), list[str]()
    with place.open(way, moved=lambda: news.append(when)) as running:
        when = "archived"
        record: Any = running.perform(archive(), intent=5)["archive"]
        when = "dropped"
        drop(running, 5)
    # two tables counted, what was written, what was read back; and for the drop: read back, two tables counted
    assert (news.count("archived") >= 4, news.count("dropped") >= 3) == (True, True)
    with database(other, f"restored_{os.urandom(4).hex()}") as restored:
        restore(place, record, restored)
        after = everything(restored)
    assert record["dump"].startswith("pg_dump" if way else "COPY")
    assert record["tables"] == {"customers": 501, "empty": 0, "orders": 1000}
    for what, rows in before.items():
        if what != "views" or other is postgres:  # versions word a view differently
            assert after[what] == rows, what


def test_an_archive_is_for_the_declared_recipients_and_for_nobody_else(place: Place) -> None:
    with place.open() as running:
        record: Any = running.perform(archive(), intent=5)["archive"]
    file = place.folder / record["file"]
    data = file.read_bytes()
    assert place.files() == [f"{TARGET}-{ACME.schema}-000000005.sql.age", f"{TARGET}-{ACME.schema}.json"]
    assert [stat.S_IMODE(item.stat().st_mode) for item in place.folder.iterdir()] == [0o600, 0o600]
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    assert (record["size"], record["recipients"]) == (len(data), list(place.config.recipients))
    assert stanzas(file) == 2
    assert b"name 1" not in data
    assert b"name 499" in pyrage.decrypt(data, [place.identity])
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(data, [pyrage.x25519.Identity.generate()])


def test_pg_dump_reaches_what_the_connection_has_reached_however_that_was_told(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a service file, PGHOST, PGPORT and PGPASSWORD: libpq looks there, and the DSN says next to nothing."""
    told = conninfo_to_dict(place.dsn)
    (tmp_path / "services").write_text(f"[ours]\nuser={told.pop('user')}\ndbname={told.pop('dbname')}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    for name in ("host", "port", "password"):
        monkeypatch.setenv(f"PG{name.upper()}", str(told.pop(name)))
    place.secret.values["env:DSN"] = make_conninfo("service=ours", **told)
    with place.open() as running:
        record: Any = running.perform(archive(), intent=5)["archive"]
    assert record["dump"].startswith("pg_dump")
    assert b"name 499" in pyrage.decrypt((place.folder / record["file"]).read_bytes(), [place.identity])


def test_what_is_archived_is_dropped_and_proved_to_be_gone(place: Place) -> None:
    with place.open() as running:
        assert ENDED[1] not in running.observe(ENDED)
        with pytest.raises(
            TerminalError, match=f"not all of {ACME.schema} is gone: role {ACME.app}, role {ACME.owner}, schema"
        ):
            running.perform(absence(), intent=5)
        record: Any = running.perform(archive(), intent=5)["archive"]
        assert running.observe(ENDED)[ENDED[0]] == NAMES
        drop(running, 5)
        proof: Any = running.perform(absence(), intent=5)
        assert {item: running.observe(ENDED)[item] for item in ENDED} == dict.fromkeys(ENDED, NAMES)
    assert place.there() == set()
    assert proof["archive"] == record
    assert proof["absence"] == {
        "roles": {ACME.owner: 0, ACME.app: 0},
        "schemas": {ACME.schema: 0},
        "sessions": 0,
        "memberships": 0,
        "settings": 0,
        "default_privileges": 0,
        "owned_objects": 0,
        "grants": 0,
    }
    with place.open() as running:
        assert NORD.object("schema").id in running.observe([])


def test_nothing_is_dropped_that_is_not_archived(place: Place) -> None:
    with place.open() as running, pytest.raises(TerminalError, match="2BP01"):
        running.perform(delete(ACME.object("schema")), intent=5)
    assert place.there() == {ACME.schema, ACME.owner, ACME.app}


def test_large_objects_of_a_tenant_let_nothing_go_until_a_person_has_dealt_with_them(place: Place) -> None:
    made = f"SET ROLE {ACME.owner}; SELECT lo_from_bytea(4711, 'kept nowhere else'); RESET ROLE".encode()
    place.admin.execute(made)
    with place.open() as running:
        with pytest.raises(TerminalError, match=f"the roles of {ACME.schema} own 1 large objects"):
            running.perform(archive(), intent=5)
        assert (ENDED[0] in running.observe(ENDED), place.files()) == (False, [])
        place.admin.execute("SELECT lo_unlink(4711)")
        running.perform(archive(), intent=6)
        place.admin.execute(made)
        with pytest.raises(TerminalError, match="large objects, which its archive would not hold"):
            running.perform(delete(ACME.object("schema")), intent=6)
    assert place.there() == {ACME.schema, ACME.owner, ACME.app}
    assert place.admin.execute("SELECT lo_get(4711)").fetchone() == (b"kept nowhere else",)


def test_an_archive_that_fails_lets_nothing_go(place: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for config, error in (
        (replace_folder(place.config, f"{tmp_path}/file/below"), RetryableError),
        (place.config.model_copy(update={"recipients": ("age1" + "q" * 58,)}), TerminalError),
    ):
        with place.open(config=config) as running:
            with pytest.raises(error):
                running.perform(archive(), intent=5)
            assert ENDED[0] not in running.observe(ENDED)
            with pytest.raises(TerminalError, match="2BP01"):
                running.perform(delete(ACME.object("schema")), intent=5)
    failing = tmp_path / "pg_dump"
    failing.write_text("#!/bin/sh\necho 'CREATE SCHEMA half;'\necho 'disk full' >&2\nexit 1\n")
    failing.chmod(0o755)
    with place.open(PgDump(failing, "18", 18)) as running:
        with pytest.raises(RetryableError, match="disk full"):
            running.perform(archive(), intent=6)
        assert ENDED[0] not in running.observe(ENDED)
    assert place.files() == []
    assert place.there() == {ACME.schema, ACME.owner, ACME.app}


def replace_folder(config: ArchiveConfig, folder: str) -> ArchiveConfig:
    return config.model_copy(update={"folder": f"file:{folder}"})


def test_a_target_without_an_archive_lets_nothing_go(place: Place) -> None:
    with target(place.secret) as running, pytest.raises(TerminalError, match="declares no archive"):
        running.perform(archive(), intent=5)


@pytest.mark.parametrize(
    "written",
    [
        "INSERT INTO {}.orders (customer) VALUES (101)",
        "UPDATE {}.orders SET note = note",
        "DELETE FROM {}.orders WHERE id = 1",
        "DELETE FROM {0}.orders WHERE id = 1; INSERT INTO {0}.orders (id, customer) VALUES (1, 101)",
        "CREATE TABLE {}.more (id int)",
        "SELECT nextval('{}.numbers')",
        "CREATE OR REPLACE FUNCTION {}.shout(what text) RETURNS text LANGUAGE sql AS 'SELECT what'",
    ],
)
def test_what_is_written_after_the_archive_is_archived_anew(place: Place, written: str) -> None:
    with place.open() as running:
        running.perform(archive(), intent=5)
        running.perform(delete(ACME.object("grants")), intent=5)
        place.admin.execute(written.format(ACME.schema).encode())
        with pytest.raises(RetryableError, match="something was written"):
            running.perform(delete(ACME.object("schema")), intent=5)
        assert ENDED[0] not in running.observe(ENDED)
        second: Any = running.perform(archive(), intent=6)
        drop(running, 6)
        proof: Any = running.perform(absence(), intent=6)
    assert proof["archive"] == second["archive"]
    assert len([name for name in place.files() if name.endswith(".age")]) == 2


def test_an_archive_swapped_on_disk_is_found_by_its_digest(place: Place) -> None:
    with place.open() as running:
        record: Any = running.perform(archive(), intent=5)["archive"]
        file = place.folder / record["file"]
        real = file.read_bytes()
        forged = pyrage.encrypt(b"-- nothing at all", [place.identity.to_public()])
        file.write_bytes(forged + bytes(len(real) - len(forged)))
        with pytest.raises(RetryableError, match="is not what was written"):
            running.perform(delete(ACME.object("schema")), intent=5)
        second: Any = running.perform(archive(), intent=6)["archive"]
        drop(running, 6)
        file = place.folder / second["file"]
        real = file.read_bytes()
        file.write_bytes(bytes(len(real)))
        with pytest.raises(TerminalError, match="is not what was written"):
            running.perform(absence(), intent=6)
        file.write_bytes(real)
        assert running.perform(absence(), intent=6)["archive"] == second


def test_an_archive_for_others_than_are_declared_is_made_anew(place: Place) -> None:
    with place.open() as running:
        running.perform(archive(), intent=5)
    only = place.config.model_copy(update={"recipients": (str(place.identity.to_public()),)})
    with place.open(config=only) as running:
        assert ENDED[0] not in running.observe(ENDED)


@pytest.mark.parametrize(
    ("outside", "named"),
    [
        ("CREATE VIEW public.seen AS SELECT id FROM {}.orders", "view public.seen"),
        ("CREATE TABLE public.felt (feels {}.mood)", "table public.felt"),
        ("CREATE TABLE public.ref (id int REFERENCES {}.orders)", "table constraint ref_id_fkey on public.ref"),
        ("CREATE TABLE public.counted (id int DEFAULT nextval('{}.numbers'))", "default value for public.counted.id"),
    ],
)
def test_what_lies_outside_is_never_dropped_with_it(place: Place, outside: str, named: str) -> None:
    place.admin.execute(outside.format(ACME.schema).encode())
    with place.open() as running:
        running.perform(archive(), intent=5)
        with pytest.raises(TerminalError) as refused:
            running.perform(delete(ACME.object("schema")), intent=5)
        assert named in refused.value.message
    assert ACME.schema in place.there()


def test_without_pg_dump_a_schema_with_more_in_it_is_refused_by_name(place: Place) -> None:
    place.admin.execute(f"CREATE MATERIALIZED VIEW {ACME.schema}.heap AS SELECT 1 AS one".encode())
    with place.open(None) as running:
        with pytest.raises(TerminalError, match=r"cannot be archived without pg_dump: materialized view heap"):
            running.perform(archive(), intent=5)
        assert place.files() == []
    with place.open(PgDump(PG_DUMP.path, "14", 14)) as running, pytest.raises(TerminalError, match="without pg_dump"):
        running.perform(archive(), intent=5)
    with place.open() as running:
        record: Any = running.perform(archive(), intent=5)["archive"]
    assert record["tables"]["heap"] == 1


def test_sessions_end_before_anything_is_archived(place: Place) -> None:
    """Somebody has allowed the login again by hand, and writes."""
    place.admin.execute(f"ALTER ROLE {ACME.app} LOGIN".encode())
    password = place.secret.values[ACME.reference]
    info = psycopg.conninfo.make_conninfo(place.dsn, user=ACME.app, password=password)
    with psycopg.connect(info, autocommit=True) as theirs:
        theirs.execute("BEGIN")
        with place.open() as running:
            facts: Any = running.perform(archive(), intent=5)
        assert facts["login"] == {"sessions_ended": 1}
        with pytest.raises(psycopg.OperationalError):
            theirs.execute("SELECT 1")


def test_the_archive_of_an_adopted_tenant_holds_what_was_there_before_it(place: Place) -> None:
    place.admin.execute("DELETE FROM conductor_locks.object WHERE name LIKE 't_acme%'")
    with place.open() as running:
        adopted = replace(ACME, adopt=True)
        assert {action.operation for action in apply(running, (adopted, NORD), intent=3)} == {Operation.ADOPT}
        facts = running.perform(archive(), intent=4)["archive"]
        assert facts["tables"]["orders"] == 1000
        drop(running, 5)
        assert running.perform(absence(), intent=6)["archive"]["sha256"] == facts["sha256"]
    assert place.there() == set()


def test_a_foreign_role_is_not_taken_for_absence(place: Place) -> None:
    with place.open() as running:
        running.perform(archive(), intent=5)
        drop(running, 5)
        place.admin.execute(f"CREATE ROLE {ACME.app}".encode())
        assert running.observe(ENDED)[ENDED[1]] == {"foreign": True}
        with pytest.raises(TerminalError, match=f"role {ACME.app}"):
            running.perform(absence(), intent=6)


def test_the_password_is_in_no_argument_of_pg_dump(place: Place, tmp_path: Path) -> None:
    spy = tmp_path / "pg_dump"
    spy.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f'json.dump([sys.argv, dict(os.environ)], open({str(tmp_path / "seen")!r}, "w"))\n'
        f"os.execv({str(PG_DUMP.path)!r}, sys.argv)\n"
    )
    spy.chmod(0o755)
    with place.open(PgDump(spy, "18", 18)) as running:
        running.perform(archive(), intent=5)
    arguments, given = json.loads((tmp_path / "seen").read_text())
    password = str(psycopg.conninfo.conninfo_to_dict(place.dsn)["password"])
    assert password not in " ".join(arguments)
    assert given["PGPASSWORD"] == password
    assert not any(name.startswith("CONDUCTOR_") for name in given)
