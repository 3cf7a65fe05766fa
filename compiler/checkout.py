"""A folder -> the top of the checkout that it lies in, which may be the folder itself, or none."""

from __future__ import annotations

from pathlib import Path


def top_of(folder: Path) -> Path | None:
    """The nearest folder upwards that git keeps its own in."""
    folder = folder.resolve()
    return next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
