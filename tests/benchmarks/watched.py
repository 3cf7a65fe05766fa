"""A tree that `check --watch` looks at -> seconds from saving a file to the answer."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.timing import installed


def round_seconds(command: Sequence[str], file: Path, texts: Sequence[str]) -> float:
    """Median of the rounds that each of these texts gives."""
    taken = []
    new = file.parents[2] / "new"  # outside the tree
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=installed()) as process:
        if process.stdout is None:
            raise RuntimeError("there is nothing to read from")
        try:
            process.stdout.readline()
            for text in texts:
                new.write_text(text)
                begun = time.perf_counter()
                new.replace(file)  # as editors do: it is never seen half written
                line = process.stdout.readline()
                taken.append(time.perf_counter() - begun)
                if json.loads(line).get("findings") != []:
                    raise RuntimeError(f"{' '.join(command)} says {line[:2000]!r}")
        finally:
            process.kill()
    return statistics.median(taken)
