"""Somebody says `adopt: true` of what is no tenant's: an admin's role, another Conductor's, a way into other schemas.

Each rule of adoption is attacked by what it alone refuses; with that rule dropped the attack succeeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, nullcontext

import psycopg
import pytest

from runtime.targets.interface import RetryableError, TerminalError
from runtime.targets.postgres import adoptable, adopting, lending, proofs
from runtime.targets.postgres.session import Session
from runtime.targets.postgres.target import PostgresTarget
from tests.services.adopted import ACME, NORD, admin_of, made_by_hand
from tests.services.tenant import Secrets, Tenant, apply, compared, lines, target

pytestmark = pytest.mark.service

MADE = (
    "CREATE ROLE {0.owner} NOLOGIN",
    "CREATE ROLE {0.app} LOGIN PASSWORD 'an admin has it'",
    "CREATE SCHEMA {0.schema} AUTHORIZATION {0.owner}",
    "CREATE TABLE {0.schema}.orders (id int)",
    "ALTER TABLE {0.schema}.orders OWNER TO {0.owner}",
)
OTHERS = """'conductor:{{"database":"x","intent":3,"repository":"66666666666666666666666666666666"}}'"""
FUNCTION = (
    "CREATE FUNCTION {{1.schema}}.taken() RETURNS {} LANGUAGE {} AS '{}';"
    " ALTER FUNCTION {{1.schema}}.taken OWNER TO {{1.owner}}"
)
NUMBER = FUNCTION.format("int", "sql", "SELECT 1")
ATTACKS: dict[str, tuple[str, ...]] = {
    "no_powers": ("ALTER ROLE {0.app} BYPASSRLS", "ALTER ROLE {0.app} SUPERUSER", "ALTER ROLE {0.owner} CREATEROLE"),
    "no_powerful_role": (
        "CREATE ROLE between CREATEROLE; GRANT between TO {0.app}",
        "GRANT pg_read_all_data TO {0.app}",
        "CREATE ROLE between NOLOGIN; GRANT pg_write_all_data TO between; GRANT between TO {0.app}",
    ),
    "nothing_beyond": (
        "GRANT USAGE ON SCHEMA {1.schema} TO {0.app}",
        "CREATE TABLE public.hoard (id int); ALTER TABLE public.hoard OWNER TO {0.app}",
        "CREATE SCHEMA side AUTHORIZATION {0.owner}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {1.schema} GRANT SELECT ON TABLES TO {0.app}",
        "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} GRANT SELECT ON TABLES TO PUBLIC",
        "SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO {0.app}",
    ),
    "role_of_no_other": (f"COMMENT ON ROLE {{0.app}} IS {OTHERS}",),
    "owned_by_its_owner": ("ALTER SCHEMA {0.schema} OWNER TO {0.app}; DROP TABLE {0.schema}.orders",),
    "holds_nothing_of_others": (
        "ALTER TABLE {0.schema}.orders OWNER TO {0.app}",
        "CREATE FUNCTION {0.schema}.spy() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TYPE {0.schema}.mood AS ENUM ('good')",
    ),
    "nothing_across": (
        "CREATE TABLE public.every (id int); ALTER TABLE {0.schema}.orders INHERIT public.every",
        (
            "CREATE TABLE public.every (id int) PARTITION BY LIST (id);"
            " ALTER TABLE public.every ATTACH PARTITION {0.schema}.orders DEFAULT"
        ),
        "CREATE TABLE {1.schema}.more () INHERITS ({0.schema}.orders); ALTER TABLE {1.schema}.more OWNER TO {1.owner}",
        "CREATE VIEW public.seen AS SELECT * FROM {0.schema}.orders",
        "CREATE PUBLICATION leak FOR TABLE {0.schema}.orders",
        "CREATE PUBLICATION leak FOR TABLES IN SCHEMA {0.schema}",
        (
            f"{FUNCTION.format('trigger', 'plpgsql', 'BEGIN RETURN new; END')};"
            " CREATE TRIGGER taken BEFORE INSERT ON {0.schema}.orders FOR EACH ROW EXECUTE FUNCTION {1.schema}.taken()"
        ),
        f"{NUMBER}; ALTER TABLE {{0.schema}}.orders ALTER id SET DEFAULT {{1.schema}}.taken()",
        f"{NUMBER}; ALTER TABLE {{0.schema}}.orders ADD CHECK ({{1.schema}}.taken() = id)",
        f"{NUMBER}; CREATE POLICY mine ON {{0.schema}}.orders USING ({{1.schema}}.taken() = id)",
        (
            "CREATE DOMAIN {1.schema}.word AS text; ALTER DOMAIN {1.schema}.word OWNER TO {1.owner};"
            " ALTER TABLE {0.schema}.orders ADD word {1.schema}.word"
        ),
        (
            "CREATE TABLE {1.schema}.loot (id int); ALTER TABLE {1.schema}.loot OWNER TO {1.owner};"
            " CREATE RULE taken AS ON INSERT TO {0.schema}.orders DO ALSO INSERT INTO {1.schema}.loot VALUES (new.id)"
        ),
        (
            "CREATE TABLE {1.schema}.sold (id int PRIMARY KEY); ALTER TABLE {1.schema}.sold OWNER TO {1.owner};"
            " ALTER TABLE {0.schema}.orders ADD FOREIGN KEY (id) REFERENCES {1.schema}.sold ON DELETE CASCADE"
        ),
        (
            "CREATE FUNCTION {1.schema}.told(record) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            " ALTER FUNCTION {1.schema}.told OWNER TO {1.owner};"
            " CREATE CAST ({0.schema}.orders AS text) WITH FUNCTION {1.schema}.told(record)"
        ),
        (
            "CREATE FUNCTION {1.schema}.same(int, int) RETURNS bool LANGUAGE sql AS 'SELECT $1 = $2';"
            " CREATE OPERATOR {1.schema}.=== (FUNCTION = {1.schema}.same, LEFTARG = int, RIGHTARG = int);"
            " ALTER OPERATOR {1.schema}.=== (int, int) OWNER TO {1.owner};"
            " ALTER TABLE {0.schema}.orders ADD CHECK (id OPERATOR({1.schema}.===) 1)"
        ),
    ),
    "schema_of_no_other": (f"COMMENT ON SCHEMA {{0.schema}} IS {OTHERS}",),
}
CASES = [(rule, statement) for rule, statements in ATTACKS.items() for statement in statements]


@pytest.fixture
def secret(dsn18: str) -> Secrets:
    return Secrets.of(dsn18, ACME, NORD)


@pytest.fixture
def admin(dsn18: str) -> Iterator[psycopg.Connection]:
    with admin_of(dsn18, "between") as connection:
        yield connection


@pytest.fixture
def running(secret: Secrets, admin: psycopg.Connection) -> Iterator[PostgresTarget]:
    with made_by_hand(secret, admin, MADE) as opened:
        yield opened


def login(secret: Secrets, tenant: Tenant) -> psycopg.Connection:
    user, password = tenant.app, secret(tenant.reference)
    return psycopg.connect(secret("env:DSN"), user=user, password=password, autocommit=True)


def taken(admin: psycopg.Connection) -> set[str]:
    """What of the tenant is Conductor's."""
    rows = admin.execute("SELECT kind || ' ' || name FROM conductor_locks.object WHERE mark IS NOT NULL")
    return {what for (what,) in rows if "acme" in what}


