"""docs/getting-started.md, word for word: an empty folder, and at its end a verified change of one's own PostgreSQL.

And in the same place the last step of docs/adopting.md, where a tenant that was there before is adopted, and
docs/runbooks/ending-a-tenant.md, where the first one ends; of its year only the clock is told that it is over.
"""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.services.age import age_keygen
from tests.services.own_history import ROOT
from tests.services.postgres import ordinary_user
from tests.services.typed_page import blocks, first_day, read, typed

pytestmark = pytest.mark.service

STARTING = read("getting-started.md")
ADOPTING = read("adopting.md").split("## 5. ")[1].split("\n## ")[0]
ENDING = read("runbooks/ending-a-tenant.md")
WAIT = "## 3. Wait"
BEFORE = """
CREATE ROLE globex LOGIN PASSWORD 'the one it has now';
CREATE SCHEMA globex AUTHORIZATION globex;
SET ROLE globex;
CREATE TABLE globex.orders AS SELECT n AS id FROM generate_series(1, 250) n;
GRANT SELECT ON globex.orders TO PUBLIC;
RESET ROLE;
"""
"""How the page's reader has had the tenant so far."""
PORT, PASSWORD = "5432", "choose-your-own"
MINUTES = 10
LATER = """#!PYTHON
# conductor, where a year and two days have passed
import importlib, sys
from datetime import datetime, timedelta
class Later(datetime):
    @classmethod
    def now(cls, tz=None):
        there = datetime.now(tz=tz) + timedelta(days=367)
        return cls(*there.timetuple()[:6], there.microsecond, tz)
for name in ("agent", "approve", "plan", "verify"):
    importlib.import_module(f"compiler.cli.{name}").datetime = Later
from compiler.cli.app import run
run(sys.argv[1:])
"""
A_YEAR_LATER = """
export PATH=~/later:$PATH
conductor agent once --key ~/.config/conductor/acme-graph/agent --trust-root "$trust_root" --after-gap
git pull --quiet --ff-only
"""
"""An agent was at work all the year; here none was, which somebody has to vouch for."""


def starting(*, server: bool) -> list[str]:
    """What the page has its reader type: for a server, and without."""
    return [block for block in blocks(STARTING) if ("pg_ctl" in block) == server]


@contextmanager
def own_server(port: int) -> Iterator[tuple[str, Path]]:
    """The server that the page makes, by somebody who is not root; its connection string, and its programs."""
    make, stop = (block.replace(PORT, str(port)) for block in starting(server=True))
    with ordinary_user(18) as (programs, folder, who):
        environment = first_day(folder, programs)
        try:
            typed(make, folder, environment, **who)
            yield f"host=127.0.0.1 port={port} dbname=graph user=postgres password={PASSWORD}", programs
        finally:
            if (folder / "postgres" / "postmaster.pid").exists():
                typed(stop, folder, environment, **who)


def test_whoever_types_the_page_reaches_a_verified_change_of_their_own_postgresql(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("compiler", "runtime", "policies", "evidence", "docs"):
        shutil.copytree(ROOT / name, home / "conductor" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, home / "conductor" / name)
    port, begun = free_port(), time.monotonic()
    with own_server(port) as (dsn, programs), psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute((BEFORE + "".join(blocks(ADOPTING, "sql"))).encode())
        script = "".join(starting(server=False)).replace(PORT, str(port))
        script += "".join(blocks(ADOPTING)) + 'conductor verify --trust-root "$trust_root"\n'
        script += "env > ../environment; declare -p trust_root > ../shell\n"
        said = typed(script, home, first_day(home, programs))
        minutes = (time.monotonic() - begun) / 60
        record_property("rates", f"the page took {minutes:.1f} minutes")
        assert minutes < MINUTES
        assert said.rstrip().splitlines()[-1] == "OK"
        assert "3 Take " in said
        assert "+ platform gains tenant.read, tenant.write at acme-retail" in said
        assert re.search(r"(?m)^adopt \S+/role/t_globex_app \(globex, because of change", said), said
        assert "    connection_limit -1 → " in said
        assert "    default privileges on tables none → DELETE, INSERT, SELECT, UPDATE" in said
        assert "    undoes: table orders: PUBLIC has SELECT" in said
        with psycopg.connect(dsn, user="t_globex_app", password="the one it has now") as tenant:  # noqa: S106 -- the page's
            assert tenant.execute("SELECT count(*) FROM t_globex.orders").fetchone() == (250,)
            assert tenant.execute("SELECT rolconnlimit > 0 FROM pg_roles WHERE rolname = CURRENT_USER").fetchone() == (
                True,
            )
        known = environment(home)
        password = known["CONDUCTOR_TENANT_ACME_RETAIL_PASSWORD"]
        with psycopg.connect(dsn, user="t_acme_retail_app", password=password) as tenant:
            assert tenant.execute("SELECT has_schema_privilege('t_acme_retail', 'USAGE')").fetchone() == (True,)
        ends(home, admin, programs)
        written = b"".join(file.read_bytes() for file in (home / "acme").rglob("*") if file.is_file())
        assert password.encode() not in written
        assert PASSWORD.encode() not in written


def ends(home: Path, admin: psycopg.Connection, programs: Path) -> None:
    """The same person goes on in the same shell, with the page on ending a tenant."""
    admin.execute("CREATE TABLE t_acme_retail.orders AS SELECT n AS id FROM generate_series(1, 70) n")
    admin.execute("ALTER TABLE t_acme_retail.orders OWNER TO t_acme_retail_owner")
    later = home / "later" / "conductor"
    later.parent.mkdir()
    later.write_text(LATER.replace("PYTHON", str(home / ".conductor" / "bin" / "python")))
    later.chmod(0o755)
    before, after = ENDING.split(WAIT)
    script = (home / "shell").read_text() + "".join(blocks(before)) + A_YEAR_LATER + "".join(blocks(after))
    script += 'conductor verify --trust-root "$trust_root"\n'
    known = {**environment(home), **first_day(home, home / ".conductor" / "bin", programs, age_keygen().parent)}
    said = typed(script, home / "acme", known)
    assert said.rstrip().splitlines()[-1] == "OK"
    assert re.search(r'"tables": *\{\s*"orders": *70\s*\}', said), said
    assert len(list((home / "archives").glob("*.sql.age"))) == 1
    left = admin.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 't\\_acme%'").fetchall()
    left += admin.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_acme%'").fetchall()
    assert left == []
    assert not (home / "acme" / "tenants" / "acme-retail.yaml").exists()


def test_the_page_is_told_which_lines_are_the_readers_own() -> None:
    make, stop = starting(server=True)
    (own,) = [block for block in starting(server=False) if PORT in block]
    assert (make.count(PORT), stop.count(PORT), own.count(PORT)) == (2, 0, 1)
    assert PASSWORD in make
    assert f"port={PORT} dbname=graph user=postgres password={PASSWORD}'" in own


def environment(home: Path) -> dict[str, str]:
    """What the reader's shell had exported at the end of the first page."""
    lines = (home / "environment").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("CONDUCTOR_"))


def free_port() -> int:
    """A port that nobody listens on."""
    with closing(socket.socket()) as here:
        here.bind(("127.0.0.1", 0))
        port: int = here.getsockname()[1]
        return port
