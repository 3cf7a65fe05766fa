"""evidence/README.md, all of it: cosign, openssl, ssh-keygen, git and sha256sum find what `conductor verify` finds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.services.commands import git
from tests.services.evidence_page import by_hand
from tests.services.own_history import ROOT

pytestmark = pytest.mark.interop

VERDICTS, RESULTS, APPROVALS = 1, 2, 3
PATTERNS = {
    "approval": "approvals/??/*/*.sigstore.json",
    "verdict": "ledger/**/*-verdict-*.sigstore.json",
    "result": "ledger/**/*-result-*.sigstore.json",
}


def failures(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.removeprefix("FAILS: ") for line in done.stdout.splitlines() if line.startswith("FAILS: ")]


def test_stock_tools_verify_all_of_it_word_for_word(finished_history: Path, cosign: Path) -> None:
    done = by_hand(finished_history / "repo", cosign=cosign)
    assert done.stdout.splitlines()[-1] == "everything holds, for cosign too", done.stdout + done.stderr
    assert failures(done) == []
    assert done.stdout.splitlines().count("Verified OK") == VERDICTS + RESULTS + APPROVALS
    assert 'Good "git" signature for agent' in done.stdout


@pytest.mark.parametrize("kind", PATTERNS)
def test_a_flipped_byte_is_refused_by_openssl_and_by_cosign(own_copy: Path, cosign: Path, kind: str) -> None:
    path = next((own_copy / "evidence").glob(PATTERNS[kind]))
    text = path.read_text()
    at = text.index('"payload":"') + 200
    path.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])
    done, name = by_hand(own_copy, cosign=cosign), path.relative_to(own_copy).as_posix()
    assert {name, f"cosign: {name}"} <= set(failures(done)), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "something FAILS: see above"


@pytest.mark.parametrize("kind", ["verdict", "approval"])
def test_a_flipped_byte_in_the_change_is_refused_by_sha256sum_and_by_cosign(
    own_copy: Path, cosign: Path, kind: str
) -> None:
    (change,) = (own_copy / "evidence/approvals").rglob("change.json")
    data = bytearray(change.read_bytes())
    data[len(data) // 2] ^= 1
    change.write_bytes(data)
    done = by_hand(own_copy, cosign=cosign)
    entry = next((own_copy / "evidence").glob(PATTERNS[kind])).relative_to(own_copy).as_posix()
    assert {change.relative_to(own_copy).as_posix(), f"cosign: {entry}"} <= set(failures(done))


def test_a_letter_changed_in_an_evidence_commit_is_refused_by_git_and_by_ssh_keygen(
    own_copy: Path, cosign: Path
) -> None:
    signed = subprocess.run(
        ("git", "-C", own_copy, "cat-file", "commit", "HEAD"), capture_output=True, check=True, timeout=60
    ).stdout
    flipped = own_copy.parent / "commit"
    flipped.write_bytes(signed.replace(b"Find nothing", b"Find Nothing"))
    assert flipped.read_bytes() != signed
    commit = git(own_copy, "hash-object", "-t", "commit", "-w", str(flipped))
    git(own_copy, "update-ref", "refs/heads/main", commit)
    done = by_hand(own_copy, cosign=cosign)
    assert failures(done)[:2] == [f"commit {commit}", f"commit {commit}"], done.stdout + done.stderr


def test_stock_tools_verify_the_example(tmp_path: Path, cosign: Path) -> None:
    example = ROOT / "docs" / "example"
    git(tmp_path, "clone", "--quiet", str(example / "history.bundle"), "clone")
    done = by_hand(tmp_path / "clone", (example / "trust-root").read_text().strip(), cosign=cosign)
    assert done.stdout.splitlines()[-1] == "everything holds, for cosign too", done.stdout + done.stderr
    assert failures(done) == []
