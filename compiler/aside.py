"""policy.wasm -> somebody to ask, in a process of its own that gets ready while the tree is read.

Loading wasm takes as long as reading a thousand files, and neither needs the other, so on two cores they go side by
side. Rules kept: the answers are those of `runtime.policy.engine`, which this process runs as well where the other one
fails; the other process sees the wasm, its data and the questions, ends with its input, and writes nothing but answers.

`python -m compiler.aside` is that process. Lines of JSON in: the wasm in base64; then batches of resources, and null
after the last; `{"contents": ...}`, for all transitions that follow; `{"transition": ...}`; `{"data": ..., "asked":
[...]}` for what `conductor/allow` says. A line out for each null, each transition and each list of questions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from threading import Thread
from types import TracebackType
from typing import Self, TypeAlias

from runtime.contract.canonical import JSON
from runtime.contract.children import environment
from runtime.contract.errors import ConductorError, FormatError
from runtime.contract.policy_input import AllowInput, DenyInput, TransitionInput
from runtime.policy.engine import Denial, NoAnswerError, Policy, PolicyError, Refused

Allowed: TypeAlias = Callable[[bytes, Mapping[str, JSON], Sequence[AllowInput]], frozenset[int]]
"""wasm x data x questions -> which of them `conductor/allow` says yes to; raises PolicyError."""
Deny: TypeAlias = Callable[[bytes, Iterable[DenyInput]], list[Denial]]
"""wasm x batches of resources -> what its rules hold against them, sorted; raises PolicyError."""

END_SECONDS = 10
LOOK_SECONDS = 1.0
"""How often the other process looks whether somebody is still there to be answered."""


def deny_here(wasm: bytes, batches: Iterable[DenyInput]) -> list[Denial]:
    """Ask in this process."""
    policy = Policy.load(wasm)
    return sorted({denial for batch in batches for denial in policy.deny(batch)})


def allowed_here(wasm: bytes, data: Mapping[str, JSON], asked: Sequence[AllowInput]) -> frozenset[int]:
    """Ask in this process."""
    return Policy.load(wasm).with_data(data).allowed(asked)


class Aside:
    """A process that loads the wasm from the moment this is made. Use as a context manager."""

    def __init__(self, wasm: bytes | None) -> None:
        self._wasm = wasm
        self.process: subprocess.Popen[bytes] | None = None
        self._given: Thread | None = None
        self._contents: Mapping[str, str] = {}
        if wasm is None:
            return
        with suppress(OSError):
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "compiler.aside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
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

    def answers(self, wasm: bytes | None) -> bool:
        """Whether the other process is there, and of this wasm; where there is none, none is needed."""
        return wasm == self._wasm and (wasm is None or (self.process is not None and self.process.poll() is None))

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

    def allowed(self, wasm: bytes, data: Mapping[str, JSON], asked: Sequence[AllowInput]) -> frozenset[int]:
        """Ask the other process; this one, if the other has failed or has loaded something else."""
        try:
            if self.process is None or self.process.stdout is None or self._given is None or wasm != self._wasm:
                return allowed_here(wasm, data, asked)
            self._given.join()
            self._write({"data": data, "asked": asked})
            return frozenset(json.loads(self.process.stdout.readline())["allowed"])
        except (OSError, ValueError, KeyError):
            return allowed_here(wasm, data, asked)

    def policies(self, wasm: bytes, contents: Mapping[str, str]) -> Policy:
        """Return what `Policy.of` does; its transitions are asked in the other process if that has the same wasm."""
        if self.process is None or wasm != self._wasm:
            return Policy.of(wasm, contents)
        return _Elsewhere(self, wasm, contents)

    def transition(self, contents: Mapping[str, str], asked: TransitionInput) -> list[Refused]:
        """Ask the other process; raises OSError, ValueError or KeyError where it has no answer."""
        if self.process is None or self.process.stdout is None or self._given is None:
            raise OSError("there is no other process")
        self._given.join()
        if contents is not self._contents:
            self._write({"contents": {path: text for path, text in contents.items() if path.startswith("policy/")}})
            self._contents = contents
        self._write({"transition": asked})
        return [Refused(*item) for item in json.loads(self.process.stdout.readline())["refused"]]

    def _write(self, value: object) -> None:
        if self.process is None or self.process.stdin is None:
            raise OSError("the process takes no input")
        self.process.stdin.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
        self.process.stdin.flush()


class _Elsewhere(Policy):
    """A policy whose transitions are asked in the other process; all else, and what fails there, here."""

    def __init__(self, aside: Aside, wasm: bytes, contents: Mapping[str, str]) -> None:
        self._aside = aside
        self._wasm = wasm
        self._contents = contents

    @cached_property
    def _here(self) -> Policy:
        return Policy.of(self._wasm, self._contents)

    @property
    def sha256(self) -> str:
        return self._here.sha256

    def with_data(self, data: Mapping[str, JSON]) -> Policy:  # type: ignore[override]  # one that is asked here
        return self._here.with_data(data)

    def transition(self, asked: TransitionInput) -> list[Refused]:
        try:
            return self._aside.transition(self._contents, asked)
        except (OSError, ValueError, KeyError):
            pass
        try:
            return self._here.transition(asked)
        except NoAnswerError:
            raise
        except ConductorError as error:
            return [Refused("", "", "policy-answers", error.message)]

    def allow(self, asked: AllowInput) -> bool:
        return self._here.allow(asked)

    def allowed(self, asked: Sequence[AllowInput]) -> frozenset[int]:
        return self._here.allowed(asked)

    def results(self, entrypoint: str, asked: object) -> list[JSON]:
        return self._here.results(entrypoint, asked)


def main() -> None:
    """Load the wasm, answer what is asked, and end."""
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    lines = sys.stdin.buffer
    try:
        wasm = b64decode(json.loads(lines.readline()))
        policy = with_data = Policy.load(wasm)
    except NoAnswerError:
        return  # whoever asks may do better
    except PolicyError as error:
        _answer({"error": error.message, "help": error.help})
        return
    found: set[Denial] = set()
    wrong: PolicyError | None = None
    while line := lines.readline():
        match json.loads(line):
            case None:
                _answer({"denials": sorted(found)} if wrong is None else {"error": wrong.message, "help": wrong.help})
                found, wrong = set(), None
            case {"contents": contents}:
                with_data = Policy.of(wasm, contents)
            case {"transition": asked}:
                _answer({"refused": with_data.transition(asked)})
            case {"data": data, "asked": asked}:
                try:
                    _answer({"allowed": sorted(policy.with_data(data).allowed(asked))})
                except (PolicyError, FormatError):
                    _answer({})  # whoever asks may do better, and else finds out why
            case batch if wrong is None:  # else there is nothing more to say, and asking may take long
                try:
                    found.update(policy.deny(batch))
                except PolicyError as error:
                    wrong = error


def _end_with(asking: int) -> None:
    """End when the process that asks has ended, whatever this one is busy with."""
    while os.getppid() == asking:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
