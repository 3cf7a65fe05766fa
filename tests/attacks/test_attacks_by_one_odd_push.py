"""Attacks by one ordinary push of an odd object: nobody's push halts the agent, or whoever verifies."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from compiler.source import from_commit
from runtime.agent.decide import Reason, Take
from runtime.agent.loop import once
from runtime.agent.state import State, VoidError, read
from runtime.agent.stock import take_stock
from runtime.agent.world import World
from runtime.contract.change import between
from runtime.contract.compiling import Compiled
from runtime.contract.objects import ObjectId
from runtime.git.interface import TreeFile
from runtime.git.objects import TreeEntry, encode_commit, encode_tree, object_id, parse_tree
from runtime.governance.approvals import BRANCH as APPROVALS
from runtime.governance.approvals import Approvals
from runtime.ledger import blobs
from runtime.ledger.line import walk
from runtime.testing.fleet import Fleet
from runtime.testing.memory_git import SOMEBODY, MemoryGit
from runtime.testing.small_tree import document
from tests.property.material import NAMES, REAL

LEDGER = "the branch that holds the ledger"


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def fleet(request: pytest.FixtureRequest) -> Fleet:
    fleet = Fleet.started(request.param)
    once(fleet.world())
    return fleet


def store(git: MemoryGit, kind: str, data: bytes) -> str:
    oid = object_id(kind, data)
    git.objects[oid] = (kind, data)
    return oid


def put(git: MemoryGit, tree: str, path: str, mode: bytes, oid: str) -> str:
    """A tree with one more entry, of any mode."""
    name, _, below = path.partition("/")
    entries = {entry.name: entry for entry in parse_tree(git.objects[tree][1])}
    if below:
        old = entries.get(name.encode())
        inner = store(git, "tree", b"") if old is None else old.raw.hex()
        mode, oid = b"40000", put(git, inner, below, mode, oid)
    entries[name.encode()] = TreeEntry(mode, name.encode(), bytes.fromhex(oid))
    return store(git, "tree", encode_tree(entries.values()))


def push(fleet: Fleet, path: str, mode: bytes, oid: str, *, branch: str = "main") -> str:
    git = fleet.people
    branch = fleet.branch if branch == LEDGER else branch
    ref = f"refs/heads/{branch}"
    head = git.fetch("origin", branch)[branch]
    assert head is not None
    tree = put(git, git.commit(head).tree, path, mode, oid)
    git.refs[ref] = store(git, "commit", encode_commit(tree, [head], message="x", author=SOMEBODY, at=git.tick()))
    fleet.remote.refs[ref] = git.refs[ref]
    fleet.remote.objects.update(git.objects)
    return git.refs[ref]


def goes_on(fleet: Fleet) -> bool:
    """Whether the agent takes the next change all the same."""
    digest = fleet.approved(initech={})
    once(fleet.world())
    history = fleet.history()
    return history.change(digest) is not None and history.commit != history.genesis.commit


def test_an_old_commit_in_front_of_main_and_another_edit_stop_nobody() -> None:
    """I merge main into an old commit and keep the old files, which two people have approved as going back; then I put
    the file as it was, and make something else of it. Agent and auditor see the same main, so nothing is halted."""
    fleet = Fleet.started()
    once(fleet.world())
    git = fleet.people
    old = git.fetch("origin", "main")["main"]
    fleet.approved(initech={})
    once(fleet.world())
    fleet.pull()
    head = git.refs["refs/heads/main"]
    assert old is not None
    files = {path: git.blob(file.oid) for path, file in git.files(head, "evidence").items()}
    merge = git.write_merge([old, head], files, message="Go back", author=SOMEBODY, at=fleet.now)
    history = fleet.history()
    back = between(history.snapshot, fleet.snapshot(merge), repository=history.genesis.repository, branch="main")
    fleet.approve(back, "mara", "tomas")
    git.refs["refs/heads/main"] = merge
    path = "tenants/initech.yaml"
    git.commit_files({path: git.blob(git.files(head, "tenants")[path].oid)}, at=fleet.now)
    git.commit_files({path: document(blueprint="basic", state="suspended")}, at=fleet.now)
    fleet.publish()
    decision = once(fleet.world()).decision
    assert [item.reason for item in decision.pending] == [Reason.TAKEN_BACK, Reason.NOT_ALLOWED]
    fleet.approve(fleet.edit(hooli={}), "mara", "tomas")
    once(fleet.world())
    history = fleet.history()
    assert (history.pending, history.findings) == ((), ())


def test_a_verdict_that_would_not_stand_holds_nobody_else_up(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever makes one verdict void, what others have approved is taken all the same, and a person is told."""
    fleet.approved(hooli={})
    poisoned = fleet.people.refs["refs/heads/main"]
    standing = State.require_standing

    def check(state: State, world: World, take: Take | None, head: str) -> None:
        if take is not None and take.commit == poisoned:
            raise VoidError(poisoned, "it is poisoned")
        standing(state, world, take, head)

    monkeypatch.setattr(State, "require_standing", check)
    outcome = once(fleet.world())
    assert [item.reason for item in outcome.decision.pending] == [Reason.VOID]
    assert (outcome.held, "it is poisoned" in outcome.problems[0]) == (1, True)
    assert fleet.history().pending == (poisoned,)
    fleet.approved(initech={})
    later = fleet.people.refs["refs/heads/main"]
    once(fleet.world())
    assert (fleet.history().commit, fleet.history().findings) == (later, ())


