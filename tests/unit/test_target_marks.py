from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.targets.postgres.marks import Mark, Owner, believed, read

OWNER = Owner("5" * 32, "graph")

marks = st.builds(
    Mark,
    owner=st.just(OWNER),
    intent=st.integers(0, 2**53 - 1),
    password=st.none() | st.text(max_size=20).map(lambda name: f"env:{name}"),
    grants=st.none()
    | st.fixed_dictionaries(
        {"role": st.text("abc", max_size=9), "owner": st.text("abc", max_size=9)},
        optional={"tables": st.lists(st.text("abc", max_size=9))},
    ),
    settings=st.none() | st.dictionaries(st.text("abc", min_size=1), st.text()),
    unproved=st.booleans(),
    lent=st.lists(st.integers(1, 2**32 - 1), max_size=3).map(tuple),
)


@given(marks)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert read(mark.text, OWNER) == mark


@pytest.mark.parametrize(
    "comment",
    [
        None,
        "",
        "made by hand",
        "conductor:",
        "conductor:{}",
        "conductor:[]",
        'conductor:{"database":"graph","intent":"1","repository":"55555555555555555555555555555555"}',
        'conductor:{"database":"graph","intent":1,"repository":"55555555555555555555555555555555","x":1}',
        'conductor: {"database":"graph","intent":1,"repository":"55555555555555555555555555555555"}',
        'conductor:{"intent":1,"database":"graph","repository":"55555555555555555555555555555555"}',
        'conductor:{"control":1}',
        *(
            f'conductor:{{"database":"graph","grants":{grants},"intent":1,"repository":"55555555555555555555555555555555"}}'
            for grants in ('{"owner":"o"}', '{"owner":"o","role":"r","tables":[{}]}', '{"owner":"o","role":1}', "[]")
        ),
        'conductor:{"database":"graph","intent":1,"repository":"55555555555555555555555555555555","settings":{"a":1}}',
    ],
)
def test_a_comment_that_is_not_exactly_a_mark_is_somebody_elses(comment: str | None) -> None:
    assert read(comment, OWNER) is None


def test_a_mark_of_another_repository_or_database_is_somebody_elses() -> None:
    text = Mark(OWNER, 7).text
    assert read(text, Owner("6" * 32, "graph")) is None
    assert read(text, Owner("5" * 32, "other")) is None


def test_a_mark_holds_a_reference_and_no_secret() -> None:
    assert json.loads(Mark(OWNER, 7, password="env:X").text.removeprefix("conductor:")) == {  # noqa: S106 -- a reference
        "database": "graph",
        "intent": 7,
        "password": "env:X",
        "repository": "5" * 32,
    }


def test_a_mark_counts_for_the_object_it_was_written_for_or_for_one_that_still_carries_its_hint() -> None:
    mark = Mark(OWNER, 7)
    assert believed(mark.text, OWNER, same=True, comment=None) == mark
    assert believed(mark.text, OWNER, same=False, comment=mark.hint) == mark
    assert believed(mark.text, OWNER, same=False, comment=Mark(OWNER, 6).hint) is None
    assert believed(None, OWNER, same=None, comment=mark.hint) is None
