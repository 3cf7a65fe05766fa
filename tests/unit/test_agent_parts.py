"""The agent's parts by themselves: a dry run, a repository without a remote, the head in a file, health."""

from __future__ import annotations

import io
import json
import stat
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.agent.desired import Desired, files_digest
from runtime.agent.dry import look
from runtime.agent.health import STALLED_AFTER, Health
from runtime.agent.logs import configure
from runtime.agent.loop import once
from runtime.agent.running import REMIND, Warnings, run
from runtime.agent.serving import serving
from runtime.agent.telling import action_line
from runtime.agent.world import Local
from runtime.contract.change import Snapshot
from runtime.contract.errors import EnvironmentFailedError, FormatError
from runtime.contract.objects import Object, ObjectId, encode_objects
from runtime.ledger.head import Head, HeadFile
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_target import MemoryObject, MemorySystem
from runtime.testing.small_tree import REPOSITORY, START, agent, small_tree

# A dry run ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_names_the_actions_that_applying_then_performs() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    change = fleet.edit(initech={})
    fleet.approve(change, "mara", "tomas")
    fleet.systems["pg-eu"].world[ObjectId("pg-eu", "role", "acme_app")] = MemoryObject({"login": False}, 1)
    head, done = fleet.remote.refs["refs/heads/main"], len(fleet.systems["pg-eu"].done)
    printed = [action_line(action) for action in look(fleet.world()).todo.actions]
    assert fleet.remote.refs["refs/heads/main"] == head
    once(fleet.world())
    assert [action_line(action) for _, action in fleet.systems["pg-eu"].done[done:]] == printed
    assert printed[0] == "update pg-eu/role/acme_app (acme, because of drift)"


def test_before_the_genesis_a_dry_run_prints_who_the_targets_are() -> None:
    fleet = Fleet()
    fleet.people = MemoryGit({"origin": fleet.remote})
    fleet.people.commit_files(small_tree(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True)}))
    fleet.publish()
    fleet.systems["pg-eu"] = MemorySystem(identity="77/graph")
    fleet.agent_git = MemoryGit({"origin": fleet.remote})
    found = look(fleet.world())
    assert [(item.target, item.declared, item.found, item.fits) for item in found.identities] == [
        ("pg-eu", "memory/1", "77/graph", False)
    ]
    assert found.todo.actions == (), "what is not the declared system is not compared"
    fleet.systems["pg-eu"].identity = "memory/1"
    assert {action.because for action in look(fleet.world()).todo.actions} == {"genesis"}


def test_a_dry_run_says_which_target_is_away() -> None:
    fleet = Fleet.started()
    fleet.systems["pg-eu"].away = True
    (identity,) = look(fleet.world()).identities
    assert identity.found is None
    assert identity.problem is not None
    assert (identity.problem.message, identity.problem.exit_code) == ("target pg-eu is away", 3)


# Without a remote, and with the head in a file ---------------------------------------------------------------------


def test_in_a_repository_without_a_remote_the_local_branch_counts() -> None:
    fleet = Fleet.started()
    git = fleet.people
    world = replace(fleet.world(git=git), upstream=Local(git))
    once(world)
    once(world)
    assert git.commit(git.refs["refs/heads/main"]).subject == "Report 4 done"


def test_the_ledgers_head_may_be_kept_in_a_file_outside_the_clone(tmp_path: Path) -> None:
    place = tmp_path / "conductor" / "head.json"
    keeper = agent().model_copy(update={"ledger_head": f"file:{place}"})
    fleet = Fleet.started(**{"policies/agents/conductor-eu.yaml": keeper.data()})
    once(fleet.world())
    assert fleet.database.heads[REPOSITORY].sequence == 2, "no history chooses that nobody else remembers it"
    assert json.loads(place.read_bytes())[fleet.history().genesis.repository]["sequence"] == 2
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_heads_of_several_repositories_share_a_file(tmp_path: Path) -> None:
    store = HeadFile(tmp_path / "heads")
    first, second = Head(1, "a" * 64, "b" * 40), Head(7, "c" * 64, "d" * 40)
    assert store.head("one") is None
    store.record("one", first)
    store.record("two", second)
    assert (store.head("one"), store.head("two")) == (first, second)


def test_a_head_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("not ours\n")
    with pytest.raises(EnvironmentFailedError, match="cannot be kept"):
        HeadFile(tmp_path / "heads").head("one")


# What is wanted ----------------------------------------------------------------------------------------------------


def snapshot(**files: bytes) -> Snapshot:
    return Snapshot.of({}, files)


def test_each_release_target_gets_one_object_made_of_the_manifest_and_the_files() -> None:
    wanted = snapshot(
        **{"config/targets/target/release-eu.json": target("release-eu"), "policy/a.rego": b"package a\n"}
    )
    (item,) = Desired(wanted).objects.values()
    assert item.id == ObjectId("release-eu", "release", "current")
    assert item.attributes == {"manifest": wanted.manifest.digest, "files": files_digest(wanted.manifest)}


def test_an_object_on_a_target_that_is_not_declared_is_refused() -> None:
    stray = Object(ObjectId("nowhere", "role", "r"), {}, 1, None)
    with pytest.raises(FormatError, match="not declared"):
        _ = Desired(snapshot(**{"objects/tenant/a.json": encode_objects([stray])})).objects


