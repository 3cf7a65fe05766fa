"""docs/adding-a-domain.md, word for word in a copy: a new kind compiles, and only what the page names has changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.commands import git
from tests.services.own_history import ROOT

pytestmark = pytest.mark.service

PAGE = ROOT / "docs" / "adding-a-domain.md"
BLOCK = re.compile(r"(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHECKS = (
    "make -o .venv/.ready lint contracts tree\n"
    "mypy compiler/domains runtime/notices\n"
    "pytest -q tests/architecture/test_codes.py tests/unit/test_own_repository.py tests/unit/test_reference.py "
    "tests/cases"
)
"""What of `make check` can tell a new domain: the copy's environment is this one's, and is not made anew."""
WRITTEN = re.compile(
    r"compiler/schemas/(notice|resource)\.json|docs/kinds/(notice|README)\.md|docs/diagnostics/MC0801\.md"
    r"|tests/cases/diagnostics/MC0801-notice-ends-first/expected\.txt|tests/cases/rendering/notices/bundle/.+"
)
"""What the page says that commands write."""


def blocks() -> Iterator[tuple[str, str, str]]:
    """Each block of the page: the file that it is, if it is one, its language, and its text."""
    yield from BLOCK.findall(PAGE.read_text())


def patched(diff: str) -> str:
    """The file that a diff of the page changes."""
    found = re.search(r"(?m)^\+\+\+ b/(.+)$", diff)
    assert found is not None, diff
    return found[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repo / name)
    (repo / ".venv").symlink_to(ROOT / ".venv")
    git(repo, "init", "--quiet", "--initial-branch=main")
    (repo / ".git" / "info" / "exclude").write_text(".venv\nbundle\n")
    git(repo, "add", "--all")
    git(repo, "commit", "--quiet", "--message=As it was")
    return repo


def typed(repo: Path, lines: str) -> str:
    """Have a shell of the copy run what the page says, with this environment's tools and the copy's code."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(repo),
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }
    ran = subprocess.run(
        ["bash", "-euc", lines],
        cwd=repo, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, f"{lines}\n{ran.stdout[-6000:]}"
    return ran.stdout


def follow(repo: Path) -> str:
    """Do all that the page says; returns what its last commands print."""
    said = ""
    for path, language, text in blocks():
        if path:
            (repo / path).parent.mkdir(parents=True, exist_ok=True)
            (repo / path).write_text(text)
        elif language == "diff":
            subprocess.run(["git", "apply", "--recount", "-"], cwd=repo, input=text, text=True, check=True, timeout=60)
        else:
            assert language == "sh", f"a block of {language} is no file, no diff and nothing to type"
            said = typed(repo, text.replace("make check", CHECKS))
    return said


def test_the_page_adds_a_kind_that_compiles_and_changes_nothing_else(copy: Path) -> None:
    said = follow(copy)
    assert json.loads(said.splitlines()[-1]) == {
        "name": "pg18-upgrade",
        "severity": "maintenance",
        "text": "On Saturday from 02:00 UTC your graphs can be read but not changed, for half an hour at most.",
        "first_day": "2026-11-24",
        "last_day": "2026-11-28",
        "tenants": ["nordlicht-energie", "velora-retail"],
    }
    named = {path or patched(text) for path, language, text in blocks() if path or language == "diff"}
    changed = set(git(copy, "ls-files", "--modified", "--others", "--exclude-standard").splitlines())
    assert named <= changed
    assert [path for path in sorted(changed - named) if WRITTEN.fullmatch(path) is None] == []
    misspelt = (copy / "spec/notices/pg18-upgrade.yaml").read_text().replace("velora-retail", "velora-retial")
    (copy / "spec/notices/pg18-upgrade.yaml").write_text(misspelt)
    assert "velora-retail" in typed(copy, "conductor check || true")
