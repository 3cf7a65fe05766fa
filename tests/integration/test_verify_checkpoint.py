"""An auditor's checkpoint, from one `conductor verify` to the next, as files and exit codes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.services.commands import conductor, git
from tests.services.own_history import trust_root

pytestmark = pytest.mark.service


def test_an_audit_goes_on_from_the_file_of_the_one_before(own_copy: Path, tmp_path: Path) -> None:
    file, root = tmp_path / "checkpoint", trust_root(own_copy)
    made = conductor(
        "verify", "--repo", str(own_copy), "--trust-root", root, "--checkpoint", str(file), "--rev", "HEAD~1"
    )
    digest = sha256(file.read_bytes()).hexdigest()
    assert (made.code, file.stat().st_mode & 0o777, [*tmp_path.glob("*check*")]) == (0, 0o600, [file])
    assert f"checkpoint: sha256:{digest} (keep it as well" in made.out
    start = ("verify", "--repo", str(own_copy), "--since", str(file), "--checkpoint-digest", f"sha256:{digest}")
    told = conductor(*start)
    assert (told.code, told.out.splitlines()[-1]) == (0, "OK")
    assert told.out.splitlines()[1].startswith("not read again: entries 1 to ")
    report = json.loads(conductor(*start, "--format", "json", "--checkpoint", str(file)).out)
    assert (report["freshness"], report["checkpoint"]["used"], report["entries"]) == ("ok", True, 6)
    assert report["checkpoint_made"] == sha256(file.read_bytes()).hexdigest() != digest
    assert conductor(*start).code == 2, "the file is another one now"


def test_a_file_is_no_checkpoint_without_the_digest_that_was_noted(own_copy: Path, tmp_path: Path) -> None:
    file, root = tmp_path / "checkpoint", trust_root(own_copy)
    verify = ("verify", "--repo", str(own_copy))
    assert conductor(*verify, "--trust-root", root, "--checkpoint", str(file)).code == 0
    digest = sha256(file.read_bytes()).hexdigest()
    for args, why in (
        (("--since", str(file)), "only with the SHA-256 that you noted"),
        (("--since", str(file), "--checkpoint-digest", "ab" * 32), "the checkpoint is refused: it is sha256:"),
        (("--since", str(file), "--checkpoint-digest", digest, "--trust-root", "cd" * 32), "starts from genesis"),
        (("--since", f"{file}.gone", "--checkpoint-digest", digest), "cannot be read"),
        (("--checkpoint-digest", digest), "none was given"),
        (("--checkpoint", str(file)), "needs a trust root"),
    ):
        said = conductor(*verify, *args)
        assert (said.code, said.out, why in said.err) == (2, "", True), said.err
    assert conductor(*verify, "--trust-root", root, "--checkpoint", str(tmp_path / "no" / "folder")).code == 3


def test_what_failed_leaves_no_checkpoint_and_a_cut_off_end_fails_from_one(own_copy: Path, tmp_path: Path) -> None:
    file, other, root = tmp_path / "checkpoint", tmp_path / "other", trust_root(own_copy)
    conductor("verify", "--repo", str(own_copy), "--trust-root", root, "--checkpoint", str(file))
    digest = sha256(file.read_bytes()).hexdigest()
    git(own_copy, "reset", "--quiet", "--hard", "HEAD^")
    args = ("--since", str(file), "--checkpoint-digest", digest, "--checkpoint", str(other))
    said = conductor("verify", "--repo", str(own_copy), *args)
    assert (said.code, "MC0760 extends" in said.out, other.exists()) == (1, True, False)
    assert "no checkpoint was written" in said.err
