"""History x time -> whether its end is there, and its agent lives."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from runtime.contract.instant import after, text
from runtime.git.interface import Git
from runtime.ledger.facts import EndFacts, Stage
from runtime.ledger.findings import Answer, Finding, finding
from runtime.ledger.history import History

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
AHEAD = timedelta(minutes=1)
"""By how much two clocks may differ: an entry of a later time is no sign of life."""


def parse_digest(given: str) -> str | None:
    """Read `sha256:…` or 64 hex digits; None for anything else."""
    match = _DIGEST.fullmatch(given)
    return None if match is None else match[1]


def fresh(git: Git, history: History, since: str | None, now: datetime) -> list[Finding]:
    """The earlier head that somebody kept is in it, and its last entry is no older than its agent promised."""
    found: list[Finding] = []
    if since is not None:
        facts = EndFacts(since, _extends(git, history, since))
        for rule in history.state.rules.by_stage[Stage.END]:
            found += [finding(rule.name, told, commit=history.head, answer=rule.answer) for told in rule.check(facts)]
    last = history.last
    if last is None:
        return found
    agent = history.governance.agents.get(last.position.agent)
    longest = max((item.heartbeat_seconds for item in history.governance.agents.values()), default=0)
    allowed = timedelta(seconds=2 * (agent.heartbeat_seconds if agent else longest))
    latest = after(now, AHEAD)
    ahead = next((entry for entry in history.entries if entry.position.time > latest), None)
    if ahead is not None:
        found.append(
            finding(
                "heartbeat",
                f"entry {ahead.sequence} is of {text(ahead.position.time)}, which is still to come: it says nothing of "
                "whether the agent lives",
                path=ahead.path,
                commit=ahead.commit,
                answer=Answer.FRESHNESS,
                help="if this machine's clock is right, the agent's is wrong, or its key is in other hands: stop it, "
                "and give it another key, as `conductor explain runbooks/keys` says",
            )
        )
    elif now - last.position.time > allowed:
        found.append(
            finding(
                "heartbeat",
                f"the last entry is of {text(last.position.time)}, and the agent has promised one every "
                f"{int(allowed.total_seconds()) // 2} seconds",
                path=last.path,
                commit=last.commit,
                answer=Answer.FRESHNESS,
                help="is the agent down, or is this clone old? `git pull` and look again",
            )
        )
    return found


def _extends(git: Git, history: History, since: str) -> bool:
    if parse_digest(since) is not None and (since == history.genesis.digest or history.entry(since) is not None):
        return True
    ends = [history.head] if history.ledger is None else [history.head, history.ledger]
    return git.resolve(since) == since and any(git.is_ancestor(since, end) for end in ends)
