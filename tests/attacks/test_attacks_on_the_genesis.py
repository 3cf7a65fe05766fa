"""Attacks on the genesis itself: who signs it, whose keys it names, and which commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.contract.change import Snapshot
from runtime.contract.genesis import Genesis
from runtime.contract.manifest import Manifest
from runtime.governance.rules import CONSENT
from runtime.governance.rules import Rule as ConsentRule
from runtime.ledger.append import Tip
from runtime.ledger.rules import CHAIN
from runtime.testing.chronicle import Chronicle
from runtime.testing.memory_git import MemoryGit
from runtime.testing.proofs import proof
from runtime.testing.small_tree import REPOSITORY, START, document, key_of, person, small_tree
from runtime.testing.statements import signed_genesis
from runtime.testing.tiny_compiler import compile_commit

if TYPE_CHECKING:
    from tests.attacks.conftest import KeptOutBy


def test_one_person_with_two_keys_starts_nothing(kept_out_by: KeptOutBy) -> None:
    """I have two keys, and sign the genesis with both.

    Rule: `genesis-signed`.
    """
    files = small_tree(**{"policies/people/mara.yaml": person("mara", "admin", "mc", "pm", keys=2).data()})
    chronicle = Chronicle.start(files, signers=[key_of("mara"), key_of("mara", 2)])
    kept_out_by("genesis-signed", CHAIN, lambda rules: chronicle.believed(rules=rules))


def test_a_key_that_the_genesis_only_names_counts_once_it_is_proved(kept_out_by: KeptOutBy) -> None:
    """Ines' key stands in the genesis, and it is not hers: who wrote it hopes that two others sign it unseen.

    Rule: `proved`.
    """
    chronicle = Chronicle.start(signers=(key_of("mara"), key_of("tomas")))
    chronicle.apply()
    commit = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    both = [chronicle.approval(chronicle.change(commit), name) for name in ("tomas", "ines")]
    chronicle.take(commit, both, apply=False)

    def attempt(rules: tuple[ConsentRule, ...]) -> bool:
        return chronicle.replay(consent=rules).commit == commit

    kept_out_by("proved", CONSENT, attempt)


def test_a_key_that_was_proved_since_the_genesis_counts() -> None:
    chronicle = Chronicle.start(signers=(key_of("mara"), key_of("tomas")))
    chronicle.apply()
    proved = chronicle.edit(proof("person/ines", key_of("ines")))
    chronicle.take(proved, [chronicle.approval(chronicle.change(proved), name) for name in ("mara", "ines")])
    commit = chronicle.edit({"flags/checkout.yaml": document(tenants=["acme"], on=True)})
    chronicle.take(commit, [chronicle.approval(chronicle.change(commit), name) for name in ("tomas", "ines")])
    history = chronicle.replay()
    assert (history.commit, history.findings, history.verified.unproved) == (commit, (), frozenset())


def test_a_genesis_does_not_invent_its_commit(kept_out_by: KeptOutBy) -> None:
    """With a friend I sign a genesis whose manifest has a role for me. The commit that it names has none.

    Rule: `genesis-commit`.
    """
    git = MemoryGit()
    commit = git.commit_files(small_tree())
    honest = Chronicle.start().snapshot
    invented = {**honest.manifest.inputs, "policies/people/mallory.yaml": "ba" * 32}
    made = Genesis(REPOSITORY, "main", commit, Snapshot(Manifest(invented, honest.manifest.bundle), honest.contents))
    git.commit_files(signed_genesis(made, map(key_of, ("mara", "tomas")), START).files)
    chronicle = Chronicle(
        git, compile_commit(git), made.digest, START, Tip(0, made.digest, START), commit, made.snapshot
    )
    kept_out_by("genesis-commit", CHAIN, lambda rules: chronicle.believed(rules=rules))
