"""Where the demo plays: says a sentence, types a command, shows what it prints, and keeps it all as a transcript.

A typed line begins with the folder it is typed in, below `folder`: `repo$ conductor plan`.

Rules kept: every command is the real one, run through the same entry point as a user's; a scene that ends otherwise
than the story says stops the demo with the output in hand.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from runtime.contract.errors import ConductorError

Run = Callable[[list[str]], int]
"""Arguments of `conductor` -> exit code."""

_GIT = ("git", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false")


class DemoError(ConductorError):
    """A scene did not end as the story says."""


@dataclass
class Stage:
    """`folder` is where everything lies; `environment` are the variables (DSNs, passwords) of the commands."""

    folder: Path
    run: Run
    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    transcript: list[Text] = field(default_factory=list)
    spelled: dict[str, str] = field(default_factory=dict)
    """Words that are typed in another way: a digest as the file it is read from."""
    _number: int = 0

    def scene(self, title: str, *sentences: str) -> None:
        """Open a scene."""
        self._number += 1
        self._print(Text())
        self._print(Text(f"── {self._number}. {title} ".ljust(100, "─"), style="bold"))
        for sentence in sentences:
            self.say(sentence)

    def say(self, sentence: str) -> None:
        """Say something in plain words."""
        self._print(Text(sentence))

    def show(self, line: str, *, style: str = "dim") -> None:
        """Show a line of detail."""
        self._print(Text(f"  {line}", style=style))

    def conductor(
        self, *arguments: str, cwd: Path, expect: int = 0, quiet: bool = False, after: str = "", live: bool = False
    ) -> str:
        """Type a `conductor` command; returns what it printed. Raises DemoError if it ends with another code.

        `quiet`: its output is not shown; `after`: only from the line that begins so; `live`: it is not caught either,
        for a command that goes on.
        """
        self._typed(["conductor", *arguments], cwd)
        printed = io.StringIO()
        with contextlib.chdir(cwd), contextlib.ExitStack() as caught:
            if not live:
                caught.enter_context(contextlib.redirect_stdout(printed))
                caught.enter_context(contextlib.redirect_stderr(printed))
            code = self.run(list(arguments))
        if code != expect:
            self._printed(printed.getvalue(), "")
            raise DemoError(
                f"`conductor {arguments[0]}` ended with {code}; the story expects {expect}",
                help=f"everything is still in {self.folder}: repeat the command there",
            )
        if not quiet:
            self._printed(printed.getvalue(), after)
        return printed.getvalue()

    def git(self, *arguments: str, cwd: Path, shown: bool = True) -> str:
        """Type a git command in `cwd`; returns what it printed."""
        if shown:
            self._typed(["git", *arguments], cwd)
        done = subprocess.run(  # noqa: S603 -- an argument list of our own
            [*_GIT, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise DemoError(f"git {arguments[0]}: {done.stderr.strip()}", help=f"look into {cwd}")
        return done.stdout

    def _print(self, line: Text) -> None:
        self.transcript.append(line)
        self.console.print(line)

    def _typed(self, words: list[str], cwd: Path) -> None:
        line = " ".join(self.spelled.get(word, shlex.quote(word)) for word in words)
        where = "" if cwd == self.folder else str(cwd.relative_to(self.folder))
        self._print(Text(f"{where}$ {line}", style="bold cyan"))

    def _printed(self, text: str, after: str) -> None:
        lines = text.rstrip("\n").splitlines()
        start = next((i for i, line in enumerate(lines) if after and line.startswith(after)), 0)
        if start:
            self._print(Text("  … the plan, as `conductor plan` prints it", style="dim"))
        for line in lines[start:]:
            self._print(Text("  ") + Text.from_ansi(line.replace(str(self.folder), "$DEMO")))
