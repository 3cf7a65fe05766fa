"""Attacks on a ledger that is on a branch of its own, because main admits no robot (ADR 0089).

Whoever attacks may push to the ledger's branch, by force where the story says so, or has moved main; the agent may not
push to main at all.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.agent.decide import StoppedError
from runtime.agent.loop import once
from runtime.agent.state import PUSHED, read
from runtime.agent.world import Local
from runtime.contract.genesis import Genesis
from runtime.ledger import append
from runtime.ledger.beside import as_of
from runtime.ledger.findings import Answer
from runtime.ledger.verify import Report, Status, verify
from runtime.targets.interface import TerminalError
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_git import SOMEBODY, MemoryGit
from runtime.testing.memory_policy import no_objection
from runtime.testing.memory_target import MemorySystem
from runtime.testing.small_tree import REPOSITORY, START, document, key_of, small_tree
from runtime.testing.statements import signed_genesis

REF = "refs/heads/ledger"


@pytest.fixture
def fleet() -> Fleet:
    fleet = Fleet.started("ledger")
    fleet.approved(initech={})
    assert not once(fleet.world()).failed
    assert [branch for branch, _, _ in fleet.remote.pushes] == ["ledger"] * 4
    return fleet


def audited(fleet: Fleet, *, since: str | None = None, git: MemoryGit | None = None) -> Report:
    """What an auditor finds in a fresh clone."""
    git = git or MemoryGit({"origin": fleet.remote})
    main = git.fetch("origin", "main", "ledger")["main"]
    assert main is not None
    return verify(git, main, now=fleet.now, since=since, policies=no_objection)


def found(report: Report) -> list[str]:
    return [item.rule for item in report.problems]


def moved(fleet: Fleet, commit: str, *, ref: str = REF) -> None:
    """A branch of the remote is somewhere else now, whatever it was."""
    fleet.remote.refs[ref] = commit
    fleet.remote.objects.update(fleet.people.objects)


def earlier(fleet: Fleet, back: int) -> str:
    fleet.pull()
    commit = fleet.people.resolve(f"{fleet.people.refs[REF]}~{back}")
    assert commit is not None
    return commit


def test_an_auditor_finds_the_branch_and_believes_all_of_it(fleet: Fleet) -> None:
    report = audited(fleet)
    assert found(report) == []
    assert report.history is not None
    assert [entry.kind for entry in report.history.entries] == ["intent", "result", "verdict", "intent", "result"]
    assert report.history.commit == report.history.head


def test_the_ledger_rolled_back_gets_its_end_again(fleet: Fleet) -> None:
    """I move the branch back by force, to before the verdict that embarrasses me."""
    head, tip = fleet.remote.refs[REF], fleet.history().tip
    moved(fleet, earlier(fleet, 3))
    assert found(audited(fleet, since=tip.digest)) == ["extends"]
    assert once(fleet.world()).entries == ()
    assert fleet.remote.refs[REF] == head


def test_the_ledger_removed_comes_back_whole(fleet: Fleet) -> None:
    """I delete the branch."""
    head = fleet.remote.refs.pop(REF)
    gone = audited(fleet)
    assert gone.answers[Answer.COMPLETENESS].status is Status.NOT_ASSESSED
    assert "git fetch origin ledger:refs/remotes/origin/ledger" in (gone.answers[Answer.COMPLETENESS].why or "")
    once(fleet.world())
    assert fleet.remote.refs[REF] == head


def test_the_ledger_rewritten_stops_the_agent(fleet: Fleet) -> None:
    """I move the branch back, and put other commits on top."""
    tip = fleet.history().tip
    fleet.people.refs[REF] = earlier(fleet, 3)
    moved(fleet, fleet.people.commit_files({"evidence/x": b"x"}, branch="ledger"))
    there = fleet.remote.refs[REF]
    with pytest.raises(TerminalError, match="ledger no longer holds entry 5"):
        once(fleet.world())
    assert fleet.remote.refs[REF] == there
    assert found(audited(fleet, since=tip.digest)) == ["extends", "foreign"]


@pytest.mark.parametrize("other", ["main", "orphan", "old"])
def test_another_branch_in_the_ledgers_place_stops_the_agent(fleet: Fleet, other: str) -> None:
    """I put another branch there under the ledger's name: main itself, one of another history, or main from before."""
    tip, git = fleet.history().tip, fleet.people
    fleet.merge({"README.md": b"more"})
    orphan = git.write(None, small_tree(), message="Mine", author=SOMEBODY, at=START)
    old = git.first_parents(git.refs["refs/heads/main"])[0].commit.oid
    moved(fleet, {"main": git.refs["refs/heads/main"], "orphan": orphan, "old": old}[other])
    report = audited(fleet, since=tip.digest)
    assert ("ledger-branch" in found(report)) == (other == "orphan")
    assert "extends" in found(report)
    if other == "old":
        once(fleet.world())
        assert found(audited(fleet, since=tip.digest)) == []
        return
    with pytest.raises(TerminalError, match="ledger no longer holds entry 5"):
        once(fleet.world())
    assert "evidence" not in {path.split("/")[0] for path in git.files(fleet.remote.refs[REF]) if "ledger" in path}


