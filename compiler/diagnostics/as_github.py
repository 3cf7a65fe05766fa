"""Diagnostics -> workflow commands of GitHub Actions, which show as annotations in the diff of a pull request.

Form: https://docs.github.com/actions/reference/workflow-commands-for-github-actions. What is escaped there: `%`,
carriage return and line feed everywhere, `:` and `,` in properties as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostics.model import Diagnostic
from compiler.diagnostics.printable import shown

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """Return all findings, a command each."""
    return "".join(f"{_command(item)}\n" for item in diagnostics)


def _command(item: Diagnostic) -> str:
    span = item.primary.span
    place: dict[str, str | int] = {"file": shown(span.path), "line": span.line, "col": span.column}
    if span.end_line == span.line:  # columns are those of one line
        place |= {"endLine": span.end_line, "endColumn": span.end_column}
    place["title"] = f"{item.code.id} {item.code.name}"
    properties = ",".join(f"{key}={str(value).translate(_PROPERTY)}" for key, value in place.items())
    lines = [shown(item.message), *(shown(text) for text in _more(item))]
    return f"::{item.severity.value} {properties}::{chr(10).join(lines).translate(_DATA)}"


def _more(item: Diagnostic) -> Iterable[str]:
    for label in item.secondary:
        yield f"{label.span.path}:{label.span.line}: {label.text}"
    if item.help is not None:
        yield f"help: {item.help}"