def test_without_exactly_one_control_database_nothing_can_start() -> None:
    with pytest.raises(FormatError, match="0 targets are declared as the control database"):
        _ = Desired(snapshot()).control


# Health and the service --------------------------------------------------------------------------------------------


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_an_agent_is_alive_while_its_loop_turns_and_ready_once_a_turn_went_well() -> None:
    now = 0.0
    health = Health(now=lambda: now)
    fleet = Fleet.started()
    with serving(health) as port:
        assert get(port, "/healthz") == (200, "ok\n")
        assert get(port, "/readyz") == (503, "the first turn of the loop has not ended yet\n")
        health.turned(once(fleet.world()), 0.1)
        assert get(port, "/readyz") == (200, "ok\n")
        assert (
            'conductor_agent_actions_total{operation="create",outcome="done",target="pg-eu"} 4.0'
            in get(port, "/metrics")[1]
        )
        now = STALLED_AFTER
        assert get(port, "/healthz") == (503, "the loop hangs\n")
        assert get(port, "/")[0] == 404


def test_a_running_agent_waits_out_what_is_away_and_logs_json_until_it_is_asked_to_stop() -> None:
    fleet = Fleet.started()
    fleet.remote.away = True
    stop, stream = threading.Event(), io.StringIO()
    turns: list[str] = []

    def at(step: str) -> None:
        turns.append(step)
        if step.startswith("after push result"):
            stop.set()

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            fleet.remote.away = False
            return stop.is_set() or timeout is None

    waiting = Impatient()
    waiting.is_set = stop.is_set  # type: ignore[method-assign]  # the same event, without the waiting
    health = Health()
    run(replace(fleet.world(), at=at), interval=1, stop=waiting, health=health, log=configure(stream))
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert [line.split(" ")[0] for line in told] == ["turn", "1", "2", "stopped"]
    assert told[2] == "2 Report 4 done"
    assert health.problem is None


def test_every_line_of_a_turn_has_the_id_that_its_commits_and_entries_carry() -> None:
    fleet, stop, stream = Fleet.started(), threading.Event(), io.StringIO()
    fleet.remote.away = True
    ids = iter(["a1" * 16, "b2" * 16, "c3" * 16])

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            fleet.remote.away = False
            stop.set() if fleet.story() else None
            return timeout is None

    waiting = Impatient()
    waiting.is_set = stop.is_set  # type: ignore[method-assign]  # the same event, without the waiting
    world = replace(fleet.world(), new_turn=lambda: next(ids))
    run(world, interval=1, stop=waiting, health=Health(), log=configure(stream))
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("turn") for line in told] == ["a1" * 16, "b2" * 16, "b2" * 16, None]
    entries = fleet.history().entries
    assert [entry.position.turn for entry in entries] == ["b2" * 16] * 2
    for entry in entries:
        assert f"\nTurn: {'b2' * 16}\n" in fleet.people.commit(entry.commit).message


def test_a_warning_is_said_when_it_comes_up_and_every_hour_while_it_lasts() -> None:
    now, stream = 0.0, io.StringIO()
    warnings = Warnings(configure(stream), now=lambda: now)

    def told(at: float, *problems: str) -> list[str]:
        nonlocal now
        now = at
        stream.seek(0)
        stream.truncate()
        warnings.of_turn([("needs a person", {"problem": problem}) for problem in problems])
        return [json.loads(line)["problem"] for line in stream.getvalue().splitlines()]

    assert told(0, "debt") == ["debt"]
    assert told(15, "debt", "foreign") == ["foreign"]
    assert told(REMIND - 1, "debt", "foreign") == []
    assert told(REMIND, "foreign", "debt") == ["debt"]
    assert told(REMIND + 15, "debt", "foreign") == ["foreign"]
    assert told(REMIND + 30) == []
    assert told(REMIND + 45, "debt") == ["debt"], "it was gone meanwhile"


def test_what_a_person_has_to_see_to_is_not_logged_with_every_turn() -> None:
    fleet, stop, stream = Fleet.started(), threading.Event(), io.StringIO()
    left = iter([False, False, True])

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            stop.set() if next(left) else None
            return timeout is None

    waiting = Impatient()
    waiting.is_set = stop.is_set  # type: ignore[method-assign]  # the same event, without the waiting
    fleet.systems["pg-eu"].world[ObjectId("pg-eu", "role", "acme_app")] = MemoryObject({"login": True}, mark=None)
    run(fleet.world(), interval=1, stop=waiting, health=Health(), log=configure(stream))
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    problems = [line["problem"] for line in told if line["event"] == "needs a person"]
    assert (len(problems), len(set(problems))) == (2, 2), "in three turns"


def test_a_terminal_is_told_in_words_and_anything_else_in_json() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    words, lines = Terminal(), io.StringIO()
    configure(words).info("serving", port=9464)
    configure(lines).info("serving", port=9464)
    assert "serving" in words.getvalue()
    assert not words.getvalue().startswith("{")
    assert json.loads(lines.getvalue())["port"] == 9464


def test_the_clock_of_the_story_is_the_ledgers() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    assert {entry.position.time for entry in fleet.history().entries} == {START}