@pytest.mark.parametrize("removed", [True, False], ids=["taken-away", "overwritten"])
@pytest.mark.parametrize("seats", [(1, 1, 1), (2, 3, 4)], ids=["the-same", "other-content"])
def test_a_change_that_is_brought_again_waits_since_it_was_first_there(
    fleet: Fleet, seats: tuple[int, ...], *, removed: bool
) -> None:
    """Nobody has approved it, and an alarm is due after a day: every twenty hours I remove the file and add it, or
    alter a byte of it."""
    path, begun = "tenants/mallory.yaml", fleet.now
    fleet.merge({path: document(blueprint="basic", seats=1)})
    for number in seats:
        fleet.now += timedelta(hours=20)
        if removed:
            fleet.merge({}, remove=[path])
        fleet.merge({path: document(blueprint="basic", seats=number)})
    state = read(fleet.world())
    filed = Approvals(fleet.agent_git, state.approvals).of
    status = take_stock(
        state.history,
        state.decide(fleet.world(), fleet.now),
        fleet.agent_git,
        filed,
        compile=fleet.world().compile,
        at=fleet.now,
    )
    assert {item.since for item in status.waiting if item.for_a_person} == {begun}


@pytest.mark.parametrize(
    "number", ["1e9999999999999999999999", "0e-9999999999999999999999", "9" * 5000, "1" + "_" * 300_000 + "x"]
)
def test_a_number_that_no_reader_of_numbers_foresaw_is_a_mistake_like_any_other(number: str) -> None:
    """I push it to main; the real compiler reads it in every turn. What is approved is taken once it is mended."""
    house, flag = REAL.start(), "flags/planner-hints.yaml"
    sound = house.git.blob(house.git.files(house.main, "flags")[flag].oid)
    odd = house.git.commit_files({flag: re.sub(rb"ttl_seconds: .*", b"ttl_seconds: " + number.encode(), sound)})
    decision = house.decide()
    (item,) = decision.pending
    assert (item.commit, item.reason) == (odd, Reason.UNSOUND)
    assert item.errors[0].startswith(f"{flag}:"), item.errors
    edits = {path: data for path, data in REAL.edits("notes", 1).items() if data is not None}
    head = house.git.commit_files({flag: sound, **edits})
    house.approve(head, *NAMES.values(), base=house.history().commit)
    assert isinstance(house.step(), Take)
    assert house.history().commit == head


def test_what_ends_the_compiler_in_a_way_that_nobody_foresaw_ends_no_turn(fleet: Fleet) -> None:
    """I push something that the compiler has a bug about. Drift is healed, heartbeats come, what mends it is taken."""
    odd = "spec/odd.yaml"

    def world() -> World:
        sound = fleet.world()

        def compiled(commit: str) -> Compiled:
            if odd in sound.git.files(commit, "spec"):
                raise ZeroDivisionError("hunter2")
            return sound.compile(commit)

        return replace(sound, compile=compiled)

    fleet.approved(initech={})
    once(world())
    fleet.merge({odd: document(text="odd")})
    fleet.systems["pg-eu"].world.pop(ObjectId("pg-eu", "role", "initech_app"))
    outcome = once(world())
    assert ObjectId("pg-eu", "role", "initech_app") in fleet.systems["pg-eu"].world, "it is healed"
    assert {(item.reason, item.held) for item in outcome.decision.pending} == {(Reason.UNSOUND, True)}
    state = read(world())
    status = take_stock(
        state.history, outcome.decision, fleet.agent_git, lambda _: (), compile=world().compile, at=fleet.now
    )
    (why,) = status.waiting[0].why
    assert "ZeroDivisionError in test_attacks_by_one_odd_push.py, line " in why
    assert "hunter2" not in status.data().decode(), "an error's words may be a secret"
    fleet.now += timedelta(days=2)
    once(world())
    assert fleet.story()[-1] == "heartbeat"
    fleet.merge({}, remove=[odd])
    fleet.approved(hooli={})
    assert once(world()).decision.pending == ()
    assert ObjectId("pg-eu", "role", "hooli_app") in fleet.systems["pg-eu"].world


def unsorted(git: MemoryGit) -> str:
    blob = bytes.fromhex(store(git, "blob", b"x"))
    return store(git, "tree", b"100644 b\0" + blob + b"100644 a\0" + blob)


