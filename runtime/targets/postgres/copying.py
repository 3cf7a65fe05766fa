"""A schema -> a psql script that makes it anew: what pg_catalog says of it, and COPY of every table.

For agents on machines without a `pg_dump` that is new enough. It knows enum types, sequences with their values, tables
(columns, defaults, identity, generated columns, constraints, indexes, triggers, comments), functions, procedures and
views. Rule kept: a schema with anything else in it is refused, by name, before a byte is written: nothing is left out
silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, LiteralString

from psycopg import sql

from runtime.contract.printable import line
from runtime.targets.interface import TerminalError
from runtime.targets.postgres.session import Connection

SHOWN = 5
LONGEST = 120

_HEAD = """\
-- Schema {schema}, as Conductor's agent archived it. psql -X --set ON_ERROR_STOP=1 --single-transaction --file THIS
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET row_security = off;
SELECT pg_catalog.set_config('search_path', 'pg_catalog', false);
CREATE SCHEMA {schema};
"""

_UNKNOWN = """
WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s),
tables AS (SELECT * FROM pg_class WHERE relnamespace = (TABLE here))
SELECT CASE WHEN relispartition OR relkind IN ('p', 'I') THEN 'partitioned table'
            WHEN relkind = 'm' THEN 'materialized view' WHEN relkind = 'f' THEN 'foreign table'
            WHEN relkind = 'c' THEN 'composite type' ELSE 'table of a type' END, relname::text
  FROM tables WHERE relkind IN ('p', 'I', 'm', 'f', 'c') OR relispartition OR reloftype <> 0
UNION ALL SELECT 'table with row security', relname::text FROM tables WHERE relrowsecurity
UNION ALL SELECT 'table that inherits', relname::text FROM tables WHERE oid IN (SELECT inhrelid FROM pg_inherits)
   AND NOT relispartition AND relkind = 'r'
UNION ALL SELECT 'table without columns', relname::text FROM tables WHERE relkind = 'r' AND NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = tables.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '')
UNION ALL SELECT 'type', typname::text FROM pg_type
 WHERE typnamespace = (TABLE here) AND (typtype IN ('d', 'r', 'm', 'p') OR (typtype = 'b' AND typcategory <> 'A'))
UNION ALL SELECT 'aggregate or window function', proname::text FROM pg_proc
 WHERE pronamespace = (TABLE here) AND prokind IN ('a', 'w')
UNION ALL SELECT 'function with a parsed body', proname::text FROM pg_proc
 WHERE pronamespace = (TABLE here) AND prosqlbody IS NOT NULL
UNION ALL SELECT 'function of a view''s type', p.proname::text FROM pg_proc p
  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_type'::regclass
  JOIN pg_type t ON t.oid = d.refobjid JOIN pg_class c ON c.oid = t.typrelid AND c.relkind = 'v'
 WHERE p.pronamespace = (TABLE here)
UNION ALL SELECT 'generated column of a function', c.relname || '.' || a.attname FROM pg_attrdef f
  JOIN tables c ON c.oid = f.adrelid
  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass
UNION ALL SELECT 'rule', r.rulename::text FROM pg_rewrite r JOIN tables c ON c.oid = r.ev_class
 WHERE r.rulename <> '_RETURN'
UNION ALL SELECT 'operator', oprname::text FROM pg_operator WHERE oprnamespace = (TABLE here)
UNION ALL SELECT 'operator class', opcname::text FROM pg_opclass WHERE opcnamespace = (TABLE here)
UNION ALL SELECT 'operator family', opfname::text FROM pg_opfamily WHERE opfnamespace = (TABLE here)
UNION ALL SELECT 'collation', collname::text FROM pg_collation WHERE collnamespace = (TABLE here)
UNION ALL SELECT 'conversion', conname::text FROM pg_conversion WHERE connamespace = (TABLE here)
UNION ALL SELECT 'text search configuration', cfgname::text FROM pg_ts_config WHERE cfgnamespace = (TABLE here)
UNION ALL SELECT 'text search dictionary', dictname::text FROM pg_ts_dict WHERE dictnamespace = (TABLE here)
UNION ALL SELECT 'text search parser', prsname::text FROM pg_ts_parser WHERE prsnamespace = (TABLE here)
UNION ALL SELECT 'text search template', tmplname::text FROM pg_ts_template WHERE tmplnamespace = (TABLE here)
UNION ALL SELECT 'statistics', stxname::text FROM pg_statistic_ext WHERE stxnamespace = (TABLE here)
UNION ALL SELECT 'extension', extname::text FROM pg_extension WHERE extnamespace = (TABLE here)
ORDER BY 1, 2
"""

_ENUMS = """
SELECT format('CREATE TYPE %%I.%%I AS ENUM (%%s);', %(schema)s::text, t.typname,
              string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder))
  FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = %(schema)s::regnamespace
 GROUP BY t.typname ORDER BY t.typname
