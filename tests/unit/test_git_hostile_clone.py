"""A clone whose settings, stores and dates lie: what is read and written stays what the object ids name."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.contract.errors import EnvironmentFailedError, FormatError, UsageError
from runtime.git.interface import Author, PushOutcome
from runtime.git.objects import encode_tree, object_id, parse_commit, parse_tree
from runtime.git.process import environment
from runtime.git.repository import Repository, tracking
from tests.services.commands import git

AUTHOR = Author("A", "a@example.org")
AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    with Repository.init(tmp_path / "repo") as opened:
        yield opened


def write(repository: Repository, parent: str | None, text: str, *, year: int = 2026) -> str:
    at = AT.replace(year=year)
    return repository.write(parent, {"spec/a.yaml": text.encode()}, message=text, author=AUTHOR, at=at)


def test_replacement_objects_have_no_say(repository: Repository) -> None:
    one, two = write(repository, None, "one"), write(repository, None, "two")
    git(repository.path, "replace", one, two)
    assert repository.commit(one).message == "one\n"
    assert repository.resolve(one) == one


def test_grafts_have_no_say(repository: Repository) -> None:
    one, other = write(repository, None, "one"), write(repository, None, "other")
    two = write(repository, one, "two")
    grafts = repository.path / ".git" / "info" / "grafts"
    grafts.parent.mkdir(exist_ok=True)
    grafts.write_text(f"{two} {other}\n")
    assert not repository.is_ancestor(other, two)
    assert repository.merge_base(one, two) == one


def test_variables_that_redirect_git_have_no_say(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write(repository, None, "one")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nowhere")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "broken")
    with Repository(repository.path) as again:
        assert again.commit(one).oid == one
        assert write(again, one, "two") == write(repository, one, "two")


def test_the_way_to_a_remote_is_kept() -> None:
    kept = environment({"GIT_SSH_COMMAND": "ssh -i key", "GIT_DIR": "/nowhere", "HOME": "/home/x"}, remote=True)
    assert (kept["GIT_SSH_COMMAND"], kept["HOME"], kept["GIT_TERMINAL_PROMPT"]) == ("ssh -i key", "/home/x", "0")
    assert "GIT_DIR" not in kept


def test_attributes_and_line_ends_have_no_say(repository: Repository) -> None:
    git(repository.path, "config", "core.autocrlf", "true")
    (repository.path / ".git" / "info").mkdir(exist_ok=True)
    (repository.path / ".git" / "info" / "attributes").write_text("* text eol=crlf filter=x\n")
    git(repository.path, "config", "filter.x.clean", "false")
    oid = repository.write(None, {"spec/a.yaml": b"a\r\nb\n"}, message="m", author=AUTHOR, at=AT)
    assert repository.blob(repository.files(oid)["spec/a.yaml"].oid) == b"a\r\nb\n"


def test_filters_of_the_clone_do_not_run(repository: Repository, tmp_path: Path) -> None:
    path = repository.path
    assert repository.set_ref("refs/heads/main", write(repository, None, "one"), old=None)
    git(path, "reset", "-q", "--hard")
    (path / ".git" / "info").mkdir(exist_ok=True)
    (path / ".git" / "info" / "attributes").write_text("* filter=x.y\n")
    for kind in ("clean", "process"):
        git(path, "config", f"filter.x.y.{kind}", f"touch {tmp_path}/ran")
    git(path, "config", "filter.x.y.required", "true")
    (path / "spec" / "a.yaml").write_text("two")
    assert repository.uncommitted("spec") == ("spec/a.yaml",)
    assert not (tmp_path / "ran").exists()
    (path / ".git" / "info" / "attributes").write_text("* filter=x=y\n")
    git(path, "config", "filter.x=y.clean", f"touch {tmp_path}/ran")
    with pytest.raises(EnvironmentFailedError, match="a filter with"):
        repository.uncommitted("spec")
    assert not (tmp_path / "ran").exists()


def test_a_padded_mode_is_the_folder_that_git_sees(repository: Repository) -> None:
    one = write(repository, None, "one")
    tree = subprocess.run(
        ["git", "-C", str(repository.path), "cat-file", "tree", one], capture_output=True, check=True
    ).stdout
    padded = subprocess.run(
        ["git", "-C", str(repository.path), "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        input=tree.replace(b"40000 spec", b"040000 spec"),
        capture_output=True,
        check=True,
    ).stdout.decode()
    two = git(repository.path, "commit-tree", "-m", "m", padded.strip()).strip()
    assert set(repository.files(two, "spec")) == set(repository.files(two)) == {"spec/a.yaml"}
    assert repository.changes(one, two) == ()
    three = repository.write(two, {"spec/b.yaml": b"b"}, message="m", author=AUTHOR, at=AT)
    assert set(repository.files(three)) == {"spec/a.yaml", "spec/b.yaml"}


def test_hooks_of_the_clone_do_not_run(repository: Repository, tmp_path: Path) -> None:
    Repository.init(tmp_path / "remote.git", bare=True).close()
    hooks = repository.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction", "post-update"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
        (hooks / name).chmod(0o755)
    one = write(repository, None, "one")
    assert repository.set_ref("refs/heads/main", one, old=None)
    assert repository.push(str(tmp_path / "remote.git"), "main", one, old=None) is PushOutcome.DONE
    assert not (tmp_path / "ran").exists()


def test_an_object_with_another_content_than_its_id_is_refused(repository: Repository) -> None:
    one = write(repository, None, "one")
    blob = repository.files(one)["spec/a.yaml"].oid
    path = repository.path / ".git" / "objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 3\0two"))
    with Repository(repository.path) as again, pytest.raises((FormatError, EnvironmentFailedError)):
        again.blob(blob)


def test_dates_do_not_decide_who_descends_from_whom(repository: Repository) -> None:
    root = write(repository, None, "root", year=2030)
    line = [root]
    for number in range(12):
        line.append(write(repository, line[-1], str(number), year=2000 + number % 5))
    side = write(repository, line[4], "side", year=2035)
    assert all(repository.is_ancestor(root, oid) for oid in line)
    assert not repository.is_ancestor(side, line[-1])
    assert [step.commit.oid for step in repository.first_parents(line[-1], since=root)] == line[1:]
    assert [step.commit.oid for step in repository.first_parents(line[-1], since=side)] == line[5:]


def test_a_shallow_clone_is_named_as_the_reason(repository: Repository, tmp_path: Path) -> None:
    head = None
    for number in range(5):
        head = write(repository, head, str(number))
    assert repository.set_ref("refs/heads/main", head or "", old=None)
    git(repository.path, "clone", "-q", "--depth", "2", f"file://{repository.path}", str(tmp_path / "shallow"))
    with Repository(tmp_path / "shallow") as shallow, pytest.raises(EnvironmentFailedError) as caught:
        shallow.first_parents(head or "")
    assert "--unshallow" in str(caught.value.help)


def test_a_long_shallow_line_is_not_taken_for_a_whole_one(repository: Repository, tmp_path: Path) -> None:
    head = None
    for number in range(330):
        head = write(repository, head, str(number))
    assert repository.set_ref("refs/heads/main", head or "", old=None)
    git(
        repository.path,
        "clone",
        "-q",
        "--bare",
        "--depth",
        "310",
        f"file://{repository.path}",
        str(tmp_path / "shallow"),
    )
    with Repository(tmp_path / "shallow") as shallow, pytest.raises(EnvironmentFailedError):
        shallow.first_parents(head or "")


def test_a_folder_inside_a_repository_is_not_taken_for_one(repository: Repository) -> None:
    inner = repository.path / "inner"
    inner.mkdir()
    with pytest.raises(EnvironmentFailedError, match="is inside a git repository"):
        Repository(inner)


def test_a_folder_that_is_no_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailedError, match="is not a git repository"):
        Repository(tmp_path)
    with pytest.raises(EnvironmentFailedError, match="is not a git repository"):
        Repository(tmp_path / "absent")


@pytest.mark.parametrize("name", ["-x", "a..b", "a b", "a:b", "+a", "", "a*", "../x", "a.lock", "a/"])
def test_a_name_that_git_would_read_as_something_else_is_refused(repository: Repository, name: str) -> None:
    with pytest.raises(UsageError):
        repository.fetch("origin", name)
    with pytest.raises(UsageError):
        repository.push("origin", name, "0" * 40, old=None)


@pytest.mark.parametrize("remote", ["", "--upload-pack=touch x", "a\nb"])
def test_a_remote_that_git_would_read_as_an_option_is_refused(repository: Repository, remote: str) -> None:
    with pytest.raises(UsageError):
        repository.fetch(remote, "main")


def test_credentials_of_a_remote_are_in_no_error(repository: Repository) -> None:
    with pytest.raises(EnvironmentFailedError) as caught:
        repository.fetch("origin-with-token", "main")
    assert "origin-with-token" in caught.value.message
    with pytest.raises(EnvironmentFailedError) as caught:
        repository.fetch("http://mara:s3cret@127.0.0.1:1/x.git", "main")
    assert "s3cret" not in f"{caught.value.message}{caught.value.help}"


def test_a_remote_given_as_a_path_has_a_tracking_ref_of_its_own() -> None:
    assert tracking("origin", "main") == "refs/conductor/origin/main"
    assert tracking("/a/b.git", "main") != tracking("/a/c.git", "main")


def test_threads_share_one_process(repository: Repository) -> None:
    add = {f"f{number}": b"%d" % number * 1000 for number in range(50)}
    files = repository.files(repository.write(None, add, message="m", author=AUTHOR, at=AT))
    wrong: list[str] = []

    def read() -> None:
        for path, item in files.items():
            if repository.blob(item.oid) != add[path]:
                wrong.append(path)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_forked_child_reads_with_a_process_of_its_own(repository: Repository) -> None:
    one = write(repository, None, "one")
    assert repository.commit(one).oid == one
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)

    def child() -> None:
        sending.send(repository.files(one))

    process = context.Process(target=child)
    process.start()
    assert receiving.recv() == repository.files(one)
    process.join()
    sending.close()
    receiving.close()


def test_closing_ends_the_process_and_asking_again_starts_another(repository: Repository) -> None:
    one = write(repository, None, "one")
    assert repository.resolve(one) == one
    repository.close()
    assert repository.resolve(one) == one


def test_a_git_process_that_was_killed_is_an_error_once(repository: Repository) -> None:
    one = write(repository, None, "one")
    assert repository.resolve(one) == one
    process = repository._batch._process  # noqa: SLF001 -- the process is what is killed here
    assert process is not None
    os.kill(process.pid, 9)
    process.wait()
    with pytest.raises(EnvironmentFailedError, match="stopped reading"):
        repository.files(one)
    assert list(repository.files(one)) == ["spec/a.yaml"]


def test_uncommitted_changes_are_listed(repository: Repository) -> None:
    one = write(repository, None, "one")
    assert repository.set_ref("refs/heads/main", one, old=None)
    git(repository.path, "reset", "-q", "--hard")
    assert repository.uncommitted("spec", "flags") == ()
    (repository.path / "spec" / "a.yaml").write_text("other")
    (repository.path / "flags").mkdir()
    (repository.path / "flags" / "new ä.yaml").write_text("x")
    (repository.path / "elsewhere").write_text("x")
    assert repository.uncommitted("spec", "flags") == ("flags/new ä.yaml", "spec/a.yaml")


@pytest.mark.parametrize(
    "data",
    [
        b"100644 b\0" + bytes(20) + b"100644 a\0" + bytes(20),
        b"100644 a\0" + bytes(20) + b"100644 a\0" + bytes(20),
        b"100644 a\0" + bytes(20) + b"40000 a\0" + bytes(20),
        b"100644 a\0" + bytes(19),
        b"100644 a\0" + bytes(20) + b"x",
        b"100644 a/b\0" + bytes(20),
        b"40000 ..\0" + bytes(20),
        b"40000 .git\0" + bytes(20),
        b"junk",
    ],
)
def test_a_tree_that_can_be_read_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_tree(data)


def test_a_tree_reads_back_as_it_was_written() -> None:
    data = b"100644 a\0" + bytes(20) + b"100755 a.b\0" + bytes(20) + b"40000 a\xff\0" + bytes(20)
    assert encode_tree(parse_tree(data)) == data
    assert object_id("tree", b"") == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


HEAD = f"tree {'a' * 40}\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n"


def test_a_commit_with_two_signatures_has_none() -> None:
    signature = "gpgsig -----BEGIN SSH SIGNATURE-----\n x\n -----END SSH SIGNATURE-----\n"
    once = parse_commit("0" * 40, f"{HEAD}{signature}\nm\n".encode())
    twice = parse_commit("0" * 40, f"{HEAD}{signature}{signature}\nm\n".encode())
    assert once.signature == "-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----\n"
    assert twice.signature is None
    assert once.signed == twice.signed == f"{HEAD}\nm\n".encode()


@pytest.mark.parametrize("time", ["x", "999999999999", "-999999999999", "9" * 20, "9" * 40])
def test_a_date_is_what_its_maker_likes_and_stops_nobody(time: str) -> None:
    read = parse_commit("0" * 40, f"{HEAD.replace(' 1 ', f' {time} ')}\nm\n".encode())
    assert 1970 <= read.committed_at.year <= 9999
    assert read.author.startswith("A <a@x>")


@pytest.mark.parametrize("data", [b"", b"tree x\n\nm", b"author A <a@x> 1 +0000\n\nm"])
def test_a_malformed_commit_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse_commit("0" * 40, data)
