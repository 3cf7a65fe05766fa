"""Diagnostics -> a Code Quality report of GitLab, which shows in the widget and the diff of a merge request.

Form: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format. Rules kept: a fingerprint does not
change when the lines above a finding do, so that GitLab tells old findings from new ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from compiler.diagnostics.model import Diagnostic, Severity
from compiler.diagnostics.printable import shown_json
from runtime.contract.canonical import encode, sha256

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor"}


def as_gitlab(diagnostics: Iterable[Diagnostic]) -> str:
    """Return all findings as a JSON list."""
    report = [
        {
            "description": f"{item.message} (help: {item.help})" if item.help is not None else item.message,
            "check_name": f"{item.code.id} {item.code.name}",
            "fingerprint": fingerprint,
            "severity": _SEVERITIES[item.severity],
            "location": {
                "path": item.primary.span.path,
                "lines": {"begin": item.primary.span.line, "end": item.primary.span.end_line},
            },
        }
        for item, fingerprint in fingerprinted(diagnostics)
    ]
    return shown_json(json.dumps(report, indent=2, ensure_ascii=False)) + "\n"


def fingerprinted(diagnostics: Iterable[Diagnostic]) -> Iterable[tuple[Diagnostic, str]]:
    """Give each finding a SHA-256 over its code, file and message; the second of the same is told from the first."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for item in diagnostics:
        what = (item.code.id, item.primary.span.path, item.message)
        seen[what] += 1
        yield item, sha256(encode([*what, seen[what]]))
