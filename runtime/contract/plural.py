"""Number x word -> `1 commit`, `2 commits`: said alike wherever something is counted for a reader."""

from __future__ import annotations


def plural(number: int, one: str, many: str | None = None) -> str:
    """Return the number with its word; `many` where an `s` does not make the plural."""
    return f"{number} {one if number == 1 else many or one + 's'}"
