"""policy.wasm -> somebody to ask `conductor/deny`, in a process of its own that gets ready while the tree is read.

Loading wasm takes as long as reading a thousand files, and neither needs the other, so on two cores they go side by
side. Rules kept: the answers are those of `runtime.policy.engine`, which this process runs as well where the other one
fails; the other process sees the wasm and the questions, ends with its input, and writes nothing but answers.

`python -m compiler.aside` is that process: lines of JSON in (the wasm in base64, then batches), one line of JSON out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Self, TypeAlias

from runtime.contract.policy_input import DenyInput
from runtime.policy.engine import Denial, Policy, PolicyError

Deny: TypeAlias = Callable[[bytes, Iterable[DenyInput]], list[Denial]]
"""wasm x batches of resources -> what its rules hold against them, sorted; raises PolicyError."""

END_SECONDS = 10


def deny_here(wasm: bytes, batches: Iterable[DenyInput]) -> list[Denial]:
    """Ask in this process."""
    policy = Policy.load(wasm)
    return sorted({denial for batch in batches for denial in policy.deny(batch)})


class Aside:
    """A process that loads the wasm from the moment this is made. Use as a context manager."""

    def __init__(self, wasm: bytes | None) -> None:
        self._wasm = wasm
        self.process: subprocess.Popen[bytes] | None = None
        self._given: Thread | None = None
        if wasm is None:
            return
        with suppress(OSError):
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "compiler.aside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            # more than a pipe holds: it is given while this process goes on
            self._given = Thread(target=self._give, args=(wasm,), daemon=True)
            self._given.start()

    def _give(self, wasm: bytes) -> None:
        with suppress(OSError, ValueError):
            self._write(b64encode(wasm).decode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        if self.process is None:
            return
        if self._given is not None:
            self._given.join(END_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self.process.wait(END_SECONDS)

    def stop(self) -> None:
        """End the other process."""
        if self.process is not None:
            self.process.kill()

    def deny(self, wasm: bytes, batches: Iterable[DenyInput]) -> list[Denial]:
        """Ask the other process; this one, if the other has failed or has loaded something else."""
        asked = []
        try:
            if self.process is None or self.process.stdout is None or self._given is None or wasm != self._wasm:
                return deny_here(wasm, batches)
            self._given.join()
            for batch in batches:
                asked.append(batch)
                self._write(batch)
            self._write(None)
            answer = json.loads(self.process.stdout.readline())
        except (OSError, ValueError):
            return deny_here(wasm, [*asked, *batches])
        if "error" in answer:
            raise PolicyError(answer["error"], help=answer["help"])
        return [Denial(*item) for item in answer["denials"]]

    def _write(self, value: object) -> None:
        if self.process is None or self.process.stdin is None:
            raise OSError("the process takes no input")
        self.process.stdin.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        self.process.stdin.flush()


def main() -> None:
    """Load the wasm, answer the batches that come, and end."""
    lines = sys.stdin.buffer
    try:
        policy = Policy.load(b64decode(json.loads(lines.readline())))
        found: set[Denial] = set()
        while (batch := json.loads(lines.readline() or b"null")) is not None:
            found.update(policy.deny(batch))
        answer: dict[str, object] = {"denials": sorted(found)}
    except PolicyError as error:
        answer = {"error": error.message, "help": error.help}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
