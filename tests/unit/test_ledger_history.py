"""What `replay` reads from main: honest histories in all the ways git can carry them."""

from __future__ import annotations

import pytest

from runtime.ledger.history import replay
from runtime.ledger.starting import NoGenesisError
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import MemoryGit
from runtime.testing.small_tree import document


def test_a_repository_without_a_genesis_says_so() -> None:
    git = MemoryGit()
    head = git.commit_files({"README.md": "nothing yet\n"})
    with pytest.raises(NoGenesisError, match="no genesis yet"):
        replay(git, head)


def test_an_honest_history_has_no_findings(chronicle: Chronicle) -> None:
    first = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic")})
    taken = chronicle.take(first)
    second = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    chronicle.take(second)
    history = chronicle.replay()
    assert history.findings == ()
    assert history.foreign == ()
    assert history.commit == second
    assert history.snapshot == chronicle.snapshot
    assert [entry.kind for entry in history.entries] == ["intent", "result", *["verdict", "intent", "result"] * 2]
    assert history.verified.timeline.later(0)[0].sha256 == taken.digest
    assert history.open_intent is None
    assert history.pending == ()
    assert history.tip == chronicle.tip


def test_what_no_verdict_took_is_pending(chronicle: Chronicle) -> None:
    edited = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic")})
    chronicle.edit({"README.md": b"no input\n"})
    history = chronicle.replay()
    assert history.pending == (edited,)
    assert history.findings == ()


def test_an_intent_without_result_is_open(chronicle: Chronicle) -> None:
    intent = chronicle.intent()
    chronicle.push(intent)
    opened = chronicle.replay().open_intent
    assert opened is not None
    assert opened.digest == intent.digest


def test_a_history_goes_on_from_an_earlier_one(chronicle: Chronicle) -> None:
    before = chronicle.replay()
    chronicle.take(chronicle.edit({"tenants/initech.yaml": document(blueprint="basic")}))
    continued = chronicle.replay(after=before)
    anew = chronicle.replay()
    assert continued.entries == anew.entries
    assert continued.snapshot == anew.snapshot
    assert continued.verified.timeline.later(-1) == anew.verified.timeline.later(-1)
    assert (continued.tip, continued.findings, continued.pending) == (anew.tip, (), ())
    assert len(before.entries) == 2
    assert before.commit != continued.commit


def test_a_merge_with_main_as_its_second_parent_changes_nothing(chronicle: Chronicle) -> None:
    side = chronicle.git.branch("side")
    chronicle.take(chronicle.edit({"tenants/initech.yaml": document(blueprint="basic")}))
    before = chronicle.replay()
    chronicle.git.commit_files({"README.md": "their work\n"}, branch="side")
    chronicle.git.merge("main", into="side")
    chronicle.git.refs["refs/heads/main"] = chronicle.git.refs["refs/heads/side"]
    after = chronicle.replay()
    assert side != before.head
    assert after.findings == ()
    assert after.entries == before.entries
    assert after.commit == before.commit
    assert chronicle.replay(after=before).entries == before.entries
    chronicle.take(chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)}))
    assert chronicle.replay().findings == ()
