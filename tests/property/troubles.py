"""An agent that acts, and what becomes of its history: honest work, and what a corrupt agent, or anybody who may push,
does to it. Drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from runtime.agent.decide import Decision, Take
from runtime.contract.objects import Action, Operation
from runtime.contract.predicates import Outcome
from runtime.governance.rules import CONSENT
from runtime.ledger import append
from runtime.ledger.append import Tip, Written
from runtime.ledger.entry import EVIDENCE
from runtime.signing.sshsig import sign_commit
from runtime.testing.installation import Installation
from runtime.testing.memory_git import SOMEBODY, ConflictError
from runtime.testing.small_tree import AGENT, START, document, key_of
from tests.property.acts import ACTS, Act, play
from tests.property.histories import Story
from tests.property.material import EVERYBODY, GROUPS, KINDS, TINY, Material

SIGN = sign_commit(key_of(AGENT))

Ends = tuple[str, str | None]
"""Where main and the ledger's own branch stand."""


@dataclass
class Acting(Installation):
    """An agent that does what it takes, and says so. `stood` is where the branches were after each of its commits."""

    stood: list[Ends] = field(default_factory=list)

    def record(self, *entries: Written) -> str:
        """Commit entries."""
        commit = super().record(*entries)
        self.stood.append(self.ends)
        return commit

    @property
    def ends(self) -> Ends:
        """Where the branches are."""
        return self.main, None if self.genesis.ledger is None else self.git.refs[f"refs/heads/{self.genesis.ledger}"]

    def look(self) -> Decision:
        """Decide, take, act."""
        decision = super().look()
        if isinstance(decision, Take):
            self.act()
        return decision

    def act(self, because: str | None = None) -> None:
        """Intent and result: all that is asked for, because of what asked for it, unless told; the last may fail."""
        state = self.history().state
        asked, objects = state.owed.of(state.wanted.objects), state.wanted.objects
        todo = [
            Action(Operation.DELETE, found, {}, None, 1, None, state.owed.because(found))
            if (item := objects.get(found)) is None
            else Action(Operation.UPDATE, found, {}, item.attributes, item.wave, item.tenant, state.owed.because(found))
            for found in sorted(asked)
        ]
        cause = because or state.owed.cause(todo)
        intent = append.intent(self.end(), self.writer, self.now, because=cause, manifest=self.manifest, actions=todo)
        fails = len(todo) % 3 == 0
        outcomes = [
            Outcome(
                index=index, outcome="failed" if fails and index == len(todo) - 1 else "done", message=None, facts={}
            )
            for index in range(len(todo))
        ]
        result = append.result(intent.tip, self.writer, self.now, intent=intent.digest, outcomes=outcomes)
        self.record(intent, result)

    def beat(self, passed: timedelta = timedelta()) -> None:
        """A heartbeat, at whatever time."""
        at = self.now + passed
        self.record(append.heartbeat(self.end(), self.writer, at, commit=self.history().commit, manifest=self.manifest))

    def end(self) -> Tip:
        """Where the next entry goes; no time is too early for a corrupt agent."""
        return replace(self.history().end, time=START - timedelta(days=3650))

    @property
    def manifest(self) -> str:
        """P's."""
        return self.history().snapshot.manifest.digest


def story_of(material: Material, chance: Random) -> Story:
    """A history drawn evenly, whose agent acts."""
    people = ("mara", "tomas", "ines")
    story = Story(material, Acting.start(material.files(), people=people, kit=material.kit, ledger=material.ledger))
    assert isinstance(story.house, Acting)
    story.house.act()
    for _ in range(chance.randint(10, 25)):
        act = Act(
            chance.choice(tuple(ACTS)),
            chance.choice(KINDS),
            chance.choice(KINDS),
            chance.randrange(4),
            chance.choice(GROUPS),
            chance.randrange(12),
        )
        play(story, act)
    story.run()
    return story


