"""A remote whose main takes no robot's push: the whole way with a ledger on a branch of its own (ADR 0089).

The remote is a real one with a hook, as forges have: only its own user moves main.
"""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import psycopg
import pytest

from runtime.git.interface import PushOutcome
from runtime.git.repository import Repository
from runtime.testing.embedded_postgres import EmbeddedPostgres
from runtime.testing.memory_git import SOMEBODY
from tests.integration.test_agent_racing import end_control_session
from tests.services.agents import Agents
from tests.services.assertions import assert_done_once, assert_sound, assert_taken_back_is_not_taken, done_in_log
from tests.services.commands import Ran, conductor, git
from tests.services.real_installation import RealInstallation

pytest_plugins = ("tests.services.fixtures_agents",)
pytestmark = pytest.mark.service


def clone(where: RealInstallation, name: str, *how: str) -> Path:
    """What an auditor types."""
    git(where.folder, "clone", "--quiet", *how, where.remote.as_uri(), name)
    return where.folder / name


def verify(where: RealInstallation, repo: Path, *more: str) -> Ran:
    root = where.history().genesis.digest
    return conductor("verify", "--repo", repo, "--trust-root", root, *more)


def roles(where: RealInstallation) -> set[str]:
    with psycopg.connect(where.dsn) as connection:
        return {name for (name,) in connection.execute(r"SELECT rolname FROM pg_roles WHERE rolname LIKE 't\_%'")}


def test_main_takes_no_push_of_an_agents_and_the_ledgers_branch_does(apart: RealInstallation, agents: Agents) -> None:
    main, before = apart.head(), apart.pushed()
    with Repository(apart.agent_clone) as clone_:
        clone_.fetch("origin", "main")
        assert before is not None
        mine = clone_.write(main, {"x": b"x"}, message="x", author=SOMEBODY, at=apart.history().tip.time)
        assert clone_.push("origin", "main", mine, old=main) is PushOutcome.REFUSED
    apart.tenant("acme-retail")
    main = apart.head()
    assert agents.once(apart).answer["error"] is None
    assert apart.head() == main
    assert apart.pushed() not in {None, before}


def test_from_yaml_to_verified_evidence_past_a_protected_main(apart: RealInstallation, agents: Agents) -> None:
    change = apart.tenant("acme-retail")
    assert agents.once(apart).answer["error"] is None
    assert "t_acme_retail_app" in roles(apart)

    fresh = clone(apart, "auditor")
    report = json.loads(verify(apart, fresh, "--format", "json").out)
    assert (report["ok"], report["pending"], report["problems"]) == (True, [], [])
    assert report["verified"] == report["commit"] == apart.head()
    assert report["ledger"] == {"branch": "ledger", "commit": apart.pushed()}
    assert report["entries"] == apart.history().tip.sequence
    assert not (fresh / "evidence" / "ledger").exists(), "main has none of it"
    told = conductor("evidence", "log", "--repo", fresh).out
    assert "takes commit" in told
    assert "mara and tomas" in told
    shown = conductor("evidence", "show", "-1", "--repo", fresh, "--format", "json")
    assert json.loads(shown.out)["statement"]["predicate"]["ledger"]["main"] == apart.head()

    planned = json.loads(conductor("plan", "--repo", fresh, "--format", "json").out)
    assert planned["base"]["commit"] == apart.head()
    later = json.loads(verify(apart, fresh, "--since", report["head"], "--format", "json").out)
    assert (later["ok"], later["freshness"]) == (True, "ok")
    assert apart.history().change(change.digest) is not None
    assert_sound(apart, agents)


def test_a_clone_of_one_branch_says_what_to_fetch_or_needs_no_other(apart: RealInstallation, agents: Agents) -> None:
    apart.tenant("acme-retail")
    assert agents.once(apart).answer["error"] is None
    only_main = clone(apart, "only-main", "--single-branch")
    lacking = json.loads(verify(apart, only_main, "--format", "json").out)
    assert (lacking["entries"], lacking["completeness"], lacking["freshness"]) == (0, "not-assessed", "not-assessed")
    typed = "git fetch origin ledger:refs/remotes/origin/ledger"
    assert typed in lacking["not_assessed"]["completeness"]
    assert typed in conductor("plan", "--repo", only_main).err
    git(only_main, *shlex.split(typed)[1:])
    assert json.loads(verify(apart, only_main, "--format", "json").out)["verified"] == apart.head()

    only_ledger = clone(apart, "only-ledger", "--single-branch", "--branch", "ledger")
    report = json.loads(verify(apart, only_ledger, "--format", "json").out)
    assert (report["ok"], report["verified"], report["completeness"]) == (True, apart.head(), "ok")
    assert (only_ledger / "evidence" / "ledger").exists()


def test_plan_fetch_brings_the_ledger_and_a_person_approves_after_it(apart: RealInstallation, agents: Agents) -> None:
    old = clone(apart, "old", "--single-branch")
    git(old, "config", "remote.origin.receivepack", "env PUSHER=forge git-receive-pack")
    apart.tenant("acme-retail")
    assert agents.once(apart).answer["error"] is None
    planned = conductor("plan", "--repo", old, "--fetch")
    assert "has not the branch" not in planned.err
    assert git(old, "rev-parse", "refs/conductor/origin/ledger") == apart.pushed()


