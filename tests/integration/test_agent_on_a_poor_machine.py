"""The agent, and whoever verifies, on a machine that lacks what a policy needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.services.commands import limited
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service


def test_a_tenant_stays_suspended_whatever_the_agents_machine_lacks(where18: RealInstallation) -> None:
    """A process that may not have the addresses a wasm wants took each past verdict for void, and let the tenant in."""
    conductor = Path(sys.executable).with_name("conductor")
    root = "sha256:" + where18.history().genesis.digest
    where18.password("acme-retail")
    environment = {**where18.environment, "CONDUCTOR_AGENT_KEY": str(where18.folder / "agent.key"), "PATH": "/usr/bin"}
    once_: list[str | Path] = [conductor, "agent", "once", "--repo", where18.agent_clone, "--trust-root", root]
    verify: list[str | Path] = [conductor, "verify", "--repo", where18.remote, "--trust-root", root]
    for state in ("active", "suspended"):
        where18.tenant("acme-retail", state=state)
        assert subprocess.run(once_, env=environment, check=False, timeout=120).returncode == 0

    def may_log_in() -> object:
        with psycopg.connect(where18.dsn) as admin:
            return admin.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 't_acme_retail_app'").fetchone()

    head = where18.head()
    assert may_log_in() == (False,)
    agent, judge = (limited(*command, environment=environment) for command in (once_, verify))
    assert (agent.returncode, may_log_in(), where18.head()) == (3, (False,), head), agent.stdout
    assert "cannot be judged on this machine" in agent.stderr
    assert (judge.returncode, judge.stdout) == (3, ""), judge.stdout
    assert subprocess.run(verify, check=False, capture_output=True, timeout=120).returncode == 0
