"""Values that no reader of numbers, dates or texts foresaw, anywhere in the tree -> findings, and never a crash.

Whatever stands in a pushed branch is read by every agent in every turn.
"""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.cli.check import findings
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.full import full
from compiler.driver import compiled
from compiler.scalars import Trouble, meant, resolve_plain
from compiler.source import from_files
from tests.cases.inputs import own_tree

TODAY = date(2026, 11, 24)
NUMBERS = (
    *(
        "1e9999999999999999999999",
        "1E-9999999999999999999999",
        "-0.0",
        "1e308",
        "5e-324",
        "1" * 5000,
        "0x" + "f" * 5000,
    ),
    *(".inf", "-.Inf", ".nan", "9007199254740991", "-9007199254740992", "1" + "_" * 50_000 + "x", "0" * 5000),
)
TEXTS = (
    *("0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "2026-W48-2", "20261124", "9999-12-31T23:59:59Z"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-14:00", "2026-11-24T24:00:00Z", "NaN", "1e999999999"),
    *("\\ud800", "\\0", "\\u2028", "\\U0001F600", "\u0663", "\u00b2", "\uff11", "9" * 5000, "1.1e1", "-0", "", " "),
    *("http://[::1", "https://a.example:99999", "https://a.example:x", "postgres://[x", "ssh-ed25519 AAAA", "sha256:"),
    *("env:", "file:", "/", "../..", "**", "[", "(a+)+$", "{{ x }}", "${x}", "a" * 3000),
)
SHAPES = ("[" * 30 + "]" * 30, "{a: " * 30 + "}" * 30, "[~, 1, x, {}]", "[[1]]", "{}", "[]", "true", "~")
VALUES = st.sampled_from((*NUMBERS, *(f'"{text}"' for text in TEXTS), *SHAPES)) | st.text(
    "0123456789+-._eExob:TZ\u0660\u00b2", max_size=24
)
PLACES = [
    (path, number)
    for path, data in sorted(own_tree().items())
    if path.endswith(".yaml")
    for number, line in enumerate(data.split(b"\n"))
    if b": " in line or line.strip().startswith(b"- ")
]


@given(st.text("0123456789+-._eExob:infaNA", max_size=40))
@settings(max_examples=800, derandomize=True)
def test_a_plain_scalar_has_a_value_or_none(text: str) -> None:
    if isinstance(resolve_plain(text), Trouble):
        meant(text)


@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
@settings(max_examples=80, derandomize=True)
def test_a_tree_with_such_values_gives_findings_or_compiles(edits: list[tuple[tuple[str, int], str]]) -> None:
    files = dict(own_tree())
    for (path, number), value in edits:
        lines = files[path].split(b"\n")
        mark = b": " if b": " in lines[number] else b"- "
        lines[number] = lines[number].partition(mark)[0] + mark + value.encode()
        files[path] = b"\n".join(lines)
    tree = from_files(files)
    found = findings(tree, TODAY)
    assert full(found, tree.files) or not len(found)
    assert as_json(found)
    assert bool(compiled(tree).errors) == found.failed
