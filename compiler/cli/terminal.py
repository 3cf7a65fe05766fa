"""What a stream can show."""

from __future__ import annotations

import os
from typing import TextIO


def colourful(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