def test_a_branch_that_was_there_first_is_not_written_to() -> None:
    """Before the agent has ever run I push a branch of another history under the ledger's name."""
    fleet = Fleet.started("ledger")
    orphan = fleet.people.write(None, small_tree(), message="Mine", author=SOMEBODY, at=START)
    moved(fleet, orphan)
    with pytest.raises(TerminalError, match="does not lead on"):
        once(fleet.world())
    assert fleet.remote.refs[REF] == orphan
    assert not fleet.systems["pg-eu"].world


@pytest.mark.parametrize("where", ["trunk", "before", "later"])
def test_a_branch_that_the_forge_made_from_main_is_gone_on_with(where: str) -> None:
    """Whoever protects the branch in a forge has to make it first, from what main is."""
    fleet = Fleet.started("ledger")
    line = fleet.people.first_parents(fleet.people.refs["refs/heads/main"])
    at = {"trunk": line[-1].commit.oid, "before": line[0].commit.oid}.get(where)
    fleet.approved(initech={})
    moved(fleet, at or fleet.remote.refs["refs/heads/main"])
    assert len(once(fleet.world()).entries) == 5
    assert found(audited(fleet)) == []


def test_the_ledger_behind_a_merge_of_somebodys_is_still_the_ledger(fleet: Fleet) -> None:
    """`git checkout OLD; git merge -s ours origin/ledger; git push`: the entries lie behind the second parent only."""
    head = fleet.remote.refs[REF]
    git, old = fleet.people, earlier(fleet, 3)
    merge = git.write_merge([old, head], {}, message="Merge", author=SOMEBODY, at=fleet.now)
    moved(fleet, merge)
    outcome = once(fleet.world())
    assert outcome.state.tip.sequence == 5
    assert once(fleet.world()).entries == ()


def test_main_moved_back_behind_what_the_ledger_saw_is_found(fleet: Fleet) -> None:
    """I may force main after all, and take away what the ledger has seen; it was never taken, so nobody minds."""
    fleet.edit(hooli={})
    once(fleet.world())
    git = fleet.people
    seen = git.refs["refs/heads/main"]
    moved(fleet, str(git.resolve(f"{seen}~1")), ref="refs/heads/main")
    report = audited(fleet)
    assert found(report) == ["rewound"]
    assert seen[:12] in report.problems[0].message
    with pytest.raises(StoppedError, match="does not lead on from"):
        once(fleet.world())
    moved(fleet, seen, ref="refs/heads/main")
    assert found(audited(fleet)) == []
    assert once(fleet.world()).entries == ()


