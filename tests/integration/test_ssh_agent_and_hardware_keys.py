"""Stock OpenSSH: its ssh-agent signs for us, and its ssh-keygen verifies what a hardware key signs."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.contract.errors import EnvironmentFailedError, UsageError
from runtime.signing import sshsig
from runtime.signing.keys import PublicKey, load_private, write_keypair
from runtime.signing.ssh_agent import open_key
from runtime.testing.hardware_key import Authenticator
from tests.services.commands import conductor, git
from tests.services.own_history import started

pytestmark = pytest.mark.service


def call(
    *command: str | Path, stdin: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    known = {**os.environ, **(environment or {})}
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False, env=known)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """A stock ssh-agent; its socket."""
    place = tmp_path / "agent"
    running = subprocess.Popen(("ssh-agent", "-D", "-a", str(place)), stdout=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.readline()  # it says where it listens once it does
    yield place
    running.terminate()
    running.wait(30)
    running.stdout.close()


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_the_ssh_agent_signs_for_a_public_key_file(agent: Path, tmp_path: Path, kind: str) -> None:
    call("ssh-keygen", "-q", "-t", kind, "-b", "256", "-N", "", "-f", tmp_path / "key")
    environment = {"SSH_AUTH_SOCK": str(agent)}
    with pytest.raises(UsageError, match="does not hold the private key"):
        open_key(tmp_path / "key.pub", environment=environment)
    assert call("ssh-add", "-q", tmp_path / "key", environment=environment).returncode == 0
    public = load_private(tmp_path / "key").public
    (tmp_path / "key").unlink()
    key = open_key(tmp_path / "key.pub", environment=environment)
    assert key.public == public
    assert public.verify(key.sign(b"data"), b"data", one=True)
    assert sshsig.verify(sshsig.sign(b"data", key), b"data") == public.fingerprint


def test_without_an_agent_a_public_key_file_is_refused(tmp_path: Path) -> None:
    write_keypair(tmp_path / "key")
    with pytest.raises(UsageError, match="is a public key"):
        open_key(tmp_path / "key.pub", environment={})
    with pytest.raises(EnvironmentFailedError, match="does not answer"):
        open_key(tmp_path / "key.pub", environment={"SSH_AUTH_SOCK": str(tmp_path / "nobody")})


def test_a_person_approves_with_a_key_that_only_the_agent_has(
    agent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo, key = started(tmp_path), tmp_path / "keys" / "tomas-okafor"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
    assert call("ssh-add", "-q", key, environment={"SSH_AUTH_SOCK": str(agent)}).returncode == 0
    key.unlink()
    flag = repo / "flags" / "cost-panel.yaml"
    flag.write_text(flag.read_text().replace("reason: ", "reason: Again, "))
    git(repo, "commit", "--quiet", "--all", "--message=Say more")
    signed = ("--repo", repo, "--person", "tomas-okafor", "--key", f"{key}.pub", "--yes")
    assert conductor("approve", *signed).code == 0
    assert conductor("withdraw", *signed).code == 0


@contextmanager
def speaking(place: Path, answer: Callable[[bytes], bytes]) -> Iterator[dict[str, str]]:
    """Somebody at a socket who answers each request."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    channel, _ = listening.accept()
                except OSError:
                    return
                with channel:
                    channel.sendall(answer(channel.recv(65536)[4:]))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield {"SSH_AUTH_SOCK": str(place)}
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def framed(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body)) + body


def holding(key: PublicKey, sign: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """How an agent answers that has one key."""

    def answer(request: bytes) -> bytes:
        if request[0] == 11:
            return framed(bytes([12]), struct.pack(">I", 1), framed(key.blob), framed(b"a comment"))
        start = 1 + 4 + len(key.blob) + 4
        return framed(bytes([14]), framed(sign(request[start:-4])))

    return answer


def test_a_hardware_key_signs_through_an_agent_and_ssh_keygen_verifies_it(tmp_path: Path) -> None:
    token = Authenticator(bytes(range(32)))
    (tmp_path / "token.pub").write_text(f"{token.public.line} a token\n")
    by_token = holding(token.public, lambda data: sshsig.to_wire(token.public, token.sign(data)))
    with speaking(tmp_path / "socket", by_token) as environment:
        key = open_key(tmp_path / "token.pub", environment=environment)
        (tmp_path / "data.sig").write_text(sshsig.sign(b"data", key, namespace="file"))
    (tmp_path / "signers").write_text(f"mara {token.public.line}\n")
    verify = ("ssh-keygen", "-Y", "verify", "-f", tmp_path / "signers", "-I", "mara", "-n", "file")
    assert call(*verify, "-s", tmp_path / "data.sig", stdin=b"data").returncode == 0
    assert call(*verify, "-s", tmp_path / "data.sig", stdin=b"datA").returncode != 0
    listed = call("ssh-keygen", "-lf", tmp_path / "token.pub").stdout.decode()
    assert listed.split()[1] == token.public.fingerprint


def test_a_hardware_key_that_nobody_touched_is_refused_at_once(tmp_path: Path) -> None:
    token = Authenticator(bytes(32), flags=0)
    (tmp_path / "token.pub").write_text(token.public.line)
    untouched = holding(token.public, lambda data: sshsig.to_wire(token.public, token.sign(data)))
    with speaking(tmp_path / "socket", untouched) as environment:
        key = open_key(tmp_path / "token.pub", environment=environment)
        with pytest.raises(EnvironmentFailedError, match="does not hold") as caught:
            key.sign(b"data")
    assert "must be touched" in str(caught.value.help)


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xff\xff\xff",
        struct.pack(">I", 0),
        framed(bytes([99])),
        framed(bytes([12]), struct.pack(">I", 7)),
        framed(bytes([12]), b"\0"),
        framed(bytes([5])),
        b"\0",
        b"",
    ],
)
def test_what_speaks_another_language_at_the_socket_is_an_error_that_says_so(tmp_path: Path, answer: bytes) -> None:
    write_keypair(tmp_path / "key")
    with speaking(tmp_path / "socket", lambda _: answer) as environment, pytest.raises(EnvironmentFailedError):
        open_key(tmp_path / "key.pub", environment=environment)


@pytest.mark.parametrize("signature", [b"", b"\0\0\0\x0bssh-ed25519\0\0\0\x40" + bytes(64), b"\0\0\0\x03rsa\0\0\0\0"])
def test_a_signature_that_does_not_hold_is_never_used(tmp_path: Path, signature: bytes) -> None:
    public = write_keypair(tmp_path / "key").public
    with speaking(tmp_path / "socket", holding(public, lambda _: signature)) as environment:
        key = open_key(tmp_path / "key.pub", environment=environment)
        with pytest.raises(EnvironmentFailedError):
            key.sign(b"data")


def test_a_locked_key_is_opened_by_reference_and_the_variable_is_gone_afterwards(
    own_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = own_repository.parent / "keys" / "mara-lindqvist"
    call("ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", key)
    monkeypatch.setenv("SESAME", "open sesame")
    signing = ("genesis", "--repo", own_repository, "--person", "mara-lindqvist", "--key", key)
    assert conductor(*signing).code == 2
    assert conductor(*signing, "--passphrase", "env:SESAME").code == 0
    assert "SESAME" not in os.environ
    missing = conductor(*signing, "--passphrase", "env:SESAME")
    assert (missing.code, "SESAME is not set" in missing.err) == (3, True)
