"""Over whatever main may have had: what status says takes something back does so, and leaves main no worse.

Commits, merges from either side, reverts and reverts of reverts, trees that do not compile, files that others need.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.agent.status import Status
from runtime.agent.stock import take_stock
from runtime.git.inputs import rows
from runtime.testing.installation import Installation
from runtime.testing.memory_git import ConflictError
from runtime.testing.small_tree import document
from tests.cases.typed_git import typed

EXTRA, MORE = "tenants/blueprints/extra.yaml", "tenants/blueprints/more.yaml"
CONTENTS: dict[str, tuple[bytes | None, ...]] = {
    "tenants/acme.yaml": (
        None,
        *(document(blueprint=name, seats=seats) for name in ("basic", "extra") for seats in (1, 2)),
    ),
    "tenants/hooli.yaml": (None, document(blueprint="basic"), document(blueprint="more"), b"no document"),
    EXTRA: (None, document(size="m"), document(size="l")),
    MORE: (None, document(size="m")),
    "flags/beta.yaml": (None, document(tenants=["hooli"], on=True), document(tenants=[], on=True)),
    "docs/notes.md": (None, b"one", b"two"),
    "tenants/README.md": (b"one", b"two"),
}
FILES = st.sampled_from(sorted(CONTENTS)).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(CONTENTS[path]))
)
COMMIT = st.tuples(st.sampled_from(["commit", "merge", "foxtrot"]), st.lists(FILES, min_size=1, max_size=3).map(dict))
ACTS = st.lists(COMMIT | st.tuples(st.just("revert"), st.integers(0, 9)), min_size=1, max_size=8)


@cache
def begun() -> Installation:
    """With its genesis, and nothing after it."""
    return Installation.start()


def act(world: Installation, kind: str, what: dict[str, bytes | None] | int) -> None:
    """Do one thing to main."""
    git = world.git
    if isinstance(what, int):
        line = [step.commit.oid for step in git.first_parents(world.main, since=world.history().trunk)]
        with suppress(ConflictError):
            git.revert(line[what % len(line)]) if line else None
        return
    add = {path: data for path, data in what.items() if data is not None}
    gone = [path for path, data in what.items() if data is None and path in git.files(world.main)]
    if kind == "commit":
        git.commit_files(add, remove=gone)
        return
    git.branch("topic")
    git.commit_files(add, branch="topic", remove=gone)
    git.commit_files({"docs/other.md": world.main}, message="Meanwhile")
    if kind == "merge":
        git.merge("topic")
    else:
        git.merge("main", into="topic")
        git.refs["refs/heads/main"] = git.refs["refs/heads/topic"]


def status_of(world: Installation) -> Status:
    """How things stand."""
    history = world.history()
    return take_stock(history, world.decide(), world.git, lambda _: (), compile=world.compile, at=world.now)


@settings(max_examples=60)
@given(ACTS, st.data())
def test_what_is_named_takes_it_back_and_leaves_main_no_mistake_that_it_had_not(
    acts: list[tuple[str, dict[str, bytes | None] | int]], data: st.DataObject
) -> None:
    world = begun().copy()
    for kind, what in acts:
        act(world, kind, what)
    base = world.history().commit
    while (status := status_of(world)).attention:
        named = [item for item in status.waiting if item.take_back is not None]
        item = data.draw(st.sampled_from(named))
        errors, differs = set(world.compile(world.main).errors), len(rows(world.git, base, world.main))
        typed(world.git, item.take_back or "")
        assert set(world.compile(world.main).errors) <= errors
        assert len(rows(world.git, base, world.main)) < differs
        assert item.commit not in {one.commit for one in status_of(world).waiting if one.for_a_person}
    assert rows(world.git, base, world.main) == ()
    assert not world.compile(world.main).errors
