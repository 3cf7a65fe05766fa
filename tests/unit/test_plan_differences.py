"""Field-level differences: what is one field, how items of lists are matched, what counts as the same."""

from __future__ import annotations

import pytest

from compiler.diagnostics.model import Diagnostics
from compiler.paint import Paint
from compiler.parse import parse_file
from compiler.plan_differences import Difference, Operation, differences, plain
from compiler.plan_page import Page
from compiler.plan_values import pair_of, value_of
from runtime.contract.canonical import JSON
from runtime.testing.small_tree import key_of

ADD, ALTER, REMOVE = Operation.ADD, Operation.ALTER, Operation.REMOVE


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Difference(ALTER, "a", 1, 2)]),
        (
            {"a": {"b": 1, "c": 2}},
            {"a": {"b": 1, "d": 3}},
            [Difference(REMOVE, "a.c", 2), Difference(ADD, "a.d", after=3)],
        ),
        (None, {"a": {"b": 1}, "c": []}, [Difference(ADD, "a.b", after=1), Difference(ADD, "c", after=[])]),
        ({"a": {"b": 1}}, None, [Difference(REMOVE, "a.b", 1)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [Difference(ALTER, "a", [1, 2], [2, 1])]),
        ({"a": {"b": 1}}, {"a": "text"}, [Difference(ALTER, "a", {"b": 1}, "text")]),
        ({"a": {}}, {"a": {"b": 1}}, [Difference(ALTER, "a", {}, {"b": 1})]),
        ({"a": None}, {"a": 0}, [Difference(ALTER, "a", None, 0)]),
        ({"a": True}, {"a": 1}, [Difference(ALTER, "a", before=True, after=1)]),
        ({"a": 1}, {"a": 1.0}, [Difference(ALTER, "a", 1, 1.0)]),
    ],
)
def test_what_differs_is_named_by_its_place(before: JSON, after: JSON, expected: list[Difference]) -> None:
    assert list(differences(before, after)) == expected


def test_items_are_matched_by_their_name_wherever_they_stand() -> None:
    before = {"rules": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]}
    after = {"rules": [{"name": "new", "n": 0}, {"name": "b", "n": 3}, {"name": "a", "n": 1}]}
    assert [(item.operation, item.field) for item in differences(before, after)] == [
        (ALTER, "rules[b].n"),
        (ADD, "rules[new].n"),
        (ADD, "rules[new].name"),
    ]


def test_items_without_a_name_are_matched_by_their_position() -> None:
    before, after = {"a": [{"x": 1}, {"x": 2}]}, {"a": [{"x": 1}, {"x": 3}, {"x": 4}]}
    assert [(item.operation, item.field) for item in differences(before, after)] == [(ALTER, "a[1].x"), (ADD, "a[2].x")]


def test_a_document_is_compared_by_its_values() -> None:
    document = parse_file("a.yaml", b"a: [1, {b: 0.10}]\nc: '01'\n", Diagnostics())
    assert document is not None
    assert plain(document.root) == {"a": [1, {"b": 0.1}], "c": "01"}


def test_json_leaves_out_what_means_nothing() -> None:
    assert Difference(ADD, "a", after=None).to_json() == {"field": "a", "operation": "add", "after": None}
    assert Difference(REMOVE, "a", 1).to_json() == {"field": "a", "operation": "remove", "before": 1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain words", "plain words"),
        ("", '""'),
        (" x", '" x"'),
        (None, "null"),
        (True, "true"),
        (["a", 1], '["a", 1]'),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("x" * 100, "x" * 71 + "…"),
    ],
)
def test_a_value_fits_into_a_line_and_draws_nothing(value: JSON, text: str) -> None:
    assert value_of(value) == text


def line(before: JSON, after: JSON, *, full: bool = False) -> str:
    return Page(Paint(on=False), full=full).difference(ALTER, Difference(ALTER, "a", before, after))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (["a", "b", "c"], ["c", "d", "a"], "+ d, - b"),
        (["a", "b"], ["b", "a"], "in another order"),
        (["a"], ["a", "a"], "+ a"),
        ([1], [1, 2], "+ 2"),
        ([], ["one, two", "-x"], '+ "one, two", + "-x"'),
        ([{"x": 1}], ["a"], '[{"x": 1}] → ["a"]'),
    ],
)
def test_of_a_list_what_came_and_what_went_is_shown(before: JSON, after: JSON, text: str) -> None:
    assert line(before, after) == text


def test_of_a_long_list_the_first_are_shown_and_all_where_asked() -> None:
    many: JSON = [f"item-{number}" for number in range(30)]
    assert line([], many).endswith("+ item-11, … 18 more: --full shows them")
    assert "+ item-29" in line([], many, full=True)


def test_a_key_is_shown_by_its_fingerprint_and_its_comment() -> None:
    old, new = key_of("old"), key_of("new")
    before, after = f"{old.public_line} ada@old", f"{new.public_line} ada@new"
    assert line([before], [after]) == (
        f"+ ssh-ed25519 {new.fingerprint} ada@new, - ssh-ed25519 {old.fingerprint} ada@old"
    )
    assert pair_of(before, after) == (
        f"ssh-ed25519 {old.fingerprint} ada@old",
        f"ssh-ed25519 {new.fingerprint} ada@new",
    )
    assert value_of("ssh-ed25519 AAAA no key") == "ssh-ed25519 AAAA no key"


def test_what_differs_far_behind_is_not_cut_away() -> None:
    one, other = pair_of("x" * 100 + "one", "x" * 100 + "two")
    assert (one, other) == ("…" + "x" * 16 + "one", "…" + "x" * 16 + "two")
    assert pair_of("x" * 100, "y" + "x" * 100) == ("x" * 71 + "…", "y" + "x" * 70 + "…")
    assert pair_of("x" * 100, "x" * 101, full=True) == ("x" * 100, "x" * 101)
