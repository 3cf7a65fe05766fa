"""docs/example: its first five seconds and its next five minutes, as its page says them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.commands import conductor, git
from tests.services.evidence_page import by_hand
from tests.services.own_history import ROOT

EXAMPLE = ROOT / "docs" / "example"
STALE = "a format of evidence has changed: docs/example/README.md says when `make example` may make it anew"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", str(EXAMPLE / "history.bundle"), "clone")
    return tmp_path / "clone"


def told(name: str) -> str:
    return (EXAMPLE / name).read_text().strip()


def test_the_frozen_history_is_still_accepted_with_its_trust_root(clone: Path) -> None:
    asked = ("verify", "--repo", clone, "--at", told("finished-at"))
    said = conductor(*asked, "--trust-root", told("trust-root"))
    assert (said.code, said.out.splitlines()[-1:]) == (0, ["OK"]), f"{STALE}\n{said.out}{said.err}"
    assert conductor(*asked, "--trust-root", f"sha256:{'0' * 64}").code == 1


def test_the_example_tells_of_a_refusal_a_drift_and_every_change(clone: Path) -> None:
    said = conductor("evidence", "log", "--repo", clone)
    for words in ("verdict", "refusal", "drift", "fjordline-ferries", "velora-retail", "blueprints/standard"):
        assert words in said.out, words


def test_the_example_is_small_and_holds_main_alone() -> None:
    assert (EXAMPLE / "history.bundle").stat().st_size < 300_000
    heads = git(ROOT, "bundle", "list-heads", str(EXAMPLE / "history.bundle"))
    assert [line.split()[1] for line in heads.splitlines()] == ["HEAD", "refs/heads/main"]


def test_every_command_of_the_page_works_in_its_order(tmp_path: Path) -> None:
    page = (EXAMPLE / "README.md").read_text()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "example").symlink_to(EXAMPLE)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parent.parent)
    blocks = re.findall(r"^```bash\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        ("bash", "-e", "-c", "".join(blocks) + 'pwd; echo "$trust_root"'),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == [f"{tmp_path}/.demo/example", told("trust-root")]
    readme = (ROOT / "README.md").read_text()
    assert blocks[0] in readme, "the README's first five seconds are the page's"


@pytest.mark.service
def test_stock_tools_verify_the_example(clone: Path) -> None:
    done = by_hand(clone, told("trust-root"))
    assert done.stdout.splitlines()[-1] == "everything holds", f"{STALE}\n{done.stdout}{done.stderr}"
