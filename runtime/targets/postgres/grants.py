"""Schemas and grants: catalogs -> attributes; attributes -> the one transaction that makes them so.

A schema has its owner. Its grants are a second object with the same name and the same mark: what the tenant's
application role may do there, on what is there and, by default privileges of the owner, on what comes later.

Observed are the privileges that the defaults give; everything in the schema that is not granted exactly so, and every
privilege of anybody else, is listed in one more attribute, `deviations`, so that it differs and is undone; in a schema
that may be adopted, what is not as the grants that are wanted, as nobody has set its defaults yet. Anybody may set
defaults of their own for anybody's schema: they count only where their role may make something there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from runtime.contract.canonical import JSON
from runtime.contract.printable import line
from runtime.targets.interface import TerminalError
from runtime.targets.postgres import locks
from runtime.targets.postgres.marks import Mark, Owner, believed
from runtime.targets.postgres.session import Connection, Session

PUBLIC = "PUBLIC"
MAX_DEVIATIONS = 20


class Privileged(NamedTuple):
    """One class of things in a schema: attribute, words in GRANT and in ALTER DEFAULT PRIVILEGES, and what there is
    to grant."""

    attribute: str
    existing: str
    later: str
    code: str
    privileges: tuple[str, ...]


CLASSES = (
    Privileged(
        "tables", "TABLES", "TABLES", "r",
        ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"),
    ),
    Privileged("sequences", "SEQUENCES", "SEQUENCES", "S", ("USAGE", "SELECT", "UPDATE")),
    Privileged("functions", "ROUTINES", "FUNCTIONS", "f", ("EXECUTE",)),
)  # fmt: skip
_BY_CODE = {**{item.code: (item.attribute, item.later) for item in CLASSES}, "T": ("types", "TYPES")}
"""Every class of things whose defaults can be set for one schema, and its word in ALTER DEFAULT PRIVILEGES."""
_LONGEST = 200

_SCHEMAS = """
SELECT n.nspname, pg_get_userbyid(n.nspowner)::text, o.mark, o.id = n.oid, d.description,
       (SELECT json_agg(json_build_array({grantee}, a.privilege_type, a.is_grantable))
          FROM aclexplode(n.nspacl) a WHERE a.grantee <> n.nspowner)
  FROM pg_namespace n
  LEFT JOIN {marks} o ON o.kind = 'schema' AND o.name = n.nspname
  LEFT JOIN pg_description d ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass AND d.objsubid = 0
 WHERE n.nspname = ANY({names}) OR ({marked} AND o.mark IS NOT NULL)
"""

_OBJECTS = """
WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY({names})),
things AS (
    SELECT c.relnamespace AS namespace, CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END AS code, c.relowner AS owner,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl,
           c.relname::text AS name
      FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT t.typnamespace, 'T', t.typowner, t.typacl, t.typname::text
      FROM pg_type t JOIN ours ON ours.oid = t.typnamespace WHERE t.typacl IS NOT NULL
    UNION ALL
    SELECT p.pronamespace, 'f', p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), p.proname::text
      FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
    UNION ALL
    SELECT c.relnamespace, 'c', c.relowner, a.attacl, c.relname || '.' || a.attname
      FROM pg_class c JOIN ours ON ours.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
), groups AS (
    SELECT namespace, code, owner, acl::text AS acl, min(name) AS name, count(*) AS count
      FROM things GROUP BY namespace, code, owner, acl::text
)
SELECT ours.nspname, code, name, count,
       (SELECT json_agg(json_build_array({grantee}, a.privilege_type, a.is_grantable))
          FROM aclexplode(groups.acl::aclitem[]) a WHERE a.grantee <> groups.owner)
  FROM groups JOIN ours ON ours.oid = groups.namespace ORDER BY ours.nspname, code, name
