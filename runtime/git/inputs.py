"""Git x commits -> inputs by the SHA-256 of their raw blobs (plan, section 1).

Rules kept: what counts is the path: a tracked `*.yaml`, `*.json`, `*.rego` or `*.wasm` below the five folders; whether
it is well formed is the compiler's question. Content comes from blobs, never from a work tree; what is no regular file
(a symlink, a submodule, an executable), or larger than any input may be, has a digest that no manifest can name.
"""

from __future__ import annotations

from collections.abc import Mapping

from runtime.contract.canonical import sha256
from runtime.contract.change import Row
from runtime.contract.manifest import INPUT_FOLDERS, INPUT_SUFFIXES
from runtime.git.interface import Git, TreeFile

_REGULAR = "100644"
LARGEST = 16 * 1024 * 1024
"""Bytes of an input at most: of the policy's wasm; YAML has less."""
TOO_LARGE = "too large"
_PORTION = 64


def is_input(path: str) -> bool:
    """Whether a path is one of an input."""
    return path.split("/", 1)[0] in INPUT_FOLDERS and path.endswith(INPUT_SUFFIXES)


def digests(git: Git, commit: str) -> dict[str, str]:
    """Every input of a commit: path -> SHA-256."""
    return _hashed(git, {path: entry for path, entry in git.files(commit, *INPUT_FOLDERS).items() if is_input(path)})


def digests_from(git: Git, near: str, inputs: Mapping[str, str], commit: str) -> dict[str, str]:
    """What `digests` gives, where `inputs` are those of the commit `near`: only what differs is read."""
    changes = [item for item in git.changes(near, commit, *INPUT_FOLDERS) if is_input(item.path)]
    news = _hashed(git, {item.path: item.after for item in changes if item.after is not None})
    gone = {item.path for item in changes if item.after is None}
    return {path: digest for path, digest in {**inputs, **news}.items() if path not in gone}


def rows(git: Git, before: str, after: str) -> tuple[Row, ...]:
    """The inputs that differ between two commits, sorted by path: the first half of a change, without a compiler."""
    changes = [item for item in git.changes(before, after, *INPUT_FOLDERS) if is_input(item.path)]
    olds = _hashed(git, {item.path: item.before for item in changes if item.before is not None})
    news = _hashed(git, {item.path: item.after for item in changes if item.after is not None})
    triples = [(item.path, olds.get(item.path), news.get(item.path)) for item in changes]
    return tuple(sorted(row for row in triples if row[1] != row[2]))


def _hashed(git: Git, entries: dict[str, TreeFile]) -> dict[str, str]:
    oids = list(dict.fromkeys(entry.oid for entry in entries.values() if entry.mode == _REGULAR))
    known: dict[str, str] = {}
    for start in range(0, len(oids), _PORTION):
        read = git.readable(oids[start : start + _PORTION], LARGEST)
        known.update((oid, sha256(data)) for oid, data in read.items())
    return {
        path: known.get(entry.oid, TOO_LARGE) if entry.mode == _REGULAR else f"mode {entry.mode}"
        for path, entry in entries.items()
    }
