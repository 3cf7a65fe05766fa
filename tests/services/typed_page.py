"""A page of `docs/` -> what it has its reader type, and a shell that types it word for word."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.services.own_history import ROOT

SECONDS = 1200
"""Twice what a page may take by the tests that measure it: they say so before this does."""


def blocks(page: str, language: str = "sh") -> list[str]:
    """Every block of a language, in order."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", page)


def read(path: str) -> str:
    """A page; every block of it is one that somebody types."""
    text = (ROOT / "docs" / path).read_text()
    languages = set(re.findall(r"(?m)^```(\w+)$", text))
    assert languages <= {"sh", "sql"}, f"{path} has a block that is not typed: {languages}"
    return text


def typed(script: str, folder: Path, environment: Mapping[str, str], **who: Any) -> str:
    """Type it, in a shell that stops where a command fails; what it printed. `who`: by whom, as
    `subprocess` has it."""
    # that nothing is lost at the end of a pipe or of an `export`, each line is the shell's own, as on the page
    ran: subprocess.CompletedProcess[str] = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        **who,
    )
    assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    return ran.stdout


def first_day(home: Path, *programs: Path) -> dict[str, str]:
    """A person's first day: nothing but a home, and where packages come from; and programs that are installed."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG"} or name.startswith("PIP_")}
    path = os.pathsep.join((*map(str, programs), "/usr/local/bin", "/usr/bin", "/bin"))
    return {**kept, "HOME": str(home), "PATH": path}