@pytest.mark.parametrize("branch", ["main", LEDGER, APPROVALS])
def test_a_commit_of_the_year_33658(fleet: Fleet, branch: str) -> None:
    fleet.approved(hooli={})
    once(fleet.world())
    oid = push(fleet, "odd", b"100644", store(fleet.people, "blob", b"x"), branch=branch)
    kind, data = fleet.people.objects[oid]
    late = store(fleet.people, kind, re.sub(rb"> \d+ \+", b"> 999999999999 +", data))
    fleet.remote.objects.update(fleet.people.objects)
    branch = fleet.branch if branch == LEDGER else branch
    fleet.remote.refs[f"refs/heads/{branch}"] = late
    assert goes_on(fleet)


@pytest.mark.parametrize("branch", ["main", LEDGER, APPROVALS])
@pytest.mark.parametrize("mode", [b"160000", b"120000"])
def test_a_submodule_or_a_link_among_the_evidence(fleet: Fleet, mode: bytes, branch: str) -> None:
    fleet.approved(hooli={})
    once(fleet.world())
    oid = "11" * 20 if mode == b"160000" else store(fleet.people, "blob", b"/etc/passwd")
    push(fleet, "evidence/lib", mode, oid, branch=branch)
    assert goes_on(fleet)
    if branch != APPROVALS:
        assert [item.path for item in fleet.history().foreign] == ["evidence/lib"]


def test_a_commit_where_a_file_of_the_evidence_belongs(fleet: Fleet) -> None:
    push(fleet, "evidence/x.json", b"100644", fleet.people.refs["refs/heads/main"])
    assert goes_on(fleet)
    assert [item.path for item in fleet.history().foreign] == ["evidence/x.json"]


def test_inputs_on_the_ledgers_own_branch_are_nobodys() -> None:
    """Nothing reads them there, neither as what main has nor as the agent's."""
    fleet = Fleet.started("ledger")
    once(fleet.world())
    push(fleet, "tenants/initech.yaml", b"100644", store(fleet.people, "blob", b"{}"), branch=LEDGER)
    assert goes_on(fleet)
    assert fleet.history().findings == ()


def test_a_file_too_large_to_be_evidence_is_not_read(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "LARGEST", 100_000)
    push(fleet, "evidence/z.bin", b"100644", store(fleet.people, "blob", bytes(100_001)), branch=LEDGER)
    assert goes_on(fleet)
    (foreign,) = fleet.history().foreign
    assert (foreign.path, "too large" in foreign.reason) == ("evidence/z.bin", True)


def test_a_folder_out_of_order_that_nobody_asked_for(fleet: Fleet) -> None:
    push(fleet, "zz", b"40000", unsorted(fleet.people))
    assert goes_on(fleet)


def test_inputs_in_a_folder_out_of_order_are_a_mistake_and_not_gone(fleet: Fleet) -> None:
    """Git shows the files; whoever read none there would see every tenant deleted."""
    before = fleet.history().commit
    commit = push(fleet, "tenants", b"40000", unsorted(fleet.people))
    assert fleet.people.files(commit, "tenants") == {"tenants": TreeFile("040000", unsorted(fleet.people))}
    assert len(from_commit(fleet.people, commit).findings) == len(from_commit(fleet.people, before).findings) + 1
    once(fleet.world())
    assert fleet.history().commit == before


@pytest.mark.parametrize("levels", [40])
def test_merges_of_merges_of_merges(fleet: Fleet, levels: int) -> None:
    """Two merges a level, each of both of the level below: gone through one by one they are 2 to the 40."""
    git = fleet.people
    git.fetch("origin", "main")
    write: Callable[..., str] = git.write_merge
    root = git.write(None, {}, message="r", author=SOMEBODY, at=git.tick())
    x = y = git.write(None, {"evidence/j": b"0"}, message="0", author=SOMEBODY, at=git.tick())
    for level in range(levels):
        root = git.write(root, {"k": b"%d" % level}, message="r", author=SOMEBODY, at=git.tick())
        x, y = (
            write([root, x, y], {"evidence/j": b"%s%d" % (name, level)}, message="m", author=SOMEBODY, at=git.tick())
            for name in (b"x", b"y")
        )
    main = git.refs["refs/heads/main"]
    merge = write([main, x, y], {"evidence/j": b"m"}, message="Merge", author=SOMEBODY, at=git.tick())
    places = walk(git, merge)
    assert len({place.commit.oid for place in places}) == len(places)
    assert places[-1].commit.oid == merge


def test_merges_nested_deeper_than_python_calls(fleet: Fleet) -> None:
    git = fleet.people
    root = git.write(None, {}, message="r", author=SOMEBODY, at=git.tick())
    trees = [
        git.commit(git.write(None, {"evidence/j": b"%d" % n}, message="t", author=SOMEBODY, at=git.tick())).tree
        for n in range(2)
    ]
    x = git.write(None, {"evidence/j": b"0"}, message="0", author=SOMEBODY, at=git.tick())
    for number in range(1500):
        data = encode_commit(trees[number % 2], [root, x], message=f"{number}", author=SOMEBODY, at=git.tick())
        x = store(git, "commit", data)
    main = git.refs["refs/heads/main"]
    merge = git.write_merge([main, x], {"evidence/j": b"m"}, message="Merge", author=SOMEBODY, at=git.tick())
    assert len(walk(git, merge)) > 1500