def test_an_intent_is_closed_all_the_same_while_main_is_moved_back(fleet: Fleet) -> None:
    """And before I move main back I kill the agent, so that nobody learns what became of its actions."""
    digest = fleet.approved(hooli={})

    def killed(step: str) -> None:
        if step.startswith("before action"):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        once(replace(fleet.world(), at=killed))
    git = fleet.people
    seen = git.fetch("origin", "main")["main"]
    moved(fleet, str(git.resolve(f"{seen}~1")), ref="refs/heads/main")
    with pytest.raises(StoppedError):
        once(fleet.world())
    moved(fleet, str(seen), ref="refs/heads/main")
    assert fleet.story()[-1] == "result"
    assert once(fleet.world()).failed is False
    assert (fleet.history().change(digest) is not None, found(audited(fleet))) == (True, [])


def test_a_history_in_front_of_main_is_not_main_and_an_ordinary_merge_mends_it(fleet: Fleet) -> None:
    """I merge main into a branch of mine, and push that as main: its first parents are mine."""
    fleet.pull()
    git, seen = fleet.people, fleet.people.refs["refs/heads/main"]
    mine = git.write(git.resolve(f"{seen}~1"), {"x": b"x"}, message="x", author=SOMEBODY, at=START)
    merge = git.write_merge([mine, seen], {}, message="Merge main", author=SOMEBODY, at=fleet.now)
    moved(fleet, merge, ref="refs/heads/main")
    assert found(audited(fleet)) == ["rewound"]
    with pytest.raises(StoppedError):
        once(fleet.world())
    mended = git.write_merge([seen, merge], {}, message="Merge main as it was", author=SOMEBODY, at=fleet.now)
    moved(fleet, mended, ref="refs/heads/main")
    once(fleet.world())
    assert found(audited(fleet)) == []


def test_evidence_on_main_is_nobodys_even_the_agents_own() -> None:
    """The agent's push was beaten. I have its entry, which chains and is signed, and get it merged into main."""
    chronicle = Chronicle.start(ledger="ledger")
    chronicle.apply()
    entry = chronicle.heartbeat()
    chronicle.git.commit_files(entry.files, message="Merge evidence", at=chronicle.now)
    chronicle.push(chronicle.heartbeat())
    history = chronicle.replay()
    assert [item.path for item in history.foreign] == [entry.path]
    assert "it lies on main" in history.foreign[0].reason
    assert (history.tip, history.findings) == (chronicle.tip, ())


def test_the_ledger_merged_into_main_is_a_copy_and_no_more(fleet: Fleet) -> None:
    """Somebody thought that the two belong together."""
    fleet.pull()
    fleet.people.merge("ledger")
    fleet.publish()
    fleet.approved(hooli={})
    assert not once(fleet.world()).failed
    report = audited(fleet)
    assert found(report) == []
    assert report.history is not None
    assert len(report.history.entries) == 8
    fleet.agent_git = MemoryGit({"origin": fleet.remote})
    assert once(fleet.world()).entries == ()


def test_a_corrupt_agent_that_says_main_was_where_it_never_was_is_seen_through() -> None:
    """The branch was approved, and merged without what it says. The agent says that main's head was the branch."""
    chronicle = Chronicle.start(ledger="ledger")
    chronicle.apply()
    git = chronicle.git
    git.branch("side")
    mine = git.commit_files({"tenants/initech.yaml": document(blueprint="basic")}, branch="side")
    theirs = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic", size="theirs")})
    git.refs["refs/heads/main"] = git.write_merge([theirs, mine], {}, message="Ours", author=SOMEBODY, at=git.tick())
    git.refs[REF] = git.write_merge([git.refs[REF], mine], {}, message="See main", author=SOMEBODY, at=git.tick())
    chronicle.push(chronicle.verdict(mine, tip=replace(chronicle.standing(), main=mine)))
    assert [item.rule for item in chronicle.replay().findings] == ["rewound"]


