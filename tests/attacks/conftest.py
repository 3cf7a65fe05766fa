"""The attack kit. An attack is an attempt under some rules; one rule, and no other, must keep it out.

An attack is a short test whose docstring is the attacker's story and ends with the name of the rule it attacks, as
``Rule: `name`.`` It hands `kept_out_by` that name, the rules in force, and the attempt: a function that is given rules
and says whether the attacker got through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import pytest

from runtime.governance.case import Case
from runtime.governance.judge import judge
from runtime.governance.rules import CONSENT
from runtime.testing.court import Court
from runtime.testing.installation import Installation
from tests.services.fixtures_platform import copy, original
from tests.services.fixtures_postgres import dsn18, postgres_servers

__all__ = ["copy", "dsn18", "original", "postgres_servers"]


class Named(Protocol):
    """A rule, of consent or of the ledger."""

    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Named)


class KeptOutBy(Protocol):
    """See `kept_out_by`."""

    def __call__(self, name: str, rules: tuple[R, ...], attempt: Callable[[tuple[R, ...]], bool]) -> None: ...


@pytest.fixture
def kept_out_by() -> KeptOutBy:
    """Show that one rule keeps the attack out: with it dropped it succeeds, with any other dropped it still fails."""

    def check(name: str, rules: tuple[R, ...], attempt: Callable[[tuple[R, ...]], bool]) -> None:
        assert name in {rule.name for rule in rules}, f"there is no rule {name}"
        assert not attempt(rules), "the attack succeeds under all rules"
        for dropped in {rule.name for rule in rules}:
            succeeds = attempt(tuple(rule for rule in rules if rule.name != dropped))
            assert succeeds == (dropped == name), f"without {dropped} the attack {'succeeds' if succeeds else 'fails'}"

    return check


@pytest.fixture
def refused_by(kept_out_by: KeptOutBy) -> Callable[[str, Case], None]:
    """Show that one rule of consent, and no other, refuses a case."""

    def check(name: str, case: Case) -> None:
        kept_out_by(name, CONSENT, lambda rules: judge(case, rules).allowed)
        assert name in {problem.rule for problem in judge(case).problems}, "the refusal does not name the rule"

    return check


@pytest.fixture
def court() -> Court:
    """A small installation at its genesis: mara (admin, mc, pm), tomas (platform, backend), ines (sec-tl, security)."""
    return Court.open()


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def house(request: pytest.FixtureRequest) -> Installation:
    """The same with git, a signed genesis, an agent and its ledger: on main, and on a branch of its own."""
    return Installation.start(ledger=request.param)