"""

_DEFAULTS = """
SELECT n.nspname, pg_get_userbyid(d.defaclrole)::text, d.defaclobjtype::text,
       (SELECT json_agg(json_build_array({grantee}, a.privilege_type, a.is_grantable))
          FROM aclexplode(d.defaclacl) a WHERE a.grantee <> d.defaclrole)
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
 WHERE (n.nspname = ANY({names})
        AND (d.defaclrole = n.nspowner OR has_schema_privilege(d.defaclrole, n.oid, 'CREATE')))
    OR (d.defaclnamespace = 0 AND d.defaclobjtype = 'f' AND pg_get_userbyid(d.defaclrole) = ANY({owners}))
 ORDER BY 1, 2, 3
"""

_TYPES = """
SELECT t.typname::text, array_agg(DISTINCT pg_get_userbyid(a.grantee)::text)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace, aclexplode(t.typacl) a
 WHERE n.nspname = %s AND a.grantee NOT IN (0, t.typowner) GROUP BY t.oid, t.typname
"""
"""Types on which somebody was granted something by name: no statement speaks of all types of a schema."""

_GRANTEE = sql.SQL("CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END")


class Grant(NamedTuple):
    """One entry of an access control list."""

    grantee: str
    privilege: str
    grantable: bool


@dataclass
class Found:
    """A schema with all that is granted in it."""

    name: str
    owner: str
    mark: Mark | None
    """Ours; or of a schema that may be adopted, as it would be (`foreign`)."""
    usage: tuple[Grant, ...]
    objects: list[tuple[str, str, int, tuple[Grant, ...]]] = field(default_factory=list)
    """Code of the class (`c`: a column, `T`: a type on which anything was granted), a name, how many have the same
    list, the list without the owner's own."""
    defaults: list[tuple[str, str, tuple[Grant, ...]]] = field(default_factory=list)
    """For whose new things, code of the class, the list."""
    everywhere: tuple[Grant, ...] = (Grant(PUBLIC, "EXECUTE", grantable=False),)
    """On the owner's new functions, whatever schema they are in."""
    foreign: bool = False

    def grantees(self) -> set[str]:
        """Everybody who was granted anything here, but owners."""
        lists = [self.usage, *(acl for *_, acl in self.objects), *(acl for *_, acl in self.defaults)]
        return {grant.grantee for acl in lists for grant in acl}

    def grants(self) -> Mapping[str, JSON] | None:
        """The attributes of the grants object, None if nothing was ever granted by us."""
        if self.mark is None or self.mark.grants is None:
            return None
        role = self.mark.grants.get("role")
        given = {
            code: {grant.privilege for grant in acl if grant.grantee == role}
            for owner, code, acl in self.defaults
            if owner == self.owner
        }
        found: dict[str, JSON] = {"owner": self.owner, "role": role}
        for item in CLASSES:
            found[item.attribute] = _ordered(given.get(item.code, set()), self.mark.grants.get(item.attribute))
        if self.mark.adopting:
            found["adopting"] = True
        wanted = {item.code: set(_strings(self.mark.grants.get(item.attribute))) for item in CLASSES}
        asked = wanted if self.foreign else given
        deviations = sorted({line(text, _LONGEST) for text in self._deviations(str(role), asked)})
        if deviations:
            shown = deviations[:MAX_DEVIATIONS]
            found["deviations"] = shown + [f"and {len(deviations) - len(shown)} more"] * (len(deviations) > len(shown))
        return found

    def _deviations(self, role: str, asked: Mapping[str, set[str]]) -> Iterable[str]:
        yield from (f"the schema: {problem}" for problem in _other_than(self.usage, role, {"USAGE"}))
        for grant in self.everywhere:
            everybody = grant.grantee == PUBLIC
            whose = "are for everybody" if everybody else f"everywhere: {grant.grantee} has {grant.privilege}"
            yield f"new functions of {self.owner} {whose}"
        for code, name, count, acl in self.objects:
            what = f"{_thing(code)} {name}" + (f" and {count - 1} more" if count > 1 else "")
            if code == "T":  # by PostgreSQL's own defaults everybody may use a type
                problems = _excess([grant for grant in acl if grant.grantee != PUBLIC], role)
            else:
                problems = _other_than(acl, role, asked.get(code, set()))
            yield from (f"{what}: {problem}" for problem in problems)
        for owner, code, acl in self.defaults:
            what = f"new {_BY_CODE[code][0]} of {owner}"
            if owner != self.owner and any(grant.grantee == role for grant in acl):
                yield f"{what}: {role} has privileges"
            yield from (f"{what}: {problem}" for problem in _excess(acl, role))


