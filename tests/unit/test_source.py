"""Work tree, folder and commit -> the inputs, and one finding for whatever is none."""

from __future__ import annotations

import os
from pathlib import Path
from socket import AF_UNIX, socket

import pytest

from compiler.source import SourceTree, from_commit, from_files, from_worktree
from runtime.contract.canonical import sha256
from runtime.contract.errors import UsageError
from runtime.git.repository import Repository
from tests.services.commands import git


def put(repo: Path, path: str, data: bytes = b"x\n") -> Path:
    file = repo / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    put(tmp_path, "tenants/acme.yaml", b"a: 1\n")
    put(tmp_path, "tenants/README.md")
    put(tmp_path, "src/code.py")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "x")
    return tmp_path


def names(tree: SourceTree) -> list[tuple[str, str]]:
    return [(item.code.name, item.primary.span.path) for item in tree.findings]


def both(repo: Path) -> tuple[SourceTree, SourceTree]:
    """The tree as it is on disk and as it is committed."""
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "--allow-empty", "-m", "x")
    with Repository(repo) as repository:
        return from_worktree(repo), from_commit(repository, git(repo, "rev-parse", "HEAD"))


def test_inputs_are_the_five_folders_files_without_readme(repo: Path) -> None:
    worktree, commit = both(repo)
    assert dict(worktree.files) == dict(commit.files) == {"tenants/acme.yaml": b"a: 1\n"}
    assert worktree.findings == commit.findings == ()
    assert worktree.digests() == {"tenants/acme.yaml": sha256(b"a: 1\n")}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tenants/notes.txt", "foreign-file"),
        ("tenants/acme.yml", "foreign-file"),
        ("flags/readme.md", "foreign-file"),
        ("tenants/.gitattributes", "nested-gitattributes"),
        ("tenants/.gitignore", "foreign-file"),
        ("tenants/Globex.yaml", "path-name"),
        ("tenants/blue prints/x.yaml", "path-name"),
        ("tenants/grün.yaml", "path-name"),
        ("tenants/x.rego", "unread-file"),
        ("policies/other.wasm", "unread-file"),
        ("policies/other.json", "unread-file"),
    ],
)
def test_a_file_that_is_none_is_one_finding_on_disk_and_committed(repo: Path, path: str, name: str) -> None:
    put(repo, path)
    worktree, commit = both(repo)
    assert [found for found, _ in names(worktree)] == [name]
    assert names(worktree) == names(commit)
    assert path not in worktree.files


def test_a_link_is_a_finding_whatever_it_points_at(repo: Path) -> None:
    (repo / "tenants/globex.yaml").symlink_to("acme.yaml")
    (repo / "tenants/away").symlink_to("/etc")
    worktree, commit = both(repo)
    assert names(worktree) == names(commit) == [("symlink", "tenants/away"), ("symlink", "tenants/globex.yaml")]
    assert list(worktree.files) == ["tenants/acme.yaml"]


@pytest.mark.parametrize("known", [True, False], ids=["tracked", "no-git"])
def test_a_pipe_is_a_finding_and_nobody_waits_for_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, repo: Path, *, known: bool
) -> None:
    folder = repo if known else tmp_path_factory.mktemp("no-git")
    put(folder, "tenants/acme.yaml").unlink()
    os.mkfifo(folder / "tenants/acme.yaml")
    tree = from_worktree(folder)
    assert (dict(tree.files), names(tree)) == ({}, [("foreign-file", "tenants/acme.yaml")])


