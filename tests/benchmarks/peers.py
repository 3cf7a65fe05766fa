"""The peers, as stock tools: built or installed from the package registries, cached outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CONFTEST = ("conftest", "0.71.1", "github.com/open-policy-agent/conftest@v0.71.1")
CUE = ("cue", "0.17.1", "cuelang.org/go/cmd/cue@v0.17.1")
KAPITAN = "0.36.3"


def cache() -> Path:
    """Where tools are kept between checkouts."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "conductor" / "tools"


def go_tool(tool: tuple[str, str, str]) -> Path:
    """Return the path of a Go tool, built on first use."""
    name, version, module = tool
    folder = cache() / f"{name}-{version}"
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(folder)}
        subprocess.run(["go", "install", module], check=True, env=environment, timeout=900)
    return path


def kapitan() -> Path:
    """Return the path of kapitan, in an environment of its own."""
    folder = cache() / f"kapitan-{KAPITAN}"
    path = folder / "bin" / "kapitan"
    if not path.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
        subprocess.run(
            [str(folder / "bin" / "pip"), "install", "--quiet", f"kapitan=={KAPITAN}"], check=True, timeout=600
        )
    return path
