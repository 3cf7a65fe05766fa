"""The real promtool, from Debian's `prometheus` package: unpacked once, outside the checkout, and not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGE = "prometheus"
SECONDS = 300


def promtool() -> Path:
    """Find promtool, or fetch it."""
    on_path = shutil.which("promtool")
    if on_path is not None:
        return Path(on_path)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    goal = cache / "conductor" / "tools" / "promtool"
    if not goal.is_file():
        goal.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=goal.parent, prefix="promtool-") as scratch:
            _fetched(Path(scratch)).replace(goal)
    return goal


def _fetched(scratch: Path) -> Path:
    def run(*command: str, check: bool = True) -> int:
        return subprocess.run(command, cwd=scratch, check=check, timeout=SECONDS, capture_output=True).returncode

    if run("apt-get", "download", PACKAGE, check=False) != 0:
        # a fresh machine has no lists of packages yet, and an ordinary user may not write the machine's
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
        own = ("-o", f"Dir::State::lists={scratch}/lists", "-o", f"Dir::Cache={scratch}/cache")
        run(
            "apt-get", *own, "update", check=False
        )  # a hook that tidies the machine's own cache may not; lists are there
        run("apt-get", *own, "download", PACKAGE)
    (package,) = scratch.glob(f"{PACKAGE}_*.deb")
    run("dpkg-deb", "-x", str(package), "unpacked")
    return scratch / "unpacked" / "usr" / "bin" / "promtool"
