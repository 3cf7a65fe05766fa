"""Histories that are unusual, and what `replay` makes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runtime.contract.canonical import sha256
from runtime.contract.change import Snapshot
from runtime.contract.genesis import Genesis
from runtime.contract.manifest import Manifest
from runtime.git.interface import Author
from runtime.governance.case import Signed
from runtime.governance.config import Key
from runtime.ledger.starting import NoGenesisError
from runtime.signing.sshsig import sign_commit
from runtime.testing.chronicle import Chronicle, writer
from runtime.testing.memory_git import SOMEBODY
from runtime.testing.proofs import proof
from runtime.testing.small_tree import AGENT, REPOSITORY, START, agent, document, key_of, person, public
from runtime.testing.statements import signed_genesis

INITECH = {"tenants/initech.yaml": document(blueprint="basic")}
AGENT_FILE = f"policies/agents/{AGENT}.yaml"


def found(chronicle: Chronicle) -> list[str]:
    return [item.rule for item in chronicle.replay().findings]


def evidence(chronicle: Chronicle) -> dict[str, bytes]:
    git = chronicle.git
    return {path: git.blob(file.oid) for path, file in git.files(chronicle.head, "evidence").items()}


def foreign(chronicle: Chronicle) -> list[str]:
    return [item.path for item in chronicle.replay().foreign]


def test_entries_in_the_wrong_order_are_a_finding_and_count(chronicle: Chronicle) -> None:
    first = chronicle.heartbeat()
    chronicle.tip = first.tip
    second = chronicle.heartbeat()
    chronicle.push(second)
    chronicle.push(first)
    history = chronicle.replay()
    assert [item.rule for item in history.findings] == ["chain"]
    assert "came to main before" in history.findings[0].message
    assert history.findings[0].path == second.path
    assert history.tip == second.tip


def test_an_entry_on_a_merge_that_has_main_as_its_second_parent_counts(chronicle: Chronicle) -> None:
    """Somebody pulls and pushes the merge, and the agent goes on from there: that is nobody's mistake."""
    git = chronicle.git
    base = git.branch("mine")
    mine = git.write(base, {"README.md": b"mine"}, message="Mine", author=SOMEBODY, at=git.tick())
    chronicle.push(chronicle.heartbeat())
    git.refs["refs/heads/main"] = git.write_merge(
        [mine, chronicle.head], evidence(chronicle), message="Merge main", author=SOMEBODY, at=git.tick()
    )
    commit = chronicle.edit(INITECH)
    chronicle.take(commit)
    history = chronicle.replay()
    assert (history.findings, history.commit, history.pending) == ((), commit, ())


def test_a_merge_that_puts_an_old_commit_in_front_brings_what_differs_from_main(chronicle: Chronicle) -> None:
    """Its change is main's way from P to there, though by first parents nothing has changed."""
    git = chronicle.git
    old = git.branch("old")
    commit = chronicle.edit(INITECH)
    chronicle.take(commit)
    merge = git.write_merge(
        [old, chronicle.head], evidence(chronicle), message="Merge main", author=SOMEBODY, at=git.tick()
    )
    git.refs["refs/heads/main"] = merge
    again = chronicle.edit(INITECH)
    later = chronicle.edit({"tenants/initech.yaml": document(blueprint="basic", size="other")})
    history = chronicle.replay()
    assert (history.commit, history.pending, history.waiting) == (commit, (merge, again, later), (later,))
    chronicle.take(later)
    assert (chronicle.replay().findings, chronicle.replay().commit) == ((), later)


def test_a_missing_entry_is_named_once_and_nothing_after_it_counts(chronicle: Chronicle) -> None:
    before = chronicle.tip
    chronicle.tip = chronicle.heartbeat().tip
    later = chronicle.heartbeat()
    chronicle.push(later)
    chronicle.push(chronicle.heartbeat())
    history = chronicle.replay()
    assert [(item.rule, item.path) for item in history.findings] == [("chain", later.path)]
    assert history.tip == before


