"""Break-glass through the command line, with a real remote, agent and database: taken alone, owed, told, cleared."""

from __future__ import annotations

import json

import psycopg
import pytest

from runtime.signing.keys import write_keypair
from runtime.testing.small_tree import seed_of
from tests.services.agents import Agents
from tests.services.commands import Ran, conductor, git
from tests.services.real_installation import RealInstallation, tenant_yaml

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service

WHY = "Keeper is locked out of its own data"
LATER = "2099-01-01T00:00:00Z"


class Desk:
    """A person's clone and key."""

    def __init__(self, where: RealInstallation, person: str) -> None:
        self.person, self.repo, self.key = person, where.folder / person, where.folder / f"{person}.key"
        git(where.folder, "clone", "-q", str(where.remote), str(self.repo))
        write_keypair(self.key, seed_of(person))

    def conductor(self, *args: str) -> Ran:
        git(self.repo, "pull", "-q", "--ff-only")
        return conductor(*args, "--repo", self.repo)

    def approve(self, *args: str) -> Ran:
        person = ("--person", self.person, "--key", str(self.key), "--yes", "--push")
        return self.conductor("approve", *person, *args)


def connections(where: RealInstallation) -> int:
    with psycopg.connect(where.dsn) as connection:
        row = connection.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 't_keeper_app'").fetchone()
    assert row is not None
    return int(row[0])


def test_an_incident_commander_breaks_the_glass_and_a_colleague_pays_the_debt(
    where18: RealInstallation, agents: Agents
) -> None:
    mara, tomas = Desk(where18, "mara"), Desk(where18, "tomas")
    where18.merge({"tenants/keeper.yaml": tenant_yaml("keeper", connection_limit=90)}, message="Let Keeper in")
    assert mara.approve("--emergency").code == 2
    assert tomas.approve("--emergency", "--reason", WHY).code == 1

    broken = mara.approve("--emergency", "--reason", WHY)
    assert (broken.code, broken.err) == (0, "")
    assert "let through change" in broken.out
    assert "Within 24 hours" in broken.out
    told = agents.once(where18)
    assert told.answer["error"] is None
    assert connections(where18) == 90

    shown = mara.conductor("evidence", "debts")
    assert (shown.code, shown.out.startswith("open: mara let through: change tenants/keeper.yaml")) == (0, True)
    assert WHY in shown.out
    assert "platform; could: tomas" in shown.out
    (debt,) = json.loads(mara.conductor("evidence", "debts", "--format", "json").out)
    assert (debt["state"], debt["by"], debt["missing"][0]["roles"]) == ("open", "mara", ["anyone"])
    assert "open debt: mara let change" in mara.conductor("verify").out
    overdue = mara.conductor("verify", "--at", LATER, "--format", "json")
    assert overdue.code == 1
    assert "MC0753" in {item["code"] for item in json.loads(overdue.out)["problems"]}
    assert "an emergency, by mara" in mara.conductor("evidence", "log").out

    where18.merge({"tenants/keeper.yaml": tenant_yaml("keeper", connection_limit=95)}, message="And some more")
    again = mara.approve("--emergency", "--reason", "It was not enough")
    assert (again.code, "one debt at a time" in again.err) == (1, True)

    own = mara.approve("--debt")
    assert (own.code, "mara let it through, and is one of the people already: nothing was signed" in own.out) == (
        0,
        True,
    )
    assert ("could: tomas" in own.out, "approved this change already" in own.out) == (True, False)

    paid = tomas.approve("--debt")
    assert (paid.code, "the agent clears the debt" in paid.out) == (0, True)
    agents.once(where18)
    assert [entry.kind for entry in where18.history().entries].count("clearing") == 1
    (debt,) = json.loads(tomas.conductor("evidence", "debts", "--format", "json").out)
    assert (debt["state"], debt["settled"]["people"]) == ("cleared", ["mara", "tomas"])
    assert tomas.conductor("verify").code == 0
    assert tomas.approve("--debt").code == 2
