"""Document -> the places where a secret itself seems to stand; part of the stage `decode`.

Rules kept: a secret is a reference, `env:NAME` or `file:PATH`; what looks like a secret is never repeated in a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from compiler.diagnostics import codes
from compiler.diagnostics.model import Diagnostics, Label, Span
from compiler.nodes import Document, Mapping, Node, Scalar

REFERENCE = re.compile(r"(?:env|file):\S+")
HELP = "give a reference, `env:NAME` or `file:PATH`, and change the secret: it was written down"

_MARKS = (
    *("://", "-----begin", "akia", "asia", "aiza", "ghp_", "gho_", "github_pat_", "glpat-", "xox", "sk-", "sk_", "eyj"),
    *("password", "passwd", "passphrase", "secret", "token", "apikey", "api_key", "private_key", "credential"),
)
"""A text without any of these is not looked at again."""
_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?<=[a-z0-9+.-])://[^/\s:@]*:[^/\s@]+@"  # a URL with a password
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bAIza[0-9A-Za-z_-]{35}\b"
    r"|\bgh[pousr]_[0-9A-Za-z]{36}"
    r"|\bgithub_pat_[0-9A-Za-z_]{22}"
    r"|\bglpat-[0-9A-Za-z_-]{20}"
    r"|\bxox[abprs]-[0-9A-Za-z-]{10}"
    r"|\bsk[-_](?:live|test|proj|ant)?[-_]?[0-9A-Za-z]{20}"
    r"|\beyJ[0-9A-Za-z_-]{8,512}\.eyJ[0-9A-Za-z_-]{8,512}\."
)
_KEY = re.compile(
    r"(?:^|[_-])(?:password|passwd|passphrase|secret|token|api_?key|private_key|credentials?)$", re.IGNORECASE
)


def worth_a_look(text: str) -> bool:
    """Whether a secret may stand in a text."""
    lower = text.lower()
    return any(mark in lower for mark in _MARKS)


def find_secrets(document: Document, diagnostics: Diagnostics) -> frozenset[Span]:
    """Add a finding for each literal that looks like a secret; return the spans of those that are values."""
    if not worth_a_look(document.text):
        return frozenset()
    spans = [scalar.span for key, scalar in _scalars("", document.root) if _is_secret(key, scalar)]
    told = [(span, HELP) for span in spans]
    told += [(span, "delete it, and change the secret: it was written down") for span in _beside(document, spans)]
    lines: set[int] = set()
    for span, help_ in sorted(told):
        if span.line not in lines:  # what is shown of a line ends where its first secret begins
            lines.add(span.line)
            diagnostics.add(codes.SECRET_VALUE, "a secret stands here in clear text", Label(span), help=help_)
    return frozenset(spans)


def _beside(document: Document, spans: Sequence[Span]) -> Iterator[Span]:
    """Secrets that stand in no value: in a comment, or in a key."""
    line, begin, seen, values = 1, 0, 0, iter(sorted(spans))
    value = next(values, None)
    text = document.text
    for match in _VALUE.finditer(text):
        line += text.count("\n", seen, match.start())
        begin = max(begin, text.rfind("\n", seen, match.start()) + 1)
        seen = match.start()
        column = match.start() - begin + 1
        while value is not None and value[3:5] <= (line, column):
            value = next(values, None)
        if value is None or (line, column) < value[1:3]:
            yield Span(document.path, line, column, line, column + len(match.group()))


def _is_secret(key: str, scalar: Scalar) -> bool:
    value = scalar.value
    if not isinstance(value, str) or not value:
        return False
    return _VALUE.search(value) is not None or (_KEY.search(key) is not None and REFERENCE.fullmatch(value) is None)


def _scalars(key: str, node: Node) -> Iterator[tuple[str, Scalar]]:
    if isinstance(node, Scalar):
        yield key, node
    elif isinstance(node, Mapping):
        for entry in node.entries.values():
            yield from _scalars(entry.key, entry.value)
    else:
        for item in node.items:
            yield from _scalars(key, item)
