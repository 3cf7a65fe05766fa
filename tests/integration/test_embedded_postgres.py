from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from runtime.contract.errors import EnvironmentFailedError
from runtime.testing import embedded_postgres
from runtime.testing.embedded_postgres import EmbeddedPostgres, start, temporary
from tests.services.postgres import VERSIONS, binaries

pytestmark = pytest.mark.service

REPOSITORY = Path(__file__).parents[2]


def version(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.dsn()) as connection:
        return connection.info.server_version // 10_000


def gone(pid: int) -> bool:
    """Whether a process is over; one that nobody has collected yet is."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


@pytest.mark.parametrize("number", VERSIONS)
def test_a_temporary_server_leaves_neither_process_nor_file(number: int) -> None:
    with temporary(binaries=binaries(number)) as server:
        pid, folder, data = server.pid, server.folder, (server.folder / "data").resolve()
        assert version(server) == number
        assert data.exists()
    assert gone(pid)
    assert not folder.exists()
    assert not data.exists()


def test_a_wrong_password_is_refused_and_the_right_one_is_private() -> None:
    with temporary() as server:
        assert stat.S_IMODE(server.password_file.stat().st_mode) == 0o600
        assert server.password_file.read_text() in server.dsn()
        for password in ("wrong", ""):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(server.dsn(password=password))


def test_it_listens_on_loopback_alone() -> None:
    with temporary() as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)


def test_data_is_there_again_when_it_starts_again(tmp_path: Path) -> None:
    with start(tmp_path / "server") as server, psycopg.connect(server.dsn()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server = start(tmp_path / "server")
    try:
        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    finally:
        server.stop(remove=True)
    assert not (tmp_path / "server").exists()


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_it_runs_below_a_folder_that_only_its_owner_may_enter(tmp_path: Path, mode: int) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=mode)
    server = start(closed / "server")
    try:
        elsewhere = (closed / "server" / "data").resolve()
        assert version(server) == 18
        assert stat.S_IMODE(closed.stat().st_mode) == mode
        server.stop()
        assert elsewhere == closed / "server" / "data" or not elsewhere.parent.exists()
        server = start(closed / "server")
        assert version(server) == 18
    finally:
        server.stop(remove=True)
    assert list(closed.iterdir()) == []


def test_binaries_that_the_servers_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    installation = binaries(18).parent
    (closed / "site").mkdir()
    subprocess.run(["cp", "-r", installation.parent, closed / "site" / "embedded_postgres"], check=True, timeout=60)
    libraries = installation.parent.with_name("embedded_postgres.libs")
    subprocess.run(["cp", "-r", libraries, closed / "site"], check=True, timeout=60)
    hidden = closed / "site" / "embedded_postgres" / installation.name / "bin"
    server = start(closed / "server", binaries=hidden)
    try:
        assert version(server) == 18
    finally:
        server.stop(remove=True)


def test_what_goes_wrong_is_told_in_the_servers_words(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailedError, match="shared_buffers"):
        start(tmp_path / "server", settings={"shared_buffers": "much"})
    assert not (tmp_path / "server" / "data").is_symlink()


def test_statements_are_logged_with_the_name_of_the_application() -> None:
    with temporary(log_statements=True) as server:
        with psycopg.connect(server.dsn(), application_name="who did it", autocommit=True) as connection:
            connection.execute("CREATE ROLE somebody")
        assert (
            "app=who did it user=postgres db=postgres LOG:  statement: CREATE ROLE somebody" in server.log.read_text()
        )


CHILD = """
import sys
from pathlib import Path
from runtime.testing.embedded_postgres import start
server = start(Path(sys.argv[1]))
print(server.pid, flush=True)
sys.stdin.read()
"""


def test_it_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", CHILD, str(tmp_path / "server")]
    with subprocess.Popen(
        arguments, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.send_signal(signal.SIGKILL)
    wait_until_gone(pid)
    start(tmp_path / "server").stop(remove=True)


@pytest.mark.parametrize("number", VERSIONS)
def test_it_runs_for_an_ordinary_user(number: int) -> None:
    """As root it is tried as `nobody` too, who may read root's Python; otherwise all these tests have tried it."""
    become: list[str] = []
    if os.geteuid() == 0:
        entry = pwd.getpwnam("nobody")
        become = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        become += ["--inh-caps=-all,+dac_override", "--ambient-caps=+dac_override", "--bounding-set=-all,+dac_override"]
    script = (
        "import os, sys, psycopg; from pathlib import Path\n"
        "from runtime.testing.embedded_postgres import temporary\n"
        "with temporary(binaries=Path(sys.argv[1])) as server, psycopg.connect(server.dsn()) as connection:\n"
        "    print(connection.info.server_version // 10_000, os.geteuid() != 0)\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        programs = embedded_postgres._reachable(  # noqa: SLF001 -- an ordinary user has them where it can run them
            binaries(number),
            Path(place) / "data",
            embedded_postgres._Account.needed(),  # noqa: SLF001 -- as above
        )
        done = subprocess.run(
            [*become, sys.executable, "-c", script, str(programs)],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "HOME": "/", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.stdout.strip(), done.stderr) == (f"{number} True", "")
