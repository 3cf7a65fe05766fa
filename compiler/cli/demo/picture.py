"""Transcript of the demo -> one picture of a terminal, as SVG, for the top of the README.

Rules kept: what is drawn was printed by a real run. The picture is an excerpt (whole lines, in order), chosen by the
commands it shows, so that it cannot show what the commands no longer print.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from runtime.contract.errors import ConductorError

EXCERPT: tuple[tuple[str, int, int], ...] = (
    # what the typed command begins with, which time it is typed, lines of its output
    ("$ conductor plan", 1, 16),
    ("$ conductor approve", 1, 3),
    ("$ conductor approve", 2, 3),
    ("$ conductor agent once", 2, 6),
    ("$ conductor verify", 1, 5),
    ("$ conductor verify", 2, 6),
)
WIDTH = 108


def draw(transcript: Sequence[Text]) -> str:
    """Return the SVG; raises ConductorError if the demo no longer types one of the commands."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, time, count in EXCERPT:
        for line in _block(transcript, command, time, count):
            console.print(line, overflow="ellipsis", no_wrap=True, crop=True)
        console.print()
    return console.export_svg(title="conductor", clear=False)


def _block(transcript: Sequence[Text], command: str, time: int, count: int) -> Iterable[Text]:
    starts = [i for i, line in enumerate(transcript) if line.plain.startswith(command)]
    if len(starts) < time:
        raise ConductorError(f"the demo types `{command.removeprefix('$ ')}` less than {time} times")
    start = starts[time - 1]
    end = next((i for i in range(start + 1, len(transcript)) if not transcript[i].plain.startswith("  ")), None)
    output = [line for line in transcript[start + 1 : end] if line.plain.strip()]
    yield transcript[start]
    # the last lines say how it ended
    yield from output if len(output) <= count else [*output[: count - 2], Text("  …", style="dim"), output[-1]]
