"""Diagnostics -> SARIF 2.1.0, the log that code scanning of forges and editors read.

Form: OASIS Static Analysis Results Interchange Format 2.1.0 (sarif-v2.1.0-os), sections 3.14 to 3.54.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from compiler.diagnostics.as_gitlab import fingerprinted
from compiler.diagnostics.model import Code, Diagnostic, Label, Span
from compiler.diagnostics.printable import shown_json
from runtime.release import VERSION

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one log with one run."""
    found = list(diagnostics)
    codes = sorted({item.code.id: item.code for item in found}.values(), key=lambda code: code.id)
    index = {code.id: number for number, code in enumerate(codes)}
    driver = {
        "name": "conductor",
        "version": VERSION,
        "semanticVersion": VERSION,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, index[item.code.id], mark) for item, mark in fingerprinted(found)],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return shown_json(json.dumps(log, indent=2, ensure_ascii=False)) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.id,
        "name": "".join(word.capitalize() for word in code.name.split("-")),
        "shortDescription": {"text": code.summary},
        "help": {"text": f"conductor explain {code.id}"},
        "defaultConfiguration": {"level": code.severity.value},
    }


def _result(item: Diagnostic, rule: int, fingerprint: str) -> dict[str, Any]:
    text = item.message if item.help is None else f"{item.message}\nhelp: {item.help}"
    result: dict[str, Any] = {
        "ruleId": item.code.id,
        "ruleIndex": rule,
        "level": item.severity.value,
        "message": {"text": text},
        "locations": [_location(item.primary)],
        "partialFingerprints": {"finding/v1": fingerprint},
    }
    if item.secondary:
        result["relatedLocations"] = [
            {"id": number, **_location(label)} for number, label in enumerate(item.secondary, start=1)
        ]
    return result


def _location(label: Label) -> dict[str, Any]:
    where: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(label.span.path)}, "region": _region(label.span)}
    }
    if label.text:
        where["message"] = {"text": label.text}
    return where


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": max(span.end_column, span.column) if span.end_line == span.line else span.end_column,
    }


def _uri(path: str) -> str:
    """A relative reference (RFC 3986): what is no plain character of a path is escaped."""
    from urllib.parse import quote  # noqa: PLC0415 -- for this format only

    return quote(path.encode("utf-8", "surrogateescape"))
