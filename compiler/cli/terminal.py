"""What a stream can show, and what can be asked on a terminal."""

from __future__ import annotations

import os
import sys
from getpass import getpass
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO


def prepare() -> None:
    """Let no stream end a command: one that was closed (`>&-`) leads to nowhere, and what its encoding cannot carry is
    written as an escape."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:  # else what is opened next would stand in its place
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def colourful(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def confirmed(question: str) -> bool:
    """Ask for yes or no; nothing, also the end of input, is a no."""
    try:
        return input(f"{question} [y/N]: ").strip().lower() in {"y", "yes"}
    except EOFError:
        sys.stdout.write("\n")
        return False


def ask_passphrase(path: Path) -> bytes | None:
    """Ask for the passphrase of a key file, unseen; None where there is no terminal.

    On purpose by no variable: what stands in the environment can be read by every program that is started.
    """
    return getpass(f"Passphrase of {path}: ").encode() if sys.stdin.isatty() else None