def test_a_removed_file_that_is_brought_back_is_one_finding(chronicle: Chronicle) -> None:
    path = chronicle.replay().entries[0].path
    data = chronicle.git.blob(chronicle.git.files(chronicle.head, "evidence")[path].oid)
    chronicle.git.commit_files({}, remove=[path])
    chronicle.git.commit_files({path: data})
    assert found(chronicle) == ["unchanged"]
    assert foreign(chronicle) == []


def test_a_replayed_entry_is_a_copy_that_counts_for_nothing(chronicle: Chronicle) -> None:
    entry = chronicle.replay().entries[1]
    path = entry.path.replace("000000002", "000000003")
    chronicle.git.commit_files({path: entry.envelope.data})
    history = chronicle.replay()
    assert [(item.path, item.reason) for item in history.foreign] == [(path, "it is a copy of entry 2")]
    assert len(history.entries) == 2
    chronicle.push(chronicle.heartbeat())
    assert len(chronicle.replay().entries) == 3


def test_an_agent_takes_its_new_key_with_that_key_and_the_old_one_is_dead(chronicle: Chronicle) -> None:
    new = key_of(AGENT, 2)
    renewed = agent().model_copy(update={"keys": (public(new),)})
    commit = chronicle.edit({AGENT_FILE: renewed.data(), **proof(f"agent/{AGENT}", new)})
    verdict = chronicle.verdict(commit, by=writer(new))
    chronicle.push(verdict, sign=sign_commit(new))
    chronicle.moved(commit, verdict)
    history = chronicle.replay()
    assert (history.findings, history.foreign, history.commit) == ((), (), commit)
    chronicle.push(chronicle.heartbeat(by=writer(new)), sign=sign_commit(new))
    alive = chronicle.tip
    chronicle.push(chronicle.heartbeat())
    history = chronicle.replay()
    assert history.tip == alive
    assert [item.reason[:24] for item in history.foreign] == ["no agent's key in force "]


def test_a_stranger_who_gives_himself_a_key_stops_nobody(chronicle: Chronicle) -> None:
    mallory = key_of("mallory")
    mine = agent().model_copy(update={"keys": (*agent().keys, public(mallory))})
    commit = chronicle.edit({AGENT_FILE: mine.data()})
    honest = chronicle.tip
    verdict = chronicle.verdict(commit, [], by=writer(mallory))
    chronicle.push(verdict, sign=sign_commit(mallory))
    history = chronicle.replay()
    assert (history.tip, history.findings) == (honest, ())
    assert verdict.path in foreign(chronicle)
    chronicle.tip = honest
    chronicle.push(chronicle.heartbeat())
    assert chronicle.replay().findings == ()
    assert len(chronicle.replay().entries) == 3


def test_a_verdict_that_nothing_justifies_takes_nothing_and_the_chain_goes_on(chronicle: Chronicle) -> None:
    commit = chronicle.edit(INITECH)
    chronicle.push(chronicle.verdict(commit, []))
    history = chronicle.replay()
    assert history.commit != commit
    assert {item.rule for item in history.findings} == {"two-people", "by-path"}
    assert all(item.code == "MC0740" for item in history.findings)
    chronicle.take(commit)
    assert chronicle.replay().commit == commit


def test_files_that_are_no_envelopes_are_foreign(chronicle: Chronicle) -> None:
    stray = [
        "evidence/ledger/2026/11/000000003-result-00000000.sigstore.json",
        "evidence/approvals/notes.txt",
        "evidence/genesis/other.json",
    ]
    chronicle.git.commit_files({**dict.fromkeys(stray, b"{}"), "evidence/README.md": b"how to read it\n"})
    assert sorted(foreign(chronicle)) == sorted(stray)
    assert found(chronicle) == []
    chronicle.git.commit_files({stray[0]: b"[]"})
    assert found(chronicle) == []
    chronicle.git.commit_files({}, remove=stray)
    assert foreign(chronicle) == []


