"""The SQL of docs/runbooks/postgresql-target.md does what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.fixtures_postgres import Servers
from tests.services.postgres import database
from tests.services.tenant import Secrets, Tenant, apply, lines, target

pytestmark = pytest.mark.service

PAGE = Path(__file__).parents[2] / "docs" / "runbooks" / "postgresql-target.md"
ACME = Tenant("acme-retail")


def test_every_statement_of_the_page_works_as_it_stands(postgres_servers: Servers) -> None:
    running: EmbeddedPostgres = postgres_servers(18)
    close, role, *more, look, large, others = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with database(running, "graph") as dsn, psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        admin.execute(close)
        for statement in (role, *more):
            admin.execute(statement)
        agent = running.dsn("graph", user="conductor_agent", password="choose your own")  # noqa: S106 -- the page's
        with target(Secrets.of(agent, ACME)) as opened:
            apply(opened, (ACME,), intent=12)
            assert lines(opened, (ACME,)) == ()
        roles, schemas = (admin.execute(statement).fetchall() for statement in look.strip().splitlines())
        assert [row[:2] for row in roles] == [(ACME.app, True), (ACME.owner, False)]
        assert [row[0] for row in schemas] == [ACME.schema]
        assert all('"intent":12' in row[-1] for row in roles + schemas)
        admin.execute(f"SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO {ACME.app}")
        owned, unlinked = (admin.execute(statement).fetchall() for statement in large.strip().splitlines())
        assert (owned, unlinked) == ([(4711, ACME.app)], [(1,)])
        admin.execute(f"ALTER ROLE {ACME.app} PASSWORD 'of a session'")
        with psycopg.connect(dsn, user=ACME.app, password="of a session"):  # noqa: S106 -- thrown away
            assert admin.execute(others).fetchone() == (1,)
        admin.execute("DROP OWNED BY conductor_agent CASCADE")  # parameters that it may set are the server's


def test_every_refusal_of_the_page_is_one_that_the_code_makes() -> None:
    code = "".join(file.read_text() for file in (PAGE.parents[2] / "runtime" / "targets" / "postgres").glob("*.py"))
    plain = re.sub(r'"\s*f?"', "", code)
    for said in re.findall(r"^\| `(.+?)` \|", PAGE.read_text(), re.MULTILINE):
        if "depend on it" in said:
            continue  # PostgreSQL's own words
        for part in re.split(r"…|7…/graph|12|42501", said):
            assert part.strip() in plain, said
