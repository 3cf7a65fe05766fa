"""Agents as processes: start one on an installation, wait until it has ended, been killed or stopped, and let it go on.

One driver process (tests/integration/agent_driver.py) forks them all.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.services.real_installation import RealInstallation

_DRIVER = Path(__file__).resolve().parent.parent / "integration" / "agent_driver.py"
_numbers = itertools.count(1)


@dataclass
class Run:
    """One agent that was started."""

    pid: int
    folder: Path
    number: int
    state: str = "running"

    @property
    def steps(self) -> list[str]:
        """The steps that it passed, the one at which it was killed or stopped included."""
        path = self.folder / f"steps-{self.number}"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def answer(self) -> dict[str, Any]:
        """What `once` came to."""
        value: dict[str, Any] = json.loads((self.folder / f"answer-{self.number}").read_text())
        return value


class Agents:
    """The driver. Use as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(_DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._stopped: set[int] = set()
        return self

    def __exit__(self, *exc: object) -> None:
        for pid in self._stopped:
            self._tell({"do": "continue", "pid": pid})
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        self._process.wait(30)
        stdout.close()

    def start(
        self,
        where: RealInstallation,
        *,
        clone: Path | None = None,
        kill_at: int | None = None,
        stop_at: int | None = None,
        environment: dict[str, str] | None = None,
        patient: bool = False,
    ) -> Run:
        """Start an agent."""
        number = next(_numbers)
        answer = self._tell(
            {
                "do": "start",
                "repo": str(clone or where.agent_clone),
                "key": str(where.folder / "agent.key"),
                "environment": {**where.environment, **(environment or {})},
                "steps": str(where.folder / f"steps-{number}"),
                "answer": str(where.folder / f"answer-{number}"),
                "kill_at": kill_at,
                "stop_at": stop_at,
                "patient": patient,
                "ahead": where.ahead.total_seconds(),
            }
        )
        return Run(answer["pid"], where.folder, number)

    def wait(self, run: Run) -> Run:
        """Wait until it has ended, been killed or stopped."""
        answer = self._tell({"do": "wait", "pid": run.pid})
        run.state = answer["state"]
        if run.state == "stopped":
            self._stopped.add(run.pid)
        else:
            self._stopped.discard(run.pid)
        assert run.state != "killed" or answer["signal"] == signal.SIGKILL
        assert run.state != "ended" or answer["code"] == 0, "the agent crashed: see stderr"
        return run

    def resume(self, run: Run) -> Run:
        """Let a stopped agent go on, and wait for it."""
        self._tell({"do": "continue", "pid": run.pid})
        return self.wait(run)

    def once(self, where: RealInstallation, **how: Any) -> Run:
        """Start one and wait for it."""
        return self.wait(self.start(where, **how))

    def again(self, where: RealInstallation, **how: Any) -> Run:
        """Start one after another that was killed: the server may take a moment to see that the lock is free."""
        deadline = time.monotonic() + 20
        while True:
            run = self.once(where, **how)
            if run.state != "ended" or run.answer["error"] != "BusyError":
                return run
            assert time.monotonic() < deadline, run.answer

    def _tell(self, job: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline())
        return answer
