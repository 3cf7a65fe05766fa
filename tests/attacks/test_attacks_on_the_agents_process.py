"""Attacks on the process itself: what its children see, and what whoever reaches its port can use up."""

from __future__ import annotations

import http.client
import os
import socket
import time
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


@pytest.mark.service  # it waits as long as the real thing does
def test_silent_connections_use_up_no_files_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "SECONDS", 1.0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with serving(Health()) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(4 * CONNECTIONS)]
        for one in silent:
            one.settimeout(10)
        refused = sum(one.recv(1) == b"" for one in silent[-CONNECTIONS:])
        assert refused == CONNECTIONS
        theirs = len(list(Path("/proc/self/fd").iterdir())) - before - len(silent)
        assert theirs <= CONNECTIONS + 8
        # what trickles in renews nothing
        begun = time.monotonic()
        for one in silent[:CONNECTIONS]:
            one.sendall(b"G")
        assert [one.recv(1) for one in silent[:CONNECTIONS]] == [b""] * CONNECTIONS
        assert time.monotonic() - begun < 8
        for one in silent:
            one.close()
        assert ask(port, f"127.0.0.1:{port}") == 200
