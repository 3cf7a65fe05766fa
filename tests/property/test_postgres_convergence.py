"""Pairs (before, after) over real PostgreSQL 18 and 15, with drift by hand in between.

Applying `after` leaves an empty diff, and performs exactly the lines that the dry run printed: counted in the server's
own log, where every action leaves its mark under the number of its intent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from runtime.agent.apply import perform
from runtime.contract.objects import Action
from runtime.targets.postgres.grants import CLASSES
from runtime.targets.postgres.target import PostgresTarget
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.postgres import database
from tests.services.tenant import TARGET, Secrets, Tenant, compared, lines, target

pytestmark = pytest.mark.service

PAIRS = 110
"""For each version: 220 in all."""
ADOPTIONS = 30

NAMES = ("acme-retail", "nordwind", "hanse-bank")

DRIFTS = (
    "ALTER ROLE {0.app} NOLOGIN",
    "ALTER ROLE {0.app} LOGIN",
    "ALTER ROLE {0.owner} LOGIN",
    "ALTER ROLE {0.app} PASSWORD 'other'",
    "ALTER ROLE {0.app} PASSWORD NULL",
    "ALTER ROLE {0.app} CONNECTION LIMIT 77",
    "ALTER ROLE {0.app} SUPERUSER CREATEROLE",
    "ALTER ROLE {0.owner} BYPASSRLS VALID UNTIL '2030-01-01'",
    "ALTER ROLE {0.app} SET statement_timeout = 0",
    "ALTER ROLE {0.app} SET timezone = 'Europe/Berlin'",
    "ALTER ROLE {0.app} RESET ALL",
    "ALTER ROLE {0.app} IN DATABASE {1} SET work_mem = '1GB'",
    "GRANT {0.owner} TO {0.app}",
    "GRANT pg_read_all_data TO {0.app}",
    "ALTER SCHEMA {0.schema} OWNER TO CURRENT_USER",
    "GRANT ALL ON SCHEMA {0.schema} TO PUBLIC",
    "REVOKE ALL ON SCHEMA {0.schema} FROM {0.app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} IN SCHEMA {0.schema} GRANT ALL ON TABLES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} IN SCHEMA {0.schema} REVOKE ALL ON TABLES FROM {0.app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {0.owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
    "DROP SCHEMA {0.schema} CASCADE",
    "DROP OWNED BY {0.app}; DROP ROLE {0.app}",
)

_LOGGED = re.compile(r'app=conductor test intent (\d+) .*statement: (COMMENT ON|DROP) (ROLE|SCHEMA) "(\w+)"')


def privileges(number: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(CLASSES[number].privileges), unique=True, max_size=4).map(tuple)


def tenant(name: str) -> st.SearchStrategy[Tenant]:
    timeouts = st.fixed_dictionaries(
        {},
        optional={
            "statement_timeout": st.sampled_from(["30s", "1min", "500ms"]),
            "work_mem": st.sampled_from(["4MB", "16MB"]),
            "search_path": st.sampled_from(["public", '"$user", public']),
        },
    )
    return st.builds(
        Tenant,
        name=st.just(name),
        login=st.booleans(),
        connection_limit=st.integers(1, 20),
        settings=timeouts.map(lambda chosen: tuple(chosen.items())),
        tables=privileges(0),
        sequences=privileges(1),
        functions=privileges(2),
    )


def installation() -> st.SearchStrategy[tuple[Tenant, ...]]:
    present = st.lists(st.sampled_from(NAMES), unique=True)
    return present.flatmap(lambda names: st.tuples(*(tenant(name) for name in names)))


@dataclass
class World:
    """One database that all pairs of a version share; `intent` counts as a ledger would."""

    server: EmbeddedPostgres
    admin: psycopg.Connection
    running: PostgresTarget
    intent: int = 0
    seen: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def apply(self, wanted: tuple[Tenant, ...], former: tuple[Tenant, ...]) -> None:
        """Apply what the dry run prints; nothing else is done, and nothing is left to do."""
        self.intent += 1
        printed = lines(self.running, wanted, former=former)
        assert lines(self.running, wanted, former=former) == printed, "looking changes nothing"
        outcomes = perform(
            printed,
            {TARGET: self.running},
            intent=self.intent,
            held=lambda: True,
            stopping=lambda: False,
            at=lambda _: None,
            note=lambda _index, _facts: None,
        )
        assert [(item.outcome, item.message) for item in outcomes] == [("done", None)] * len(printed)
        assert self.logged() == Counter(map(_line, printed))
        assert lines(self.running, wanted, former=former) == ()
        self.counts[f"{len(printed)} lines"] += 1

    def clear(self) -> None:
        """Take away what a failed example left, so that the next one starts from nothing."""
        for who in map(Tenant, NAMES):
            self.admin.execute(f"DROP SCHEMA IF EXISTS {who.schema} CASCADE")
            for role in (who.app, who.owner):
                if self.admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None:
                    self.admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def forget(self) -> None:
        """Let all of it be somebody's who never heard of Conductor."""
        self.admin.execute("DELETE FROM conductor_locks.object")
        for who in map(Tenant, NAMES):
            if self.admin.execute("SELECT to_regnamespace(%s) IS NOT NULL", [who.schema]).fetchone() == (True,):
                self.admin.execute(f"COMMENT ON SCHEMA {who.schema} IS NULL")
            for role in (who.app, who.owner):
                if self.admin.execute("SELECT to_regrole(%s) IS NOT NULL", [role]).fetchone() == (True,):
                    self.admin.execute(f"COMMENT ON ROLE {role} IS NULL")

    def marked(self, who: Tenant) -> bool:
        """Whether anything of a tenant is ours."""
        names = [who.schema, who.owner, who.app]
        query = "SELECT count(*) FROM conductor_locks.object WHERE name = ANY(%s) AND mark IS NOT NULL"
        return self.admin.execute(query, [names]).fetchone() != (0,)

    def logged(self) -> Counter[str]:
        """What this intent did, by the server's log: each action writes its mark once, or drops its object."""
        with self.server.log.open() as log:
            log.seek(self.seen)
            text = log.read()
            self.seen = log.tell()
        found: Counter[str] = Counter()
        for intent, verb, kind, name in _LOGGED.findall(text):
            if int(intent) != self.intent:
                continue
            found[f"{'drop' if verb == 'DROP' else 'mark'} {kind.lower()} {name}"] += 1
        return found