def test_a_history_read_before_main_was_moved_back_is_read_anew(chronicle: Chronicle) -> None:
    base = chronicle.git.branch("base")
    chronicle.push(chronicle.heartbeat())
    ahead = chronicle.replay()
    chronicle.git.refs["refs/heads/main"] = base
    chronicle.edit({"README.md": b"another line\n"})
    moved = chronicle.replay(after=ahead)
    assert len(ahead.entries) == 3
    assert len(moved.entries) == 2


def test_a_second_genesis_is_followed_only_by_whoever_was_told(chronicle: Chronicle) -> None:
    first = chronicle.root
    made = Genesis(REPOSITORY, "main", chronicle.head, chronicle.snapshot, previous=first)
    chronicle.git.commit_files(signed_genesis(made, map(key_of, ("ines", "tomas")), START).files, message="Start anew")
    assert chronicle.replay(trust_root=None).genesis.digest == first
    assert chronicle.replay().genesis.digest == first
    anew = chronicle.replay(trust_root=made.digest)
    assert anew.genesis == made
    assert (anew.entries, anew.findings) == ((), ())
    assert anew.trust_root.proven
    with pytest.raises(NoGenesisError, match="no genesis here"):
        chronicle.replay(trust_root="ba" * 32)


def test_a_genesis_of_nonsense_stops_nobody(chronicle: Chronicle) -> None:
    path = "config/governance/person/mara.json"
    bad = Key(fingerprint=key_of("mallory").fingerprint, public="ssh-ed25519 nonsense")
    text = person("mara", "admin").model_copy(update={"keys": (bad,)}).data().decode()
    bundle = {**chronicle.snapshot.manifest.bundle, path: sha256(text.encode())}
    snapshot = Snapshot(
        Manifest(chronicle.snapshot.manifest.inputs, bundle), {**chronicle.snapshot.contents, path: text}
    )
    made = Genesis(REPOSITORY, "main", chronicle.head, snapshot)
    pending = signed_genesis(made, [key_of("mallory")], START)
    chronicle.git.commit_files({f"evidence/genesis/{made.digest}.json": made.data, "x": b""})
    chronicle.git.commit_files({f"evidence/approvals/genesis/{pending.statements[0].digest}.sigstore.json": b"{}"})
    envelope = pending.statements[0]
    chronicle.git.commit_files({f"evidence/approvals/genesis/{envelope.digest}2.sigstore.json": envelope.data})
    assert chronicle.replay(trust_root=None).genesis.digest == chronicle.root
    assert chronicle.replay().findings == ()


def test_keys_that_are_none_void_the_verdict_that_would_give_them(chronicle: Chronicle) -> None:
    bad = Key(fingerprint="SHA256:none", public="ssh-ed25519 nonsense")
    mine = person("mara", "admin", "mc", "pm").model_copy(update={"keys": (bad,)})
    commit = chronicle.edit({"policies/people/mara.yaml": mine.data()})
    chronicle.push(chronicle.verdict(commit))
    assert found(chronicle) == ["one-name-a-key", "possession"]
    named = replace(chronicle.approval(chronicle.change(commit), "mara").envelope, keyid="SHA256:none")
    chronicle.push(chronicle.verdict(commit, [Signed.of(named)]))
    assert "authentic" in found(chronicle)
    assert chronicle.replay().commit != commit


def test_a_squashed_ledger_says_that_its_commits_are_not_the_agents(chronicle: Chronicle) -> None:
    chronicle.git.branch("side")
    written = chronicle.heartbeat()
    chronicle.git.commit_files(written.files, branch="side", author=Author(AGENT, "agent@example.org"))
    chronicle.git.squash("side")
    chronicle.tip = written.tip
    assert found(chronicle) == ["commit-signed"]
    assert chronicle.replay().tip == written.tip


def test_an_entry_of_another_kind_is_no_entry(chronicle: Chronicle) -> None:
    approval = chronicle.approval("ab" * 32, "mara")
    path = "evidence/ledger/2026/11/000000003-approval-00000000.sigstore.json"
    chronicle.git.commit_files({path: approval.envelope.data})
    assert [item.reason for item in chronicle.replay().foreign] == ["Approval is no entry of the ledger"]
