"""What one tenant's failure stops, what is undone as soon as it is done, and what nobody foresaw."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest

from runtime.agent.apply import perform
from runtime.agent.health import Health
from runtime.agent.logs import configure
from runtime.agent.loop import once
from runtime.agent.running import run
from runtime.contract.canonical import JSON
from runtime.contract.objects import Action, ObjectId, Operation
from runtime.contract.predicates import Result
from runtime.targets.interface import RetryableError, TerminalError
from runtime.testing.fleet import Fleet
from runtime.testing.memory_target import MemoryObject, MemorySystem, MemoryTarget

ACME = ObjectId("pg-eu", "role", "acme_app")


def outcomes(fleet: Fleet) -> dict[tuple[str | None, int], str]:
    """Tenant and wave -> what the last result says."""
    result = fleet.entries("result")[-1].predicate
    assert isinstance(result, Result)
    actions = fleet.last_intent().actions
    return {(action.tenant, action.wave): said.outcome for action, said in zip(actions, result.outcomes, strict=True)}


def test_a_failed_wave_stops_the_waves_of_its_own_tenant_only(fleet: Fleet) -> None:
    fleet.approved(initech={}, umbrella={})
    fleet.systems["pg-eu"].failures = [RetryableError("its row is locked")]
    assert once(fleet.world()).failures == ("its row is locked",)
    assert outcomes(fleet) == {
        ("initech", 1): "failed",
        ("umbrella", 1): "done",
        ("initech", 2): "not-tried",
        ("umbrella", 2): "done",
    }


@pytest.mark.parametrize(
    ("tenant", "operation", "stops"),
    [
        (None, Operation.CREATE, {"acme", "globex", None}),
        ("acme", Operation.CREATE, {"acme"}),
        ("acme", Operation.DELETE, {"acme"}),
        (None, Operation.DELETE, {None}),
    ],
)
def test_what_is_nobodys_and_cannot_be_made_stops_everybody(
    tenant: str | None, operation: Operation, stops: set[str | None]
) -> None:
    def action(name: str, whose: str | None, wave: int, operation: Operation) -> Action:
        after: dict[str, JSON] | None = None if operation is Operation.DELETE else {"login": True}
        return Action(operation, ObjectId("pg-eu", "role", name), None, after, wave, whose, "drift")

    first = 9 if operation is Operation.DELETE else 1
    later = [action(f"later_{whose}", whose, 2, operation) for whose in ("acme", "globex", None)]
    system = MemorySystem(failures=[TerminalError("no")])
    said = perform(
        (action("first", tenant, first, operation), *later),
        {"pg-eu": MemoryTarget("pg-eu", system)},
        intent=3,
        held=lambda: True,
        stopping=lambda: False,
        at=lambda _: None,
        note=lambda *_: None,
    )
    assert {item.tenant for item, end in zip(later, said[1:], strict=True) if end.outcome == "not-tried"} == stops


def altered(fleet: Fleet) -> None:
    """Somebody else's hand."""
    fleet.systems["pg-eu"].world[ACME] = MemoryObject({"login": "by hand"}, 1)


def test_what_is_undone_as_soon_as_it_is_done_has_failed_and_is_tried_again_later(fleet: Fleet) -> None:
    def at(step: str) -> None:
        if step.startswith("after action"):
            altered(fleet)

    altered(fleet)
    outcome = once(replace(fleet.world(), at=at))
    assert outcome.failures == (f"{ACME} was made as it should be, and is not so any more",)
    assert [entry.predicate.ledger.sequence for entry in fleet.entries("drift")] == [3]
    assert once(fleet.world(), patient=True).entries == (), "its time has not come"
    assert not once(fleet.world()).failed


def test_what_is_altered_again_after_each_repair_is_repaired_twice_a_turn_at_most(fleet: Fleet) -> None:
    def at(step: str) -> None:
        if step.startswith("after push result"):
            altered(fleet)

    altered(fleet)
    once(replace(fleet.world(), at=at))
    assert len(fleet.entries("drift")) == 2


def test_what_nobody_foresaw_ends_a_turn_and_not_the_agent_and_its_words_are_told_to_nobody(fleet: Fleet) -> None:
    class Odd(MemoryTarget):
        def observe(
            self, ids: Iterable[ObjectId], adopt: Mapping[ObjectId, Mapping[str, JSON]] | None = None
        ) -> Mapping[ObjectId, Mapping[str, JSON]]:
            if next(turns):
                raise TypeError("unhashable type, and the password is hunter2")
            return super().observe(ids, adopt)

    turns = iter([True, False])
    stop, stream, health = threading.Event(), io.StringIO(), Health()

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if health.problem is None:
                stop.set()
            return timeout is None

    waiting = Impatient()
    waiting.is_set = stop.is_set  # type: ignore[method-assign]  # the same event, without the waiting
    world = replace(
        fleet.world(), target=lambda config, **_: Odd(config.name, fleet.systems[config.name], expected=None)
    )
    run(world, interval=1, stop=waiting, health=health, log=configure(stream))
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in told] == ["turn failed", "stopped"]
    assert told[0]["problem"].startswith("TypeError in test_agent_undone.py, line ")
    assert "hunter2" not in stream.getvalue()
