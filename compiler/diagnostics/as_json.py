"""Diagnostics -> JSON -> Diagnostics: the source that every other format is drawn from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from compiler.diagnostics.model import Diagnostic, Label
from compiler.diagnostics.printable import shown_json


def to_json(item: Diagnostic) -> dict[str, Any]:
    """Return one finding as a JSON object."""
    return {
        "code": item.code.id,
        "name": item.code.name,
        "severity": item.severity.value,
        "message": item.message,
        **_label(item.primary),
        "secondary": [_label(label) for label in item.secondary],
        "help": item.help,
    }


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return all findings as a JSON list."""
    return shown_json(json.dumps([to_json(item) for item in diagnostics], indent=2, ensure_ascii=False)) + "\n"


def _label(label: Label) -> dict[str, Any]:
    return {**label.span._asdict(), "label": label.text}
