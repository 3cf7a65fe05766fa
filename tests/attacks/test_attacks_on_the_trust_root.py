"""Attacks on where history starts: whoever may push to main, and nothing else, brings a start of their own."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest

from runtime.agent.decide import StoppedError
from runtime.agent.dry import look
from runtime.agent.loop import once
from runtime.agent.state import PUSHED, read
from runtime.contract.genesis import Genesis
from runtime.ledger.findings import Answer
from runtime.ledger.history import replay
from runtime.ledger.pin import PIN, OtherGenesisError, pinned
from runtime.ledger.starting import SeveralGenesesError
from runtime.ledger.verify import Status, verify
from runtime.targets.interface import TerminalError
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_git import SOMEBODY, MemoryGit
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import REPOSITORY, ROLES, START, document, key_of, person, public, small_tree
from runtime.testing.statements import signed_genesis


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def fleet(request: pytest.FixtureRequest) -> Fleet:
    return Fleet.started(request.param)


def start_of_my_own(fleet: Fleet) -> tuple[str, str]:
    """An orphan branch with the agent's real key, my people, and the repository's real id; its head and its genesis."""
    mine = {name: person(name, *ROLES[name]).model_copy(update={"keys": (public(key_of(name, 2)),)}) for name in ROLES}
    inputs = small_tree(
        **{
            "spec/targets/pg-eu.yaml": target("pg-eu", control=True),
            "tenants/mallory.yaml": document(blueprint="basic"),
            **{f"policies/people/{name}.yaml": item.data() for name, item in mine.items()},
        }
    )
    git = fleet.people
    commit = git.commit_files(inputs, branch="evil", at=START)
    genesis = Genesis(REPOSITORY, "main", commit, fleet.snapshot(commit), ledger=fleet.ledger)
    keys = [key_of(name, 2) for name in ("mara", "tomas")]
    head = git.commit_files(signed_genesis(genesis, keys, START).files, branch="evil", at=START)
    return head, genesis.digest


def taken_over(fleet: Fleet) -> str:
    """Main is a merge of the real main into a history of my own: an ordinary push. Returns my genesis."""
    fleet.pull()
    head, digest = start_of_my_own(fleet)
    real = fleet.people.refs["refs/heads/main"]
    merge = fleet.people.write_merge([head, real], {}, message="Merge main", author=SOMEBODY, at=fleet.now)
    fleet.people.refs["refs/heads/main"] = merge
    fleet.publish()
    return digest


def stopped(fleet: Fleet) -> AbstractContextManager[object]:
    """A main with another history in front of it stops an agent that may not push to main; else it goes on."""
    return nullcontext() if fleet.ledger is None else pytest.raises(StoppedError, match="does not lead on from")


def root_of(fleet: Fleet) -> str:
    return fleet.history().genesis.digest


def roles(fleet: Fleet) -> set[str]:
    return {object_.name for object_ in fleet.systems["pg-eu"].world}


def test_the_first_run_pins_the_genesis_in_the_clone_and_in_the_control_database(fleet: Fleet) -> None:
    root = root_of(fleet)
    look(fleet.world())
    assert pinned(fleet.agent_git) is None
    once(fleet.world())
    assert pinned(fleet.agent_git) == root
    assert fleet.database.heads[f"{REPOSITORY}/trust-root"].digest == root


def test_a_start_of_my_own_in_front_of_the_real_one_is_not_obeyed(fleet: Fleet) -> None:
    root = root_of(fleet)
    once(fleet.world())
    before = roles(fleet)
    taken_over(fleet)
    with stopped(fleet):
        once(fleet.world())
    history = read(fleet.world()).history
    assert history.genesis.digest == root
    assert history.tip.sequence >= 2
    assert roles(fleet) == before


def test_an_agent_that_runs_on_is_not_turned_either(fleet: Fleet) -> None:
    known = once(fleet.world()).state
    del fleet.agent_git.refs[PIN], fleet.agent_git.refs[PUSHED]
    taken_over(fleet)
    assert read(fleet.world(), known).history.genesis == known.history.genesis


def test_a_new_clone_that_nobody_told_anything_says_which_starts_there_are(fleet: Fleet) -> None:
    root = root_of(fleet)
    once(fleet.world())
    mine = taken_over(fleet)
    fleet.agent_git = MemoryGit({"origin": fleet.remote})
    with pytest.raises(SeveralGenesesError, match="several geneses") as refused:
        once(fleet.world())
    assert root in refused.value.message
    assert mine in refused.value.message
    assert "--trust-root" in (refused.value.help or "")
    told = replace(fleet.world(), trust_root=root)
    with stopped(fleet):
        once(told)
    assert read(told).history.genesis.digest == root


def test_a_copy_of_the_real_genesis_behind_mine_hides_nothing(fleet: Fleet) -> None:
    root = root_of(fleet)
    fleet.pull()
    head, mine = start_of_my_own(fleet)
    git, real = fleet.people, fleet.people.refs["refs/heads/main"]
    copies = {path: git.blob(file.oid) for path, file in git.files(real, "evidence").items()}
    head = git.write(head, copies, message="Copy", author=SOMEBODY, at=fleet.now)
    merge = git.write_merge([head, real], {}, message="Merge main", author=SOMEBODY, at=fleet.now)
    with pytest.raises(SeveralGenesesError, match=mine):
        replay(git, merge, policies=no_objection)
    assert replay(git, merge, trust_root=root, policies=no_objection).genesis.digest == root


def test_a_rewritten_main_stops_a_pinned_agent_and_names_both(fleet: Fleet) -> None:
    root = root_of(fleet)
    once(fleet.world())
    head, mine = start_of_my_own(fleet)
    fleet.people.refs["refs/heads/main"] = head
    fleet.publish()
    with pytest.raises(OtherGenesisError, match="this clone is pinned") as refused:
        once(fleet.world())
    assert root in refused.value.message
    assert mine in refused.value.message
    assert "--trust-root" in (refused.value.help or "")
    fleet.agent_git = MemoryGit({"origin": fleet.remote})
    with pytest.raises(OtherGenesisError, match="the control database is pinned"):
        once(fleet.world())
    assert pinned(fleet.agent_git) is None


def test_who_is_told_of_another_genesis_pins_that_one(fleet: Fleet) -> None:
    root = root_of(fleet)
    once(fleet.world())
    anew = Genesis("ab" * 16, "main", fleet.people.refs["refs/heads/main"], fleet.history().snapshot, previous=root)
    fleet.pull()
    fleet.people.commit_files(signed_genesis(anew, map(key_of, ("mara", "tomas")), fleet.now).files, at=fleet.now)
    fleet.publish()
    assert once(fleet.world()).state.history.genesis.digest == root
    read_ = replace(fleet.world(), trust_root=anew.digest)
    assert read(read_).history.genesis.digest == anew.digest


def test_a_history_does_not_choose_that_its_head_is_remembered_elsewhere(fleet: Fleet) -> None:
    once(fleet.world())
    fleet.pull()
    git = fleet.people
    first = git.first_parents(git.refs[f"refs/heads/{fleet.branch}"])[1].commit.oid
    fleet.people.refs[f"refs/heads/{fleet.branch}"] = first
    fleet.publish(fleet.branch)
    fleet.agent_git = MemoryGit({"origin": fleet.remote})
    with pytest.raises(TerminalError, match="no longer holds"):
        once(fleet.world())


def test_main_as_it_was_in_front_of_main_as_it_is_does_not_halt_the_agent(fleet: Fleet) -> None:
    """`git checkout OLD; git merge -s ours main; git push`: the ledger lies behind the second parent only."""
    entries = len(once(fleet.world()).entries)
    fleet.pull()
    git = fleet.people
    old = git.first_parents(git.refs["refs/heads/main"])[1].commit.oid
    merge = git.write_merge([old, git.refs["refs/heads/main"]], {}, message="Merge", author=SOMEBODY, at=fleet.now)
    git.refs["refs/heads/main"] = merge
    fleet.publish()
    outcome = once(fleet.world())
    assert len(outcome.state.history.entries) == entries
    assert outcome.problems == ()
    fleet.merge({"README.md": b"more"})
    assert len(once(fleet.world()).state.history.entries) == entries


def test_an_auditor_without_a_trust_root_is_told_of_both(fleet: Fleet) -> None:
    once(fleet.world())
    root, git = root_of(fleet), fleet.people
    mine = taken_over(fleet)
    head = git.refs["refs/heads/main"]
    blind = verify(git, head, now=fleet.now, policies=no_objection)
    assert blind.answers[Answer.INTEGRITY].status is Status.FAILED
    assert [item.rule for item in blind.problems] == ["trust-root"]
    assert root in blind.problems[0].message
    assert mine in blind.problems[0].message
    told = verify(git, head, now=fleet.now, trust_root=root, policies=no_objection)
    assert told.history is not None
    assert told.history.entries
    found = "unchanged" if fleet.ledger is None else "rewound"  # where the evidence is not on main, it is not removed
    assert found in {item.rule for item in told.problems}
