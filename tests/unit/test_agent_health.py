"""Whether the agent hangs: the real loop, over actions, archives and waits that take long."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from runtime.agent.health import STALLED_AFTER, Health
from runtime.agent.logs import configure
from runtime.agent.running import run
from runtime.agent.status import Status
from runtime.agent.stock import Stock
from runtime.contract.canonical import JSON
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.objects import Action
from runtime.targets.archives import Archives, Stream
from runtime.targets.config import ArchiveConfig
from runtime.testing.fleet import Fleet
from runtime.testing.memory_target import MemoryTarget
from tests.services.commands import conductor

RECIPIENT = "age14srcd22hk4tvhvnn3qnyuxuhgezhmsxke35x8fasnd47hewssphsd4zaa2"
LONG = STALLED_AFTER - 1


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(now=clock, wall=lambda: 1000.0)


class OneTurn(threading.Event):
    """Ends the loop after its first turn; `waiting` is called as long as it waits for the next one."""

    def __init__(self, clock: Clock, health: Health) -> None:
        super().__init__()
        self.clock, self.health, self.alive = clock, health, dict[str, bool]()

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.now += timeout or 0
        self.alive["at the end of the wait"] = self.health.alive
        self.clock.now += LONG
        self.alive["soon after it"] = self.health.alive
        self.clock.now += 2
        self.alive["long after it"] = self.health.alive
        self.set()
        return True


@pytest.mark.parametrize("interval", [1.0, 3600.0])
def test_an_agent_that_waits_for_its_next_turn_does_not_hang(clock: Clock, health: Health, interval: float) -> None:
    stop = OneTurn(clock, health)
    run(Fleet.started().world(), interval=interval, stop=stop, health=health, log=configure())
    assert stop.alive == {"at the end of the wait": True, "soon after it": True, "long after it": False}


def test_an_agent_with_many_long_actions_does_not_hang(clock: Clock, health: Health) -> None:
    seen: list[bool] = []

    class Slow(MemoryTarget):
        def perform(self, action: Action, *, intent: int) -> Mapping[str, JSON]:
            clock.now += LONG
            seen.append(health.alive)
            return super().perform(action, intent=intent)

    fleet = Fleet.started()
    fleet.approved(initech={}, hooli={})

    def target(config: Any, **_: Any) -> MemoryTarget:
        return Slow(config.name, fleet.systems[config.name], expected=config.identity)

    run(replace(fleet.world(), target=target), interval=1, stop=OneTurn(clock, health), health=health, log=configure())
    assert len(seen) > 4
    assert all(seen)


def test_an_archive_that_takes_hours_is_no_agent_that_hangs(tmp_path: Path, clock: Clock, health: Health) -> None:
    seen: list[bool] = []

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            clock.now += LONG / 2
            seen.append(health.alive)
            yield bytes(1024 * 1024)

    def moved() -> None:
        seen.append(health.alive)
        health.moved()
        clock.now += LONG / 40

    archives = Archives(ArchiveConfig(folder=f"file:{tmp_path}", recipients=(RECIPIENT,)), moved)
    begun = clock.now
    kept = archives.write("acme", 1, Stream(pieces()))
    written = clock.now
    assert archives.intact(kept.file, kept.sha256)
    assert written - begun > 10 * STALLED_AFTER
    assert clock.now - written > STALLED_AFTER, "it is read back piece by piece, too"
    assert all(seen)


@pytest.mark.parametrize("given", ["nan", "inf", "-1", "0", "1e10", "soon"])
def test_no_time_between_two_turns_is_taken_that_nobody_could_wait(given: str) -> None:
    said = conductor("agent", "run", "--interval", given)
    assert (said.code, "seconds between 0.1 and 86400" in said.err) == (2, True)


def test_why_nobody_can_see_how_things_stand_is_told_in_its_own_words(
    clock: Clock, health: Health, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error of ours says what to do; of any other only type and place are told, as its words may be a secret."""
    for error in (EnvironmentFailedError("the disk is full"), ZeroDivisionError("hunter2")):

        def take(*_: object, error: Exception = error, **__: object) -> Status:
            raise error

        monkeypatch.setattr(Stock, "take", take)
        log = configure()
        run(Fleet.started().world(), interval=1, stop=OneTurn(clock, health), health=health, log=log)
    said = capsys.readouterr().err
    assert "the disk is full" in said
    assert "ZeroDivisionError in test_agent_health.py, line " in said
    assert "hunter2" not in said
