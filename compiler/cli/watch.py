"""`conductor check --watch`: check at once, and again whenever something below the five folders has changed.

Rules kept: what was read stays in memory and the policy's process alive, so that a round reads what has changed; a
round that falls into the middle of a change (a file half written, a folder on its way out) is no end: the next change
gives the next round, and a file that vanished while it was read gives one at once. Ctrl-C ends with 130.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import typer
from watchfiles import watch as changes_below

from compiler.aside import Aside
from compiler.cli.check import findings, summary
from compiler.cli.options import Format, read_tree, written
from compiler.cli.progress import progress
from compiler.cli.remembered import Remembered
from compiler.diagnostics.as_json import to_json
from compiler.diagnostics.model import Diagnostics
from compiler.diagnostics.printable import shown_json, shown_lines
from compiler.source import WASM, SourceTree
from runtime.contract.errors import ConductorError, EnvironmentFailedError, UsageError
from runtime.contract.manifest import INPUT_FOLDERS

FORMATS = (Format.FULL, Format.CONCISE, Format.JSON)
TICK_SECONDS = 0.2
"""How soon a folder that is new, or another one than before, is noticed; files are told of by the system."""
INTERRUPTED = 128 + 2
"""What a shell says of a program that Ctrl-C has ended."""
_TOO_MANY = "raise fs.inotify.max_user_instances or max_user_watches, or leave out --watch"
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"


def watch(repo: Path, form: Format, today: Callable[[], date]) -> None:
    """Check until somebody presses Ctrl-C."""
    if form not in FORMATS:
        raise UsageError("--watch writes for a person or a program", help=f"--format {', '.join(FORMATS)}")
    due = False
    try:
        with ExitStack() as stack:
            rounds = _Rounds(stack, repo)
            for changed in _ticks(repo):
                if changed or due:
                    due = not _round(rounds, form, today)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _ticks(repo: Path) -> Iterator[bool]:
    """Say, several times a second, whether something may have changed since; the first time it has."""
    while True:
        there = _folders(repo)
        if not there:
            yield True
            while not _folders(repo):
                time.sleep(TICK_SECONDS)
            continue
        changed = True  # what was there before anybody watched
        try:
            for found in changes_below(
                *there, watch_filter=None, rust_timeout=int(TICK_SECONDS * 1000), yield_on_timeout=True
            ):
                yield changed or bool(found)
                changed = False
                if _folders(repo) != there:
                    break  # who watches a folder that is gone is told nothing of the one in its place
        except FileNotFoundError:
            continue  # one went away before it was watched
        except (OSError, RuntimeError) as error:  # the library's own error is one
            raise EnvironmentFailedError(f"the system does not tell of changes: {error}", help=_TOO_MANY) from None


def _folders(repo: Path) -> dict[Path, tuple[int, int]]:
    """Which of the five folders are there, and which ones they are."""
    found = {}
    for name in INPUT_FOLDERS:
        try:
            status = (repo / name).stat()
        except OSError:
            continue
        found[repo / name] = (status.st_dev, status.st_ino)
    return found


def _round(rounds: _Rounds, form: Format, today: Callable[[], date]) -> bool:
    """Check and say what was found; False if a file went away meanwhile, so that it is to be done again."""
    begun = time.monotonic()
    try:
        with progress("checking"):
            tree, diagnostics = rounds.check(today())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except (ConductorError, OSError) as error:
        _say(form, {"error": str(error), "help": getattr(error, "help", None)}, shown_lines(f"error: {error}\n"))
        return True
    seconds = time.monotonic() - begun
    if form is Format.JSON:
        found = {"files": len(tree.files), "seconds": round(seconds, 3), "findings": [*map(to_json, diagnostics)]}
        _say(form, found, "")
    else:
        told = written(diagnostics, tree, form)
        _say(form, {}, f"{told}{summary(tree, diagnostics, rounds.repo)}, in {seconds:.2f} s")
    return True


def _say(form: Format, found: dict[str, object], text: str) -> None:
    now = datetime.now(tz=UTC)
    if form is Format.JSON:
        line = json.dumps({"at": now.isoformat(timespec="seconds"), **found}, ensure_ascii=False)
        sys.stdout.write(f"{shown_json(line)}\n")
    else:
        clear = _CLEAR if sys.stdout.isatty() else ""
        sys.stdout.write(f"{clear}{text.rstrip()}; {now.astimezone():%H:%M:%S}, waiting for a change (Ctrl-C ends)\n")
    sys.stdout.flush()


@dataclass
class _Rounds:
    """What stays from one round to the next."""

    stack: ExitStack
    repo: Path
    values: Remembered = field(default_factory=Remembered)
    aside: Aside | None = None

    def check(self, today: date) -> tuple[SourceTree, Diagnostics]:
        """Check the work tree as it is now."""
        tree = read_tree(self.repo, None)
        diagnostics = findings(tree, today, deny=self._asked(tree.files.get(WASM)).deny, values=self.values)
        self.values = self.values.anew()
        return tree, diagnostics

    def _asked(self, wasm: bytes | None) -> Aside:
        """The policy's process, another one where the policy is another or it has ended."""
        if self.aside is None or not self.aside.answers(wasm):
            self.stack.close()
            self.aside = self.stack.enter_context(Aside(wasm))
        return self.aside
