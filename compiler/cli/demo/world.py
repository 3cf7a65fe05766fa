"""Folder -> what the demo plays in: keys, secrets, servers, repository and remote.

Rules kept: secrets are random, lie in 0600 files below `secrets/`, and are never printed; servers listen on loopback.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from compiler.cli.demo.copy import Place
from runtime.signing.keys import write_keypair
from runtime.testing import embedded_postgres
from runtime.testing.embedded_postgres import EmbeddedPostgres

PEOPLE = {
    "mara-lindqvist": "admin, mc, pm",
    "tomas-okafor": "platform, backend",
    "ines-carvalho": "sec-tl, security",
}
AGENT = "conductor-eu"
DATABASE = "intelgraph"
REGIONS = ("eu-central", "us-east")
NEW_TENANT = "fjordline-ferries"


@dataclass(frozen=True)
class World:
    """Everything the scenes use. `servers` by region; `today` dates the flags and every `--today`."""

    folder: Path
    servers: Mapping[str, EmbeddedPostgres]
    today: date

    @property
    def repo(self) -> Path:
        """The engineers' clone."""
        return self.folder / "repo"

    @property
    def remote(self) -> Path:
        """What they all push to."""
        return self.folder / "remote.git"

    def key(self, name: str) -> str:
        """Path of a private key."""
        return str(self.folder / "keys" / name)

    def places(self) -> dict[str, Place]:
        """Where the targets of the copy are, and what they say they are."""
        found = {
            f"pg-{region}": Place(f"file:{self.folder / 'secrets' / f'pg-{region}.dsn'}", _identity(server))
            for region, server in self.servers.items()
        }
        release = self.folder / "release"
        found["release-eu"] = Place(
            f"file:{self.folder / 'secrets' / 'release-eu.path'}", (release / ".conductor-target").read_text().strip()
        )
        return found

    def log_in(self, tenant: str, region: str = "eu-central") -> str:
        """Log in as a tenant's application over TCP and say who the server says it is; the server's words if not."""
        role = f"t_{tenant.replace('-', '_')}_app"
        dsn = self.servers[region].dsn(DATABASE, user=role, password=os.environ[password_variable(tenant)])
        try:
            with psycopg.connect(dsn, connect_timeout=10) as connection:
                row = connection.execute(
                    "SELECT current_user, has_schema_privilege(%s, 'USAGE')", (role[:-4],)
                ).fetchone()
        except psycopg.OperationalError as error:
            return str(error).strip().splitlines()[-1].split("FATAL:")[-1].strip()
        return f"logged in as {row[0]}, own schema usable: {row[1]}" if row else "no answer"

    def by_hand(self, statement: str, region: str = "eu-central") -> None:
        """Do what nobody should: alter the database by hand, as a superuser."""
        with psycopg.connect(self.servers[region].dsn(DATABASE), autocommit=True) as connection:
            connection.execute(statement.encode())

    def asked(self, query: str, region: str = "eu-central") -> str:
        """Ask the database itself."""
        with psycopg.connect(self.servers[region].dsn(DATABASE)) as connection:
            row = connection.execute(query.encode()).fetchone()
        return "nothing" if row is None else " ".join(str(value) for value in row)


def password_variable(tenant: str) -> str:
    """Where the agent finds a tenant's password: the default of the kind `Tenant`."""
    return f"CONDUCTOR_TENANT_{tenant.upper().replace('-', '_')}_PASSWORD"


def keys(folder: Path) -> dict[str, str]:
    """Make a key pair for three people and the agent; name in the repository -> public line."""
    (folder / "keys").mkdir(mode=0o700)
    files = {**{name: name for name in PEOPLE}, AGENT: "agent"}
    return {name: write_keypair(folder / "keys" / file).public_line for name, file in files.items()}


@contextmanager
def opened(folder: Path, tenants: list[str], today: date) -> Iterator[World]:
    """Start a PostgreSQL for each region, and lay the secrets; the servers stop at the end."""
    hidden = folder / "secrets"
    hidden.mkdir(mode=0o700)
    lines = []
    for tenant in [*tenants, NEW_TENANT]:
        os.environ[password_variable(tenant)] = secrets.token_urlsafe(18)
        lines.append(f"export {password_variable(tenant)}={os.environ[password_variable(tenant)]}\n")
    private(hidden / "environment", "".join(lines))
    (folder / "release").mkdir()
    (folder / "release" / ".conductor-target").write_text(secrets.token_hex(16) + "\n")
    private(hidden / "release-eu.path", str(folder / "release"))
    with ExitStack() as stack:
        servers = {}
        for region in REGIONS:
            server = stack.enter_context(embedded_postgres.start(folder / f"postgres-{region}"))
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {DATABASE}".encode())
            private(hidden / f"pg-{region}.dsn", make_conninfo(server.dsn(DATABASE)))
            servers[region] = server
        yield World(folder, servers, today)


def private(path: Path, text: str) -> None:
    """Write a file that only its owner reads."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _identity(server: EmbeddedPostgres) -> str:
    with psycopg.connect(server.dsn(DATABASE)) as connection:
        row = connection.execute("SELECT system_identifier, current_database() FROM pg_control_system()").fetchone()
    return "" if row is None else f"{row[0]}/{row[1]}"
