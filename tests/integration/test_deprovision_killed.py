"""The agent killed with SIGKILL before and after every action and every push of a deprovision, and started again.

One suspended tenant with data for every step: whatever the killed agent left, the next one ends with everything gone,
an archive of all of it, and a result that says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyrage
import pytest
from psycopg import sql

from runtime.contract.predicates import Intent, Result
from tests.services.agents import Agents
from tests.services.assertions import assert_sound
from tests.services.fixtures_postgres import Servers
from tests.services.postgres import database
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

DROP = re.compile(r"delete \S*schema")


def test_killed_at_any_step_the_next_agent_archives_drops_and_proves(
    tmp_path: Path, dsn18: str, agents: Agents
) -> None:
    ends_though_killed(tmp_path, dsn18, agents, lambda _: True)


def test_killed_between_archive_and_drop_on_the_oldest_version_as_well(
    tmp_path: Path, postgres_servers: Servers, agents: Agents
) -> None:
    with database(postgres_servers(15), "killed_on_15") as dsn:
        ends_though_killed(tmp_path, dsn, agents, lambda step: step.startswith("before") and DROP.search(step))


def ends_though_killed(tmp_path: Path, dsn: str, agents: Agents, chosen: Callable[[str], object]) -> None:
    """Kill an agent at each chosen step of a deprovision, another tenant's each time, and start it again."""
    identity = pyrage.x25519.Identity.generate()
    archive = f"{{folder: file:{tmp_path}/archives, recipients: [{identity.to_public()}]}}"
    where = RealInstallation.make(tmp_path / "installation", dsn, archive=archive)
    furnished(where, agents, "model")
    undisturbed = ended(where, agents, "model")
    steps = [(number, step) for number, step in enumerate(undisturbed, start=1) if chosen(step)]
    assert steps
    furnished(where, agents, *(f"killed-at-{number}" for number, _ in steps))
    where.ahead = timedelta(days=2 * 366)
    for number, step in steps:
        name = f"killed-at-{number}"
        where.tenant(name, state="deprovisioned")
        killed = agents.once(where, kill_at=number)
        assert killed.state == "killed", step
        after = agents.again(where)
        assert (after.answer["error"], after.answer["failed"]) == (None, False), step
        proof = proved(where, name)
        kept = proof["archive"]
        assert kept["tables"] == {"orders": 3}, step
        plain = pyrage.decrypt((tmp_path / "archives" / kept["file"]).read_bytes(), [identity])
        assert f"three of {name}".encode() in plain, step
    assert_sound(where, agents)
    where.close()


def furnished(where: RealInstallation, agents: Agents, *names: str) -> None:
    """Tenants with something in them, suspended."""
    where.tenant(*names)
    assert agents.once(where).answer["error"] is None
    with psycopg.connect(where.dsn, autocommit=True) as admin:
        for name in names:
            table = sql.Identifier(schema_of(name), "orders")
            admin.execute(sql.SQL("CREATE TABLE {} (what text)").format(table))
            row = sql.SQL("INSERT INTO {} VALUES ('one'), ('two'), ({})").format(table, sql.Literal(f"three of {name}"))
            admin.execute(row)
    where.tenant(*names, state="suspended")
    assert agents.once(where).answer["error"] is None


def ended(where: RealInstallation, agents: Agents, name: str) -> list[str]:
    """Deprovision a tenant; the steps that an undisturbed agent passes."""
    where.ahead = timedelta(days=366)
    where.tenant(name, state="deprovisioned")
    run = agents.once(where)
    assert (run.answer["error"], run.answer["failed"]) == (None, False)
    assert proved(where, name)["archive"]["tables"] == {"orders": 3}
    return run.steps


def proved(where: RealInstallation, name: str) -> Any:
    """What the last proof of absence in the database says; nothing of the tenant is there, and the ledger knows it."""
    history = where.history()
    assert name in history.state.lifecycle.deprovisioned
    with psycopg.connect(where.dsn) as admin:
        query = "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)"
        roles = admin.execute(query, [[f"{schema_of(name)}_owner", f"{schema_of(name)}_app"]]).fetchone()
        schemas = admin.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [schema_of(name)]).fetchone()
    assert (roles, schemas) == ((0,), (0,))
    found: Any = None
    intents = {entry.digest: entry.predicate for entry in history.entries if isinstance(entry.predicate, Intent)}
    for entry in history.entries:
        if isinstance(entry.predicate, Result):
            actions = intents[entry.predicate.intent].actions
            for action, outcome in zip(actions, entry.predicate.outcomes, strict=True):
                if (action.type, action.name, outcome.outcome) == ("absence", schema_of(name), "done"):
                    found = outcome.facts
    return found


def schema_of(name: str) -> str:
    return "t_" + name.replace("-", "_")
