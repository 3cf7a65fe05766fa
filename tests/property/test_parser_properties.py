"""Random bytes, random near-YAML and random documents -> the parser: it never fails, and reads what was written."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.driver import check_tree
from compiler.nodes import plain
from compiler.parse import parse_file
from compiler.source import from_files

PATH = "tenants/acme.yaml"
PIECES = st.sampled_from(
    [
        *(
            "a: b\n",
            "- x\n",
            "  ",
            "\n",
            "---\n",
            "...\n",
            "? k\n",
            "? [a]\n: b\n",
            "{{ x }}",
            "[",
            "]",
            "{",
            "}",
            ": ",
        ),
        *("&a ", "*a", "<<: ", "!!str ", "!x ", "%YAML 1.2\n", "%TAG ! x\n", "yes", "012", "1:30", "0x1F", "1e400"),
        *(
            "'",
            '"',
            '"\\ud800"',
            "|\n  x\n",
            ">-\n  y\n",
            "#c\n",
            "\t",
            "\r\n",
            "\ufeff",
            "\x00",
            "\u2028",
            "é",
            "\xa0",
            "\u201cx\u201d",
            "<<<<<<< a\n",
            ">>>>>>> b\n",
            "\U0001d54f",
        ),
        *("apiVersion: conductor/v1\n", "kind: Tenant\n", "metadata: {name: acme}\n", "spec: {blueprint: x}\n"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53) + 1, 2**53 - 1),
    # what compiler.text lets through: no control, format, private or unassigned characters, no invisible selectors
    # and no space but the plain one
    st.text(
        st.characters(
            max_codepoint=0xDFFFF,
            exclude_categories=("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"),
            include_characters=" ",
            exclude_characters="\ufffc\ufffd",
        ),
        max_size=20,
    ),
)
KEYS = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=10).filter(
    lambda key: key != "<<"
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


def read(data: bytes) -> tuple[Any, Diagnostics]:
    """Parse, and draw every finding, so that a span that does not fit would show."""
    diagnostics = Diagnostics()
    document = parse_file(PATH, data, diagnostics)
    full(diagnostics, {PATH: data})
    as_json(diagnostics)
    return document, diagnostics


@given(st.binary(max_size=400))
@settings(max_examples=500, deadline=None)
@example(b"\xff\xfe")
@example(b"? ? ? ?")
@example(b"%")
def test_random_bytes_never_crash_the_parser(data: bytes) -> None:
    document, diagnostics = read(data)
    assert document is not None or len(diagnostics)


@given(st.lists(PIECES, max_size=25).map("".join))
@settings(max_examples=1500, deadline=None)
def test_random_pieces_of_yaml_never_crash_the_compiler(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    document, diagnostics = read(data)
    assert document is not None or len(diagnostics)
    tree = from_files({PATH: data})
    found = Diagnostics()
    check_tree(tree, found)
    full(found, tree.files)


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_json_is_read_as_what_it_says(value: dict[str, Any]) -> None:
    # JSON is YAML (but for escaped surrogate pairs); json.dumps breaks no line, and quotes every key and text
    document, diagnostics = read(json.dumps(value, ensure_ascii=False).encode())
    assert not len(diagnostics), list(diagnostics)
    assert document is not None
    assert plain(document.root) == value


@given(st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None)
def test_nesting_is_refused_beyond_its_limit_and_read_up_to_it(lists: int, mappings: int) -> None:
    text = "a: " + "[" * lists + "{b: " * mappings + "x" + "}" * mappings + "]" * lists + "\n"
    document, diagnostics = read(text.encode())
    is_deep = 1 + lists + mappings > 32
    assert [item.code.name for item in diagnostics] == (["too-deep"] if is_deep else [])
    assert (document is None) == is_deep
