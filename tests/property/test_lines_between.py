"""How many lines a plan says have changed: the fewest, as the recurrence has it, and never more than git says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.plan_lines import LIMIT, Lines, lines_between

TEXTS = st.lists(st.sampled_from([b"}", b"deny", b"x", b""]), max_size=12)


@given(TEXTS, TEXTS)
def test_what_came_less_what_went_is_the_growth_and_the_way_back_is_as_long(old: list[bytes], new: list[bytes]) -> None:
    there, back = lines_between(old, new), lines_between(new, old)
    assert there.came - there.went == len(new) - len(old)
    assert (there.came, there.went) == (back.went, back.came)
    assert (there == Lines(0, 0)) == (old == new)


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS)
def test_the_count_is_the_fewest_and_never_more_than_gits(
    tmp_path_factory: pytest.TempPathFactory, old: list[bytes], new: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    for name, lines in (("old", old), ("new", new)):
        (folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
    ours = lines_between(old, new)
    assert ours.came == len(new) - _longest_common(old, new)
    assert ours.came <= _by_git(folder).came, "git's `--minimal` is not always the fewest"


def _longest_common(old: list[bytes], new: list[bytes]) -> int:
    row = [0] * (len(new) + 1)
    for line in old:
        above = row
        row = [0]
        for index, other in enumerate(new):
            row.append(above[index] + 1 if line == other else max(row[index], above[index + 1]))
    return row[-1]


def _by_git(folder: Path) -> Lines:
    told = subprocess.run(
        ["git", "diff", "--no-index", "--numstat", "--minimal", "old", "new"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return Lines(int(told[0]), int(told[1])) if told else Lines(0, 0)


def test_a_text_made_to_be_hard_to_compare_takes_a_moment_only() -> None:
    old = [b"}", b"{"] * (LIMIT // 2)
    lines_between(old, [b"{", b"{", b"}"] * (LIMIT // 3))
    assert lines_between(old * 9, [b"x", *old, b"y"]) == Lines(LIMIT + 2, 9 * LIMIT)
