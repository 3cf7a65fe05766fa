"""Attacks by shortage: an agent whose machine lacks memory, time or a policy that answers undoes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from compiler.cli.verify_text import as_text
from compiler.driver import compile_commit as compile_real
from runtime.agent import loop
from runtime.agent.attest import BeatenError
from runtime.agent.loop import once
from runtime.contract.canonical import encode
from runtime.contract.errors import EnvironmentFailedError
from runtime.contract.policy_input import TransitionInput
from runtime.governance.rules import CONSENT, ChangeRule
from runtime.ledger.head import Head
from runtime.ledger.history import replay
from runtime.ledger.verify import Rendered, Report, verify
from runtime.policy.engine import NoAnswerError, Policy, PolicyError, Refused
from runtime.release import VERSION
from runtime.testing.chronicle import Chronicle
from runtime.testing.fleet import Fleet
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import MemoryPolicy, no_objection
from runtime.testing.small_tree import REPOSITORY, key_of
from tests.services.commands import limited
from tests.services.real_installation import tree

WASM = Path(__file__).parents[2] / "policies/policy.wasm"


def poor(wasm: bytes, contents: Mapping[str, str]) -> Policy:
    """A policy that this machine cannot load."""
    del wasm, contents
    raise NoAnswerError("policy.wasm cannot be loaded: Cannot allocate memory (os error 12)")


def slow(wasm: bytes, contents: Mapping[str, str]) -> Policy:
    """A policy that this machine cannot ask."""
    del wasm, contents

    def asked(_: TransitionInput) -> list[Refused]:
        raise NoAnswerError("`conductor/transition` failed: interrupt")

    return MemoryPolicy(asked)


def wise(wasm: bytes, contents: Mapping[str, str]) -> Policy:
    """A policy that says no to all, as another release of ours might read it."""
    del wasm, contents
    return MemoryPolicy(lambda _: [Refused("Tenant", "initech", "other", "not any more")])


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet.started()
    once(fleet.world())
    fleet.approved(initech={})
    once(fleet.world())
    return fleet


def done(fleet: Fleet) -> int:
    return len(fleet.systems["pg-eu"].done)


# no answer is no answer ---


@pytest.mark.parametrize("policies", [poor, slow])
def test_an_agent_that_cannot_ask_undoes_nothing_and_writes_nothing(
    fleet: Fleet, policies: Callable[[bytes, Mapping[str, str]], Policy]
) -> None:
    before, story = done(fleet), fleet.story()
    with pytest.raises(EnvironmentFailedError, match="cannot be judged on this machine"):
        once(replace(fleet.world(git=MemoryGit({"origin": fleet.remote})), policies=policies))
    assert (done(fleet), fleet.story()) == (before, story)


def test_whoever_verifies_gets_no_verdict_on_the_verdict(fleet: Fleet) -> None:
    head = fleet.history().head
    with pytest.raises(EnvironmentFailedError) as told:
        replay(fleet.people, head, policies=slow)
    assert told.value.exit_code == 3


def test_what_is_wrong_in_any_case_is_said_without_an_answer(fleet: Fleet) -> None:
    """Who wrote a verdict that two people never approved does not hide it behind a question that takes too long."""
    never = ChangeRule("never", 1, "nothing is ever approved", lambda *_: ("nobody may",))
    history = replay(fleet.people, fleet.history().head, policies=slow, consent=(*CONSENT, never))
    assert history.commit == history.genesis.commit
    assert any("nobody may" in item.message for item in history.findings)


def test_what_is_proposed_is_refused_without_an_answer() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    fleet.approved(initech={})
    once(replace(fleet.world(), policies=slow))
    assert fleet.story()[-1] == "refusal"


def test_an_engine_that_cannot_start_is_not_a_wasm_that_is_none() -> None:
    code = (
        "from pathlib import Path; from runtime.policy.engine import *\n"
        f"for data in (Path({str(WASM)!r}).read_bytes(), b'not wasm', bytes.fromhex('0061736d01000000')):\n"
        "    try: Policy.load(data)\n"
        "    except PolicyError as error: print(type(error).__name__, error.exit_code)\n"
    )
    ran = limited(sys.executable, "-c", code)
    assert ran.stdout.split("\n")[:3] == ["NoAnswerError 3", "PolicyError 1", "PolicyError 1"], ran.stderr


def test_a_question_that_takes_too_long_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy.load(WASM.read_bytes())
    asked: TransitionInput = {"changes": [], "approvers": [], "facts": {}, "time": "2026-11-24T08:00:00Z"}
    assert policy.transition(asked) == []
    factory = policy._module._policy._factory  # noqa: SLF001 -- the clock of the engine itself
    monkeypatch.setattr(type(factory.epoch), "deadline_ticks", lambda *_: 0)
    with pytest.raises(NoAnswerError, match="on this machine"):
        policy.with_data({"people": {"mara": {"roles": ["admin"]}}}).transition(asked)
    monkeypatch.undo()
    assert policy.transition(asked) == []


def test_no_answer_is_still_an_error_of_the_policy_to_who_proposes() -> None:
    assert issubclass(NoAnswerError, PolicyError)
    assert NoAnswerError.exit_code == 3


def test_a_commit_whose_policy_this_machine_cannot_load_is_not_called_false(monkeypatch: pytest.MonkeyPatch) -> None:
    """I give the auditor a machine with too little memory: their own report says that the commits render nothing."""
    files = tree("7561840233917260418/attacks", "f" * 32, "heal")
    chronicle = Chronicle.start(files, (key_of("mara"), key_of("tomas")), compile_real)
    chronicle.apply()

    def report() -> Report:
        compile_ = compile_real(chronicle.git)
        return verify(chronicle.git, chronicle.head, now=chronicle.now, compile=compile_, release=VERSION)

    assert report().rendered == Rendered(1, 1)
    load = classmethod(lambda _, wasm: poor(wasm, {}))
    monkeypatch.setattr(Policy, "load", load)
    monkeypatch.setattr(Policy, "of", load)
    found = report()
    assert found.problems == ()
    assert found.rendered is not None
    assert (found.rendered.again, len(found.rendered.unanswered)) == (0, 1)
    assert "not assessed: rendering: commit" in as_text(found, colour=False)


# less than was there ---


def test_an_agent_that_reads_a_taken_verdict_as_void_stops(fleet: Fleet) -> None:
    once(fleet.world())  # it has seen it taken
    before, story = done(fleet), fleet.story()
    with pytest.raises(EnvironmentFailedError, match="verdict 3, which was taken, takes nothing"):
        once(replace(fleet.world(git=MemoryGit({"origin": fleet.remote})), policies=wise))
    assert (done(fleet), fleet.story()) == (before, story)
    row = f"{REPOSITORY}/taken"
    fleet.database.heads.pop(row)
    once(replace(fleet.world(git=MemoryGit({"origin": fleet.remote})), policies=wise))
    assert done(fleet) > before, "without that memory it undoes what two people approved"


def test_an_agent_that_reads_less_than_was_recorded_stops(fleet: Fleet) -> None:
    fleet.approved(hooli={})
    known = fleet.database.heads[REPOSITORY]
    fleet.database.heads[REPOSITORY] = Head(known.sequence + 1, "a" * 64, str(known.commit))
    before = done(fleet)
    with pytest.raises(EnvironmentFailedError, match="only 5 entries can be read on main"):
        once(fleet.world())
    assert done(fleet) == before


def test_an_agent_that_is_always_beaten_says_so(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "ROUNDS", 3)
    number = 0

    def somebody() -> None:
        nonlocal number
        number += 1
        fleet.remote.before_push.append(somebody)
        fleet.merge({"spec/notes.yaml": encode({"text": str(number)})})

    fleet.systems["pg-eu"].world.clear()
    fleet.remote.before_push.append(somebody)
    with pytest.raises(BeatenError, match="moved 8 times"):
        once(fleet.world())
    assert number == 8 * loop.ROUNDS


def test_a_policy_that_answers_is_believed(fleet: Fleet) -> None:
    assert once(replace(fleet.world(), policies=no_objection)).entries == ()
