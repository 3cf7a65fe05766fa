"""Public key file x ssh-agent -> PrivateKey that signs there; any other key file -> PrivateKey as ever.

The protocol is draft-ietf-sshm-ssh-agent, which OpenSSH's ssh-agent speaks; two of its messages are needed: which keys
there are, and a signature by one. The libraries that have it (paramiko, asyncssh) bring all of SSH along.

Rules kept: the private half never comes here; what the agent answers is read with a limit and a time limit, and a
signature of its is used only if it verifies; nothing is asked of a socket that nobody named.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.contract.errors import EnvironmentFailedError, FormatError, UsageError
from runtime.signing.keys import ECDSA_P256, KINDS, Passphrase, PrivateKey, PublicKey, load_private, lowest
from runtime.signing.sshsig import from_wire

_FAILURE, _LIST, _LISTED, _SIGN, _SIGNED = 5, 11, 12, 13, 14
_MAX_ANSWER = 256 * 1024
_MAX_LINE = 16 * 1024
_ANSWERS_WITHIN = 10.0
_TOUCHED_WITHIN = 120.0
"""A person has to find the hardware key first."""


def open_key(
    path: Path, passphrase: Passphrase | None = None, environment: Mapping[str, str] = os.environ
) -> PrivateKey:
    """Open a private key file, or, for a public one, the private half that the ssh-agent has; raises UsageError,
    EnvironmentFailedError."""
    public = _public(path)
    place = environment.get("SSH_AUTH_SOCK")
    if public is None or not place:
        return load_private(path, passphrase)
    agent = SshAgent(place)
    if public.blob not in agent.held():
        raise UsageError(
            f"the ssh-agent does not hold the private key for {path}, {public.fingerprint}",
            help="`ssh-add FILE` adds one, and `ssh-add -l` lists those it has; or name the private key file",
        )
    return PrivateKey(public, _Held(agent, public))


@dataclass(frozen=True)
class SshAgent:
    """The agent that listens on a Unix socket."""

    place: str

    def held(self) -> frozenset[bytes]:
        """The public keys that it signs for, in SSH's wire format."""
        answer = _Answer(self._ask(bytes([_LIST]), _LISTED, within=_ANSWERS_WITHIN))
        count = answer.number()
        found = set()
        for _ in range(count):
            found.add(answer.string())
            answer.string()
        return frozenset(found)

    def sign(self, key: PublicKey, data: bytes) -> bytes:
        """The signature by a key over `data`, as the agent writes it."""
        request = bytes([_SIGN]) + _string(key.blob) + _string(data) + struct.pack(">I", 0)
        return _Answer(self._ask(request, _SIGNED, within=_TOUCHED_WITHIN)).string()

    def _ask(self, request: bytes, wanted: int, *, within: float) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                channel.settimeout(within)
                channel.connect(self.place)
                channel.sendall(_string(request))
                (length,) = struct.unpack(">I", _exactly(channel, 4))
                if not 1 <= length <= _MAX_ANSWER:
                    raise _broken(f"an answer of {length} bytes")
                answer = _exactly(channel, length)
        except OSError as error:
            raise EnvironmentFailedError(
                f"the ssh-agent at SSH_AUTH_SOCK does not answer: {error.strerror or error}",
                help="start one (`eval $(ssh-agent)`, `ssh-add FILE`), or name the private key file",
            ) from None
        if answer[0] == _FAILURE:
            raise EnvironmentFailedError(
                "the ssh-agent refused",
                help="unlock it (`ssh-add -X`), confirm when it asks, touch the key when it blinks",
            )
        if answer[0] != wanted:
            raise _broken(f"message {answer[0]}")
        return answer[1:]


@dataclass(frozen=True)
class _Held:
    agent: SshAgent
    key: PublicKey

    def sign(self, data: bytes) -> bytes:
        try:
            raw = from_wire(self.key, self.agent.sign(self.key, data))
            signature = lowest(raw) if self.key.algorithm == ECDSA_P256 else raw
        except (FormatError, ValueError):
            raise _broken("a signature of another form") from None
        if not self.key.verify(signature, data, one=True):
            raise EnvironmentFailedError(
                f"the ssh-agent's signature does not hold for {self.key.fingerprint}",
                help="a hardware key must be touched: one made with `-O no-touch-required` counts nowhere here",
            )
        return signature


class _Answer:
    """Reads an answer."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self) -> int:
        value: int = struct.unpack(">I", self._take(4))[0]
        return value

    def string(self) -> bytes:
        return self._take(self.number())

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise _broken("an answer that is cut off")
        part, self._at = self._data[self._at : end], end
        return part


def _public(path: Path) -> PublicKey | None:
    """The public key that a file holds; None if it holds something else, or cannot be read."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_LINE).decode()
    except (OSError, UnicodeDecodeError):
        return None
    if not text.startswith(tuple(f"{kind} " for kind in KINDS)):
        return None
    try:
        return PublicKey.parse(text)
    except FormatError as error:
        raise UsageError(f"{path}: {error.message}", help=error.help) from None


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = channel.recv(count - len(data))
        if not part:
            raise ConnectionResetError("it hung up")
        data += part
    return data


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _broken(what: str) -> EnvironmentFailedError:
    return EnvironmentFailedError(
        f"what listens at SSH_AUTH_SOCK gives {what}, as no ssh-agent does", help="name the private key file instead"
    )
