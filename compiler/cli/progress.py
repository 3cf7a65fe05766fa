"""A line on the terminal while something takes longer than a second; nothing where stderr is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import Any

AFTER_SECONDS = 1.0


@contextmanager
def progress(doing: str) -> Iterator[None]:
    """Show what is being done, if it takes long."""
    if not sys.stderr.isatty():
        yield
        return
    lock, shown, ended = Lock(), list[Any](), False

    def show() -> None:
        from rich.console import Console  # noqa: PLC0415 -- most commands end before they need it

        with lock:
            if not ended:
                status = Console(stderr=True).status(f"{doing} ...")
                status.start()
                shown.append(status)

    timer = Timer(AFTER_SECONDS, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        with lock:
            ended = True
            for status in shown:
                status.stop()
