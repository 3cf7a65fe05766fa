"""`conductor verify` in clones as auditors have them: bare, shallow, with replacements, with other names of main."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runtime.git.pack import encode_pack
from runtime.git.process import run as git_process
from runtime.testing.chronicle import Chronicle
from tests.services.commands import Ran, conductor, git

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def chronicle() -> Chronicle:
    """A genesis, what it asks for made, and a heartbeat."""
    started = Chronicle.start()
    started.apply()
    started.push(started.heartbeat())
    return started


@pytest.fixture
def clone(chronicle: Chronicle, tmp_path: Path) -> Path:
    """The chronicle on disk, checked out."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    pack = encode_pack(list(chronicle.git.objects.values()))
    assert git_process(folder, "unpack-objects", "-q", data=pack).code == 0
    git(folder, "update-ref", "refs/heads/main", chronicle.head)
    git(folder, "reset", "--quiet", "--hard")
    return folder


def verify(repo: Path, chronicle: Chronicle, *more: str) -> Ran:
    at = chronicle.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return conductor("verify", "--repo", repo, "--trust-root", chronicle.root, "--at", at, *more)


def result_of(clone: Path) -> Path:
    return next((clone / "evidence").rglob("*-result-*.sigstore.json"))


def test_a_bare_clone_verifies_as_any_other(clone: Path, chronicle: Chronicle) -> None:
    git(clone.parent, "clone", "--quiet", "--bare", str(clone), "bare.git")
    there, bare = (
        json.loads(verify(repo, chronicle, "--format", "json").out) for repo in (clone, clone.parent / "bare.git")
    )
    assert there == bare
    assert bare["ok"] is True
    assert bare["head"] == chronicle.tip.digest


def test_a_shallow_clone_says_what_it_lacks_and_judges_nothing(clone: Path, chronicle: Chronicle) -> None:
    git(clone.parent, "clone", "--quiet", "--depth=2", clone.as_uri(), "shallow")
    said = verify(clone.parent / "shallow", chronicle)
    assert (said.code, said.out) == (3, "")
    assert "git fetch --unshallow" in said.err
    git(clone.parent / "shallow", "fetch", "--quiet", "--unshallow")
    assert verify(clone.parent / "shallow", chronicle).code == 0


def test_a_clone_without_contents_says_what_it_lacks(clone: Path, chronicle: Chronicle) -> None:
    git(clone, "config", "uploadpack.allowFilter", "true")
    git(clone.parent, "clone", "--quiet", "--no-checkout", "--filter=blob:none", clone.as_uri(), "partial")
    said = verify(clone.parent / "partial", chronicle)
    assert (said.code, said.out) == (3, "")
    assert "without --filter" in said.err


def test_no_replacement_paints_over_an_entry(clone: Path, chronicle: Chronicle) -> None:
    path = result_of(clone).relative_to(clone).as_posix()
    real = git(clone, "rev-parse", f"HEAD:{path}")
    (clone / "other").write_text("all went well\n")
    git(clone, "replace", real, git(clone, "hash-object", "-w", "other"))
    (clone / "other").unlink()
    assert git(clone, "cat-file", "blob", real) == "all went well"
    assert verify(clone, chronicle).code == 0
    git(clone, "checkout-index", "--force", "--", path)
    (clone / path).write_text("all went well\n")
    said = verify(clone, chronicle)
    assert (said.code, "MC0723 work-tree" in said.out, path in said.out) == (1, True, True)


def test_no_replacement_or_graft_hides_a_commit(clone: Path, chronicle: Chronicle) -> None:
    spoilt = result_of(clone)
    spoilt.write_text("all went well\n")
    git(clone, "commit", "--quiet", "--all", "--message=Tidy up")
    bad = git(clone, "rev-parse", "HEAD")
    git(clone, "commit", "--quiet", "--allow-empty", "--message=News")
    git(clone, "replace", "--graft", "HEAD", "HEAD~2")
    (clone / ".git" / "info").mkdir(exist_ok=True)
    (clone / ".git" / "info" / "grafts").write_text(f"{git(clone, 'rev-parse', 'HEAD')} {chronicle.head}\n")
    said = verify(clone, chronicle)
    assert (said.code, "MC0722 unchanged" in said.out, bad in said.out) == (1, True, True)


def test_main_may_have_another_name_here(clone: Path, chronicle: Chronicle) -> None:
    git(clone, "branch", "--move", "main", "trunk")
    assert verify(clone, chronicle).code == 0
    git(clone, "switch", "--quiet", "--orphan", "mine")
    (clone / "notes.txt").write_text("mine\n")
    git(clone, "add", "notes.txt")
    git(clone, "commit", "--quiet", "--message=Notes")
    assert verify(clone, chronicle).code == 1
    for name in ("trunk", "refs/heads/trunk", chronicle.head, chronicle.head[:12]):
        assert verify(clone, chronicle, "--rev", name).out.splitlines()[-1] == "OK"
    assert conductor("evidence", "show", "-1", "--repo", clone, "--rev", "trunk").out.startswith("entry 3, heartbeat")
    missing = verify(clone, chronicle, "--rev", "main")
    assert (missing.code, "there is no revision `main`" in missing.err) == (2, True)


def test_an_inner_folder_is_refused_with_the_one_to_name(clone: Path, chronicle: Chronicle) -> None:
    said = verify(clone / "evidence", chronicle)
    assert said.code in {2, 3}
    assert "use the repository's top folder" in said.err
