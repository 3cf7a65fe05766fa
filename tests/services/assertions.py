"""What must hold of an installation whatever happened to its agents; what its ledger and its server say was done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from runtime.contract.predicates import ActionRecord, Intent, Outcome, Result
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents
from tests.services.real_installation import RealInstallation

_LOGGED = {
    "role": re.compile(
        r'app=conductor intent \d+ .*statement: (?:ALTER|DROP) ROLE "(t_\w+)"(?: (?:NO)?LOGIN CONNECTION LIMIT|\n)'
    ),
    "schema": re.compile(r'app=conductor intent \d+ .*statement: (?:CREATE|ALTER) SCHEMA "(t_\w+)"'),
    "grants": re.compile(r'app=conductor intent \d+ .*statement: GRANT USAGE ON SCHEMA "(t_\w+)"'),
}
Done = Counter[tuple[str, str]]
"""Type and name of an object -> how often an action on it was done."""


def done(where: RealInstallation, since: int) -> Iterator[tuple[ActionRecord, Outcome]]:
    """Every action that was reported done after an entry."""
    intent: Intent | None = None
    for entry in where.history().entries:
        match entry.predicate:
            case Intent() as intent:
                pass
            case Result() as result if intent is not None and entry.sequence > since:
                told = zip(intent.actions, result.outcomes, strict=True)
                yield from ((action, outcome) for action, outcome in told if outcome.outcome == "done")
            case _:
                pass


def done_in_ledger(where: RealInstallation, since: int = 0) -> Done:
    """How often each object's action was reported done after an entry."""
    return Counter((action.type, action.name) for action, _ in done(where, since))


def logins_proved(where: RealInstallation, since: int) -> list[tuple[str | None, str]]:
    """SQLSTATEs of the credential before and after each action on an application role, done after an entry."""
    logins = [
        outcome.facts["login"]
        for action, outcome in done(where, since)
        if action.name.endswith("_app") and action.type == "role"
    ]
    return [(login.get("before", {}).get("credential"), login["after"]["credential"]) for login in logins]


def done_in_log(postgres: EmbeddedPostgres) -> Done:
    """How often the server carried out each object's action, by its own log."""
    log = postgres.log.read_text()
    return Counter((kind, name) for kind, pattern in _LOGGED.items() for name in pattern.findall(log))


def assert_done_once(where: RealInstallation, postgres: EmbeddedPostgres, since: int, logged: Done) -> None:
    """Since entry `since` and the log as it was then, everything that was done was told once, and done once."""
    told = done_in_ledger(where, since)
    told.pop(("release", "current"), None)
    assert set(told.values()) == {1}
    assert told == done_in_log(postgres) - logged


def assert_sound(where: RealInstallation, agents: Agents) -> None:
    """What is there is what is asked for, every intent has its one result, and verification finds nothing."""
    assert agents.again(where).answer["entries"] == []
    history = where.history()
    intents = [entry.digest for entry in history.entries if isinstance(entry.predicate, Intent)]
    results = [entry.predicate.intent for entry in history.entries if isinstance(entry.predicate, Result)]
    assert intents == results
    assert history.open_intent is None
    assert history.findings == ()


def assert_taken_back_is_not_taken(where: RealInstallation, agents: Agents, postgres: EmbeddedPostgres) -> None:
    """A change that main loses before its verdict is pushed is not taken, and nothing of it is done."""
    where.tenant("acme-retail")
    logged = done_in_log(postgres)
    paused = agents.once(where, stop_at=2)
    assert paused.steps[-1].startswith("before push verdict")
    where.merge({}, remove=("tenants/acme-retail.yaml",), message="Take it back")
    agents.resume(paused)
    assert paused.answer["error"] is None
    assert "beaten" in paused.steps
    assert where.entries("verdict") == []
    assert done_in_log(postgres) == logged
    assert_sound(where, agents)
