"""Progress: a line on a terminal once something takes long, and nothing elsewhere."""

from __future__ import annotations

import io
import sys
import threading

import pytest

from compiler.cli import progress
from compiler.cli.terminal import colourful


class Terminal(io.StringIO):
    """Says that it is one, and when the awaited text has come."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        written = super().write(text)
        if "checking ..." in self.getvalue():
            self.shown.set()
        return written


def test_what_takes_long_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress("checking"):
        assert terminal.shown.wait(timeout=20)


def test_what_is_quick_or_goes_to_a_file_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, file = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress.progress("checking"):
        pass
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setattr(progress, "AFTER_SECONDS", 0.0)
    with progress.progress("checking"):
        pass
    assert (terminal.getvalue(), file.getvalue()) == ("", "")


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert colourful(Terminal())
    assert not colourful(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colourful(Terminal())
    monkeypatch.setenv("NO_COLOR", "")
    assert colourful(Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert not colourful(Terminal())
