"""Attacks on the process itself: what its children see, and what whoever reaches its port can use up."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from runtime.agent import listening
from runtime.agent.health import Health
from runtime.agent.listening import CONNECTIONS
from runtime.agent.serving import serving
from runtime.contract.children import environment
from runtime.git.repository import Repository

PASSWORD = "CONDUCTOR_TENANT_ACME_PASSWORD"  # noqa: S105 -- a name


def test_no_child_has_a_tenants_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every git of a turn had all of them, and so had its hooks, its ssh and its credential helpers."""
    wrapper, seen = tmp_path / "git", tmp_path / "seen"
    git = next(Path(folder) / "git" for folder in os.environ["PATH"].split(":") if (Path(folder) / "git").exists())
    wrapper.write_text(f'#!/bin/sh\nenv >> {seen}\nexec {git} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv(PASSWORD, "hunter2")
    monkeypatch.setenv("CONDUCTOR_TEST_PG", "password=hunter2")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    monkeypatch.setenv("LC_TIME", "C")
    with Repository.init(tmp_path / "repo") as repository:
        assert repository.resolve("HEAD") is None
        local = seen.read_text()
        assert "PATH=" in local
        assert "LC_TIME=" in local
        assert "hunter2" not in local
        assert "SSH_AUTH_SOCK" not in local
        Repository.init(tmp_path / "other", bare=True).close()
        repository.fetch(str(tmp_path / "other"), "main")
    assert "SSH_AUTH_SOCK=/run/agent" in seen.read_text()
    assert "hunter2" not in seen.read_text()


def test_what_reaches_a_remote_is_given_where_one_is_reached() -> None:
    caller = {"HTTPS_PROXY": "p", "https_proxy": "p", "XDG_CACHE_HOME": "c", "LD_PRELOAD": "x", PASSWORD: "x"}
    assert environment(caller) == {"XDG_CACHE_HOME": "c"}
    assert environment(caller, remote=True) == {"HTTPS_PROXY": "p", "https_proxy": "p", "XDG_CACHE_HOME": "c"}


def ask(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def connected(port: int, source: str = "127.0.0.1") -> socket.socket:
    """A connection on which nothing is said yet, from any address of this machine."""
    one = socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0))
    one.settimeout(10)
    return one


def closed(one: socket.socket) -> bool:
    """Whether the other side has ended it, seen now."""
    one.settimeout(0)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
    finally:
        one.settimeout(10)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HEADER_SECONDS", 1.0)


@pytest.mark.service  # it waits as long as the real thing does
@pytest.mark.usefixtures("quick")
def test_silent_connections_use_up_no_files_and_end() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with serving(Health()) as port, ExitStack() as stack:
        silent = [stack.enter_context(connected(port)) for _ in range(4 * CONNECTIONS)]
        assert ask(port, f"127.0.0.1:{port}") == 200
        assert sum(map(closed, silent)) >= 3 * CONNECTIONS
        theirs = len(list(Path("/proc/self/fd").iterdir())) - before - len(silent)
        assert theirs <= 2 * CONNECTIONS + 8
        # what trickles in renews nothing
        begun = time.monotonic()
        left = [one for one in silent if not closed(one)]
        assert left
        for one in left:
            one.sendall(b"G")
        assert [one.recv(1) for one in left] == [b""] * len(left)
        assert time.monotonic() - begun < 3


@pytest.mark.service  # real sockets
def test_a_probe_is_answered_though_others_have_every_connection_and_take_it_again() -> None:
    """The newest used to be refused: sixteen silent clients, and the agent was restarted as one that hangs."""
    request = b"GET /metrics HTTP/1.0\r\nHost: localhost\r\nX-Slow: "
    with serving(Health()) as port, ExitStack() as stack:
        held = [stack.enter_context(connected(port)) for _ in range(CONNECTIONS)]
        held[-1].sendall(request)
        for _ in range(50):
            assert ask(port, f"127.0.0.1:{port}") == 200
            for place, one in enumerate(held):
                if closed(one):
                    held[place] = stack.enter_context(connected(port))


@pytest.mark.service  # real sockets
def test_whoever_takes_more_than_others_makes_room_for_itself() -> None:
    with serving(Health()) as port, ExitStack() as stack:
        honest = stack.enter_context(connected(port, "127.0.0.3"))  # slow, and the oldest of all
        for _ in range(3 * CONNECTIONS):
            stack.enter_context(connected(port, "127.0.0.2"))
        assert ask(port, f"127.0.0.1:{port}") == 200
        assert not closed(honest)
        honest.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert honest.recv(64).startswith(b"HTTP/1.0 200")


@pytest.mark.service  # it waits as long as the real thing does
@pytest.mark.usefixtures("quick")
def test_whoever_has_asked_has_more_time_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = threading.Event()

    def slowly(self: Health) -> bytes:
        read.wait(2 * listening.HEADER_SECONDS)
        return b"numbers"

    monkeypatch.setattr(Health, "metrics", slowly)
    with serving(Health()) as port, connected(port) as one:
        one.sendall(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert one.makefile("rb").read().endswith(b"numbers")