def find(
    connection: Connection,
    owner: Owner,
    names: Iterable[str],
    *,
    alone: bool = False,
    as_ours: Mapping[str, Mark] | None = None,
) -> dict[str, Found]:
    """The named schemas, and (unless `alone`) every schema of ours, in three queries. `as_ours`: those that may be
    adopted are looked into, too, with these marks."""
    schemas = filled(_SCHEMAS, grantee=_GRANTEE, names=list(names), marks=locks.marks_of(connection), marked=not alone)
    found = {
        name: Found(name, holder, believed(text, owner, same=same, comment=comment), _acl(acl))
        for name, holder, text, same, comment, acl in connection.execute(schemas)
    }
    for schema in found.values():
        if schema.mark is None and (mark := (as_ours or {}).get(schema.name)) is not None:
            schema.mark, schema.foreign = mark, True
    ours = [schema for schema in found.values() if schema.mark is not None]
    fill = {
        "grantee": _GRANTEE,
        "names": [schema.name for schema in ours],
        "owners": [schema.owner for schema in ours],
    }
    for name, code, example, count, acl in connection.execute(filled(_OBJECTS, **fill)):
        found[name].objects.append((code, example, count, _acl(acl)))
    everywhere: dict[str, tuple[Grant, ...]] = {}
    for name, holder, code, acl in connection.execute(filled(_DEFAULTS, **fill)):
        if name is not None:
            found[name].defaults.append((holder, code, _acl(acl)))
        else:
            everywhere[holder] = _acl(acl)
    for schema in ours:
        schema.everywhere = everywhere.get(schema.owner, schema.everywhere)
    return found


def filled(query: LiteralString, **values: Any) -> sql.Composed:
    """Return a query with its values put in: SQL as it is, anything else as a literal."""
    return sql.SQL(query).format(
        **{name: value if isinstance(value, sql.Composable) else sql.Literal(value) for name, value in values.items()}
    )


@dataclass(frozen=True)
class Grants:
    """Grants as wanted."""

    owner: str
    role: str
    privileges: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, JSON]

    @classmethod
    def of(cls, name: str, attributes: Mapping[str, JSON]) -> Grants:
        """Read wanted attributes; raises TerminalError for another shape, or a privilege that does not exist."""
        match attributes:
            case {"owner": str(owner), "role": str(role)} if attributes.keys() == {
                "owner", "role", *(item.attribute for item in CLASSES)
            }:  # fmt: skip
                given = {item.attribute: attributes[item.attribute] for item in CLASSES}
                if all(
                    isinstance(given[item.attribute], list) and set(given[item.attribute]) <= set(item.privileges)
                    for item in CLASSES
                ):
                    return cls(owner, role, {key: tuple(value) for key, value in given.items()}, dict(attributes))
        raise TerminalError(
            f"grants {name} cannot be made: their attributes are not as they should be",
            help="grants have owner, role, and the lists of privileges tables, sequences and functions",
        )


def write_schema(session: Session, name: str, owner: str, intent: int) -> None:
    """Make the schema, or give it its owner."""
    with session.guarded("schema", name, intent) as mark:
        statement = "CREATE SCHEMA {} AUTHORIZATION {}" if mark is None else "ALTER SCHEMA {} OWNER TO {}"
        session.execute(statement, sql.Identifier(name), sql.Identifier(owner))
        grants, adopting = (None, False) if mark is None else (mark.grants, mark.adopting)
        session.write_mark("schema", name, Mark(session.owner, intent, grants=grants, adopting=adopting))


