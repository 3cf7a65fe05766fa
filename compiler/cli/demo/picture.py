"""Transcript of the demo -> one picture of a terminal, as SVG, for the top of the README.

Rules kept: what is drawn was printed by a real run. The picture is an excerpt (whole lines, in order), chosen by the
commands it shows, so that it cannot show what the commands no longer print.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from runtime.contract.errors import ConductorError

EXCERPT: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    # what is typed, which time it is typed, what the shown lines of its output begin with
    ("conductor plan", 1, ("· Approvals are missing", "Resources", "  + Tenant", "Objects", "  + pg-eu-central  role",
                           "  + pg-eu-central  schema")),
    ("conductor approve", 1, ("tomas-okafor approved", "Still missing", "  tenants")),
    ("conductor approve", 2, ("mara-lindqvist approved", "Approvals are complete")),
    ("conductor agent once", 2, ("3 Take", "4 Set out", "5 Report", "the tenant's application")),
    ("conductor verify", 1, ("integrity", "completeness", "freshness", "verified up to", "OK")),
    ("conductor verify", 2, ("integrity", "first thing that fails", "  MC0723", "    file", "FAILED")),
)  # fmt: skip
WIDTH = 104
_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def draw(transcript: Sequence[Text]) -> str:
    """Return the SVG; raises ConductorError if the demo types or prints one of these no more."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, time, beginnings in EXCERPT:
        for line in _block(transcript, command, time, beginnings):
            console.print(line, overflow="ellipsis", no_wrap=True, crop=True)
        console.print()
    # the reader's own monospaced font: a picture that is looked at fetches nothing
    return _FONT_FACES.sub("", console.export_svg(title="conductor", clear=False)).replace("Fira Code", "monospace")


def _block(transcript: Sequence[Text], command: str, time: int, beginnings: Sequence[str]) -> Iterable[Text]:
    starts = [i for i, line in enumerate(transcript) if f"$ {command}" in line.plain]
    if len(starts) < time:
        raise ConductorError(f"the demo types `{command}` less than {time} times")
    start = starts[time - 1]
    end = next((i for i in range(start + 1, len(transcript)) if not transcript[i].plain.startswith("  ")), None)
    output = transcript[start + 1 : end]
    before = transcript[start - 1]
    if before.plain.endswith("flipped:"):
        yield Text("# " + re.sub(r"\S+/", "…/", before.plain.removesuffix(":")), style="dim")
    yield transcript[start]
    for beginning in beginnings:
        found = next((line for line in output if line.plain.startswith(f"  {beginning}")), None)
        if found is None:
            raise ConductorError(f"`{command}` prints no line that begins with `{beginning}`")
        yield found
