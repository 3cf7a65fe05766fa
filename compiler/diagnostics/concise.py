"""Diagnostics -> one line each: `path:line:column: error[MC0012]: headline`."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.diagnostics.model import Diagnostic
from compiler.diagnostics.printable import shown


def line(item: Diagnostic) -> str:
    """Return the line of one finding."""
    span = item.primary.span
    return shown(f"{span.path}:{span.line}:{span.column}: {item.severity}[{item.code.id}]: {item.message}")


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """Return all findings, a line each."""
    return "".join(f"{line(item)}\n" for item in diagnostics)
