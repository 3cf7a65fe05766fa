"""Diagnostics x sources -> findings in the manner of rustc: headline, source lines with marks, help.

Rules kept: what a finding calls a secret is shown by none, its own or another of the same line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.diagnostics.model import Diagnostic, Label, Severity
from compiler.diagnostics.printable import shown, shown_lines

_MAX_WIDTH = 160
_MAX_SHOWN = 4096
_HIDDEN = "*" * 8
_RED, _YELLOW, _BLUE, _CYAN, _BOLD, _RESET = (
    "\x1b[1;31m",
    "\x1b[1;33m",
    "\x1b[1;34m",
    "\x1b[1;36m",
    "\x1b[1m",
    "\x1b[0m",
)


def full(diagnostics: Iterable[Diagnostic], sources: Mapping[str, bytes], *, colour: bool = False) -> str:
    """Return all findings, an empty line between them."""
    found = list(diagnostics)
    secrets: dict[tuple[str, int], int] = {}
    for item in found:
        if item.code.secret:
            path, line, column = item.primary.span[:3]
            secrets[path, line] = min(column, secrets.get((path, line), column))
    lines = _Lines(sources, secrets)
    return "\n".join(_Drawing(item, lines, colour).text() for item in found)


class _Lines:
    """The lines of each file, split once."""

    def __init__(self, sources: Mapping[str, bytes], secrets: Mapping[tuple[str, int], int]) -> None:
        self.sources = sources
        self.secrets = secrets
        self.split: dict[str, list[bytes]] = {}

    def line(self, path: str, number: int) -> str | None:
        """A line, None where there is none to show."""
        if path not in self.sources:
            return None
        if path not in self.split:
            self.split[path] = self.sources[path].split(b"\n")
        lines = self.split[path]
        if not 0 < number <= len(lines):
            return None
        if len(lines[number - 1]) > _MAX_SHOWN:
            return None  # nobody reads it, and there may be a finding at each of its words
        text = lines[number - 1].decode("utf-8", "replace").removesuffix("\r")
        if (path, number) in self.secrets:
            text = text[: self.secrets[path, number] - 1] + _HIDDEN
        if shown(text) == text:
            return text
        return "".join(" " if char == "\t" else char if shown(char) == char else "\ufffd" for char in text)


class _Drawing:
    def __init__(self, item: Diagnostic, lines: _Lines, colour: bool) -> None:  # noqa: FBT001 -- private
        self.item = item
        self.lines = lines
        self.colour = colour
        self.tint = _RED if item.severity is Severity.ERROR else _YELLOW
        labels = (item.primary, *item.secondary)
        shown = [label for label in labels if self.source(label) is not None]
        self.width = len(str(max((label.span.line for label in shown), default=1)))

    def text(self) -> str:
        item = self.item
        head = self.paint(f"{item.severity}[{item.code.id}]", self.tint) + self.paint(
            f": {shown_lines(item.message)}", _BOLD
        )
        lines = [head, *self.snippet(item.primary, "-->", "^", self.tint)]
        for label in item.secondary:
            lines += [self.gutter("|"), *self.snippet(label, ":::", "-", _BLUE)]
        if item.help:
            lines.append(self.gutter("= ") + self.paint("help", _CYAN) + f": {shown_lines(item.help)}")
        return "".join(f"{line.rstrip()}\n" for line in lines)

    def snippet(self, label: Label, arrow: str, mark: str, tint: str) -> list[str]:
        span = label.span
        place = f"{shown(span.path)}:{span.line}:{span.column}"
        head = " " * self.width + self.paint(arrow, _BLUE) + f" {place}"
        if arrow == ":::":
            head = " " * (self.width + 1) + self.paint(arrow, _BLUE) + f" {place}"
        source = self.source(label)
        if source is None:
            return [head]
        last = span.end_column if span.end_line == span.line else len(source) + 1
        length = max(1, min(last, len(source) + 1) - span.column)
        if self.item.code.secret and label is self.item.primary:
            length = len(_HIDDEN)
        if len(source) > _MAX_WIDTH:
            source = source[: max(_MAX_WIDTH, span.column + 20)] + "…"
            length = min(length, len(source) - span.column + 1)
        number = self.paint(f"{span.line:>{self.width}} |", _BLUE)
        marks = " " * (span.column - 1) + self.paint(
            mark * length + (f" {shown(label.text)}" if label.text else ""), tint
        )
        body = [f"{number} {source}", self.gutter("| ") + marks]
        return [head, self.gutter("|"), *body] if arrow == "-->" else [head, *body]

    def source(self, label: Label) -> str | None:
        """The source line of a label, None where there is none to show."""
        span = label.span
        return None if span[1:3] == span[3:5] else self.lines.line(span.path, span.line)

    def gutter(self, text: str) -> str:
        return " " * (self.width + 1) + self.paint(text, _BLUE)

    def paint(self, text: str, tint: str) -> str:
        return f"{tint}{text}{_RESET}" if self.colour else text
