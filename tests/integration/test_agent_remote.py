"""A remote that is away, protected, behind, rewritten, or moved, at any moment of an agent's work."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from runtime.contract.predicates import Result
from runtime.testing.embedded_postgres import EmbeddedPostgres
from tests.services.agents import Agents, Run
from tests.services.assertions import assert_done_once, assert_sound, assert_taken_back_is_not_taken, done_in_log
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service


@contextmanager
def away(where: RealInstallation) -> Iterator[None]:
    """The remote does not answer."""
    elsewhere = where.remote.with_name("away.git")
    where.remote.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(where.remote)


@contextmanager
def protected(where: RealInstallation) -> Iterator[None]:
    """The remote takes no push."""
    hook = where.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    try:
        yield
    finally:
        hook.unlink()


Trouble = Callable[[RealInstallation], AbstractContextManager[None]]


def at_every_step(where: RealInstallation, agents: Agents, first: str) -> Iterator[tuple[str, Run, str]]:
    """One tenant for each step of an undisturbed agent: gives the step, an agent paused there, and the tenant."""
    where.tenant(first)
    for number, step in enumerate(agents.once(where).steps, start=1):
        name = f"{first}-{number}"
        where.tenant(name)
        yield step, agents.once(where, stop_at=number), name


@pytest.mark.parametrize("trouble", [away, protected])
def test_a_remote_that_fails_at_any_step_stops_the_agent_and_loses_nothing(
    trouble: Trouble, where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    since, logged = where18.history().tip.sequence, done_in_log(postgres18)
    for step, paused, _ in at_every_step(where18, agents, trouble.__name__):
        with trouble(where18):
            agents.resume(paused)
        expected = {"RetryableError"} if trouble is away else {"PushRefusedError"}
        assert paused.answer["error"] in expected | ({None} if step.startswith("after push result") else set()), step
        assert agents.again(where18).answer["error"] is None, step
    assert_done_once(where18, postgres18, since, logged)
    assert_sound(where18, agents)


def test_a_remote_that_falls_behind_at_any_step_gets_the_missing_commits_again(
    where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    since, logged = where18.history().tip.sequence, done_in_log(postgres18)
    where18.tenant("behind")
    for number, step in enumerate(agents.once(where18).steps, start=1):
        where18.tenant(f"behind-{number}")
        old = where18.copy_of_remote(f"old-{number}.git")
        paused = agents.once(where18, stop_at=number)
        replace(where18.remote, old)
        agents.resume(paused)
        assert (paused.answer["error"], paused.answer["failed"]) == (None, False), step
    assert_done_once(where18, postgres18, since, logged)
    assert_sound(where18, agents)


@pytest.mark.parametrize("trouble", [away, protected])
def test_nothing_is_acted_upon_while_verdict_and_intent_cannot_be_pushed(
    trouble: Trouble,
    where18: RealInstallation,
    agents: Agents,
    postgres18: EmbeddedPostgres,
) -> None:
    where18.tenant("acme-retail")
    paused = agents.once(where18, stop_at=2)
    assert paused.steps[-1].startswith("before push verdict")
    logged = done_in_log(postgres18)
    with trouble(where18):
        agents.resume(paused)
    assert paused.answer["error"] in {"RetryableError", "PushRefusedError"}
    assert done_in_log(postgres18) == logged
    assert agents.again(where18).answer["error"] is None
    assert_sound(where18, agents)


@pytest.mark.parametrize("trouble", [away, protected])
def test_a_result_that_cannot_be_pushed_is_kept_with_its_facts(
    trouble: Trouble, where18: RealInstallation, agents: Agents
) -> None:
    where18.tenant("acme-retail")
    assert agents.once(where18).answer["error"] is None
    where18.tenant("acme-retail", state="suspended")
    paused = agents.once(where18, stop_at=8)
    assert paused.steps[-1].startswith("before push result")
    with trouble(where18):
        agents.resume(paused)
    assert agents.again(where18).answer["error"] is None
    result = where18.entries("result")[-1].predicate
    assert isinstance(result, Result)
    login = result.outcomes[0].facts["login"]
    assert (login["before"]["credential"], login["after"]["credential"]) == ("00000", "28000")
    assert_sound(where18, agents)


def test_a_remote_that_is_behind_gets_the_missing_commits_again(where18: RealInstallation, agents: Agents) -> None:
    where18.tenant("acme-retail")
    old = where18.copy_of_remote("old.git")
    assert agents.once(where18).answer["error"] is None
    head, story = where18.head(), [entry.digest for entry in where18.history().entries]
    replace(where18.remote, old)
    assert where18.head() != head
    assert agents.once(where18).answer["error"] is None
    assert where18.head() == head
    assert [entry.digest for entry in where18.history().entries] == story
    assert_sound(where18, agents)


def test_a_remote_that_does_not_extend_the_ledger_is_refused_and_left_alone(
    where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    where18.tenant("acme-retail")
    old = where18.copy_of_remote("old.git")
    assert agents.once(where18).answer["error"] is None
    replace(where18.remote, old)
    where18.merge({"README.md": b"a history of its own\n"}, message="Go another way")
    head, logged = where18.head(), done_in_log(postgres18)
    answer = agents.once(where18).answer
    assert answer["error"] == "TerminalError"
    assert "no longer holds entry" in answer["message"]
    assert (where18.head(), done_in_log(postgres18)) == (head, logged)
    other = agents.once(where18, clone=where18.second_clone()).answer
    assert other["error"] == "TerminalError", "a fresh clone does not forget: the control database remembers"


def test_a_branch_that_others_move_at_any_step_stops_nothing(
    where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    since, logged = where18.history().tip.sequence, done_in_log(postgres18)
    for step, paused, name in at_every_step(where18, agents, "moved"):
        where18.merge({"docs/notes.md": f"about {name}\n".encode()}, message="Write notes")
        agents.resume(paused)
        assert (paused.answer["error"], paused.answer["failed"]) == (None, False), step
    assert_done_once(where18, postgres18, since, logged)
    assert_sound(where18, agents)


def test_a_change_that_is_taken_back_before_its_verdict_is_pushed_is_not_taken(
    where18: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    assert_taken_back_is_not_taken(where18, agents, postgres18)


def replace(place: Path, by: Path) -> None:
    """Put an older copy of a repository where18 it was."""
    shutil.rmtree(place)
    shutil.copytree(by, place)