"""

_OPTIONS = """format('START WITH %%s INCREMENT BY %%s MINVALUE %%s MAXVALUE %%s CACHE %%s%%s', s.seqstart,
              s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END)"""

_SEQUENCES = """
SELECT format('CREATE SEQUENCE %%I.%%I AS %%s %%s;', %(schema)s::text, c.relname,
              format_type(s.seqtypid, NULL), {options})
  FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid
 WHERE c.relnamespace = %(schema)s::regnamespace AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'i')
 ORDER BY c.relname
"""

_COLUMN = """format('%%I %%s%%s%%s%%s%%s', a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation AND a.attcollation <> 0
         THEN format(' COLLATE %%I.%%I', (SELECT nspname FROM pg_namespace WHERE oid = k.collnamespace), k.collname)
         ELSE '' END,
    CASE WHEN a.attgenerated = 's' THEN format(' GENERATED ALWAYS AS (%%s) STORED', pg_get_expr(f.adbin, f.adrelid))
         WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%%s) VIRTUAL', pg_get_expr(f.adbin, f.adrelid))
         ELSE '' END,
    CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
         ELSE '' END || coalesce((
        SELECT format(' (SEQUENCE NAME %%I.%%I %%s)', %(schema)s::text, q.relname, {options})
          FROM pg_depend d JOIN pg_class q ON q.oid = d.objid JOIN pg_sequence s ON s.seqrelid = q.oid
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
           AND d.refobjid = c.oid AND d.refobjsubid = a.attnum AND d.deptype = 'i'), ''),
    CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END)"""

_TABLES = """
SELECT format('CREATE %%sTABLE %%I.%%I (%%s)%%s;', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END,
              %(schema)s::text, c.relname, string_agg({column}, ', ' ORDER BY a.attnum),
              coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''))
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation k ON k.oid = a.attcollation
  LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum
 WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
 GROUP BY c.oid, c.relname, c.relpersistence, c.reloptions
 ORDER BY c.relname
"""

_FUNCTIONS = """
SELECT pg_get_functiondef(p.oid) || ';' FROM pg_proc p
 WHERE p.pronamespace = %(schema)s::regnamespace AND p.prokind IN ('f', 'p') ORDER BY p.oid
"""

_DEFAULTS = """
SELECT format('ALTER TABLE %%I.%%I ALTER COLUMN %%I SET DEFAULT %%s;', %(schema)s::text, c.relname, a.attname,
              pg_get_expr(f.adbin, f.adrelid))
  FROM pg_attrdef f JOIN pg_class c ON c.oid = f.adrelid
  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
 WHERE c.relnamespace = %(schema)s::regnamespace AND a.attgenerated = '' AND c.relkind = 'r'
 ORDER BY c.relname, a.attnum
"""

_COPIED = """
SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum)
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
   AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
 GROUP BY c.relname ORDER BY c.relname
"""

_NAMES = """
SELECT c.relname::text FROM pg_class c
 WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'S' ORDER BY c.relname
"""

_CONSTRAINTS = """
SELECT format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s;', %(schema)s::text, c.relname, k.conname,
              pg_get_constraintdef(k.oid))
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
 WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r' AND k.contype IN ('p', 'u', 'x', 'c', 'f')
 ORDER BY k.contype = 'f', k.oid
"""

_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) || ';' FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
 WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'r'
   AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid)
 ORDER BY i.indexrelid
"""

_VIEWS = """
SELECT c.oid::bigint,
       format('CREATE VIEW %%I.%%I%%s AS %%s', %(schema)s::text, c.relname,
              coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''),
              pg_get_viewdef(c.oid)),
       ARRAY(SELECT DISTINCT d.refobjid::bigint FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
                AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
              WHERE r.ev_class = c.oid)
  FROM pg_class c WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'v' ORDER BY c.oid
"""

_OWNED = """
SELECT format('ALTER SEQUENCE %%I.%%I OWNED BY %%I.%%I.%%I;', %(schema)s::text, c.relname, %(schema)s::text, t.relname,
              a.attname)
  FROM pg_class c JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'
   AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
 WHERE c.relnamespace = %(schema)s::regnamespace AND c.relkind = 'S' ORDER BY c.relname
"""

