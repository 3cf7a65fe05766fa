"""Commands -> wall seconds and peak memory, interleaved: A B C A B C ..., so that a drifting machine hits all alike."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import launched

RUNS = 5


def installed() -> dict[str, str]:
    """The environment of those measured, as it is now: modules are compiled once, by the installer or the warm-up."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Contender:
    """A whole process: `prepare` is called before each run, outside the clock; `{run}` in `command` is its number."""

    name: str
    command: Sequence[str]
    cwd: Path
    prepare: Callable[[], None] = lambda: None
    expect: frozenset[int] = frozenset({0})
    environment: dict[str, str] = field(default_factory=dict)
    most: int | None = None
    """Counted runs; of what takes long, fewer than of the others."""


@dataclass(frozen=True)
class Measured:
    """Wall seconds of each counted run, and the largest resident set of one process, in MiB."""

    name: str
    seconds: tuple[float, ...]
    mebibytes: float

    @property
    def median(self) -> float:
        """Median wall seconds."""
        return statistics.median(self.seconds)

    @property
    def time(self) -> str:
        """The seconds alone."""
        few = f", {len(self.seconds)} runs" if len(self.seconds) < RUNS else ""
        return f"{self.median:.2f} s ({min(self.seconds):.2f}-{max(self.seconds):.2f}{few})"

    def __str__(self) -> str:
        return f"{self.time}, {self.mebibytes:.0f} MiB"


def interleave(contenders: Sequence[Contender], *, runs: int = RUNS, warm_up: int = 1) -> list[Measured]:
    """Run all in turn, `warm_up` rounds uncounted; raises RuntimeError if one ends with an unexpected code."""
    seconds: dict[str, list[float]] = {item.name: [] for item in contenders}
    memory: dict[str, float] = {item.name: 0.0 for item in contenders}
    for round_number in range(warm_up + runs):
        for item in contenders:
            if item.most is not None and round_number >= warm_up + item.most:
                continue
            took, mebibytes = _once(item, round_number)
            if round_number >= warm_up:
                seconds[item.name].append(took)
                memory[item.name] = max(memory[item.name], mebibytes)
    return [Measured(item.name, tuple(seconds[item.name]), memory[item.name]) for item in contenders]


def _once(item: Contender, run: int) -> tuple[float, float]:
    item.prepare()
    command = [part.replace("{run}", str(run)) for part in item.command]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as report:
        subprocess.run(
            [sys.executable, "-IS", launched.__file__, str(report.fileno()), *command],
            cwd=item.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**installed(), **item.environment},
            pass_fds=[report.fileno()],
            check=True,
        )
        report.seek(0)
        took, mebibytes, code = json.load(report)
        if code not in item.expect:
            output.seek(0)
            tail = output.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"{item.name} ended with {code}:\n{tail}")
    return took, mebibytes


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder in a file system in memory (where there is none: among the temporary files), removed at the end.

    A disk's file system says more about itself than about who writes: an ext4 without a journal looks for minutes at
    every file that was deleted before it makes a new one, and 5,000 files then take two seconds instead of a tenth.
    """
    place = Path("/dev/shm")  # noqa: S108 -- the folder made in it is nobody else's
    folder = Path(tempfile.mkdtemp(prefix="conductor-bench-", dir=place if os.access(place, os.W_OK) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def machine() -> str:
    """One line about where this ran."""
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{os.cpu_count()} cores, load {load}, {os.uname().sysname} {os.uname().release}"
