"""Whoever keeps what an agent pushed in vain, and puts it in front of main later, changes nothing of what is believed.

The agent's pushes are beaten at random and made again on the newer main, as `runtime.agent.book` does; the beaten
commits stay somewhere, signed. Somebody merges them at random, with main as the first parent or the second. The model
is the honest agent: what it took is what everybody reads, from the start or going on from an earlier head.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from runtime.ledger import append
from runtime.ledger.append import Written
from runtime.ledger.history import History
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.memory_git import SOMEBODY
from runtime.testing.small_tree import document

ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 2), st.booleans()),
        st.tuples(st.just("heartbeat"), st.integers(0, 2), st.booleans()),
        st.tuples(st.just("merge"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("edit"), st.integers(0, 1), st.booleans()),
    ),
    min_size=3,
    max_size=8,
)


@dataclass
class Scene:
    """A history, and the commits of the agent's that lost a race."""

    chronicle: Chronicle
    beaten: list[str] = field(default_factory=list)
    count: int = 0

    def other(self, *, inputs: bool) -> None:
        """Somebody else merges something."""
        self.count += 1
        tenant = {f"tenants/t{self.count}.yaml": document(blueprint="basic")}
        self.chronicle.edit(tenant if inputs else {f"docs/{self.count}.md": b"More\n"})

    def push(self, *entries: Written, beaten: int, inputs: bool) -> None:
        """Push a commit for each entry, on top of main as it is; as often as told main has moved."""
        for attempt in range(beaten + 1):
            new, git = self.chronicle.head, self.chronicle.git
            for entry in entries:
                new = append.record(git, new, (entry,), writer(), at=entry.tip.time)
            if attempt == beaten:
                git.refs["refs/heads/main"] = new
            else:
                self.beaten.append(new)
                self.other(inputs=inputs)
        for entry in entries:
            self.chronicle.note(entry)

    def take(self, *, beaten: int, inputs: bool) -> None:
        """Take a change and say that it was done: verdict and intent in one push, the result in another."""
        chronicle = self.chronicle
        self.other(inputs=True)
        commit = chronicle.head
        verdict = chronicle.verdict(commit)
        chronicle.tip = verdict.tip
        chronicle.moved(commit, verdict)
        intent = chronicle.intent()
        self.push(verdict, intent, beaten=beaten, inputs=inputs)
        self.push(chronicle.result(intent), beaten=beaten, inputs=inputs)

    def merge(self, which: int, *, front: bool) -> None:
        """Somebody merges a beaten commit: main's files stay as they are."""
        git, main = self.chronicle.git, self.chronicle.head
        if not self.beaten:
            return
        commit = self.beaten[which % len(self.beaten)]
        files = {path: git.blob(file.oid) for path, file in git.files(main).items()} if front else {}
        parents = [commit, main] if front else [main, commit]
        merged = git.write_merge(parents, files, message="Merge", author=SOMEBODY, at=git.tick())
        git.refs["refs/heads/main"] = merged


def told(history: History) -> object:
    return history.commit, history.tip, history.findings, history.foreign, history.pending, history.waiting


@given(acts=ACTS)
def test_beaten_commits_put_in_front_of_main_change_nothing(acts: list[tuple[str, int, bool]]) -> None:
    scene = Scene(Chronicle.start())
    chronicle = scene.chronicle
    chronicle.apply()
    known = chronicle.replay()
    for act, number, flag in acts:
        match act:
            case "take":
                scene.take(beaten=number, inputs=flag)
            case "heartbeat":
                scene.push(chronicle.heartbeat(), beaten=number, inputs=flag)
            case "merge":
                scene.merge(number, front=flag)
            case _:
                scene.other(inputs=flag)
        known = chronicle.replay(after=known)
        assert (known.findings, known.foreign) == ((), ())
        assert (known.commit, known.tip.digest) == (chronicle.base, chronicle.tip.digest)
    assert told(chronicle.replay()) == told(known)
