"""Text of files, commits and evidence -> the same text as a reader may be shown it: the one place that escapes.

Rules kept: what comes out draws nothing and hides nothing: no control character, escape sequence, line end, change of
reading direction or character without a shape of its own is in it. What is shown is what is there, and so what is
signed. JSON keeps its meaning: it has an escape of its own.
"""

from __future__ import annotations

import re

# Python calls these printable, but nobody sees them: fillers, variation selectors, an empty Braille cell
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(text: str) -> str:
    r"""Return a text in one line: what a reader would not see as itself is escaped (`\x1b`, `\u202e`)."""
    if _clean(text):
        return text
    return "".join(char if _clean(char) else _escaped(char) for char in text)


def line(text: str, longest: int) -> str:
    """Return a text in one line of so many characters at most, with a sign where it goes on."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    told = shown(cut)
    return told if len(told) <= longest else told[: longest - 1] + "…"


def shown_lines(text: str) -> str:
    """Return a text of several lines, which stay lines."""
    return "\n".join(map(shown, text.split("\n")))


def shown_json(text: str) -> str:
    """Return a JSON document, indented or not, with the escapes of JSON for what a reader would not see."""
    if _clean(text.replace("\n", "")):
        return text
    return "".join(char if char == "\n" or _clean(char) else _json(char) for char in text)


def _clean(text: str) -> bool:
    return text.isprintable() and (text.isascii() or _UNSEEN.search(text) is None)


def _escaped(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