def test_killed_at_any_step_the_next_agent_finishes_and_tells_it_once(
    apart: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    apart.tenant("model")
    steps = agents.once(apart).steps
    for number, step in enumerate(steps, start=1):
        apart.tenant(f"killed-at-{number}")
        since, logged = apart.history().tip.sequence, done_in_log(postgres18)
        assert agents.once(apart, kill_at=number).state == "killed", step
        after = agents.again(apart)
        assert (after.answer["error"], after.answer["failed"]) == (None, False), step
        assert_done_once(apart, postgres18, since, logged)
    assert_sound(apart, agents)
    assert verify(apart, clone(apart, "auditor")).code == 0


def test_two_agents_do_no_harm_whenever_one_of_them_sleeps(
    apart: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    other = apart.second_clone()
    apart.tenant("model")
    for number, step in enumerate(agents.once(apart).steps, start=1):
        apart.tenant(f"paused-at-{number}")
        since, logged = apart.history().tip.sequence, done_in_log(postgres18)
        sleeper = agents.once(apart, stop_at=number)
        end_control_session(apart)
        finisher = agents.again(apart, clone=other)
        assert (finisher.answer["error"], finisher.answer["failed"]) == (None, False), step
        head = apart.pushed()
        agents.resume(sleeper)
        assert sleeper.answer["error"] in {"LockLostError", "BeatenError", "RetryableError"}, step
        assert apart.pushed() == head, "the late one has pushed nothing"
        assert_done_once(apart, postgres18, since, logged)
    assert_sound(apart, agents)


@pytest.mark.parametrize("branch", ["main", "ledger"])
def test_a_branch_that_others_move_at_any_step_stops_nothing(
    branch: str, apart: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    since, logged = apart.history().tip.sequence, done_in_log(postgres18)
    apart.tenant("moved")
    for number, step in enumerate(agents.once(apart).steps, start=1):
        apart.tenant(f"moved-{number}")
        paused = agents.once(apart, stop_at=number)
        apart.merge({f"docs/notes-{number}.md": b"notes\n"}, message="Write notes", branch=branch)
        agents.resume(paused)
        assert (paused.answer["error"], paused.answer["failed"]) == (None, False), step
    assert_done_once(apart, postgres18, since, logged)
    assert_sound(apart, agents)


def test_a_change_that_is_taken_back_before_its_verdict_is_pushed_is_not_taken(
    apart: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    """Main's merge beats no push to another branch: the agent looks at it once more."""
    assert_taken_back_is_not_taken(apart, agents, postgres18)


def test_the_ledgers_branch_that_is_behind_or_gone_gets_its_commits_again(
    apart: RealInstallation, agents: Agents
) -> None:
    old = apart.pushed()
    apart.tenant("acme-retail")
    assert agents.once(apart).answer["error"] is None
    head = apart.pushed()
    for command in (("update-ref", "refs/heads/ledger", str(old)), ("update-ref", "-d", "refs/heads/ledger")):
        git(apart.remote, *command)
        assert apart.pushed() != head
        assert agents.again(apart).answer["error"] is None
        assert apart.pushed() == head
    assert_sound(apart, agents)


def test_main_moved_back_stops_the_agent_and_is_found_and_brought_back_from_the_ledger(
    apart: RealInstallation, agents: Agents, postgres18: EmbeddedPostgres
) -> None:
    before = apart.head()
    apart.tenant("acme-retail")
    assert agents.once(apart).answer["error"] is None
    seen, logged = apart.head(), done_in_log(postgres18)
    git(apart.remote, "update-ref", "refs/heads/main", before)
    stopped = agents.again(apart).answer
    assert (stopped["error"], seen[:12] in stopped["message"]) == ("StoppedError", True)
    assert done_in_log(postgres18) == logged
    found = json.loads(verify(apart, clone(apart, "auditor"), "--format", "json").out)
    assert [item["code"] for item in found["problems"]] == ["MC0754"]

    mender = clone(apart, "mender")
    git(mender, "config", "remote.origin.receivepack", "env PUSHER=forge git-receive-pack")
    git(mender, "push", "--quiet", "origin", f"{seen}:refs/heads/main")
    assert_sound(apart, agents)
    assert verify(apart, clone(apart, "auditor-later")).code == 0

    git(mender, "switch", "--quiet", "--detach", before)
    git(mender, "merge", "--quiet", "--no-ff", "-m", "Merge main into mine", seen)
    git(mender, "push", "--quiet", "origin", "HEAD:main")
    assert agents.again(apart).answer["error"] == "StoppedError"
    git(mender, "fetch", "--quiet", "origin")
    git(mender, "switch", "--quiet", "--detach", seen)
    git(mender, "merge", "--quiet", "--no-ff", "-m", "Merge main as it was", "origin/main")
    git(mender, "push", "--quiet", "origin", "HEAD:main")
    assert_sound(apart, agents)
    assert verify(apart, clone(apart, "auditor-in-the-end")).code == 0


def test_another_history_under_the_ledgers_name_is_refused_and_left_alone(
    apart: RealInstallation, agents: Agents
) -> None:
    apart.tenant("acme-retail")
    assert agents.once(apart).answer["error"] is None
    real = str(apart.pushed())
    apart.merge({"README.md": b"more\n"})
    git(apart.remote, "update-ref", "refs/heads/ledger", apart.head())
    answer = agents.again(apart).answer
    assert (answer["error"], "ledger no longer holds entry" in answer["message"]) == ("TerminalError", True)
    assert apart.pushed() == apart.head()
    shutil.rmtree(apart.agent_clone)
    Repository.mirror(str(apart.remote), apart.agent_clone).close()
    assert agents.again(apart).answer["error"] == "TerminalError", "the control database remembers"
    git(apart.remote, "update-ref", "refs/heads/ledger", real)
    assert_sound(apart, agents)
