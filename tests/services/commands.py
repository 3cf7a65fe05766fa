"""What tests type: `conductor`, in this process, and `git` in a folder."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from compiler.cli import app

_SETTINGS = {
    "user.name": "Somebody",
    "user.email": "somebody@example.org",
    "commit.gpgsign": "false",
    "core.autocrlf": "false",
}


class Ran(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def conductor(*arguments: str | Path) -> Ran:
    """Run the command line."""
    out, err = io.StringIO(), io.StringIO()
    code: str | int | None = None
    with redirect_stdout(out), redirect_stderr(err):
        try:
            app.run([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = ended.code
    assert code is None or isinstance(code, int)
    return Ran(code or 0, out.getvalue(), err.getvalue())


def git(folder: Path, *arguments: str | os.PathLike[str]) -> str:
    """Run git as somebody; returns what it says, and fails where it fails."""
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    command = ["git", "-C", folder, *settings, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


_ADDRESSES = 3_000_000 * 1024
"""Bytes of address space that do for everything but a wasm: an engine reserves more for each memory."""
_LIMITED = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_{kind}, ({size}, {size})); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


def limited(
    *command: str | Path, environment: Mapping[str, str] | None = None, limit: tuple[str, int] = ("AS", _ADDRESSES)
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that may not have more addresses (or `DATA`: memory)."""
    kind, size = limit
    return subprocess.run(
        [sys.executable, "-c", _LIMITED.format(kind=kind, size=size), *map(str, command)],
        env=environment and dict(environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
