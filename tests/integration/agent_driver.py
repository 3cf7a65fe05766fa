"""A process that runs agents: reads one JSON job a line, forks an agent for each, and says what became of it.

An agent is the real one (`compiler.cli.agent.world_of`, `runtime.agent.loop.once`); what the driver adds is `at`: it
writes every step down, and kills (SIGKILL) or stops (SIGSTOP) its own process at the step that the job names. Forked
from here, an agent starts in milliseconds. Jobs: start, wait, continue.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import opapywasm  # noqa: F401 -- what an agent would load later is loaded before the fork

from compiler.cli.agent import world_of
from runtime.agent.loop import once
from runtime.agent.telling import entry_line
from runtime.contract.errors import ConductorError


def main() -> None:
    """Serve until stdin ends."""
    for line in sys.stdin:
        job = json.loads(line)
        match job["do"]:
            case "start":
                answer = {"pid": start(job)}
            case "wait":
                answer = wait(job["pid"])
            case "continue":
                os.kill(job["pid"], signal.SIGCONT)
                answer = {}
            case other:
                raise ValueError(other)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def start(job: dict[str, Any]) -> int:
    """Fork an agent."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.environ.update(job["environment"])
        answer = act(job)
        Path(job["answer"]).write_text(json.dumps(answer))
        code = 0
    except BaseException:  # noqa: BLE001 -- nothing may come back into the driver's loop
        traceback.print_exc()
    finally:
        os._exit(code)


def act(job: dict[str, Any]) -> dict[str, Any]:
    """One call of `once`."""
    with (
        Path(job["steps"]).open("a") as steps,
        world_of(
            Path(job["repo"]), Path(job["key"]), job.get("agent"), remote="origin", branch="main", trust_root=None
        ) as (world, known),
    ):
        try:
            ahead = timedelta(seconds=job["ahead"])
            watched = replace(
                world, at=watcher(job, steps.write, steps.flush), clock=lambda: datetime.now(tz=UTC) + ahead
            )
            outcome = once(watched, known=known, patient=job.get("patient", False))
        except ConductorError as error:
            return {"error": type(error).__name__, "message": error.message, "entries": []}
    return {
        "error": None,
        "entries": [entry_line(entry) for entry in outcome.entries],
        "failed": outcome.failed,
        "problems": list(outcome.problems),
        "away": list(outcome.away),
    }


def watcher(job: dict[str, Any], write: Callable[[str], int], flush: Callable[[], None]) -> Callable[[str], None]:
    """Count steps, and end or stop at the one that the job names (by number, or by how its name begins)."""
    passed = 0

    def at(step: str) -> None:
        nonlocal passed
        passed += 1
        write(f"{step}\n")
        flush()
        if job.get("kill_at") == passed:
            os.kill(os.getpid(), signal.SIGKILL)
        if job.get("stop_at") == passed:
            os.kill(os.getpid(), signal.SIGSTOP)

    return at


def wait(pid: int) -> dict[str, Any]:
    """Wait until an agent has ended or stopped."""
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"state": "stopped"}
    if os.WIFSIGNALED(status):
        return {"state": "killed", "signal": os.WTERMSIG(status)}
    return {"state": "ended", "code": os.WEXITSTATUS(status)}


if __name__ == "__main__":
    main()