def test_every_rule_of_adoption_is_attacked() -> None:
    rules = {rule.__name__ for rule in (*adoptable.ROLE_RULES, *adoptable.SCHEMA_RULES)}
    assert rules - ATTACKS.keys() == {"handed_over"}, "a server refuses that by itself; the rule only says it sooner"


@pytest.mark.parametrize(("rule", "statement"), CASES)
def test_what_is_no_tenants_is_adopted_only_if_the_rule_against_it_is_dropped(
    running: PostgresTarget,
    admin: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    statement: str,
) -> None:
    admin.execute(statement.format(ACME, NORD))
    found = compared(running, (ACME, NORD))
    assert not any(action.tenant == ACME.name for action in found.actions)
    assert any("is not adopted" in item.reason for item in found.blocked)
    for kind in ("ROLE", "SCHEMA"):
        rules = getattr(adoptable, f"{kind}_RULES")
        monkeypatch.setattr(adoptable, f"{kind}_RULES", tuple(item for item in rules if item.__name__ != rule))
    apply(running, (ACME, NORD), intent=2)
    assert taken(admin) == {f"role {ACME.owner}", f"role {ACME.app}", f"schema {ACME.schema}"}


def test_what_a_superuser_made_for_everybody_is_no_way_across(
    running: PostgresTarget, admin: psycopg.Connection
) -> None:
    """Without which no platform with an extension, or a trigger of its own, could be adopted."""
    admin.execute("CREATE FUNCTION public.touched() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'")
    admin.execute(
        f"CREATE TRIGGER touched BEFORE INSERT ON {ACME.schema}.orders FOR EACH ROW EXECUTE FUNCTION public.touched()"
    )
    admin.execute(f"ALTER TABLE {ACME.schema}.orders ADD CHECK (abs(id) = id), ADD made timestamptz DEFAULT now()")
    apply(running, (ACME, NORD), intent=2)
    assert taken(admin) == {f"role {ACME.owner}", f"role {ACME.app}", f"schema {ACME.schema}"}