class Trouble:
    """What somebody does to a history who may push, and holds the agent's key."""

    def __init__(self, house: Acting, chance: Random) -> None:
        self.house, self.chance, self.git = house, chance, house.git
        self.branch = house.genesis.ledger or "main"
        self.held: list[tuple[str, bytes]] = []
        self.lost: list[str] = []

    def evidence(self) -> list[str]:
        """Every file of the evidence."""
        return sorted(self.git.files(self.git.refs[f"refs/heads/{self.branch}"], EVIDENCE.rstrip("/")))

    def content(self, path: str) -> bytes:
        """What lies there."""
        return self.git.blob(self.git.files(self.git.refs[f"refs/heads/{self.branch}"], path)[path].oid)

    def alter(self) -> None:
        """A file of the evidence is another."""
        path = self.chance.choice(self.evidence())
        self.put({path: self.content(path) + b" "})

    def remove(self) -> None:
        """A file of the evidence is gone."""
        path = self.chance.choice(self.evidence())
        self.held.append((path, self.content(path)))
        self.git.commit_files({}, remove=[path], branch=self.branch, sign=self.chance.choice((None, SIGN)))

    def bring_back(self) -> None:
        """What was removed lies there again."""
        if self.held:
            path, data = self.chance.choice(self.held)
            self.put({path: data})

    def copy(self) -> None:
        """A file of the evidence lies under another name as well."""
        path, other = (self.chance.choice(self.evidence()) for _ in range(2))
        self.put({other.replace("0", "1", 1) + self.chance.choice(("", "x")): self.content(path)})

    def copy_to_main(self) -> None:
        """Beside a ledger on a branch of its own, a file of it lies on main."""
        path, other = (self.chance.choice(self.evidence()) for _ in range(2))
        self.git.commit_files({self.chance.choice((path, other)): self.content(path)})

    def stray(self) -> None:
        """A file of nobody's, for a while."""
        path = f"{EVIDENCE}{self.chance.choice(('artifacts/', 'approvals/aa/', ''))}stray"
        self.put({path: b"stray"})
        self.held.append((path, b"stray"))
        if self.chance.random() < 0.7:
            self.git.commit_files({}, remove=[path], branch=self.branch)

    def beat(self) -> None:
        """The agent says that it is there, mostly at a time that counts."""
        days = self.chance.choice((0, 0, 0, -3, 200, 1))
        self.house.beat(timedelta(days=days))

    def beat_now(self) -> None:
        """The agent says that it is there."""
        self.house.beat()

    def work(self) -> None:
        """Everybody wants the same."""
        self.edit(honest=True)

    def stray_for_a_moment(self) -> None:
        """Somebody puts a file there by mistake, and takes it away."""
        path = f"{EVIDENCE}approvals/{self.chance.choice(('aa', 'bb'))}/mistake"
        self.put({path: b"stray"})
        self.held.append((path, b"stray"))
        self.git.commit_files({}, remove=[path], branch=self.branch)

    def act_on_nothing(self) -> None:
        """An intent that has its result, or has not."""
        house = self.house
        intent = append.intent(
            house.end(), house.writer, house.now, because="drift", manifest=house.manifest, actions=()
        )
        house.record(intent)
        if self.chance.random() < 0.7:
            house.record(append.result(house.end(), house.writer, house.now, intent=intent.digest, outcomes=()))

    def late(self) -> None:
        """The second of two entries comes first."""
        house = self.house
        first = append.heartbeat(
            house.end(), house.writer, house.now, commit=house.history().commit, manifest=house.manifest
        )
        tip = replace(first.tip, time=START - timedelta(days=3650))
        second = append.heartbeat(tip, house.writer, house.now, commit=house.history().commit, manifest=house.manifest)
        house.record(second)
        if self.chance.random() < 0.7:
            house.record(first)

    def edit(self, *, honest: bool = False) -> None:
        """Somebody edits; people approve it, or some do; the agent takes what it may, or more."""
        house, chance = self.house, self.chance
        before = house.history().commit
        edits = TINY.edits(chance.choice(KINDS), chance.randrange(4))
        add = {path: data for path, data in edits.items() if data is not None}
        there = self.git.files(house.main)
        gone = [path for path, data in edits.items() if data is None and path in there]
        commit = self.git.commit_files(add, remove=gone)
        change = house.change(commit, base=before)
        if change is None or change.empty:
            return
        timeline = house.history().verified.timeline
        known = timeline.last if honest else chance.choice(timeline.later(-1))
        names = EVERYBODY if honest else chance.choice(GROUPS)
        signed = [house.statement(change, key_of(name), after=chance.choice((known.sha256, None))) for name in names]
        house.file(change, *signed)
        house.tick()
        if honest or chance.random() < 0.6:
            house.run()
            return
        decision = house.decide(consent=tuple(rule for rule in CONSENT if chance.random() < 0.6))
        if isinstance(decision, Take):
            grounds = house.grounds(decision)
            if chance.random() < 0.4:
                grounds = replace(grounds, landed=tuple(item.sha256 for item in timeline.later(0)[-2:]))
            house.record(house.verdict(decision, grounds))
            if chance.random() < 0.8:
                house.act(decision.change.digest)

    def foxtrot(self) -> None:
        """Somebody pulls, and pushes the merge: main's own line is its second parent."""
        line = [step.commit.oid for step in self.git.first_parents(self.house.main)]
        self.git.branch("mine", self.chance.choice(line[-6:]))
        self.git.commit_files({"README.md": b"mine"}, branch="mine")
        self.foxtrot_onto("mine")

    def pulled(self) -> None:
        """A pull request that was begun long ago, has pulled main since, and brings a file among the evidence."""
        line = [step.commit.oid for step in self.git.first_parents(self.house.main)]
        self.git.branch("mine", self.chance.choice(line[-9:]))
        path = f"{EVIDENCE}approvals/{self.chance.choice(('aa/mistake', 'cc/mine'))}"
        for remove in ([], [path] if self.chance.random() < 0.5 else []):
            self.git.commit_files({} if remove else {path: b"stray"}, remove=remove, branch="mine")
            with suppress(ConflictError):
                self.git.merge("main", into="mine")
        with suppress(ConflictError):
            self.git.merge("mine")

    def evil_merge(self) -> None:
        """A merge that changes what neither of its parents has."""
        self.git.branch("mine", self.house.main)
        self.git.commit_files({f"{EVIDENCE}approvals/aa/mine": b"mine"}, branch="mine")
        parents = [self.house.main, self.git.refs["refs/heads/mine"]]
        add = {f"{EVIDENCE}approvals/aa/{self.chance.choice(('mine', 'evil'))}": b"mine"}
        merge = self.git.write_merge(parents, add, message="Merge", author=SOMEBODY, at=self.git.tick())
        self.git.refs["refs/heads/main"] = merge

    def beaten(self) -> None:
        """A push is beaten by a merge, and the agent makes the same entry again on the newer main."""
        house, git = self.house, self.git
        entry = append.heartbeat(
            house.end(), house.writer, house.now, commit=house.history().commit, manifest=house.manifest
        )
        ref = f"refs/heads/{self.branch}"
        self.lost.append(append.record(git, git.refs[ref], [entry], house.writer, at=git.tick()))
        if self.chance.random() < 0.8:
            git.commit_files({"spec/other.yaml": document(text=f"{self.chance.random()}")})
        house.record(entry)

    def copy_of_the_end(self) -> None:
        """Whoever has the agent's key puts the last entries on an older main."""
        line = [step.commit.oid for step in self.git.first_parents(self.house.main)]
        self.git.branch("copy", self.chance.choice(line[-8:]))
        there = self.git.files(self.git.refs["refs/heads/copy"], EVIDENCE.rstrip("/"))
        files = {path: self.content(path) for path in self.evidence() if path not in there}
        if files:
            self.lost.append(self.git.commit_files(files, branch="copy", sign=SIGN))

    def lost_and_found(self) -> None:
        """What was beaten or copied is merged: in front of main, into it, or so that nothing of it is left."""
        if not self.lost:
            return
        self.git.branch("mine", self.chance.choice(self.lost))
        match self.chance.randrange(3):
            case 0:
                self.foxtrot_onto("mine")
            case 1:
                with suppress(ConflictError):
                    self.git.merge("mine")
            case _:
                parents = [self.house.main, self.git.refs["refs/heads/mine"]]
                merge = self.git.write_merge(parents, {}, message="Ours", author=SOMEBODY, at=self.git.tick())
                self.git.refs["refs/heads/main"] = merge

    def foxtrot_onto(self, branch: str) -> None:
        """Main is merged into a branch, which takes its place."""
        with suppress(ConflictError):
            self.git.refs["refs/heads/main"] = self.git.merge("main", into=branch)

    def rewind(self) -> None:
        """Main, beside a ledger of its own, or the ledger itself, is moved back."""
        line = [step.commit.oid for step in self.git.first_parents(self.git.refs[f"refs/heads/{self.branch}"])]
        self.git.refs[f"refs/heads/{self.branch}"] = self.chance.choice(line[-4:])

    def put(self, files: dict[str, bytes]) -> None:
        """Commit files to the ledger's branch."""
        self.git.commit_files(files, branch=self.branch, sign=self.chance.choice((None, SIGN)))

    HARMLESS: tuple[Callable[[Trouble], None], ...] = (work, work, beat_now, stray_for_a_moment, beaten)
    ALL: tuple[Callable[[Trouble], None], ...] = (
        alter, remove, bring_back, copy, copy_to_main, stray, beat, beat, act_on_nothing, late, edit, edit, edit, edit,
        foxtrot, evil_merge, pulled, beaten, beaten, copy_of_the_end, lost_and_found, lost_and_found, rewind,
    )  # fmt: skip


def troubled(seed: int, ledger: str | None) -> tuple[Acting, Random]:
    """A story, and what becomes of it."""
    chance = Random(seed)  # noqa: S311 -- a test's choice
    house = story_of(replace(TINY, ledger=ledger), chance).house
    assert isinstance(house, Acting)
    trouble = Trouble(house, chance)
    for number in range(chance.randint(8, 16)):
        house.now = max(house.now, house.history().tip.time)
        house.tick()
        chance.choice(Trouble.HARMLESS if number < 6 else Trouble.ALL)(trouble)
        house.stood.append(house.ends)
    return house, chance
