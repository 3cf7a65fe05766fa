"""What a reader may be shown of a text that somebody else wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostics.concise import concise
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Code, Diagnostic, Label, Severity, Span
from compiler.diagnostics.printable import shown, shown_json, shown_lines

ANY = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Zürich – 東京 ✓", "Zürich – 東京 ✓"),
        ("Zürich\x1b[2K", "Zürich\\x1b[2K"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x9b31m", "\\x9b31m"),
        ("fill\u3164\ufe0f\U000e0041", "fill\\u3164\\ufe0f\\U000e0041"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_what_draws_or_hides_is_escaped_and_the_rest_left_alone(text: str, told: str) -> None:
    assert shown(text) == told


@given(ANY)
def test_nothing_unprintable_is_ever_shown(text: str) -> None:
    assert shown(text).isprintable()
    assert shown(shown(text)) == shown(text)
    assert shown_lines(text).count("\n") == text.count("\n")
    assert shown_lines(text).replace("\n", "").isprintable()


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_json_means_what_it_meant(value: object) -> None:
    told = shown_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert told.replace("\n", "").isprintable()
    # a high and a low surrogate that stand side by side are one character in JSON, and nowhere else
    assert json.loads(told) == json.loads(json.dumps(value))


def test_a_finding_that_quotes_a_file_draws_nothing() -> None:
    code = Code("MC0001", "example", Severity.ERROR)
    label = Label(Span("tenants/\x1b[2K.yaml", 1, 1, 1, 4), "here\x9b")
    item = Diagnostic(code, "no \x1b[31m`\u202e`", label, help="say\u2066")
    for text in (full([item], {label.span.path: b"a\x1b[2Jb\xe3\x85\xa4"}), concise([item])):
        assert text.replace("\n", "").isprintable()
        assert "\u3164" not in text
