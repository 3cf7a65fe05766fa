"""Files and commits -> which signatures hold, worked out on another core while this process reads on.

A forked child goes through them in the order in which they will be asked for, and reports each that holds; whoever asks
earlier, or finds the child gone, verifies for itself. So the child only ever saves time: it never says that a signature
does not hold, and what it says that holds it has verified by the same functions.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self

from runtime.contract.canonical import sha256
from runtime.contract.envelope import decode_envelope
from runtime.contract.errors import FormatError
from runtime.git.interface import Commit
from runtime.signing import sshsig
from runtime.signing.envelopes import hold, verified_by
from runtime.signing.keys import LINE, fingerprint

ENOUGH = 512
"""Fewer signatures than this are verified sooner than a child starts."""
_KEY = re.compile(LINE.encode())
_CHUNK = 64


class Ahead:
    """A child at work. `files` are envelopes as bytes, `keys` the public lines that may have made them."""

    def __init__(self, files: Sequence[bytes], commits: Sequence[Commit], keys: Mapping[str, str]) -> None:
        self._signers: dict[str, str] = {}
        self._pending = b""
        self._child = 0
        self._pipe = -1
        if len(files) + len(commits) >= ENOUGH and _cores() > 1:
            self._start(files, commits, keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._child:
            os.close(self._pipe)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._child = 0

    def signer(self, commit: Commit) -> str | None:
        """Return the fingerprint of the key that signed a commit, None if none did."""
        known = self._signers.get(commit.oid)
        if known is not None:
            return known
        return None if commit.signature is None else sshsig.verify(commit.signature, commit.signed)

    def catch_up(self) -> None:
        """Take in what the child has found out by now."""
        if not self._child:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._pipe, 65536):
                self._pending += data
        *lines, self._pending = self._pending.split(b"\n")
        hold(line.decode() for line in lines if line and b" " not in line)
        self._signers.update(tuple(line.decode().split(" ")) for line in lines if b" " in line)  # type: ignore[misc]  # pairs

    def _start(self, files: Sequence[bytes], commits: Sequence[Commit], keys: Mapping[str, str]) -> None:
        receive, send = os.pipe()
        child = os.fork()
        if child:
            os.close(send)
            os.set_blocking(receive, False)
            self._child, self._pipe = child, receive
            return
        # in the child: nothing of the parent's may run here, not even its clean-up
        with contextlib.suppress(BaseException):
            os.close(receive)
            for text in _chunks(_held(files, commits, keys)):
                os.write(send, text)
        os._exit(0)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keys_in(texts: Iterable[bytes]) -> dict[str, str]:
    """Return every OpenSSH public line that stands in some texts, by fingerprint: candidates, no more."""
    found: dict[str, str] = {}
    for line in {match.decode() for text in texts for match in _KEY.findall(text)}:
        with contextlib.suppress(FormatError):
            found[fingerprint(line)] = line
    return found


def _held(files: Sequence[bytes], commits: Sequence[Commit], keys: Mapping[str, str]) -> Iterator[str]:
    """In step with history: about as many files come to a commit as there are more of them."""
    share = max(1, -(-len(files) // max(1, len(commits))))
    for number in range(max(len(commits), -(-len(files) // share))):
        if number < len(commits) and (armoured := commits[number].signature) is not None:
            by = sshsig.verify(armoured, commits[number].signed)
            if by is not None:
                yield f"{commits[number].oid} {by}\n"
        for data in files[number * share : (number + 1) * share]:
            with contextlib.suppress(FormatError):
                if verified_by(decode_envelope(data), keys) is not None:
                    yield f"{sha256(data)}\n"


def _chunks(lines: Iterator[str]) -> Iterator[bytes]:
    chunk: list[str] = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == _CHUNK:
            yield "".join(chunk).encode()
            chunk = []
    yield "".join(chunk).encode()
