"""Ours against real ssh-keygen and git: what one signs the other verifies, what one writes the other finds sound."""

from __future__ import annotations

import random
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.git.interface import Author, PushOutcome
from runtime.git.repository import Repository
from runtime.signing import sshsig
from runtime.signing.keys import PrivateKey, load_private, write_keypair

pytestmark = pytest.mark.service

AUTHOR = Author("Conductor", "conductor@example.org")
AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


def call(*args: str, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(args, cwd=cwd, input=stdin, capture_output=True, timeout=60, check=False)


@pytest.fixture(params=["ed25519", "ecdsa"])
def key_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "key"
    call("ssh-keygen", "-q", "-t", request.param, "-b", "256", "-N", "", "-f", str(path), cwd=tmp_path)
    return path


def test_ssh_keygen_prints_the_same_fingerprint(key_file: Path) -> None:
    listed = call("ssh-keygen", "-lf", str(key_file), cwd=key_file.parent).stdout.decode()
    assert load_private(key_file).fingerprint == listed.split()[1]


def test_ssh_keygen_reads_a_written_pair(tmp_path: Path) -> None:
    key = write_keypair(tmp_path / "mara")
    assert call("ssh-keygen", "-yf", "mara", cwd=tmp_path).stdout.decode().split()[:2] == key.public_line.split()
    assert call("ssh-keygen", "-lf", "mara.pub", cwd=tmp_path).stdout.decode().split()[1] == key.fingerprint


def test_ssh_keygen_verifies_our_signature(key_file: Path) -> None:
    folder, key = key_file.parent, load_private(key_file)
    (folder / "signers").write_text(f'mara namespaces="git" {key.public_line}\n')
    (folder / "data.sig").write_text(sshsig.sign(b"data", key))
    verify = ("ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "mara", "-n", "git", "-s", "data.sig")
    assert call(*verify, cwd=folder, stdin=b"data").returncode == 0
    assert call(*verify, cwd=folder, stdin=b"datA").returncode != 0


@pytest.mark.parametrize("hash_name", ["sha256", "sha512"])
def test_we_verify_the_signature_of_ssh_keygen(key_file: Path, hash_name: str) -> None:
    sign = ("ssh-keygen", "-Y", "sign", "-f", str(key_file), "-n", "git", "-O", f"hashalg={hash_name}")
    armoured = call(*sign, cwd=key_file.parent, stdin=b"data").stdout.decode()
    assert sshsig.verify(armoured, b"data") == load_private(key_file).fingerprint
    assert sshsig.verify(armoured, b"datA") is None


def test_git_verifies_our_signed_commit(key_file: Path, tmp_path: Path) -> None:
    key = load_private(key_file)
    (tmp_path / "signers").write_text(f"mara {key.public_line}\n")
    with Repository.init(tmp_path / "repo") as repository:
        root = repository.write(None, {"a": b"1"}, message="Root", author=AUTHOR, at=AT)
        signed = repository.write(
            root, {"a": b"2"}, message="Signed\n\nWhy.", author=AUTHOR, at=AT, sign=sshsig.sign_commit(key)
        )
        verify = ("git", "-c", "gpg.ssh.allowedSignersFile=../signers", "verify-commit")
        assert call(*verify, signed, cwd=repository.path).returncode == 0
        assert call(*verify, root, cwd=repository.path).returncode != 0


def test_we_verify_a_commit_that_git_signed(key_file: Path, tmp_path: Path) -> None:
    settings = {"user.name": "Mara", "user.email": "m@x", "gpg.format": "ssh", "user.signingKey": str(key_file)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with Repository.init(tmp_path / "repo") as repository:
        made = call("git", *options, "commit", "-S", "--allow-empty", "-m", "By git\n\nBody", cwd=repository.path)
        assert made.returncode == 0, made.stderr
        commit = repository.commit(repository.resolve("HEAD") or "")
        assert commit.signature is not None
        assert sshsig.verify(commit.signature, commit.signed) == load_private(key_file).fingerprint
        assert (commit.subject, commit.author) == ("By git", "Mara <m@x>")


def test_git_finds_nothing_wrong_with_what_we_write(tmp_path: Path) -> None:
    with Repository.init(tmp_path / "repo") as repository:
        key = PrivateKey.from_seed(bytes(32))
        head = None
        for number in range(20):
            add = {f"f{number % 7}/g{number}/h": b"%d" % number, f"f{number % 5}.x": b"", f"f{number % 5}-y/z": b"1"}
            head = repository.write(
                head, add, message=f"{number}\n\nümlaut", author=AUTHOR, at=AT, sign=sshsig.sign_commit(key)
            )
        assert repository.set_ref("refs/heads/main", head or "", old=None)
        checked = call("git", "fsck", "--full", "--strict", "--no-dangling", cwd=repository.path)
        assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_our_comparison_of_trees_is_gits(tmp_path: Path, algorithm: str) -> None:
    chance = random.Random(algorithm)  # noqa: S311 -- shapes of trees, no secret
    call("git", "init", "-q", f"--object-format={algorithm}", "repo", cwd=tmp_path)
    names = ["a", "a.b", "a-b", "ab", "b", "ä", "z"]
    with Repository(tmp_path / "repo") as repository:
        head: str | None = None
        files: set[str] = set()
        for number in range(60):
            add: dict[str, bytes] = {}
            remove = {path for path in files if chance.random() < 0.2}
            for _ in range(chance.randrange(6)):
                path = "/".join(chance.choices(names, k=chance.randrange(1, 4)))
                clash = {other for other in files | add.keys() if _one_holds_the_other(path, other)}
                if not clash - remove and not clash & add.keys():
                    add[path] = b"%d" % chance.randrange(3)
            files = files - remove | add.keys()
            before, head = head, repository.write(head, add, message=str(number), author=AUTHOR, at=AT, remove=remove)
            if before is not None:
                assert _ours(repository, before, head) == _gits(repository, before, head)
                assert _ours(repository, before, head, "a", "b/z") == _gits(repository, before, head, "a", "b/z")
                assert [item.commit.oid for item in repository.first_parents(head, since=before)] == [head]
        steps = repository.first_parents(head or "", "a")
        for step in steps[1:]:
            expected = _gits(repository, step.commit.parents[0], step.commit.oid, "a")
            assert [(item.path, item.before, item.after) for item in step.changes] == expected


def _one_holds_the_other(path: str, other: str) -> bool:
    return path.startswith(f"{other}/") or other.startswith(f"{path}/")


def _ours(repository: Repository, before: str, after: str, *folders: str) -> list[tuple[str, object, object]]:
    return [(item.path, item.before, item.after) for item in repository.changes(before, after, *folders)]


def _gits(repository: Repository, before: str, after: str, *folders: str) -> list[tuple[str, object, object]]:
    command = ("git", "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", before, after, "--", *folders)
    parts = call(*command, cwd=repository.path).stdout.decode(errors="surrogateescape").split("\0")[:-1]
    rows: list[tuple[str, object, object]] = []
    for head, path in zip(parts[::2], parts[1::2], strict=True):
        old_mode, new_mode, old, new, _ = head.removeprefix(":").split()
        before_, after_ = (
            None if set(oid) == {"0"} else (mode, oid) for mode, oid in ((old_mode, old), (new_mode, new))
        )
        rows.append((path, before_, after_))
    return sorted(rows, key=lambda row: row[0])


def test_two_clones_that_push_at_once_lose_nothing(tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    Repository.init(remote, bare=True).close()
    wrong: list[BaseException] = []

    def work(name: str) -> None:
        try:
            with Repository.mirror(str(remote), tmp_path / name) as repository:
                for number in range(6):
                    _append(repository, f"{name}/{number}")
        except BaseException as error:  # noqa: BLE001 -- shown by the assertion below
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    with Repository(remote) as repository:
        head = repository.resolve("main") or ""
        assert len(repository.files(head)) == 18
        assert len(repository.first_parents(head)) == 18
    assert call("git", "fsck", "--full", "--strict", cwd=remote).returncode == 0


def _append(repository: Repository, path: str) -> None:
    while True:
        there = repository.fetch("origin", "main")["main"]
        made = repository.write(there, {path: b"x"}, message=path, author=AUTHOR, at=AT)
        if repository.push("origin", "main", made, old=there) is PushOutcome.DONE:
            return
