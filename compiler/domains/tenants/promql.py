"""PromQL expression -> what keeps any reader from parsing it: brackets and quotes that do not match.

The full grammar is Prometheus's to judge (the tests ask promtool); this catches what is mistyped most, before a rule
file that Prometheus refuses has been approved.
"""

from __future__ import annotations

_CLOSES = {"(": ")", "[": "]", "{": "}"}
_QUOTES = "\"'`"


def unbalanced(expression: str) -> str | None:
    """Say which bracket or quote has no other half, None if all have."""
    open_: list[str] = []
    quote: str | None = None
    escaped = comment = False
    for letter in expression:
        if comment:
            comment = letter != "\n"
        elif quote is not None:
            if escaped:
                escaped = False
            elif letter == "\\" and quote != "`":
                escaped = True
            elif letter == quote:
                quote = None
        elif letter == "#":
            comment = True
        elif letter in _QUOTES:
            quote = letter
        elif letter in _CLOSES:
            open_.append(letter)
        elif letter in _CLOSES.values() and (not open_ or _CLOSES[open_.pop()] != letter):
            return f"`{letter}` closes nothing that is open"
    if quote is not None:
        return f"a text that {quote} opens is never closed"
    return f"`{open_[-1]}` is never closed" if open_ else None