def _line(action: Action) -> str:
    """What the server's log shows of an action: grants are marked on their schema."""
    kind = "schema" if action.id.type == "grants" else action.id.type
    dropped = action.after is None and action.id.type != "grants"
    return f"{'drop' if dropped else 'mark'} {kind} {action.id.name}"


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres) -> Iterator[World]:
    tenants = tuple(Tenant(name) for name in NAMES)
    with (
        database(postgres, "convergence") as dsn,
        psycopg.connect(dsn, autocommit=True) as admin,
        target(Secrets.of(dsn, *tenants)) as running,
    ):
        found = World(postgres, admin, running)
        yield found
        print(f"\nPostgreSQL {admin.info.server_version // 10_000}: {found.counts.total() // 3} pairs")  # noqa: T201 -- the share that ran


@settings(
    max_examples=PAIRS,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=installation(), after=installation(), data=st.data())
def test_applying_leaves_nothing_to_do_and_performs_exactly_the_lines_of_the_dry_run(
    world: World, before: tuple[Tenant, ...], after: tuple[Tenant, ...], data: st.DataObject
) -> None:
    world.clear()
    world.apply(before, ())
    by_hand(world, before, data)
    world.apply(after, before)
    world.apply((), before + after)


@settings(
    max_examples=ADOPTIONS,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(before=installation().filter(bool), data=st.data())
def test_whatever_hands_have_made_of_a_tenant_adopting_makes_it_as_declared_or_is_refused_as_a_whole(
    world: World, before: tuple[Tenant, ...], data: st.DataObject
) -> None:
    world.clear()
    world.apply(before, ())
    by_hand(world, before, data)
    world.forget()
    wanted = tuple(replace(who, adopt=True) for who in before)
    found = compared(world.running, wanted)
    refused = {item.action.tenant for item in found.blocked}
    able = tuple(who for who in wanted if who.name not in refused)
    event(f"{len(able)} of {len(wanted)} may be adopted")
    world.apply(able, ())
    assert not [who.name for who in wanted if who.name in refused and world.marked(who)]
    powers = "SELECT rolname FROM pg_roles WHERE rolname LIKE 't\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole)"
    assert {name for (name,) in world.admin.execute(powers)} <= {
        role for who in wanted if who.name in refused for role in (who.app, who.owner)
    }


def by_hand(world: World, there: tuple[Tenant, ...], data: st.DataObject) -> None:
    """Let hands alter some of it."""
    drifts = data.draw(
        st.lists(st.tuples(st.sampled_from(there), st.sampled_from(DRIFTS)), max_size=4) if there else st.just([])
    )
    for who, statement in drifts:
        for part in statement.split("; "):
            try:
                world.admin.execute(part.format(who, world.admin.info.dbname))
            except (psycopg.errors.UndefinedObject, psycopg.errors.InvalidSchemaName):
                event("an earlier drift took the object away")
    event(f"{len(drifts)} drifts")
