"""Schema -> what reaches across its border without any grant: what outside depends on it, and what it lets others do.

Rules kept: a catalog is asked, never a name guessed; what has no schema, as a cast, is part of the one that it hangs
on; what a superuser owns is trusted with what it does (an extension's functions are a superuser's), but not as a
parent, since others are granted what a parent shows.
"""

from __future__ import annotations

from psycopg import sql

from runtime.targets.postgres.session import Connection

_GOING = """
WITH RECURSIVE going(classid, objid) AS (
    SELECT 'pg_namespace'::regclass::oid, oid FROM pg_namespace WHERE nspname = %(schema)s
    UNION
    SELECT next.classid, next.objid FROM going g, LATERAL (
        SELECT d.classid, d.objid FROM pg_depend d
         WHERE d.refclassid = g.classid AND d.refobjid = g.objid AND d.deptype <> 'p'
        UNION ALL
        SELECT d.refclassid, d.refobjid FROM pg_depend d
         WHERE d.classid = g.classid AND d.objid = g.objid AND d.deptype = 'i') next
), of_tables AS (
    SELECT g.classid, g.objid, coalesce(
        (SELECT ev_class FROM pg_rewrite r WHERE g.classid = 'pg_rewrite'::regclass AND r.oid = g.objid),
        (SELECT tgrelid FROM pg_trigger t WHERE g.classid = 'pg_trigger'::regclass AND t.oid = g.objid),
        (SELECT adrelid FROM pg_attrdef f WHERE g.classid = 'pg_attrdef'::regclass AND f.oid = g.objid),
        (SELECT polrelid FROM pg_policy p WHERE g.classid = 'pg_policy'::regclass AND p.oid = g.objid)) AS of_table
      FROM going g
), placed AS (
    SELECT t.classid, t.objid, coalesce((
        SELECT 'trigger of ' || pg_describe_object('pg_constraint'::regclass, k.tgconstraint, 0) FROM pg_trigger k
         WHERE t.classid = 'pg_trigger'::regclass AND k.oid = t.objid AND k.tgconstraint <> 0
        ), i.type || ' ' || i.identity) AS what, coalesce((
        SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid = t.of_table), i.schema, %(schema)s) AS schema
      FROM of_tables t, LATERAL pg_identify_object(t.classid, t.objid, 0) i
)
"""
_DEPENDING = sql.SQL(_GOING) + sql.SQL(
    """
SELECT DISTINCT what FROM placed WHERE schema NOT IN (%(schema)s, 'pg_toast') ORDER BY 1
"""
)
_RUNNING = sql.SQL(_GOING) + sql.SQL(
    """
, others(classid, objid, namespace, owner) AS (
    SELECT 'pg_proc'::regclass, oid, pronamespace, proowner FROM pg_proc
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, typowner FROM pg_type
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace, oprowner FROM pg_operator
    UNION ALL SELECT 'pg_foreign_server'::regclass, oid, 0, srvowner FROM pg_foreign_server
    UNION ALL SELECT 'pg_class'::regclass, oid, relnamespace, relowner FROM pg_class
)
SELECT DISTINCT p.what || ' needs ' || pg_describe_object(o.classid, o.objid, 0) || ' of ' || r.rolname
       || ' (drop it, or let a superuser own what it needs)'
  FROM placed p
  JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid AND d.deptype IN ('n', 'a')
  JOIN others o ON o.classid = d.refclassid AND o.objid = d.refobjid
  JOIN pg_roles r ON r.oid = o.owner AND NOT r.rolsuper
 WHERE p.schema = %(schema)s AND o.namespace <> (SELECT oid FROM pg_namespace WHERE nspname = %(schema)s)
   AND (o.classid <> 'pg_class'::regclass OR p.classid = 'pg_rewrite'::regclass AND EXISTS (
        SELECT FROM pg_rewrite w WHERE w.oid = p.objid AND w.ev_type <> '1'))
 ORDER BY 1
"""
)
"""What runs when a row is written or read, and is somebody's to alter: functions, types (a domain's constraints),
operators, where a foreign table's rows go, and what a rule writes to."""
_SHOWING = sql.SQL(
    """
SELECT 'table ' || t.name || ' is part of ' || pg_describe_object('pg_class'::regclass, p.oid, 0) || ' (ALTER TABLE '
       || CASE WHEN t.partition THEN p.oid::regclass || ' DETACH PARTITION ' || t.name
               ELSE t.name || ' NO INHERIT ' || p.oid::regclass END || ')'
  FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace q ON q.oid = p.relnamespace,
       LATERAL (SELECT c.oid::regclass::text AS name, c.relispartition AS partition, n.nspname AS schema
                  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')) t
 WHERE t.schema = %(schema)s AND q.nspname <> %(schema)s
UNION ALL
SELECT format('publication %%I has table %%s (ALTER PUBLICATION %%I DROP TABLE %%s)', b.pubname, c.oid::regclass,
              b.pubname, c.oid::regclass)
  FROM pg_publication_rel l JOIN pg_publication b ON b.oid = l.prpubid JOIN pg_class c ON c.oid = l.prrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %(schema)s
UNION ALL
SELECT format('publication %%I has all tables (ALTER PUBLICATION %%I DROP TABLES IN SCHEMA %%I)', b.pubname, b.pubname,
              n.nspname)
  FROM pg_publication_namespace l JOIN pg_publication b ON b.oid = l.pnpubid
  JOIN pg_namespace n ON n.oid = l.pnnspid WHERE n.nspname = %(schema)s
 ORDER BY 1
"""
)


def depending(connection: Connection, schema: str) -> list[str]:
    """What outside the schema depends on something in it."""
    return _asked(connection, _DEPENDING, schema)


def ways(connection: Connection, schema: str) -> list[str]:
    """Every way across that somebody else has, with the statement that closes it."""
    outside = [f"{what} depends on it (drop that)" for what in depending(connection, schema)]
    return [*_asked(connection, _SHOWING, schema), *_asked(connection, _RUNNING, schema), *outside]


def _asked(connection: Connection, query: sql.SQL | sql.Composed, schema: str) -> list[str]:
    return [what for (what,) in connection.execute(query, {"schema": schema})]
