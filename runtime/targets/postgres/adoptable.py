"""A role or schema that somebody else made -> what is known of it, and every reason why it may not be adopted.

Rules kept: each rule in `ROLE_RULES` and `SCHEMA_RULES` refuses alone. Nothing is adopted that is more than a tenant's:
a role with powers over others, one that reaches beyond its schema, a schema that holds what is not its owner's or has a
way across its border (see `across`), or what another Conductor made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from runtime.contract.canonical import JSON
from runtime.contract.printable import line
from runtime.targets.postgres import across, grants, locks
from runtime.targets.postgres.marks import PREFIX, Mark, Owner, believed, read
from runtime.targets.postgres.session import Connection

SHOWN = 5
_LONGEST = 120
_WITH_STATEMENT = 400
_ENDS = ("_owner", "_app")

_ROLES = """
SELECT r.rolname, o.mark, o.id = r.oid, shobj_description(r.oid, 'pg_authid'),
       array_remove(ARRAY[CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
                          CASE WHEN r.rolreplication THEN 'REPLICATION' END,
                          CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL),
       ARRAY(SELECT p.rolname::text FROM pg_roles p
              WHERE (p.rolname ~ '^pg_' OR p.rolsuper OR p.rolcreaterole OR p.rolreplication OR p.rolbypassrls)
                AND p.oid <> r.oid AND NOT r.rolsuper AND pg_has_role(r.oid, p.oid, 'MEMBER') ORDER BY 1),
       pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION') AND pg_has_role(current_user, r.oid, 'USAGE'),
       ARRAY(SELECT CASE WHEN s.dbid NOT IN (0, d.oid) THEN 'something in database ' || (
                        SELECT quote_ident(datname) FROM pg_database WHERE oid = s.dbid)
                    ELSE CASE s.deptype WHEN 'o' THEN 'owns ' ELSE 'has privileges on ' END
                        || pg_describe_object(s.classid, s.objid, 0) END
               FROM pg_shdepend s, pg_database d, LATERAL (
                    SELECT (pg_identify_object(s.classid, s.objid, 0)).* WHERE s.dbid IN (0, d.oid)
                    UNION ALL SELECT NULL, NULL, NULL, NULL WHERE s.dbid NOT IN (0, d.oid)) i
              WHERE d.datname = current_database() AND s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
                AND s.deptype IN ('o', 'a') AND s.classid <> 'pg_auth_members'::regclass
                AND NOT (s.dbid = d.oid AND coalesce(i.schema = w.schema OR i.schema ~ '^pg_temp', false))
                AND NOT (s.dbid = d.oid AND s.classid = 'pg_namespace'::regclass AND s.objid = n.oid)
                AND NOT EXISTS (SELECT FROM pg_default_acl a
                                 WHERE s.classid = 'pg_default_acl'::regclass AND a.oid = s.objid
                                   AND (a.defaclnamespace = n.oid OR (a.defaclnamespace = 0 AND a.defaclrole = r.oid
                                                                      AND a.defaclobjtype = 'f')))
                AND NOT (s.classid = 'pg_database'::regclass AND s.deptype = 'a' AND NOT EXISTS (
                    SELECT FROM pg_database b, aclexplode(b.datacl) a
                     WHERE b.oid = s.objid AND a.grantee = r.oid AND a.privilege_type = 'CREATE'))
              ORDER BY 1)
  FROM pg_roles r JOIN unnest({names}::text[], {schemas}::text[]) w(name, schema) ON w.name = r.rolname
  LEFT JOIN pg_namespace n ON n.nspname = w.schema
  LEFT JOIN {marks} o ON o.kind = 'role' AND o.name = r.rolname
"""

_OWNERS: Mapping[str, tuple[str, str, LiteralString]] = {
    "pg_class": ("relnamespace", "relowner", "relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"),
    "pg_proc": ("pronamespace", "proowner", "true"),
    "pg_type": ("typnamespace", "typowner", "typrelid = 0 AND typelem = 0"),
    "pg_operator": ("oprnamespace", "oprowner", "true"),
    "pg_opclass": ("opcnamespace", "opcowner", "true"),
    "pg_opfamily": ("opfnamespace", "opfowner", "true"),
    "pg_collation": ("collnamespace", "collowner", "true"),
    "pg_conversion": ("connamespace", "conowner", "true"),
    "pg_statistic_ext": ("stxnamespace", "stxowner", "true"),
    "pg_ts_config": ("cfgnamespace", "cfgowner", "true"),
    "pg_ts_dict": ("dictnamespace", "dictowner", "true"),
}
"""Everything that lies in a schema and has an owner of its own: catalog -> columns of schema and owner."""

_SCHEMAS = """
SELECT n.nspname, o.mark, o.id = n.oid, obj_description(n.oid, 'pg_namespace'), pg_get_userbyid(n.nspowner)::text,
       ARRAY(SELECT pg_describe_object(t.classid, t.objid, 0) || ' of ' || pg_get_userbyid(t.owner)
               FROM ({things}) t WHERE t.namespace = n.oid AND t.owner <> n.nspowner ORDER BY 1)
  FROM pg_namespace n
  LEFT JOIN {marks} o ON o.kind = 'schema' AND o.name = n.nspname
 WHERE n.nspname = ANY({names})
"""
_THING = """
SELECT {name}::regclass AS classid, oid AS objid, {namespace} AS namespace, {owner} AS owner FROM {catalog} WHERE """


@dataclass(frozen=True)
class Marked:
    """What is known of whose an object is: the text where marks lie, whether it was written for this very object, and
    the comment that everybody can read."""

    ours: Owner
    text: str | None
    same: bool | None
    comment: str | None

    @property
    def mark(self) -> Mark | None:
        """Our mark, if it counts."""
        return believed(self.text, self.ours, same=self.same, comment=self.comment)

    def others(self) -> bool:
        """Whether another Conductor says that it made this, or made what had its name."""
        if self.text is not None and read(self.text, self.ours) is None:
            return True
        head = f'"database":"{self.ours.database}"', f'"repository":"{self.ours.repository}"'
        said = self.comment or ""
        return said.startswith(PREFIX) and not all(part in said for part in head)


@dataclass(frozen=True)
class Role:
    """A role that somebody made, as far as it matters whether it may be adopted."""

    name: str
    marked: Marked
    powers: tuple[str, ...]
    powerful: tuple[str, ...]
    """Roles that it is a member of, by whatever way, and that have such powers, or are PostgreSQL's own."""
    handed: bool
    """Whether the agent's role may alter it at all."""
    beyond: tuple[str, ...]
    """What it owns, or may do, beyond its schema."""


@dataclass(frozen=True)
class Schema:
    """A schema that somebody made, likewise; `wanted` is who must own it and all that lies in it."""

    name: str
    marked: Marked
    owner: str
    wanted: str
    others: tuple[str, ...]
    across: tuple[str, ...]


def no_powers(role: Role) -> str | None:
    """Whoever has power over others is an admin."""
    words = " ".join(f"NO{power}" for power in role.powers)
    return f"it has {', '.join(role.powers)} (ALTER ROLE {role.name} {words})" if role.powers else None


def no_powerful_role(role: Role) -> str | None:
    """Whoever may become an admin is one, and what PostgreSQL's own roles may do is a server's."""
    names = line(", ".join(role.powerful), _LONGEST)
    return f"it is a member of {names} (REVOKE {names} FROM …)" if role.powerful else None


def nothing_beyond(role: Role) -> str | None:
    """A tenant's role has nothing outside its schema: adopting would not take it away, and the archive not hold it."""
    if not role.beyond:
        return None
    return f"it reaches beyond its schema: {_few(role.beyond)} (REASSIGN OWNED or REVOKE it by hand)"


def handed_over(role: Role) -> str | None:
    """Only who may alter a role can bring it under rule."""
    if role.handed:
        return None
    return f"the agent may not alter it (GRANT {role.name} TO the agent's role WITH ADMIN OPTION)"


def role_of_no_other(role: Role) -> str | None:
    """One object, one Conductor."""
    return _others(role.marked)


def owned_by_its_owner(schema: Schema) -> str | None:
    """A schema is its owner role's."""
    if schema.owner == schema.wanted:
        return None
    return f"it is {line(schema.owner, _LONGEST)}'s (ALTER SCHEMA {schema.name} OWNER TO {schema.wanted})"


def holds_nothing_of_others(schema: Schema) -> str | None:
    """Who owns something may do anything with it, and let others do so, whatever is granted."""
    if not schema.others:
        return None
    return f"it holds {_few(schema.others)} (ALTER … OWNER TO {schema.owner})"


def nothing_across(schema: Schema) -> str | None:
    """No grant is needed where a parent shows the rows, a trigger hands them over, or a publication sends them."""
    return f"there are ways across its border: {_few(schema.across)}" if schema.across else None


def schema_of_no_other(schema: Schema) -> str | None:
    """One object, one Conductor."""
    return _others(schema.marked)


ROLE_RULES: tuple[Callable[[Role], str | None], ...] = (
    no_powers,
    no_powerful_role,
    nothing_beyond,
    handed_over,
    role_of_no_other,
)
SCHEMA_RULES: tuple[Callable[[Schema], str | None], ...] = (
    owned_by_its_owner,
    holds_nothing_of_others,
    nothing_across,
    schema_of_no_other,
)


def roles_named(connection: Connection, owner: Owner, names: Iterable[str]) -> Iterator[Role]:
    """Those of the named roles that exist."""
    listed = sorted(names)
    query = grants.filled(
        _ROLES, names=listed, schemas=[_schema_of(name) for name in listed], marks=locks.marks_of(connection)
    )
    for name, text, same, comment, powers, powerful, handed, beyond in connection.execute(query):
        yield Role(
            name, Marked(owner, text, same, comment), tuple(powers), tuple(powerful), bool(handed), _lines(beyond)
        )


def schemas_named(connection: Connection, ours: Owner, wanted: Mapping[str, Mapping[str, JSON]]) -> Iterator[Schema]:
    """Those of the named schemas that exist; `wanted` has their attributes."""
    things = sql.SQL(" UNION ALL ").join(
        grants.filled(
            _THING + such,
            name=catalog,
            namespace=sql.Identifier(namespace),
            owner=sql.Identifier(owner),
            catalog=sql.Identifier(catalog),
        )
        for catalog, (namespace, owner, such) in _OWNERS.items()
    )
    query = grants.filled(_SCHEMAS, names=sorted(wanted), marks=locks.marks_of(connection), things=things)
    for name, text, same, comment, owner, others in connection.execute(query).fetchall():
        marked = Marked(ours, text, same, comment)
        judged_now = marked.mark is None or marked.mark.adopting
        ways = _lines(across.ways(connection, name), _WITH_STATEMENT) if judged_now else ()
        yield Schema(name, marked, owner, str(wanted[name].get("owner")), _lines(others), ways)


def _schema_of(role: str) -> str:
    """The schema that a tenant's role belongs to, by the names that the compiler gives."""
    return next((role.removesuffix(end) for end in _ENDS if role.endswith(end)), role)


def _others(marked: Marked) -> str | None:
    if not marked.others():
        return None
    return "another Conductor made it, or what had its name (let that one delete it; see `conductor_locks.object`)"


def _lines(words: Iterable[Any], longest: int = _LONGEST) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line(str(word), longest) for word in words))


def _few(words: tuple[str, ...]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def against(found: Role | Schema) -> tuple[str, ...]:
    """Every reason why it may not be adopted."""
    if isinstance(found, Role):
        return tuple(why for of_roles in ROLE_RULES if (why := of_roles(found)) is not None)
    return tuple(why for of_schemas in SCHEMA_RULES if (why := of_schemas(found)) is not None)
