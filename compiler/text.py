"""Raw bytes -> text whose lines and columns everybody counts alike; part of the stage `parse`.

Rules kept: UTF-8 only; no tab, control character, carriage return, byte order mark, foreign line end, space other than
the plain one, or character that cannot be seen or turns the reading direction: what a reviewer sees is what is there.
One finding a place, one for all carriage returns of a file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span

_BAD = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\uffff"
    "\U000e0000-\U000e0fff]"
)
_BAD_ASCII = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")

_NAMES = {
    "\t": ("a tab", "use spaces"),
    "\r": ("a carriage return", "save the file with line ends LF"),
    "\ufeff": ("a byte order mark", "save the file as UTF-8 without a byte order mark"),
    "\x00": ("a null character", "delete it"),
    **{
        char: (f"a space that is none in YAML, U+{ord(char):04X},", "put a plain space there")
        for char in "\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u205f\u3000"
    },
    "\xa0": ("a no-break space (U+00A0)", "put a plain space there"),
    "\u202f": ("a narrow no-break space (U+202F)", "put a plain space there"),
}


class Text(NamedTuple):
    """A text with spaces for what may not be in it, whether it was clean, and at which lines and columns it was not."""

    text: str
    clean: bool = True
    odd: tuple[tuple[int, int], ...] = ()
    """Without what stands beside the text: carriage returns at the end of lines, a byte order mark."""


def read_text(path: str, data: bytes, diagnostics: Diagnostics) -> Text | None:
    """Return the text; None if it is none.

    Rego may hold tabs, because `opa fmt` indents with them.
    """
    if path.endswith(".rego"):
        data = data.replace(b"\t", b" ")
    if data.isascii():
        text = data.decode("ascii")
        if _BAD_ASCII.search(data) is None:
            return Text(text)
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            before = data[: error.start]
            line = before.count(b"\n") + 1
            column = len(before.rsplit(b"\n", 1)[-1].decode("utf-8", "replace")) + 1
            span = Span(path, line, column, line, column + 1)
            diagnostics.add(
                codes.NOT_UTF8,
                f"byte 0x{data[error.start]:02x} is not UTF-8",
                Label(span, "from here on"),
                help="save the file as UTF-8",
            )
            return None
        if _BAD.search(text) is None:
            return Text(text)
    _report(path, text, diagnostics)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    odd = tuple(
        (number, match.start() + 1)
        for number, line in enumerate(text.split("\n"), start=1)
        for match in _BAD.finditer(line)
    )
    return Text(_BAD.sub(" ", text), clean=False, odd=odd)


def _report(path: str, text: str, diagnostics: Diagnostics) -> None:
    returns_seen = False
    for number, line in enumerate(text.split("\n"), start=1):
        reported: set[str] = set()
        for match in _BAD.finditer(line):
            char = match.group()
            if char in reported or (char == "\r" and returns_seen):
                continue
            reported.add(char)
            returns_seen |= char == "\r"
            name, advice = _NAMES.get(char, (f"the character U+{ord(char):04X}", "delete it, or write it as an escape"))
            column = match.start() + 1
            span = Span(path, number, column, number, column + 1)
            diagnostics.add(codes.BAD_CHARACTER, f"{name} is not allowed", Label(span), help=advice)
