"""The reference implementation of age: a second program to read what the agent has encrypted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.services.go_tools import built

VERSION = "1.2.1"


def age() -> Path:
    """Find `age` of the pinned version in the cache, or build it."""
    return _program("age")


def age_keygen() -> Path:
    """The same of `age-keygen`."""
    return _program("age-keygen")


def _program(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conductor" / "tools"
    return built(f"filippo.io/age/cmd/{name}@v{VERSION}", cache / f"age-{VERSION}" / name, fits=_fits)


def _fits(path: Path) -> bool:
    if not path.is_file():
        return False
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    return said.strip().removeprefix("v") == VERSION
