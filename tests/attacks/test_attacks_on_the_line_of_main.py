"""Attacks on what main is where a verdict stands: taken back, never merged, older than what the ledger has seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger import append
from runtime.ledger.append import Written
from runtime.ledger.rules import CHAIN
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.memory_git import SOMEBODY
from runtime.testing.small_tree import document

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

INITECH: Mapping[str, bytes] = {"tenants/initech.yaml": document(blueprint="basic")}


def test_a_merge_that_main_took_back_is_not_taken(kept_out_by: KeptOutBy) -> None:
    """It was merged, and main went on without it; the ledger has seen that. My verdict says that main is still there.

    Rule: `main-seen`.
    """
    chronicle = Chronicle.start(ledger="ledger")
    chronicle.apply()
    merged = chronicle.edit(INITECH)
    chronicle.edit({"tenants/initech.yaml": None})
    chronicle.push(chronicle.heartbeat())
    chronicle.push(chronicle.verdict(merged, tip=replace(chronicle.tip, main=merged)))
    kept_out_by("main-seen", CHAIN, lambda rules: chronicle.believed(merged, rules=rules))


def aside(chronicle: Chronicle, verdict: Written, on: str) -> None:
    """Put a verdict on top of any commit, and merge that into main, which stays as it was but for the evidence."""
    git = chronicle.git
    brought = append.record(git, on, (verdict,), writer(), at=git.tick())
    parents = [chronicle.head, brought]
    git.refs["refs/heads/main"] = git.write_merge(
        parents, dict(verdict.files), message="Merge", author=SOMEBODY, at=git.tick()
    )
    chronicle.tip = verdict.tip


@pytest.mark.parametrize("merged", [True, False], ids=["taken-back", "never-merged"])
def test_a_verdict_does_not_choose_its_own_main(kept_out_by: KeptOutBy, *, merged: bool) -> None:
    """Two approved it. Main took it back, or never had it, and the ledger has seen that. I put my verdict on top of the
    branch, where all of it holds, and merge that into main as nobody looks: it changes evidence only.

    Rule: `main-seen`.
    """
    chronicle = Chronicle.start()
    chronicle.apply()
    git = chronicle.git
    if merged:
        commit = chronicle.edit(INITECH)
        chronicle.edit({"tenants/initech.yaml": None}, message="Take it back")
    else:
        commit = git.write(chronicle.head, INITECH, message="Propose it", author=SOMEBODY, at=git.tick())
        chronicle.edit({"README.md": b"main goes on"})
    chronicle.push(chronicle.heartbeat())
    aside(chronicle, chronicle.verdict(commit), commit)
    kept_out_by("main-seen", CHAIN, lambda rules: chronicle.believed(commit, rules=rules))


def test_entries_copied_onto_an_older_main_do_not_unsee_what_came_after(kept_out_by: KeptOutBy) -> None:
    """Two approved it, main took it back, and the ledger has seen that. I am the agent: I bring the same entries once
    more, on main as it was before, my verdict on top of them, and merge main into that.

    Rule: `main-seen`.
    """
    chronicle = Chronicle.start()
    chronicle.apply()
    git, merged = chronicle.git, chronicle.edit(INITECH)
    chronicle.edit({"tenants/initech.yaml": None}, message="Take it back")
    copy = merged
    for _ in range(2):
        seen = chronicle.heartbeat()
        chronicle.push(seen)
        copy = append.record(git, copy, (seen,), writer(), at=git.tick())
    verdict = chronicle.verdict(merged)
    mine = append.record(git, copy, (verdict,), writer(), at=git.tick())
    rest = {path: git.blob(file.oid) for path, file in git.files(chronicle.head).items() if path not in git.files(mine)}
    parents = [mine, chronicle.head]
    git.refs["refs/heads/main"] = git.write_merge(parents, rest, message="Merge", author=SOMEBODY, at=git.tick())
    chronicle.tip = verdict.tip
    kept_out_by("main-seen", CHAIN, lambda rules: chronicle.believed(merged, rules=rules))


@pytest.mark.parametrize("front", [False, True], ids=["older-main-merged", "older-main-in-front"])
def test_a_verdict_brought_twice_is_judged_by_the_newer_main(kept_out_by: KeptOutBy, *, front: bool) -> None:
    """Two approved it, and main took it back. I am the agent: I bring my verdict on main as it was, and on main as it
    is, so that it comes after all that was seen, and merge the two.

    Rule: `still-stands`.
    """
    chronicle = Chronicle.start()
    chronicle.apply()
    git, merged = chronicle.git, chronicle.edit(INITECH)
    chronicle.push(chronicle.heartbeat())
    before = chronicle.head
    chronicle.edit({"tenants/initech.yaml": None}, message="Take it back")
    verdict = chronicle.verdict(merged)
    mine = append.record(git, before, (verdict,), writer(), at=git.tick())
    after = append.record(git, chronicle.head, (verdict,), writer(), at=git.tick())
    rest = {path: git.blob(file.oid) for path, file in git.files(after).items() if path not in git.files(mine)}
    parents = [mine, after] if front else [after, mine]
    git.refs["refs/heads/main"] = git.write_merge(parents, rest, message="Merge", author=SOMEBODY, at=git.tick())
    chronicle.tip = verdict.tip
    kept_out_by("still-stands", CONSENT, lambda rules: chronicle.believed(consent=rules))


def test_a_merge_does_not_make_another_history_main_after_the_ledger_has_seen_it(kept_out_by: KeptOutBy) -> None:
    """What I want was merged, taken back, and something else was made of the file; the ledger has seen all that. I
    merge main into the old commit, keeping main's files: by first parents nothing was ever taken back.

    Rule: `still-stands`.
    """
    chronicle = Chronicle.start()
    chronicle.apply()
    git = chronicle.git
    commit = chronicle.edit(INITECH)
    chronicle.edit({"tenants/initech.yaml": None}, message="Take it back")
    head = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic", size="other")})
    chronicle.push(chronicle.heartbeat())
    files = {path: git.blob(file.oid) for path, file in git.files(chronicle.head).items()}
    assert git.is_ancestor(head, chronicle.head)
    parents = [commit, chronicle.head]
    git.refs["refs/heads/main"] = git.write_merge(parents, files, message="Merge", author=SOMEBODY, at=git.tick())
    chronicle.push(chronicle.verdict(commit))

    def attempt(rules: tuple[ConsentRule, ...]) -> bool:
        history = chronicle.replay(consent=rules)
        return not history.findings and history.commit == commit

    kept_out_by("still-stands", CONSENT, attempt)