def test_who_became_the_owner_before_it_was_adopted_is_put_out(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I was in the owner's role, and have said SET ROLE. My session does not notice that it is taken back."""
    for kept_out in (True, False):
        with monkeypatch.context() as patch, login(secret, NORD) as attacker:
            if not kept_out:
                patch.setattr(proofs, "end_lent", lambda *_: 0)
            admin.execute(f"GRANT {ACME.owner} TO {NORD.app}")
            attacker.execute(f"SET ROLE {ACME.owner}")
            apply(running, (ACME, NORD), intent=2 if kept_out else 3)
            with pytest.raises(psycopg.OperationalError) if kept_out else nullcontext():
                attacker.execute(f"DELETE FROM {ACME.schema}.orders")  # noqa: S608 -- a constant


@pytest.mark.parametrize("dropped", [False, True], ids=["kept-out", "rule-dropped"])
def test_a_door_of_the_owners_that_is_committed_after_the_look(
    secret: Secrets,
    running: PostgresTarget,
    admin: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    dropped: bool,
) -> None:
    """I am in the owner's role. In a transaction that I keep open I make a function of the owner's outside its schema,
    that reads for whoever calls it. The look does not see it; I commit before I am put out.
    """
    put_out, door = lending.put_out, f"{NORD.schema}.door"
    read = f"SELECT * FROM {door}()"  # noqa: S608 -- a constant
    body = f"BEGIN RETURN QUERY SELECT id FROM {ACME.schema}.orders; END"  # noqa: S608 -- a constant
    admin.execute(f"GRANT {ACME.owner} TO {NORD.app}")
    admin.execute(f"GRANT CREATE, USAGE ON SCHEMA {NORD.schema} TO {ACME.owner}, {NORD.app}")
    with closing(login(secret, NORD)) as attacker:
        attacker.execute("BEGIN")
        attacker.execute(f"SET ROLE {ACME.owner}")
        attacker.execute(f"CREATE FUNCTION {door}() RETURNS SETOF int SECURITY DEFINER LANGUAGE plpgsql AS '{body}'")
        admin.execute(f"REVOKE CREATE, USAGE ON SCHEMA {NORD.schema} FROM {ACME.owner}")

        def commits_first(session: Session, name: str, intent: int) -> int:
            if name == ACME.owner and not attacker.closed:
                attacker.execute("COMMIT")
                attacker.close()
            return put_out(session, name, intent)

        monkeypatch.setattr(lending, "put_out", commits_first)
        if dropped:
            monkeypatch.setattr(adopting, "require", lambda *_, **__: True)
        adopted = [action for action in compared(running, (ACME, NORD)).actions if action.tenant == ACME.name]
        assert len(adopted) == 4
        with (
            nullcontext() if dropped else pytest.raises(TerminalError, match="reaches beyond its schema: owns function")
        ):
            for action in adopted:
                running.perform(action, intent=2)
    if not dropped:
        with pytest.raises(TerminalError, match="reaches beyond its schema: owns function"):
            apply(running, (ACME, NORD), intent=3)
        admin.execute(f"DROP FUNCTION {door}")
    apply(running, (ACME, NORD), intent=4)
    assert lines(running, (ACME, NORD)) == ()
    admin.execute(f"INSERT INTO {ACME.schema}.orders VALUES (4711)")  # noqa: S608 -- a constant
    admin.execute(f"GRANT USAGE ON SCHEMA {NORD.schema} TO {NORD.app}")
    with login(secret, NORD) as attacker:
        if dropped:
            assert attacker.execute(read).fetchall() == [(4711,)]
        else:
            with pytest.raises(psycopg.errors.UndefinedFunction):
                attacker.execute(read)


@pytest.mark.parametrize("dropped", [False, True], ids=["kept-out", "rule-dropped"])
def test_a_function_in_the_schema_that_is_committed_after_all_rights_in_it_are_gone(
    secret: Secrets,
    running: PostgresTarget,
    admin: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    *,
    dropped: bool,
) -> None:
    """I may make things in the schema, and have made one; my transaction stays open until it is adopted. I am nobody's
    tenant, so that nobody ends it.
    """
    monkeypatch.setattr(lending, "ROUNDS", 2)
    if dropped:
        monkeypatch.setattr(lending, "require_nothing_open", lambda *_: None)
    admin.execute("CREATE ROLE between LOGIN PASSWORD 'between'")
    admin.execute(f"GRANT CREATE, USAGE ON SCHEMA {ACME.schema} TO between")
    with closing(psycopg.connect(secret("env:DSN"), user="between", password="between")) as attacker:  # noqa: S106
        attacker.execute(f"CREATE FUNCTION {ACME.schema}.orders_of(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
        with nullcontext() if dropped else pytest.raises(RetryableError, match=r"of between .* began before"):
            apply(running, (ACME, NORD), intent=2)
        attacker.commit()
    if not dropped:
        (action,) = lines(running, (ACME, NORD))
        assert action.id == ACME.object("grants").id
        with pytest.raises(TerminalError, match=r"orders_of.* of between"):
            running.perform(action, intent=3)
        admin.execute(f"DROP FUNCTION {ACME.schema}.orders_of")
        apply(running, (ACME, NORD), intent=4)
        assert lines(running, (ACME, NORD)) == ()
    else:
        count = admin.execute("SELECT count(*) FROM pg_proc WHERE proname = 'orders_of'").fetchone()
        assert count == (1,), "it is there, and nobody has said so"
        assert "adopting" not in str(admin.execute("SELECT mark FROM conductor_locks.object").fetchall())


def test_a_role_that_became_an_admins_since_it_was_looked_at_is_refused_by_the_action_itself(
    running: PostgresTarget, admin: psycopg.Connection
) -> None:
    actions = {action.id: action for action in compared(running, (ACME, NORD)).actions}
    admin.execute(f"ALTER ROLE {ACME.app} SUPERUSER")
    with pytest.raises(TerminalError, match="it has SUPERUSER"):
        running.perform(actions[ACME.object("app").id], intent=2)
    assert taken(admin) == set()
    row = admin.execute("SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = %s", [ACME.app]).fetchone()
    assert row == (True, True)


def test_what_another_conductor_made_is_not_adopted(
    secret: Secrets, running: PostgresTarget, admin: psycopg.Connection
) -> None:
    with target(secret, repository="6" * 32) as other:
        apply(other, (ACME,), intent=5)
        mine = taken(admin)
        found = compared(running, (ACME, NORD))
        assert found.actions == ()
        assert len([item for item in found.blocked if "another Conductor" in item.reason]) == 3
        assert taken(admin) == mine
        admin.execute(f"DROP SCHEMA {ACME.schema} CASCADE")
        admin.execute(f"CREATE SCHEMA {ACME.schema} AUTHORIZATION {ACME.owner}")
        assert any("what had its name" in item.reason for item in compared(running, (ACME, NORD)).blocked)


def test_a_tenant_of_which_one_part_is_refused_is_adopted_in_no_part(
    running: PostgresTarget, admin: psycopg.Connection
) -> None:
    admin.execute(f"ALTER SCHEMA {ACME.schema} OWNER TO CURRENT_USER")
    found = compared(running, (ACME, NORD))
    assert found.actions == ()
    assert {item.action.id for item in found.blocked} == {item.id for item in ACME.objects}
