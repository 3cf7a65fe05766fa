"""k mistakes put into IntelGraph's own tree at random -> exactly k findings, at exactly the lines they were put in.

A failing run prints its seed; `SEED` of a case says which tree it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import pytest

from compiler.cli.check import findings
from compiler.diagnostics.concise import concise
from compiler.source import from_files
from tests.cases.inputs import own_tree

TODAY = date(2026, 11, 24)
TREES_PER_K = 12


@dataclass(eq=False)
class Line:
    """A line that keeps its identity while lines are put before it."""

    text: str
    touched: bool = False


@dataclass
class Tree:
    """The tree while mistakes are put into it. A file that is `closed` takes no further one."""

    files: dict[str, list[Line]]
    rng: random.Random
    touched: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    expected: list[tuple[str, Line]] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def pick(self, wanted: Callable[[str, str], bool], *, alone: bool = False) -> tuple[str, int] | None:
        """Choose an untouched line for which `wanted(path, text)` holds."""
        places = [
            (path, index)
            for path, lines in self.files.items()
            if path not in self.closed and not (alone and path in self.touched)
            for index, line in enumerate(lines)
            if not line.touched and wanted(path, line.text)
        ]
        if not places:
            return None
        path, index = self.rng.choice(places)
        self.touched.add(path)
        if alone:
            self.closed.add(path)
        return path, index

    def expect(self, path: str, index: int, text: str) -> None:
        """Write a line, and expect a finding there."""
        line = self.files[path][index]
        line.text, line.touched = text, True
        self.expected.append((path, line))

    def data(self) -> dict[str, bytes]:
        files = {path: "\n".join(line.text for line in lines).encode() for path, lines in self.files.items()}
        return files | dict.fromkeys(self.added, b"nobody reads this\n")

    def places(self) -> list[tuple[str, int]]:
        """Where findings are expected."""
        return sorted(
            [(path, self.files[path].index(line) + 1) for path, line in self.expected]
            + [(path, 1) for path in self.added]
        )


def key_of(text: str) -> str:
    return text.strip().partition(":")[0].removeprefix("- ")


def has_key(*keys: str) -> Callable[[str, str], bool]:
    return lambda _, text: key_of(text) in keys and not text.strip().startswith("#")


def with_value(text: str, value: str) -> str:
    return f"{text.partition(':')[0]}: {value}"


FIXED_KEYS = (
    *("blueprint", "region", "state", "monthly", "currency", "retention_days", "statement_timeout", "lock_timeout"),
    *("type", "default", "safe", "owner", "reason", "created", "ttl_seconds", "title", "roles", "drift", "identity"),
    *("heartbeat_seconds", "ledger_head", "approval_days", "max_query_depth", "graph_nodes", "legal_hold"),
)


def misspell_a_key(tree: Tree) -> bool:
    place = tree.pick(lambda _, text: text.startswith("  ") and key_of(text) in FIXED_KEYS)
    if place is None:
        return False
    path, index = place
    text = tree.files[path][index].text
    key = key_of(text)
    tree.expect(path, index, text.replace(key, key[:-2] + key[-1] + key[-2] + "x", 1))
    return True


def add_an_unknown_key(tree: Tree) -> bool:
    place = tree.pick(lambda _, text: text == "spec:")
    if place is None:
        return False
    path, index = place
    tree.files[path][index].touched = True
    tree.files[path].insert(index + 1, Line(""))
    tree.expect(path, index + 1, "  colour_of_the_logo: red")
    return True


def repeat_a_key(tree: Tree) -> bool:
    keys = has_key("title", "reason", "created", "approval_days", "release", "identity", "ttl_seconds")
    place = tree.pick(lambda path, text: keys(path, text) and not text.strip().startswith("- "))
    if place is None:
        return False
    path, index = place
    original = tree.files[path][index]
    original.touched = True
    tree.files[path].insert(index + 1, Line(""))
    tree.expect(path, index + 1, original.text)
    return True


def replace(
    wanted: Callable[[str, str], bool], change: Callable[[str], str], *, alone: bool = False
) -> Callable[[Tree], bool]:
    """Make a mistake of one line."""

    def put(tree: Tree) -> bool:
        place = tree.pick(wanted, alone=alone)
        if place is None:
            return False
        path, index = place
        tree.expect(path, index, change(tree.files[path][index].text))
        return True

    return put


def add_a_foreign_file(tree: Tree) -> bool:
    tree.added.append(f"tenants/notes-{len(tree.added)}.txt")
    return True


def is_name(path: str, text: str) -> bool:
    return text.startswith("  name: ") and path.startswith(("tenants/", "flags/", "policies/people/"))


MISTAKES: dict[str, Callable[[Tree], bool]] = {
    "misspell a key": misspell_a_key,
    "add an unknown key": add_an_unknown_key,
    "repeat a key": repeat_a_key,
    "add a foreign file": add_a_foreign_file,
    "leave quotes out": replace(has_key("reason", "title"), lambda text: with_value(text, "yes")),
    "give text for a number": replace(
        has_key("ttl_seconds", "heartbeat_seconds", "approval_days"), lambda text: with_value(text, '"many"')
    ),
    "give a number for text": replace(has_key("reason", "title", "release"), lambda text: with_value(text, "12")),
    "give a decimal number for money": replace(
        lambda _, text: text.strip().startswith("budgets: {"), lambda text: text.replace('"', "", 2), alone=True
    ),
    "leave the range": replace(has_key("heartbeat_seconds", "approval_days"), lambda text: with_value(text, "0")),
    "name an unknown value": replace(has_key("drift", "state"), lambda text: with_value(text, "sideways")),
    "refer to nobody": replace(has_key("owner", "blueprint"), lambda text: with_value(text, "nobody-knows-it")),
    "write another version": replace(has_key("apiVersion"), lambda text: with_value(text, "conductor/v9")),
    "misspell a kind": replace(has_key("kind"), lambda text: f"{text}x", alone=True),
    "call it otherwise": replace(is_name, lambda text: f"{text}-two"),
    "break a name": replace(is_name, lambda text: f"{text}_Two", alone=True),
    "put an anchor": replace(has_key("title", "reason", "identity"), lambda text: text.replace(": ", ": &it ", 1)),
    "put a tag": replace(has_key("title", "reason"), lambda text: text.replace(": ", ": !!str ", 1)),
    "put a tab": replace(has_key("reason", "title", "description"), lambda text: f"{text}\tand more"),
    "break the syntax": replace(has_key("reason", "title", "kind"), lambda text: f"{text}: and: more", alone=True),
    "write a secret": replace(has_key("dsn"), lambda text: with_value(text, "postgresql://u:hunter2@db/x")),
    "serve an unknown variant": replace(has_key("default"), lambda text: with_value(text, "purple"), alone=True),
    "let a flag live too long": replace(has_key("ttl_seconds"), lambda text: with_value(text, "6048000"), alone=True),
}


def seeded(k: int, seed: int) -> tuple[Tree, dict[str, bytes], list[str]]:
    """Return a tree with k mistakes."""
    rng = random.Random(seed)  # noqa: S311 -- a mistake, not a secret
    own = own_tree()
    texts = {path: data.decode() for path, data in sorted(own.items()) if path.endswith(".yaml")}
    tree = Tree({path: [Line(line) for line in text.split("\n")] for path, text in texts.items()}, rng)
    made: list[str] = []
    while len(made) < k:
        name = rng.choice(sorted(MISTAKES))
        if MISTAKES[name](tree):
            made.append(name)
    others = {path: data for path, data in own.items() if not path.endswith(".yaml")}
    return tree, tree.data() | others, made


@pytest.mark.parametrize("k", range(1, 11))
def test_k_mistakes_give_exactly_k_findings_at_their_lines(k: int) -> None:
    for number in range(TREES_PER_K):
        seed = 1000 * k + number
        tree, files, made = seeded(k, seed)
        found = findings(from_files(files), TODAY)
        places = sorted((item.primary.span.path, item.primary.span.line) for item in found)
        print(f"k={k} seed={seed}: {', '.join(made)}")  # noqa: T201 -- shown when it fails
        assert places == tree.places(), f"seed {seed}, {made}:\n{concise(found)}expected {tree.places()}"


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_each_mistake_alone_gives_one_finding_wherever_it_is(name: str) -> None:
    for seed in range(4):
        rng = random.Random(seed)  # noqa: S311 -- a mistake, not a secret
        own = own_tree()
        lines = {
            path: [Line(line) for line in data.decode().split("\n")]
            for path, data in sorted(own.items())
            if path.endswith(".yaml")
        }
        tree = Tree(lines, rng)
        assert MISTAKES[name](tree)
        found = findings(from_files({**own, **tree.data()}), TODAY)
        places = [(item.primary.span.path, item.primary.span.line) for item in found]
        assert places == tree.places(), f"seed {seed}:\n{concise(found)}expected {tree.places()}"
