"""A second process verifies signatures ahead: it saves time and decides nothing."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from runtime.git.interface import Commit
from runtime.ledger import ahead
from runtime.ledger.ahead import Ahead, keys_in
from runtime.signing import envelopes
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import MemoryGit
from runtime.testing.small_tree import AGENT, key_of

SECONDS = 20.0


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A child is started for any number of signatures; nothing is held to begin with."""
    held: set[str] = set()
    monkeypatch.setattr(ahead, "ENOUGH", 1)
    monkeypatch.setattr(envelopes, "_HELD", held)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    return held


def commit_of(git: MemoryGit) -> Commit:
    return git.commit(git.refs["refs/heads/main"])


def finished(working: Ahead, done: set[str], expected: int) -> None:
    until = time.monotonic() + SECONDS
    while len(done) < expected:
        assert time.monotonic() < until, "the child has not answered"
        working.catch_up()


def test_what_holds_is_reported_and_what_does_not_is_not(eager: set[str]) -> None:
    chronicle = Chronicle.start()
    written = [chronicle.heartbeat() for _ in range(3)]
    chronicle.push(written[0])
    broken = replace(written[1].envelope, signature=bytes(64))
    keys = {key_of(AGENT).fingerprint: key_of(AGENT).public_line}
    files = [written[0].envelope.data, broken.data, b"no envelope", written[2].envelope.data]
    with Ahead(files, [commit_of(chronicle.git)], keys) as working:
        finished(working, eager, 2)
        assert working.signer(commit_of(chronicle.git)) == key_of(AGENT).fingerprint
    assert eager == {written[0].digest, written[2].digest}
    assert envelopes.verify(written[0].envelope, key_of(AGENT).public_line)
    assert not envelopes.verify(broken, key_of(AGENT).public_line)
    assert not envelopes.verify(written[0].envelope, key_of("mallory").public_line)


def test_a_history_is_the_same_with_and_without_help(eager: set[str]) -> None:
    chronicle = Chronicle.start()
    chronicle.apply()
    helped = chronicle.replay()
    eager.clear()
    assert helped.entries == chronicle.replay().entries
    assert helped.findings == ()


def test_public_lines_are_found_in_any_text() -> None:
    line = key_of("mara").public_line
    assert keys_in([f'{{\\"public\\":\\"{line}\\"}} ssh-ed25519 AAAA'.encode()]) == {key_of("mara").fingerprint: line}
