"""Starting a history: who may sign what, and what is refused before anything is written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.cli.genesis import unsigned
from runtime.contract.errors import ConductorError, UsageError
from runtime.git.interface import Author
from runtime.governance.config import CompilerPin
from runtime.ledger import genesis
from runtime.ledger.genesis import GenesisError, Pending
from runtime.ledger.history import replay
from runtime.ledger.start import genesis_path, statement_path
from runtime.release import VERSION
from runtime.testing.memory_git import MemoryGit
from runtime.testing.small_tree import REPOSITORY, START, agent, document, key_of, person, small_tree
from runtime.testing.tiny_compiler import compile_commit

AUTHOR = Author("Mara", "mara@example.org")


@pytest.fixture
def git() -> MemoryGit:
    made = MemoryGit()
    made.commit_files(small_tree(**{"policies/people/mara.yaml": person("mara", "admin", "mc", "pm", keys=2).data()}))
    return made


def head(git: MemoryGit) -> str:
    return git.refs["refs/heads/main"]


def begun(git: MemoryGit) -> Pending:
    made = genesis.create(compile_commit(git), head(git), branch="main", repository=REPOSITORY, release=VERSION)
    return Pending(made)


def test_two_people_start_a_history_with_one_commit(git: MemoryGit) -> None:
    first = genesis.sign(begun(git), "mara", key_of("mara"), START)
    assert (first.signers, first.complete) == (("mara",), False)
    read = genesis.read_pending(first.files)
    assert read == first
    second = genesis.sign(read, "tomas", key_of("tomas"), START)
    assert (second.signers, second.complete) == (("mara", "tomas"), True)
    commit = genesis.complete(git, second, author=AUTHOR, at=START)
    assert [change.path for change in git.changes(head(git), commit)] == sorted(second.files)
    history = replay(git, commit, trust_root=second.genesis.digest)
    assert (history.findings, history.foreign, history.commit) == ((), (), head(git))
    assert genesis.existing(git, commit) == (second.genesis.digest,)


@pytest.mark.parametrize(
    ("name", "key", "error", "words"),
    [
        ("nobody", "mara", UsageError, "names no person `nobody`"),
        ("conductor-eu", "conductor-eu", UsageError, "names no person"),
        ("ines", "tomas", UsageError, "is not one of ines's"),
    ],
)
def test_only_a_named_person_signs_and_with_a_key_of_their_own(
    git: MemoryGit, name: str, key: str, error: type[ConductorError], words: str
) -> None:
    with pytest.raises(error, match=words):
        genesis.sign(begun(git), name, key_of(key), START)


def test_one_person_signs_once_whatever_the_key(git: MemoryGit) -> None:
    first = genesis.sign(begun(git), "mara", key_of("mara"), START)
    with pytest.raises(GenesisError, match="this key has signed already"):
        genesis.sign(first, "mara", key_of("mara"), START)
    with pytest.raises(GenesisError, match="one person with two keys is one person"):
        genesis.sign(first, "mara", key_of("mara", 2), START)
    with pytest.raises(GenesisError, match="1 of 2 people"):
        genesis.complete(git, first, author=AUTHOR, at=START)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"tenants/lost.yaml": document(blueprint="gone")}, "does not compile"),
        ({"policies/compiler.yaml": CompilerPin(release="9.9.9").data()}, "pins release 9.9.9"),
        ({"policies/agents/conductor-eu.yaml": agent().model_copy(update={"keys": ()}).data()}, "no agent has a key"),
    ],
)
def test_what_could_never_go_on_is_not_started(git: MemoryGit, files: dict[str, bytes], words: str) -> None:
    git.commit_files(files)
    with pytest.raises(GenesisError, match=words):
        begun(git)


def test_what_the_first_person_signed_must_be_what_the_second_has(git: MemoryGit) -> None:
    first = genesis.sign(begun(git), "mara", key_of("mara"), START)
    genesis.check(first, compile_commit(git), head(git), "main")
    with pytest.raises(GenesisError, match="is for branch main"):
        genesis.check(first, compile_commit(git), head(git), "trunk")
    git.commit_files({"tenants/initech.yaml": document(blueprint="basic")})
    with pytest.raises(GenesisError, match="has moved in between"):
        genesis.check(first, compile_commit(git), head(git), "main")
    moved = Pending(replace(first.genesis, commit=head(git)))
    with pytest.raises(GenesisError, match="does not compile to the manifest"):
        genesis.check(moved, compile_commit(git), head(git), "main")


def test_pending_files_are_what_their_names_say(git: MemoryGit) -> None:
    assert genesis.read_pending({}) is None
    first = genesis.sign(begun(git), "mara", key_of("mara"), START)
    root, statement = genesis_path(first.genesis.digest), statement_path(first.statements[0].digest)
    damaged = [
        {statement: first.files[statement]},
        {**first.files, genesis_path("ba" * 32): first.files[root]},
        {root: first.files[root] + b" "},
        {root: first.files[root], statement: b"{}"},
        {root: first.files[root], statement_path("ba" * 32): first.files[statement]},
    ]
    for files in damaged:
        with pytest.raises(GenesisError) as refused:
            genesis.read_pending(files)
        assert "let the first person begin again" in (refused.value.help or "")


def test_nobody_starts_anew_unless_both_say_so_and_say_instead_of_what(git: MemoryGit) -> None:
    first = genesis.sign(genesis.sign(begun(git), "mara", key_of("mara"), START), "tomas", key_of("tomas"), START)
    old = first.genesis.digest
    there = genesis.existing(git, genesis.complete(git, first, author=AUTHOR, at=START))
    anew = Pending(replace(first.genesis, previous=old))
    genesis.check_previous((), None, None)
    genesis.check_previous(there, old, None)
    genesis.check_previous(there, old, anew)
    genesis.check_previous((), "ba" * 32, None)  # a main that was rewritten may have lost the old one
    with pytest.raises(GenesisError, match="has already started"):
        genesis.check_previous(there, None, anew)
    with pytest.raises(UsageError, match="no genesis here has the SHA-256 baba"):
        genesis.check_previous(there, "ba" * 32, None)
    with pytest.raises(GenesisError, match="replaces none"):
        genesis.check_previous(there, old, begun(git))
    with pytest.raises(GenesisError, match=f"replaces sha256:{old}") as refused:
        genesis.check_previous((), "ba" * 32, anew)
    assert f"--previous sha256:{old}" in (refused.value.help or "")


def test_a_file_that_only_lies_where_a_genesis_would_keeps_nobody_from_starting(git: MemoryGit) -> None:
    git.commit_files({"evidence/genesis/notes.json": b"{}", genesis_path("ba" * 32): b"{}"})
    assert genesis.existing(git, head(git)) == ()


def test_a_second_key_of_somebody_who_has_signed_is_called_another() -> None:
    owners = {"a": "mara", "b": "mara", "c": "tomas", "d": "tomas"}
    assert unsigned(owners, {"a"}) == ["another key of mara", "that of tomas"]
    assert unsigned(owners, {"a", "b", "c"}) == ["another key of tomas"]
    assert unsigned(owners, set(owners)) == []
