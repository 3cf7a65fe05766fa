"""The agent gone at every single statement: what it leaves is finished by the next one, and never half of an object."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from runtime.targets.postgres.target import PostgresTarget
from tests.services.tenant import Secrets, Tenant, apply, lines, target

pytestmark = pytest.mark.service

STEPS: dict[str, tuple[Callable[[Tenant], tuple[Tenant, ...]], Callable[[Tenant], tuple[Tenant, ...]]]] = {
    "create": (lambda _: (), lambda tenant: (tenant,)),
    "suspend": (lambda tenant: (tenant,), lambda tenant: (tenant.suspended,)),
    "resume": (lambda tenant: (tenant.suspended,), lambda tenant: (tenant,)),
    "delete": (lambda tenant: (tenant,), lambda _: ()),
}


class GoneError(BaseException):
    """The process ends here: nothing after this line runs, and the server sees the connection close."""


@contextmanager
def gone_at(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the process end at its n-th statement, just before the server hears of it."""
    left = number
    plain = psycopg.Connection.execute

    def execute(self: psycopg.Connection, *values: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            self.close()
            raise GoneError
        return plain(self, *values, **options)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Connection, "execute", execute)
        yield


@pytest.mark.parametrize("step", STEPS)
def test_gone_at_any_statement_the_next_agent_finishes(dsn18: str, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    start, goal = STEPS[step]
    number = 0
    while True:
        number += 1
        tenant = Tenant(f"tenant-{number}")
        secret = Secrets.of(dsn18, tenant)
        former = (tenant,)
        with target(secret) as running:
            apply(running, start(tenant), intent=1)
        try:
            with target(secret) as running, gone_at(number, monkeypatch):
                apply(running, goal(tenant), intent=2, former=former)
        except GoneError:
            ended = False
        else:
            ended = True
        with target(secret) as running:
            assert_whole(running, tenant, start(tenant), goal(tenant))
            left = apply(running, goal(tenant), intent=3, former=former)
            assert not (ended and left), "nobody was gone, and still there was something to do"
            assert lines(running, goal(tenant), former=former) == ()
            apply(running, (), intent=4, former=former)
        if ended:
            break
    assert number > 10


def assert_whole(
    running: PostgresTarget, tenant: Tenant, before: tuple[Tenant, ...], after: tuple[Tenant, ...]
) -> None:
    """Each object is as it was, or as it is to be; a role may still owe its proof, or have been forbidden to log in."""
    observed = running.observe([item.id for item in tenant.objects])
    for item in tenant.objects:
        found = dict(observed.get(item.id, {}))
        found.pop("unproved", None)
        allowed = [
            next((dict(other.attributes) for one in state for other in one.objects if other.id == item.id), {})
            for state in (before, after)
        ]
        assert found in [*allowed, *({**state, "login": False} for state in allowed if "login" in state)], item.id
