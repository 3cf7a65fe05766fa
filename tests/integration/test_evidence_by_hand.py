"""evidence/README.md: its commands, word for word, find what `conductor verify` finds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.services.commands import git
from tests.services.evidence_page import by_hand, script

pytestmark = pytest.mark.service


def test_stock_tools_verify_it_word_for_word_as_the_readme_says(finished_history: Path) -> None:
    done = by_hand(finished_history / "repo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "everything holds", done.stdout + done.stderr
    assert "FAILS" not in done.stdout
    assert done.stdout.count(": Signature Verified Successfully") == 2 + 6 + 2
    assert done.stdout.count(": Verified OK") == 1 + 1
    assert "the end of the chain is sha256:" in done.stdout
    assert 'Good "git" signature for agent' in done.stdout


def test_the_readme_does_not_end_the_shell_that_it_is_pasted_into() -> None:
    words = re.findall(r"^\s*(set|exit|exec|return)\b", script(), flags=re.MULTILINE)
    assert words == []


@pytest.mark.parametrize("kind", ["verdict", "result"])
def test_stock_tools_find_a_flipped_byte_and_name_its_file(own_copy: Path, kind: str) -> None:
    path = next((own_copy / "evidence").rglob(f"*-{kind}-*.sigstore.json"))
    text = path.read_text()
    start = text.index('"payload":"') + 200
    path.write_text(text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :])
    done = by_hand(own_copy)
    assert f"FAILS: {path.relative_to(own_copy).as_posix()}" in done.stdout
    assert done.stdout.splitlines()[-1] == "something FAILS: see above"


def test_stock_tools_find_a_removed_entry_and_a_borrowed_approval(own_copy: Path) -> None:
    gone = next((own_copy / "evidence").rglob("*-intent-*.sigstore.json"))
    gone.unlink()
    approval = next(
        path for path in (own_copy / "evidence/approvals").rglob("*.sigstore.json") if "genesis" not in str(path)
    )
    approval.write_bytes(next((own_copy / "evidence/approvals/genesis").iterdir()).read_bytes())
    done = by_hand(own_copy)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILS: ")]
    assert any("-result-" in line and "does not say" in line for line in failed)
    assert sum(approval.name in line for line in failed) >= 2


def clone_of(folder: Path, place: Path) -> Path:
    git(folder, "clone", "--quiet", "--branch", "ledger", str(folder / "repo"), str(place))
    return place


def test_stock_tools_verify_a_ledger_on_a_branch_of_its_own(finished_apart: Path, tmp_path: Path) -> None:
    done = by_hand(clone_of(finished_apart, tmp_path / "clone"))
    assert done.stdout.splitlines()[-1] == "everything holds", done.stdout + done.stderr
    assert "FAILS" not in done.stdout
    assert done.stdout.count(": Signature Verified Successfully") == 2 + 6 + 2


def test_stock_tools_find_a_main_that_was_moved_back(finished_apart: Path, tmp_path: Path) -> None:
    repo = clone_of(finished_apart, tmp_path / "clone")
    seen = git(repo, "rev-parse", "origin/main")
    git(repo, "update-ref", "refs/remotes/origin/main", f"{seen}~1")
    done = by_hand(repo)
    assert [line for line in done.stdout.splitlines() if "FAILS" in line] == [
        f"FAILS: origin/main has lost {seen}",
        "something FAILS: see above",
    ]