@pytest.mark.parametrize("what", ["pipe", "socket", "link"])
def test_what_takes_the_place_of_a_file_once_it_was_looked_at_is_not_read(
    repo: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    file, looked = repo / "tenants/acme.yaml", os.lstat

    def swapped(path: Path) -> os.stat_result:
        status = looked(path)
        file.unlink()
        match what:
            case "pipe":
                os.mkfifo(file)
            case "socket":
                monkeypatch.chdir(file.parent)  # its path has at most 107 bytes
                with socket(AF_UNIX) as made:
                    made.bind(file.name)
            case _:
                file.symlink_to("README.md")
        return status

    monkeypatch.setattr("compiler.source.os.lstat", lambda path: swapped(path) if path == file else looked(path))
    tree = from_worktree(repo)
    assert (dict(tree.files), names(tree)) == ({}, [("foreign-file", "tenants/acme.yaml")])


def test_a_file_that_grows_once_its_size_was_asked_is_read_to_its_end(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, asked = repo / "tenants/acme.yaml", os.fstat
    whole, inode = file.read_bytes() + b"# more\n" * 10_000, file.stat().st_ino

    def grown(descriptor: int) -> os.stat_result:
        status = asked(descriptor)
        if status.st_ino == inode:
            file.write_bytes(whole)
        return status

    monkeypatch.setattr("compiler.source.os.fstat", grown)
    assert from_worktree(repo).files["tenants/acme.yaml"] == whole


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/acme.yaml")
    (tmp_path / "tenants").symlink_to("elsewhere")
    tree = from_worktree(tmp_path)
    assert (dict(tree.files), names(tree)) == ({}, [("symlink", "tenants")])


def test_an_executable_file_is_a_finding_and_still_read(repo: Path) -> None:
    (repo / "tenants/acme.yaml").chmod(0o755)
    worktree, commit = both(repo)
    assert names(worktree) == names(commit) == [("file-mode", "tenants/acme.yaml")]
    assert list(worktree.files) == ["tenants/acme.yaml"]


def test_a_submodule_and_another_repository_are_findings(repo: Path) -> None:
    git(repo, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},tenants/vendor")
    (repo / "flags/inner").mkdir(parents=True)
    git(repo / "flags/inner", "init", "-q")
    put(repo, "flags/inner/x.yaml")
    assert names(from_worktree(repo)) == [("submodule", "flags/inner"), ("submodule", "tenants/vendor")]


def test_a_folder_in_the_place_of_a_tracked_file_has_removed_it(repo: Path) -> None:
    put(repo, "tenants/acme.yaml")
    git(repo, "add", "-A")
    (repo / "tenants/acme.yaml").unlink()
    put(repo, "tenants/acme.yaml/inner.yaml", b"y\n")
    on_disk, committed = both(repo)
    assert on_disk == committed
    assert "tenants/acme.yaml" not in on_disk.files
    assert on_disk.files["tenants/acme.yaml/inner.yaml"] == b"y\n"


def test_a_file_in_the_place_of_a_tracked_folder_has_removed_what_was_in_it(repo: Path) -> None:
    put(repo, "tenants/blueprints/standard.yaml")
    git(repo, "add", "-A")
    (repo / "tenants/blueprints/standard.yaml").unlink()
    (repo / "tenants/blueprints").rmdir()
    put(repo, "tenants/blueprints", b"y\n")
    assert names(from_worktree(repo)) == [("foreign-file", "tenants/blueprints")]
    on_disk, committed = both(repo)
    assert on_disk == committed


def test_content_that_lies_elsewhere_or_is_too_large_is_a_finding(repo: Path) -> None:
    put(repo, "tenants/big.yaml", b"#" * (1024 * 1024 + 1))
    put(repo, "tenants/fits.yaml", b"#" * (1024 * 1024))
    put(repo, "tenants/lfs.yaml", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n")
    worktree, commit = both(repo)
    assert names(worktree) == names(commit) == [("too-large", "tenants/big.yaml"), ("lfs-pointer", "tenants/lfs.yaml")]
    assert list(worktree.files) == ["tenants/acme.yaml", "tenants/fits.yaml"]
    assert worktree.refused == ("tenants/big.yaml", "tenants/lfs.yaml")


def test_untracked_files_count_unless_ignored_and_removed_ones_do_not(repo: Path) -> None:
    put(repo, ".gitignore", b"*.swp\n")
    put(repo, "tenants/new.yaml")
    put(repo, "tenants/.new.yaml.swp")
    (repo / "tenants/acme.yaml").unlink()
    tree = from_worktree(repo)
    assert (list(tree.files), tree.findings) == (["tenants/new.yaml"], ())


def test_bytes_on_disk_count_whatever_attributes_and_filters_say(repo: Path) -> None:
    put(repo, ".gitattributes", b"*.yaml text eol=crlf\n")
    put(repo, "tenants/acme.yaml", b"a: 2\r\n")
    assert from_worktree(repo).files["tenants/acme.yaml"] == b"a: 2\r\n"


def test_no_setting_of_the_repository_runs_a_program(repo: Path) -> None:
    hook = put(repo, "hook.sh", b"#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    git(repo, "config", "core.fsmonitor", str(hook))
    from_worktree(repo)
    assert not (repo / "ran").exists()


@pytest.mark.parametrize("known", [True, False], ids=["tracked", "new"])
def test_below_the_top_of_a_repository_what_it_ignores_is_no_input_either(repo: Path, *, known: bool) -> None:
    put(repo, ".gitignore", b"*.swp\n")
    put(repo, "platform/spec/x.yaml")
    put(repo, "platform/tenants/acme.yaml")
    git(repo, "add", "platform" if known else ".gitignore")
    put(repo, "platform/spec/.x.yaml.swp")
    put(repo, "platform/spec/new.yaml")
    tree = from_worktree(repo / "platform")
    assert (list(tree.files), tree.findings) == (["spec/new.yaml", "spec/x.yaml", "tenants/acme.yaml"], ())


def test_a_folder_that_its_repository_ignores_is_read_whole(repo: Path) -> None:
    put(repo, ".gitignore", b"copy/\n")
    put(repo, "copy/tenants/acme.yaml", b"b: 1\n")
    put(repo, "copy/tenants/deep/er.yaml", b"b: 2\n")
    tree = from_worktree(repo / "copy")
    assert dict(tree.files) == {"tenants/acme.yaml": b"b: 1\n", "tenants/deep/er.yaml": b"b: 2\n"}


def test_a_folder_without_any_of_the_five_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        from_worktree(tmp_path)
    assert raised.value.help is not None
    assert "--repo" in raised.value.help


def test_files_in_memory_are_judged_alike() -> None:
    tree = from_files({"tenants/b.yaml": b"", "tenants/a.yaml": b"", "tenants/notes.txt": b""})
    assert list(tree.files) == ["tenants/a.yaml", "tenants/b.yaml"]
    assert names(tree) == [("foreign-file", "tenants/notes.txt")]


def test_a_path_that_would_write_to_a_terminal_is_shown_escaped() -> None:
    (finding,) = from_files({"tenants/\x1b[31mred\n.yaml": b""}).findings
    assert finding.primary.span.path == "tenants/\\x1b[31mred\\n.yaml"
    assert "\x1b" not in finding.message
