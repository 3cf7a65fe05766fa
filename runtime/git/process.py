"""Argument list -> plain git -> its output: the one place that starts git.

Rules kept: git has none of the caller's variables but those that it needs (`runtime.contract.children`): others hold
secrets, or redirect git to other repositories, objects and configurations; no hooks, replacement objects, grafts,
commit-graph, lazy fetches, prompts, background maintenance; a time limit ends git and everything it started.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from runtime.contract import children
from runtime.contract.errors import EnvironmentFailedError

LOCAL_SECONDS = 120.0
REMOTE_SECONDS = 120.0

_REACHING = frozenset({"fetch", "ls-remote", "push"})
_SETTINGS = {
    "advice.detachedHead": "false",
    "commit.gpgSign": "false",
    "core.commitGraph": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "core.useReplaceRefs": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "push.gpgSign": "false",
    "push.followTags": "false",
    "safe.bareRepository": "all",
}
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s']+@")


class Output(NamedTuple):
    """How git ended."""

    code: int
    out: bytes
    error: str


def arguments(folder: Path, args: Sequence[str]) -> list[str]:
    """Return the whole argument list for git in `folder`."""
    settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
    return ["git", "-C", os.fspath(folder), "--no-pager", "--literal-pathspecs", *settings, *args]


def environment(caller: Mapping[str, str] = os.environ, *, remote: bool = False) -> dict[str, str]:
    """Return git's environment: what it needs of the caller's, and what keeps it to itself."""
    return {
        **children.environment(caller, remote=remote),
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "SSH_ASKPASS_REQUIRE": "never",
    }


def run(folder: Path, *args: str, data: bytes = b"", seconds: float = LOCAL_SECONDS) -> Output:
    """Run git to its end. Raises EnvironmentFailedError when it is missing or takes too long, not when it fails."""
    with start(folder, args, stderr=subprocess.PIPE) as process:
        try:
            out, error = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            end(process)
            raise EnvironmentFailedError(
                f"git {args[0]} took longer than {seconds:g} seconds", help="see whether its disk or remote answers"
            ) from None
        except BaseException:
            end(process)
            raise
    return Output(process.returncode, out, without_credentials(error.decode(errors="replace")))


def without_credentials(text: str) -> str:
    """Return `text` without user names, passwords and tokens of URLs."""
    return _CREDENTIALS.sub("", text)


def start(folder: Path, args: Sequence[str], *, stderr: int) -> subprocess.Popen[bytes]:
    """Start git with pipes, in a session of its own: no terminal to ask on, and one group to end."""
    try:
        return subprocess.Popen(  # noqa: S603 -- an argument list, no shell
            arguments(folder, args),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(remote=args[0] in _REACHING),
            start_new_session=True,
        )
    except FileNotFoundError:
        raise EnvironmentFailedError("git is not installed", help="install git 2.31 or newer") from None
    except OSError as error:
        raise EnvironmentFailedError(
            f"git cannot be started: {error.strerror}",
            help="this machine, or this process, has too much open or running",
        ) from None


def end(process: subprocess.Popen[bytes]) -> None:
    """End git and what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def failed(what: str, output: Output) -> EnvironmentFailedError:
    """Return the error for a git command that should not have failed."""
    lines = [line for line in output.error.splitlines() if line.strip() and not line.startswith(("hint:", "warning:"))]
    why = lines[0] if lines else f"it ended with {output.code}"
    return EnvironmentFailedError(f"{what}: {why}", help="see what git itself says: git fsck, git status")
