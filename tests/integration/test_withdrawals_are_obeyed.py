"""Withdrawals on a real remote: once an agent has seen one it obeys it, whatever becomes of the branch or the agent."""

from __future__ import annotations

import pytest

from runtime.contract.change import Change
from tests.services.agents import Agents
from tests.services.commands import git
from tests.services.real_installation import RealInstallation, tenant_yaml

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service


def wanted(where: RealInstallation, name: str) -> Change:
    """Merge a tenant that Mara has approved, and has thought again about."""
    where.password(name)
    where.merge({f"tenants/{name}.yaml": tenant_yaml(name)}, message=f"Add {name}")
    change = where.change()
    where.approve(change, "mara")
    return change


def branch(where: RealInstallation) -> str:
    return git(where.remote, "rev-parse", "approvals")


def test_a_withdrawal_that_somebody_removes_from_the_remote_is_obeyed(
    where18: RealInstallation, agents: Agents
) -> None:
    change = wanted(where18, "fjord")
    before = branch(where18)
    where18.approve(change, "mara", kind="withdrawal")
    assert agents.once(where18).answer["error"] is None
    git(where18.remote, "update-ref", "refs/heads/approvals", before)
    where18.approve(change, "tomas")
    agents.once(where18)
    assert where18.entries("verdict") == []
    git(where18.remote, "update-ref", "-d", "refs/heads/approvals")
    assert agents.once(where18).answer["error"] is None
    git(where18.remote, "update-ref", "refs/heads/approvals", before)
    where18.approve(change, "tomas")
    agents.once(where18)
    assert where18.entries("verdict") == []


def test_an_agent_killed_at_any_step_has_seen_what_it_has_seen(where18: RealInstallation, agents: Agents) -> None:
    change = wanted(where18, "fjord")
    before = branch(where18)
    where18.approve(change, "mara", kind="withdrawal")
    withdrawn = branch(where18)
    passed: list[str] = []
    for number in (1, 2, 3):
        git(where18.remote, "update-ref", "refs/heads/approvals", withdrawn)
        killed = agents.once(where18, kill_at=number)
        passed.append(killed.steps[-1])
        git(where18.remote, "update-ref", "refs/heads/approvals", before)
        where18.approve(change, "tomas")
        assert agents.again(where18).answer["error"] is None
        assert where18.entries("verdict") == [], killed.steps
    assert passed[0] == "locked"
