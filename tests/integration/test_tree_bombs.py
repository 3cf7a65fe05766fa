"""Ten small trees that name each other, in a real repository: every command stays small, and ends soon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.commands import git, limited

pytestmark = pytest.mark.service

CONDUCTOR = Path(sys.executable).with_name("conductor")
DATA = 700 * 1024 * 1024
"""Bytes that do for every command on this tree; reading a bomb took more than a machine has."""


def made(repository: Path, lines: list[str]) -> str:
    tree = subprocess.run(
        ["git", "-C", repository, "mktree"],
        input="".join(f"{line}\n" for line in lines),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return tree.stdout.strip()


def bomb(repository: Path) -> str:
    """A thousand million paths."""
    empty = git(repository, "hash-object", "-w", "--stdin", "--path=x", "/dev/null").split()[-1]
    tree = made(repository, [f"100644 blob {empty}\tf{number}.yaml" for number in range(10)])
    for _ in range(8):
        tree = made(repository, [f"040000 tree {tree}\td{number}" for number in range(10)])
    return tree


def planted(repository: Path, head: str, place: str) -> str:
    """A commit on top of `head` with the bomb at a place."""
    folder, _, name = place.rpartition("/")
    tree = bomb(repository)
    listed = git(repository, "ls-tree", f"{head}:{folder}").splitlines()
    tree = made(repository, [*listed, f"040000 tree {tree}\t{name}"])
    if folder:
        rest = [line for line in git(repository, "ls-tree", head).splitlines() if not line.endswith(f"\t{folder}")]
        tree = made(repository, [*rest, f"040000 tree {tree}\t{folder}"])
    return git(repository, "commit-tree", tree, "-p", head, "-m", "bomb")


@pytest.mark.parametrize("place", ["zzz", "tenants/zzz", "evidence/zzz"])
def test_commands_stay_small_and_go_on_after_the_revert(own_copy: Path, place: str) -> None:
    head = git(own_copy, "rev-parse", "HEAD")
    root = next((own_copy / "evidence" / "genesis").glob("*.json")).stem
    odd = planted(own_copy, head, place)
    back = git(own_copy, "commit-tree", f"{head}^{{tree}}", "-p", odd, "-m", "back")
    for commit, fine in ((odd, place == "zzz"), (back, True)):
        git(own_copy, "update-ref", "refs/heads/main", commit)
        verified = run(own_copy, "verify", "--trust-root", f"sha256:{root}")
        assert verified.returncode == (1 if commit == odd and place.startswith("evidence") else 0), verified.stdout
        checked = run(own_copy, "check", "--rev", commit)
        assert checked.returncode == (0 if fine or place.startswith("evidence") else 1), checked.stdout
        planned = run(own_copy, "plan", "--base", head, "--head", commit)
        assert planned.returncode == (0 if fine or place.startswith("evidence") else 1), planned.stderr


def test_an_approval_is_given_beside_a_bomb_among_the_approvals(own_copy: Path, finished_history: Path) -> None:
    """`approve` brings together what the clone knows of the branch, and listed every file of it."""
    empty = git(own_copy, "commit-tree", made(own_copy, []), "-m", "start")
    for place in ("zzz", "ab" * 32):
        odd = planted(own_copy, empty, place)
        git(own_copy, "update-ref", "refs/heads/approvals", odd)
        tenant = own_copy / "tenants" / "fjordline-ferries.yaml"
        tenant.write_text(tenant.read_text() + f"# {place}\n")
        git(own_copy, "commit", "--quiet", "--all", "--message=Say something")
        given = run(
            own_copy,
            "approve",
            "--person=mara-lindqvist",
            f"--key={finished_history / 'keys' / 'mara-lindqvist'}",
            "--yes",
        )
        assert given.returncode == 0, given.stdout + given.stderr


def run(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return limited(CONDUCTOR, *arguments, "--repo", repository, limit=("DATA", DATA))
