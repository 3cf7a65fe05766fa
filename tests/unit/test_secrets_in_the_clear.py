"""What looks like a secret is found wherever it stands in a file, once, and its finding does not repeat it."""

from __future__ import annotations

import pytest

from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.parse import parse_file
from compiler.secrets import find_secrets

PATH = "tenants/acme.yaml"
TOKEN = "ghp_" + "a1" * 18


def test_a_finding_beside_a_secret_does_not_show_it() -> None:
    text = f"a: {{b: {TOKEN}, c: yes}} # {TOKEN}\nd: yes # {TOKEN}\n"
    diagnostics = Diagnostics()
    document = parse_file(PATH, text.encode(), diagnostics)
    assert document is not None
    find_secrets(document, diagnostics)
    assert [item.code.id for item in diagnostics] == ["MC0118", "MC0020", "MC0020", "MC0118"]
    drawn = full(diagnostics, {PATH: text.encode()})
    assert TOKEN not in drawn
    assert "1 | a: {b: ********\n" in drawn
    assert "2 | d: yes # ********\n" in drawn


def found(text: str) -> list[tuple[int, int]]:
    diagnostics = Diagnostics()
    document = parse_file(PATH, text.encode(), diagnostics)
    assert document is not None
    find_secrets(document, diagnostics)
    drawn = full(diagnostics, {PATH: text.encode()})
    assert TOKEN not in drawn
    assert "hunter2" not in drawn
    assert all(item.code.id == "MC0118" for item in diagnostics)
    return [(item.primary.span.line, item.primary.span.column) for item in diagnostics]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        (f"a: {TOKEN}\n", [(1, 4)]),
        (f"# {TOKEN}\na: b\n", [(1, 3)]),
        (f"a: b # {TOKEN}\n", [(1, 8)]),
        (f"a: {TOKEN} # and {TOKEN}\n", [(1, 4)]),
        (f"a: b\n# {TOKEN}, {TOKEN}\nc: [{TOKEN}]\n", [(2, 3), (3, 5)]),
        (f"a: [{TOKEN}, {TOKEN}]\n", [(1, 5)]),
        (f"{TOKEN}: b\n", [(1, 1)]),
        ("a: postgres://me:hunter2@host/db\n", [(1, 4)]),
        ("a: b # postgres://me:hunter2@host/db\n", [(1, 16)]),
        ("password: hunter2\n", [(1, 11)]),
        ("a: b # password: see env:PASSWORD\npassword: env:PASSWORD\n", []),
        ("a: https://example.com:8443/x # or http://example.com\n", []),
    ],
)
def test_a_secret_is_found_once_where_it_stands(text: str, places: list[tuple[int, int]]) -> None:
    assert found(text) == places
