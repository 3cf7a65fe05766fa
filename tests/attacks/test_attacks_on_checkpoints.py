"""Attacks on what an auditor keeps, who reads only what came since. Whoever attacks holds the agent's key as well.

An auditor is deceived who is told that all is well, and goes on from a history that is none, or not this one.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from runtime.contract.canonical import encode, sha256
from runtime.governance.case import Signed
from runtime.governance.rules import CONSENT
from runtime.ledger.checkpoint import ADMISSION, Admits, Offered, RefusedError, admit, checkpoint, go_on
from runtime.ledger.replaying import Rules
from runtime.ledger.rules import CHAIN, Rule
from runtime.ledger.verify import Report, verify
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import MemoryGit
from runtime.testing.memory_policy import no_objection
from runtime.testing.small_tree import document, key_of, small_tree

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy

INITECH = {"tenants/initech.yaml": document(blueprint="basic")}
BOTH: tuple[Admits | Rule, ...] = (*ADMISSION, *CHAIN)


@pytest.fixture(params=[None, "ledger"], ids=["on-main", "on-a-branch-of-its-own"])
def chronicle(request: pytest.FixtureRequest) -> Chronicle:
    """A history in which nobody has proved Ines' key."""
    made = Chronicle.start(signers=(key_of("mara"), key_of("tomas")), ledger=request.param)
    made.apply()
    return made


def whole(chronicle: Chronicle, **other: tuple[object, ...]) -> Report:
    """What an auditor finds who reads all of it."""
    options = {"trust_root": chronicle.root, "policies": no_objection, **other}
    return verify(chronicle.git, chronicle.head, now=chronicle.now, **options)  # type: ignore[arg-type]  # rules


def deceived(
    chronicle: Chronicle, data: bytes, noted: str, rules: tuple[Admits | Rule, ...], *, root: str | None = None
) -> bool:
    """Whether an auditor calls sound what there is, going on from a checkpoint."""
    chain = tuple(rule for rule in rules if isinstance(rule, Rule))
    offered = Offered(data, noted, root)
    try:
        kept = admit(offered, tuple(rule for rule in rules if isinstance(rule, Admits)))
    except RefusedError:
        return False
    asked = Rules(chain, CONSENT, no_objection)
    report = verify(
        chronicle.git,
        chronicle.head,
        now=chronicle.now,
        trust_root=kept.genesis,
        since=kept.end.digest,
        rules=chain,
        policies=no_objection,
        history=go_on(chronicle.git, chronicle.head, offered, asked, now=chronicle.now),
    )
    return report.ok


def copied(chronicle: Chronicle) -> Chronicle:
    """Another clone, in which the agent writes on by itself."""
    git = MemoryGit()
    git.objects, git.refs = dict(chronicle.git.objects), dict(chronicle.git.refs)
    return replace(chronicle, git=git, verdicts=list(chronicle.verdicts))


def approved(chronicle: Chronicle, commit: str, *names: str) -> list[Signed]:
    """What these people say about a commit."""
    return [chronicle.approval(chronicle.change(commit), name) for name in names]


def test_the_file_that_an_auditor_keeps_is_edited(chronicle: Chronicle, kept_out_by: KeptOutBy) -> None:
    """The auditor's disk is mine. In the file I strike out that Ines has yet to prove her key, which is mine as well,
    and the agent takes what she approves. The auditor has the digest on paper.

    Rule: `checkpoint-digest`.
    """
    data = checkpoint(whole(chronicle))
    value = json.loads(data)
    assert value["unproved"]
    edited = encode({**value, "unproved": []})
    commit = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    chronicle.take(commit, approved(chronicle, commit, "tomas", "ines"))
    assert not whole(chronicle).ok
    kept_out_by("checkpoint-digest", BOTH, lambda rules: deceived(chronicle, edited, sha256(data), rules))


def test_a_checkpoint_of_another_repository(chronicle: Chronicle, kept_out_by: KeptOutBy) -> None:
    """The auditor keeps two, of their repository and of mine. I put my history in place of theirs, and my file in
    place of the other: each has the digest that they noted.

    Rule: `checkpoint-start`.
    """
    mine = Chronicle.start(small_tree(**INITECH), ledger=chronicle.ledger)
    mine.apply()
    data = checkpoint(whole(mine))
    mine.push(mine.heartbeat())
    kept_out_by("checkpoint-start", BOTH, lambda rules: deceived(mine, data, sha256(data), rules, root=chronicle.root))


def test_a_checkpoint_of_a_release_that_asked_less(chronicle: Chronicle, kept_out_by: KeptOutBy) -> None:
    """A release of before had a mistake, and let my change through on one approval. Its checkpoint says that all was
    well, and whoever goes on from there with the release that has it mended never looks at that verdict again.

    Rule: `checkpoint-release`.
    """
    commit = chronicle.edit(INITECH)
    chronicle.take(commit, approved(chronicle, commit, "mara"))
    asked = tuple(rule for rule in CONSENT if rule.name not in {"two-people", "by-path"})
    value = json.loads(checkpoint(whole(chronicle, consent=asked)))
    data = encode({**value, "release": {"version": "0.0.9", "sha256": "09" * 32}})
    chronicle.push(chronicle.heartbeat())
    assert not whole(chronicle).ok
    kept_out_by("checkpoint-release", BOTH, lambda rules: deceived(chronicle, data, sha256(data), rules))


def test_a_fork_in_place_of_what_the_auditor_saw(chronicle: Chronicle, kept_out_by: KeptOutBy) -> None:
    """The auditor saw the verdict. I go back to before it, let the agent write on from there, and push that by force:
    it verifies, from the genesis on.

    Rule: `extends`.
    """
    fork = copied(chronicle)
    commit = chronicle.edit(INITECH)
    chronicle.take(commit, approved(chronicle, commit, "mara", "tomas"))
    data = checkpoint(whole(chronicle))
    fork.push(fork.heartbeat())
    assert whole(fork).ok
    kept_out_by("extends", BOTH, lambda rules: deceived(fork, data, sha256(data), rules))


def test_what_came_before_is_written_again_behind_it(chronicle: Chronicle, kept_out_by: KeptOutBy) -> None:
    """The auditor reads nothing of before any more. So I leave out an old heartbeat, write everything after it again
    with the agent's key, and put the new work on top. Every old commit is still in their clone.

    Rule: `extends`.
    """
    fork = copied(chronicle)
    chronicle.push(chronicle.heartbeat())
    for one in (chronicle, fork):
        one.apply(because="drift")
    data = checkpoint(whole(chronicle))
    fork.git.objects.update(chronicle.git.objects)
    fork.push(fork.heartbeat())
    assert whole(fork).ok
    kept_out_by("extends", BOTH, lambda rules: deceived(fork, data, sha256(data), rules))
