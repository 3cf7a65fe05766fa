"""Text -> text in a colour on a terminal, or as it is."""

from __future__ import annotations

RED, GREEN, YELLOW, CYAN, BOLD, DIM = "31", "32", "33", "36", "1", "2"


class Paint:
    """Colours, or none."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, *codes: str) -> str:
        """Return the text in a colour."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.on and codes else text
