"""What a finding says to type about a file, typed into a shell, for files that git knows and for new ones."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.cases.inputs import base_tree, lay_out
from tests.services.commands import conductor, git

pytestmark = pytest.mark.service

TENANT = b"apiVersion: conductor/v1\nkind: Tenant\nmetadata:\n  name: fjord\nspec:\n  blueprint: standard\n"


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    lay_out(tmp_path / "repo", base_tree())
    git(tmp_path / "repo", "init", "--quiet")
    return tmp_path / "repo"


def findings(repo: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(
        conductor("check", "--repo", repo, "--today", "2026-11-24", "--format", "json").out
    )
    return found


@pytest.mark.parametrize("is_known", [True, False], ids=["tracked", "new"])
@pytest.mark.parametrize(
    ("name", "code"),
    [
        (b"tenants/fjord.yml", "MC0001"),
        (b"tenants/a b.YAML", "MC0001"),
        (b"tenants/Fjord.yaml", "MC0007"),
        (b"tenants/it's $HOME.yaml", "MC0007"),
        (b"tenants/two\nlines\\.yaml", "MC0007"),
        (b"tenants/\xff\xe2\x80\xae.yaml", "MC0007"),
        (b"flags/fjord.yaml", "MC0103"),
        (b"tenants/fjord.yaml~", "MC0001"),
    ],
)
def test_the_line_that_is_proposed_mends_it(repo: Path, name: bytes, code: str, is_known: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    (repo / os.fsdecode(name)).write_bytes(TENANT)
    git(repo, "add", "--all") if is_known else git(repo, "add", "policies")
    (found,) = findings(repo)
    assert found["code"] == code
    subprocess.run(["bash", "-c", found["help"].partition("; ")[0]], cwd=repo, check=True, timeout=60)
    assert code not in {item["code"] for item in findings(repo)}
