"""Who last altered a path: the index of a timeline agrees with looking through it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from runtime.governance.case import Taken, Timeline
from runtime.testing.court import Court

PATHS = st.frozensets(st.sampled_from("abcdef"), max_size=3)


@given(st.lists(PATHS, max_size=8), PATHS, st.integers(0, 8))
def test_index_agrees_with_looking_through(verdicts: list[frozenset[str]], asked: frozenset[str], known: int) -> None:
    entries = [Taken("genesis", frozenset(), None)]
    entries += [Taken(f"verdict {number}", paths, None) for number, paths in enumerate(verdicts)]
    timeline = Timeline(entries)
    known = min(known, len(verdicts))
    assert timeline.position(entries[known].sha256) == known
    assert timeline.later(known) == tuple(entries[known + 1 :])
    assert timeline.last == entries[-1]
    found = timeline.altered(asked, known)
    later = [entry for entry in entries[known + 1 :] if entry.paths & asked]
    assert (found is None) == (not later)
    if found is not None:
        path, taken = found
        assert taken == later[-1]
        assert path in taken.paths & asked


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(0, 7))
def test_rights_since_an_entry_are_those_it_found_and_each_later_change(altered: list[bool], known: int) -> None:
    rights = [replace(Court.open().verified.governance) if alters else None for alters in altered]
    timeline = Timeline(Taken(str(number), frozenset(), None, one) for number, one in enumerate(rights))
    known = min(known, len(rights) - 1)
    before = [one for one in rights[: known + 1] if one is not None][-1:]
    after = [one for one in rights[known + 1 :] if one is not None]
    assert list(map(id, timeline.governances(known))) == list(map(id, [*before, *after]))


@given(st.lists(PATHS, min_size=1, max_size=5))
def test_copy_grows_on_its_own(verdicts: list[frozenset[str]]) -> None:
    timeline = Timeline([Taken("genesis", frozenset(), None)])
    for number, paths in enumerate(verdicts):
        before = timeline.copy()
        timeline.append(Taken(f"verdict {number}", paths, None))
        assert len(before) == len(timeline) - 1
        assert before.position(f"verdict {number}") is None
