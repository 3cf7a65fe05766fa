"""The real OPA of the pinned version: found, or built from source once and kept outside the checkout.

Rule kept: whatever lies in the cache is used only if it says that it is the pinned version.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

from compiler.opa import Opa, cached, version_of
from compiler.rego import OPA_VERSION
from runtime.contract.errors import EnvironmentFailedError

MODULE = f"github.com/open-policy-agent/opa@v{OPA_VERSION}"
BUILD_SECONDS = 1200


def opa() -> Opa:
    """Find OPA, or build it."""
    try:
        return Opa.find()
    except EnvironmentFailedError:
        return Opa(_build())


def _build() -> Path:
    goal = cached()
    tools = goal.parent.parent
    tools.mkdir(parents=True, exist_ok=True)
    with (tools / ".opa.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=tools, prefix="opa-") as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds, the others wait and find it
        if version_of(goal) == OPA_VERSION:
            return goal
        subprocess.run(
            ["go", "install", MODULE],
            env=os.environ | {"CGO_ENABLED": "0", "GOBIN": scratch},
            check=True,
            timeout=BUILD_SECONDS,
        )
        built = Path(scratch) / "opa"
        assert version_of(built) == OPA_VERSION
        goal.parent.mkdir(exist_ok=True)
        built.replace(goal)
    return goal
