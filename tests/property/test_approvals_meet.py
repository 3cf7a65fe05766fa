"""Clones that append and push approvals in any order, over a remote that somebody else is faster at."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.cli.approvals_branch import append, push
from runtime.testing.memory_git import SOMEBODY, MemoryGit, MemoryRemote
from runtime.testing.small_tree import START

CLONES = 3
steps = st.lists(
    st.tuples(st.sampled_from(["append", "push", "fetch", "beaten push"]), st.integers(0, CLONES - 1)), max_size=25
)


@given(steps=steps)
@settings(max_examples=150, deadline=None)
def test_no_approval_is_ever_lost_or_altered(steps: list[tuple[str, int]]) -> None:
    remote = MemoryRemote()
    clones = [MemoryGit({"origin": remote}) for _ in range(CLONES)]
    appended: list[dict[str, bytes]] = [{} for _ in clones]
    pushed: dict[str, bytes] = {}

    def send(which: int) -> None:
        if clones[which].resolve("refs/heads/approvals") is not None:
            push(clones[which], "origin", message="Push", author=SOMEBODY, at=START)
            pushed.update(appended[which])

    for number, (step, which) in enumerate(steps):
        git = clones[which]
        match step:
            case "append":
                appended[which][f"c/{number}"] = b"%d" % number
                append(git, {f"c/{number}": b"%d" % number}, message="Append", author=SOMEBODY, at=START)
            case "push":
                send(which)
            case "beaten push":
                other = (which + 1) % CLONES
                remote.before_push.append(partial(send, other))
                send(which)
                remote.before_push.clear()
            case _:
                git.fetch("origin", "approvals")
        there = remote.refs.get("refs/heads/approvals")
        assert (_read(remote, there) if there is not None else {}) == pushed
        here = git.resolve("refs/heads/approvals")
        assert appended[which].items() <= ({} if here is None else _content(git, here)).items()
    for _, old, new in remote.pushes:
        assert old is None or _reaches(remote, old, new)


def _content(git: MemoryGit, commit: str | None) -> dict[str, bytes]:
    return {} if commit is None else {path: git.blob(item.oid) for path, item in git.files(commit).items()}


def _read(remote: MemoryRemote, commit: str) -> dict[str, bytes]:
    reader = MemoryGit()
    reader.objects = remote.objects
    return _content(reader, commit)


def _reaches(remote: MemoryRemote, old: str, new: str) -> bool:
    reader = MemoryGit()
    reader.objects = remote.objects
    return reader.is_ancestor(old, new)
