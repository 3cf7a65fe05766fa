"""Calls are seen wherever Rego has code, however strings, comments and templates lie within each other."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from compiler.rego import lacking

Piece: TypeAlias = tuple[str, list[str]]
"""Rego text, and the builtins that it calls and wasm lacks."""

WORDS = st.text(st.sampled_from('ab{}()#sprintf.(" $,\n'), max_size=12)
BUILTINS = st.sampled_from(["sprintf", "time.now_ns", "io.jwt.decode"])


def escaped(text: str, quote: str) -> str:
    """Text that closes nothing and opens nothing in a template of this quote."""
    return text.replace("{", "\\{").replace(quote, "").replace("\n" if quote == '"' else "", "")


def joined(pieces: list[Piece]) -> Piece:
    return " ".join(text for text, _ in pieces), [call for _, calls in pieces for call in calls]


PLAIN: st.SearchStrategy[Piece] = st.one_of(
    st.sampled_from(
        [("x := y", []), ("data.lib.sprintf(1)", []), ("upper(z)", []), ("time.now_ns", []), ("[1, 2]", [])]
    ),
    BUILTINS.map(lambda name: (f"{name}(1)", [name])),
    BUILTINS.map(lambda name: (f"{name} (1)", [name])),
    WORDS.map(lambda words: ('"' + words.replace('"', '\\"').replace("\n", "") + '"', [])),
    WORDS.map(lambda words: ("`" + words + "`", [])),
    WORDS.map(lambda words: ("#" + words.replace("\n", "") + "\n", [])),
)


def nested(inner: st.SearchStrategy[Piece]) -> st.SearchStrategy[Piece]:
    code = st.lists(inner, max_size=3).map(joined)

    def template(parts: list[tuple[str, Piece]], quote: str) -> Piece:
        text = "".join(escaped(words, quote) + "{" + code_ + "\n}" for words, (code_, _) in parts)
        return f"${quote}{text}{quote}", [call for _, (_, calls) in parts for call in calls]

    parts = st.lists(st.tuples(WORDS, code), max_size=3)
    return st.one_of(
        code.map(lambda piece: (f"{{ {piece[0]}\n}}", piece[1])),
        code.map(lambda piece: (f"f({piece[0]}\n)", piece[1])),
        parts.map(lambda made: template(made, '"')),
        parts.map(lambda made: template(made, "`")),
    )


REGO = st.lists(st.recursive(PLAIN, nested, max_leaves=12), max_size=5).map(joined)


@given(REGO)
def test_exactly_the_calls_that_are_there_are_seen(rego: Piece) -> None:
    text, calls = rego
    assert [call.builtin for call in lacking(text.encode())] == calls


@given(REGO)
def test_each_call_is_where_it_is_said_to_be(rego: Piece) -> None:
    text, _ = rego
    lines = text.split("\n")
    for call in lacking(text.encode()):
        assert lines[call.line - 1][call.column - 1 :].startswith(call.builtin)


@given(
    st.one_of(
        st.text(), st.text(st.sampled_from('$"`{}\\#( \nsprintf')), st.binary().map(lambda data: data.decode("latin-1"))
    )
)
def test_text_that_is_no_rego_crashes_nothing(text: str) -> None:
    list(lacking(text.encode()))