def write_grants(session: Session, name: str, wanted: Grants, intent: int) -> None:
    """Take away every privilege in the schema and give those that are wanted; nobody sees the state between."""
    with session.guarded("schema", name, intent) as mark:
        if mark is None:
            raise TerminalError(f"schema {name} does not exist, so nothing in it can be granted")
        found = find(session.connection, session.owner, [name], alone=True)[name]
        _revoke(session, found, {wanted.role, PUBLIC} | found.grantees())
        schema, role, owner = sql.Identifier(name), sql.Identifier(wanted.role), sql.Identifier(wanted.owner)
        session.execute("GRANT USAGE ON SCHEMA {} TO {}", schema, role)
        everybody = _listed({PUBLIC} | {grant.grantee for grant in found.everywhere})
        session.execute("ALTER DEFAULT PRIVILEGES FOR ROLE {} REVOKE EXECUTE ON FUNCTIONS FROM {}", owner, everybody)
        for item in CLASSES:
            if privileges := wanted.privileges[item.attribute]:
                words = sql.SQL(", ").join(sql.SQL(word) for word in sorted(privileges))  # whitelisted in Grants.of
                session.execute(f"GRANT {{}} ON ALL {item.existing} IN SCHEMA {{}} TO {{}}", words, schema, role)
                session.execute(
                    f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} IN SCHEMA {{}} GRANT {{}} ON {item.later} TO {{}}",
                    owner, schema, words, role,
                )  # fmt: skip
        written = Mark(session.owner, intent, grants=wanted.attributes, unproved=mark.adopting, adopting=mark.adopting)
        session.write_mark("schema", name, written)


def drop_grants(session: Session, name: str, intent: int) -> None:
    """Take away every privilege in the schema. The owner's defaults go with the owner (see `dropping`)."""
    with session.guarded("schema", name, intent) as mark:
        if mark is None:
            return
        found = find(session.connection, session.owner, [name], alone=True)[name]
        _revoke(session, found, found.grantees())
        session.write_mark("schema", name, Mark(session.owner, intent, archive=mark.archive))


def _revoke(session: Session, found: Found, grantees: Iterable[str]) -> None:
    schema = sql.Identifier(found.name)
    everybody = _listed(grantees)
    if not list(grantees):
        return
    session.execute("REVOKE ALL ON SCHEMA {} FROM {} CASCADE", schema, everybody)
    for item in CLASSES:
        session.execute(f"REVOKE ALL ON ALL {item.existing} IN SCHEMA {{}} FROM {{}} CASCADE", schema, everybody)
    rows = session.connection.execute(_TYPES, [found.name])
    for name, named in rows.fetchall():
        session.execute("REVOKE ALL ON TYPE {} FROM {} CASCADE", sql.Identifier(found.name, name), _listed(named))
    for owner, code, _ in found.defaults:
        session.execute(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {{}} IN SCHEMA {{}} REVOKE ALL ON {_BY_CODE[code][1]} FROM {{}}",
            sql.Identifier(owner), schema, everybody,
        )  # fmt: skip


def _listed(grantees: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL(PUBLIC) if grantee == PUBLIC else sql.Identifier(grantee) for grantee in sorted(grantees)
    )


def _other_than(acl: Iterable[Grant], role: str, asked: set[str]) -> Iterable[str]:
    """What the role has or lacks, other than asked, and all that is granted beyond that."""
    has = {grant.privilege for grant in acl if grant.grantee == role}
    if more := has - asked:
        yield f"{role} has {', '.join(sorted(more))}"
    if less := asked - has:
        yield f"{role} lacks {', '.join(sorted(less))}"
    yield from _excess(acl, role)


def _excess(acl: Iterable[Grant], role: str) -> Iterable[str]:
    """What is granted beyond the role's own, or may be handed on."""
    for grant in acl:
        if grant.grantee != role:
            yield f"{grant.grantee} has {grant.privilege}"
        elif grant.grantable:
            yield f"{role} may hand on {grant.privilege}"


def _ordered(privileges: set[str], wanted: Any) -> list[str]:
    """The privileges; in the order that was asked for if they are those, so that an order is no difference."""
    if isinstance(wanted, list) and set(wanted) == privileges:
        return list(wanted)
    return sorted(privileges)


def _strings(value: JSON) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _thing(code: str) -> str:
    return {"r": "table", "S": "sequence", "f": "function", "c": "column", "T": "type"}[code]


def _acl(entries: Iterable[list[Any]] | None) -> tuple[Grant, ...]:
    return tuple(Grant(*entry) for entry in entries or ())