_TRIGGERS = """
SELECT pg_get_triggerdef(g.oid) || ';' || CASE g.tgenabled WHEN 'O' THEN '' ELSE
       format(' ALTER TABLE %%I.%%I %%s TRIGGER %%I;', %(schema)s::text, c.relname,
              CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END,
              g.tgname)
       END
  FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
 WHERE c.relnamespace = %(schema)s::regnamespace AND NOT g.tgisinternal ORDER BY c.relname, g.tgname
"""

_COMMENTS = """
SELECT format('COMMENT ON %%s %%I.%%I%%s IS %%L;',
              CASE WHEN d.objsubid > 0 THEN 'COLUMN' WHEN c.relkind = 'v' THEN 'VIEW'
                   WHEN c.relkind = 'S' THEN 'SEQUENCE' WHEN c.relkind = 'i' THEN 'INDEX' ELSE 'TABLE' END,
              %(schema)s::text, c.relname, CASE WHEN a.attname IS NULL THEN '' ELSE format('.%%I', a.attname) END,
              d.description)
  FROM pg_description d JOIN pg_class c ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
 WHERE c.relnamespace = %(schema)s::regnamespace AND (d.objsubid = 0 OR NOT a.attisdropped)
 ORDER BY c.relname, d.objsubid
"""


def script(connection: Connection, schema: str) -> Iterator[bytes]:
    """Give the script; raises TerminalError for a schema with something in it that the script cannot make."""
    _refuse_unknown(connection, schema)
    yield _HEAD.format(schema=sql.Identifier(schema).as_string(connection)).encode()
    for query in (_ENUMS, _SEQUENCES, _TABLES, _FUNCTIONS, _DEFAULTS):
        yield from _statements(connection, query, schema)
    for table, columns in connection.execute(_COPIED, {"schema": schema}).fetchall():
        yield from _rows(connection, sql.Identifier(schema, table), columns)
    for (name,) in connection.execute(_NAMES, {"schema": schema}).fetchall():
        yield _value(connection, schema, name)
    for query in (_CONSTRAINTS, _INDEXES):
        yield from _statements(connection, query, schema)
    yield from _views(connection, schema)
    for query in (_OWNED, _TRIGGERS, _COMMENTS):
        yield from _statements(connection, query, schema)


def _refuse_unknown(connection: Connection, schema: str) -> None:
    unknown = [f"{kind} {line(name, LONGEST)}" for kind, name in connection.execute(_UNKNOWN, {"schema": schema})]
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        raise TerminalError(
            f"schema {schema} cannot be archived without pg_dump: {', '.join(unknown[:SHOWN])}{more}",
            help=f"install pg_dump {connection.info.server_version // 10_000} or newer on the agent's machine (the "
            "package postgresql-client), where the agent finds it on its PATH",
        )


def _statements(connection: Connection, query: LiteralString, schema: str) -> Iterator[bytes]:
    filled = sql.SQL(query).format(options=sql.SQL(_OPTIONS), column=sql.SQL(_COLUMN).format(options=sql.SQL(_OPTIONS)))
    for (statement,) in connection.execute(filled, {"schema": schema}).fetchall():
        yield f"{statement}\n".encode()


def _rows(connection: Connection, table: sql.Identifier, columns: list[str]) -> Iterator[bytes]:
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    yield sql.SQL("COPY {} ({}) FROM stdin;\n").format(table, named).as_string(connection).encode()
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} ({}) TO STDOUT").format(table, named)) as copy:
        for piece in copy:
            yield bytes(piece)
    yield b"\\.\n"


def _value(connection: Connection, schema: str, name: str) -> bytes:
    sequence = sql.Identifier(schema, name)
    row: tuple[Any, ...] = (
        connection.execute(sql.SQL("SELECT last_value, is_called FROM {}").format(sequence)).fetchone() or ()
    )
    called = sql.SQL("SELECT pg_catalog.setval({}, {}, {});\n").format(
        sql.Literal(sequence.as_string(connection)), *map(sql.Literal, row)
    )
    return called.as_string(connection).encode()


def _views(connection: Connection, schema: str) -> Iterator[bytes]:
    """Each after those that it reads."""
    left = {oid: (text, needs) for oid, text, needs in connection.execute(_VIEWS, {"schema": schema}).fetchall()}
    while left:
        ready = [oid for oid, (_, needs) in left.items() if not left.keys() & set(needs)]
        if not ready:
            raise TerminalError(f"the views of schema {schema} read each other in a circle")
        for oid in ready:
            yield f"{left.pop(oid)[0]}\n".encode()
