"""Chains of large folders, compared by the places where they differ, against comparing them whole.

The comparison takes short cuts (equal subtrees, growth at the end, few differing entries); what it says must be what a
reader of both whole trees says, also where it goes on from entries that a short cut has put together.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.contract.errors import FormatError
from runtime.git.objects import TREE_MODE, TreeEntry, encode_tree, object_id
from runtime.git.trees import Trees

FILES, FOLDER = (b"100644", b"100755", b"120000"), b"40000"
LEAVES = [object_id("blob", b"%d" % number) for number in range(4)]

names = st.one_of(
    st.integers(0, 400).map(lambda number: b"%09d-x" % number),
    st.sampled_from([b"a", b"a-", b"a.b", b"a0", b"zz", b"zz.json", b"0", b"000000123-x0", b"000000123-"]),
)
values = st.tuples(st.sampled_from([*FILES, FOLDER]), st.sampled_from(LEAVES))
edits = st.dictionaries(names, st.none() | values, max_size=6)


class Store:
    """Objects in memory, and a reader of them."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, bytes]] = {}

    def put(self, kind: str, data: bytes) -> str:
        oid = object_id(kind, data)
        self.objects[oid] = (kind, data)
        return oid

    def read(self, oids: Sequence[str], limit: int | None = None) -> list[tuple[str, bytes]]:
        del limit
        return [self.objects[oid] for oid in oids]


def written(store: Store, entries: dict[bytes, tuple[bytes, str]]) -> str:
    """A folder; a folder in it holds one file, whose id tells folders apart."""
    rows = []
    for name, (mode, leaf) in entries.items():
        oid = store.put("tree", b"100644 in\0" + bytes.fromhex(leaf)) if mode == FOLDER else leaf
        rows.append(TreeEntry(mode, name, bytes.fromhex(oid)))
    return store.put("tree", encode_tree(rows))


def flat(entries: dict[bytes, tuple[bytes, str]]) -> dict[str, tuple[str, str]]:
    """Path -> mode and id, as a reader of the whole tree sees it."""
    return {
        (name + b"/in" if mode == FOLDER else name).decode(): ("100644" if mode == FOLDER else mode.decode(), leaf)
        for name, (mode, leaf) in entries.items()
    }


@given(size=st.integers(0, 400), steps=st.lists(edits, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_chain_of_folders_differs_as_their_whole_contents_do(
    size: int, steps: list[dict[bytes, tuple[bytes, str] | None]]
) -> None:
    store = Store()
    entries = {b"%09d-x" % number: (b"100644", LEAVES[number % 4]) for number in range(size)}
    trees, before, was = Trees(store.read, "sha1"), written(store, entries), flat(entries)
    for step in steps:
        for name, value in step.items():
            if value is None:
                entries.pop(name, None)
            else:
                entries[name] = value
        after, now = written(store, entries), flat(entries)
        expected = [
            (path, was.get(path), now.get(path))
            for path in sorted(was.keys() | now.keys())
            if was.get(path) != now.get(path)
        ]
        for one, other, turned in ((before, after, False), (after, before, True)):
            (found,) = trees.differences([(one, other)], ())
            sides = [(item.path, item.before, item.after) for item in found]
            assert sides == [(path, new, old) if turned else (path, old, new) for path, old, new in expected]
        assert [entry.name for entry in trees.entries(after)] == [
            entry.name for entry in sorted(trees.entries(after), key=lambda entry: entry.key)
        ]
        before, was = after, now


@pytest.mark.parametrize("place", [0, 1, 150, 299, 300])
@pytest.mark.parametrize("kind", ["twice", "both", "out of order", "cut off", "dots"])
def test_a_large_folder_that_can_be_read_in_two_ways_is_not_read_wherever_it_differs(place: int, kind: str) -> None:
    store = Store()
    rows = [TreeEntry(b"100644", b"%09d-x" % number, bytes.fromhex(LEAVES[0])) for number in range(300)]
    sound = b"".join(b"%s %s\0%s" % row for row in rows)
    at = min(place, 299)
    extra = {
        "twice": [rows[at]],
        "both": [TreeEntry(FOLDER, rows[at].name, bytes.fromhex(LEAVES[1]))],
        "out of order": [TreeEntry(b"100644", b"%09d-x" % ((at + 150) % 300) + b"y", bytes.fromhex(LEAVES[1]))],
        "cut off": [],
        "dots": [TreeEntry(b"100644", b"..", bytes.fromhex(LEAVES[1]))],
    }[kind]
    changed = [*rows[:place], *extra, *rows[place:]]
    bad = b"".join(b"%s %s\0%s" % row for row in changed)
    bad = bad[:-1] if kind == "cut off" else bad
    one, other = store.put("tree", sound), store.put("tree", bad)
    trees = Trees(store.read, "sha1")
    trees.entries(one)
    (found,) = trees.differences([(one, other)], ())
    # it stands as one entry that no file can be, none of what is below is believed, and what was there is gone
    assert [(item.path, item.before, item.after) for item in found] == [
        ("", None, (TREE_MODE, other)),
        *((row.name.decode(), ("100644", LEAVES[0]), None) for row in rows),
    ]
    with pytest.raises(FormatError):
        trees.entries(other)
