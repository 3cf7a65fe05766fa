"""Go module -> the tool it builds, made from source once and kept outside the checkout.

Rule kept: whatever lies in the cache is used only if it says that it is the pinned version.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

BUILD_SECONDS = 1200


def built(module: str, goal: Path, *, fits: Callable[[Path], bool]) -> Path:
    """Build `module` so that it lies at `goal`, unless what lies there fits."""
    tools = goal.parent.parent
    tools.mkdir(parents=True, exist_ok=True)
    with (
        (tools / f".{goal.name}.lock").open("w") as lock,
        tempfile.TemporaryDirectory(dir=tools, prefix=f"{goal.name}-") as scratch,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds, the others wait and find it
        if fits(goal):
            return goal
        subprocess.run(
            ["go", "install", module],
            env=os.environ | {"CGO_ENABLED": "0", "GOBIN": scratch},
            check=True,
            timeout=BUILD_SECONDS,
        )
        made = Path(scratch) / goal.name
        assert fits(made)
        goal.parent.mkdir(exist_ok=True)
        for own in (made, goal.parent, tools, tools.parent):
            own.chmod(0o755)  # whatever the umask: what others may write is not started
        made.replace(goal)
    return goal