def test_a_head_of_main_that_the_branch_does_not_hold_takes_nothing() -> None:
    """Nobody could look at it later."""
    chronicle = Chronicle.start(ledger="ledger")
    chronicle.apply()
    commit = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic")})
    verdict = chronicle.verdict(commit)
    ref = chronicle.git.refs
    here = ref[REF]
    chronicle.push(verdict)
    unheld = chronicle.git.write(here, verdict.files, message="x", author=SOMEBODY, at=chronicle.now)
    ref[REF] = unheld
    history = chronicle.replay()
    assert "main-seen" in {item.rule for item in history.findings}
    assert history.commit != commit


def test_an_entry_that_names_no_main_where_it_must_and_one_where_it_must_not() -> None:
    apart, on_main = Chronicle.start(ledger="ledger"), Chronicle.start()
    manifest = apart.snapshot.manifest.digest
    silent = append.heartbeat(apart.tip, writer(), apart.later(), commit=apart.base, manifest=manifest)
    apart.push(silent)
    assert [item.rule for item in apart.replay().findings] == ["main-seen"]
    on_main.push(on_main.heartbeat(tip=replace(on_main.tip, main=on_main.head)))
    assert [item.rule for item in on_main.replay().findings] == ["main-seen"]


def test_what_the_agent_pushed_last_is_remembered_in_its_clone(fleet: Fleet) -> None:
    assert fleet.agent_git.refs[PUSHED] == fleet.remote.refs[REF]


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_a_genesis_that_came_to_main_by_a_pull_request_starts_the_branch(how: str) -> None:
    fleet = Fleet()
    git = fleet.people = MemoryGit({"origin": fleet.remote})
    commit = git.commit_files(small_tree(**{"spec/targets/pg-eu.yaml": target("pg-eu", control=True)}), at=START)
    git.branch("start")
    genesis = Genesis(REPOSITORY, "main", commit, fleet.snapshot(commit), ledger="ledger")
    files = signed_genesis(genesis, map(key_of, ("mara", "tomas")), START).files
    git.commit_files(files, branch="start", at=START)
    git.commit_files({"README.md": b"meanwhile"}, at=START)
    (git.merge if how == "merge" else git.squash)("start")
    fleet.ledger, fleet.agent_git = "ledger", MemoryGit({"origin": fleet.remote})
    fleet.systems["pg-eu"] = MemorySystem()
    fleet.publish()
    fleet.approved(initech={})
    assert len(once(fleet.world()).entries) == 5
    assert found(audited(fleet)) == []


def test_without_a_remote_the_branch_is_the_clones_own() -> None:
    fleet = Fleet.started("ledger")
    git = fleet.people
    world = replace(fleet.world(git=git), upstream=Local(git))
    assert len(once(world).entries) == 2
    assert git.refs[REF] != git.refs["refs/heads/main"]
    assert once(world).entries == ()


def test_an_auditor_of_an_earlier_commit_reads_what_the_ledger_held_then(fleet: Fleet) -> None:
    first, there = fleet.history(), fleet.remote.refs[REF]
    fleet.approved(hooli={})
    once(fleet.world())
    fleet.pull()
    git = fleet.people
    for commit in (first.head, there):
        report = verify(git, commit, now=fleet.now, policies=no_objection, heads=as_of(git, commit))
        assert found(report) == []
        assert report.history is not None
        assert report.history.tip.digest == first.tip.digest
        assert report.history.commit == first.commit


def test_an_agent_that_runs_on_reads_no_other_start_while_main_is_another(fleet: Fleet) -> None:
    known = once(fleet.world()).state
    git, seen = fleet.people, fleet.people.refs["refs/heads/main"]
    moved(fleet, str(git.resolve(f"{seen}~1")), ref="refs/heads/main")
    again = read(fleet.world(), known)
    assert (again.history.entries, again.history.rewound is not None) == (known.history.entries, True)
    moved(fleet, seen, ref="refs/heads/main")
    assert read(fleet.world(), again).history.findings == ()
