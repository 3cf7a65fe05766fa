"""The real agent with a bomb of trees on each branch: it goes on beside it, and after the revert."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_tree_bombs import DATA, planted
from tests.services.commands import git, limited
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

CONDUCTOR = Path(sys.executable).with_name("conductor")


def once(where: RealInstallation) -> subprocess.CompletedProcess[str]:
    environment = {**where.environment, "CONDUCTOR_AGENT_KEY": str(where.folder / "agent.key"), "PATH": "/usr/bin"}
    command = (CONDUCTOR, "agent", "once", "--repo", where.agent_clone)
    return limited(*command, environment=environment, limit=("DATA", DATA))


@pytest.mark.parametrize("place", ["zzz", "tenants/zzz", "evidence/zzz"])
def test_the_agent_goes_on(where18: RealInstallation, place: str) -> None:
    """One push ended every agent and everybody who verifies, and taking it back did not help."""
    head = where18.head()
    odd = planted(where18.remote, head, place)
    git(where18.remote, "update-ref", "refs/heads/main", odd)
    beside = once(where18)
    assert beside.returncode == (1 if place == "tenants/zzz" else 0), beside.stderr  # what cannot be taken is told
    if place == "zzz":
        where18.tenant("initech")
        assert once(where18).returncode == 0
        assert where18.history().pending == ()
    now = where18.head()
    back = git(where18.remote, "commit-tree", f"{head}^{{tree}}", "-p", now, "-m", "back")
    git(where18.remote, "update-ref", "refs/heads/main", back if place != "zzz" else now)
    empty = git(where18.remote, "hash-object", "-w", "-t", "tree", "/dev/null")
    start = git(where18.remote, "commit-tree", empty, "-m", "start")
    known = git(where18.remote, "for-each-ref", "--format=%(objectname)", "refs/heads/approvals") or start
    git(where18.remote, "update-ref", "refs/heads/approvals", planted(where18.remote, known, "zzz"))
    where18.tenant("acme-retail")
    after = once(where18)
    assert after.returncode == 0, after.stderr
    assert where18.history().pending == ()
    assert "acme-retail" in after.stdout
