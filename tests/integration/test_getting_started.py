"""docs/getting-started.md, word for word: an empty folder, and at its end a verified change of one's own PostgreSQL.

And the last step of docs/adopting.md in the same place: a tenant that was there before is adopted.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.services.fixtures_postgres import Servers
from tests.services.own_history import ROOT
from tests.services.postgres import database

pytestmark = pytest.mark.service

PAGE = ROOT / "docs" / "getting-started.md"
ADOPTING = (ROOT / "docs" / "adopting.md").read_text().split("## 5. ")[1].split("\n## ")[0]
BEFORE = """
CREATE ROLE globex LOGIN PASSWORD 'the one it has now';
CREATE SCHEMA globex AUTHORIZATION globex;
SET ROLE globex;
CREATE TABLE globex.orders AS SELECT n AS id FROM generate_series(1, 250) n;
GRANT SELECT ON globex.orders TO PUBLIC;
RESET ROLE;
"""
"""How the page's reader has had the tenant so far."""
ITS_DSN = "host=127.0.0.1 port=5432 dbname=graph user=postgres password=choose-your-own"
MINUTES = 10


def script() -> str:
    """Everything that the page has its reader type."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert {language for language, _ in blocks} == {"sh"}
    return "".join(text for _, text in blocks)


def adopting(language: str) -> str:
    """What the last step of adopting has its reader type."""
    return "".join(re.findall(rf"```{language}\n(.*?)```", ADOPTING, re.DOTALL))


def test_whoever_types_the_page_reaches_a_verified_change_of_their_own_postgresql(
    tmp_path: Path, postgres_servers: Servers, record_property: Callable[[str, object], None]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for name in ("compiler", "runtime", "policies", "evidence", "docs"):
        shutil.copytree(ROOT / name, home / "conductor" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copyfile(ROOT / name, home / "conductor" / name)
    running = postgres_servers(18)
    with database(running, "graph") as dsn, psycopg.connect(dsn, autocommit=True) as admin:
        admin.execute(BEFORE + adopting("sql"))
        # that nothing is lost at the end of a pipe or of an `export`, each line is the shell's own, as on the page
        typed = "set -euo pipefail\n" + script().replace(ITS_DSN, dsn) + "env > ../environment\n"
        typed += adopting("sh") + 'conductor verify --trust-root "$trust_root"\n'
        begun = time.monotonic()
        ran = subprocess.run(
            ["bash", "-c", typed],
            cwd=home,
            env=environment(home),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
        minutes = (time.monotonic() - begun) / 60
        record_property("rates", f"the page took {minutes:.1f} minutes")
        assert minutes < MINUTES
        assert ran.stdout.rstrip().splitlines()[-1] == "OK"
        assert "3 Take " in ran.stdout
        assert re.search(r"(?m)^adopt \S+/role/t_globex_app \(globex, because of change", ran.stdout), ran.stdout
        assert "    connection_limit -1 → " in ran.stdout
        assert "    undoes: table orders: PUBLIC has SELECT" in ran.stdout
        with psycopg.connect(running.dsn("graph", user="t_globex_app", password="the one it has now")) as tenant:  # noqa: S106 -- the page's
            assert tenant.execute("SELECT count(*) FROM t_globex.orders").fetchone() == (250,)
            assert tenant.execute("SELECT rolconnlimit > 0 FROM pg_roles WHERE rolname = CURRENT_USER").fetchone() == (
                True,
            )
        password = re.search(r"(?m)^CONDUCTOR_TENANT_ACME_RETAIL_PASSWORD=(.+)$", (home / "environment").read_text())
        assert password is not None
        with psycopg.connect(running.dsn("graph", user="t_acme_retail_app", password=password[1])) as tenant:
            assert tenant.execute("SELECT has_schema_privilege('t_acme_retail', 'USAGE')").fetchone() == (True,)
        written = b"".join(file.read_bytes() for file in (home / "acme").rglob("*") if file.is_file())
        assert password[1].encode() not in written
        assert dsn.split("password=")[1].encode() not in written


def test_the_page_is_told_which_line_is_the_readers_own() -> None:
    assert script().count(ITS_DSN) == 1


def environment(home: Path) -> dict[str, str]:
    """A person's first day: nothing but a home, and where packages come from."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"} or name.startswith("PIP_")}
    return {**kept, "HOME": str(home), "PATH": os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))}
