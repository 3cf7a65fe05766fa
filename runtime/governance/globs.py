"""Glob x path -> bool, exactly as the plan says: `*` stays within one folder, `**` crosses (section 7, rule 1).

Rules kept:
- the whole path matches or nothing does; `*` and `**` are the only special signs, `?`, `[` and `{` are letters;
- `*` is any run of characters of one folder or file name, also an empty one;
- `**` as a whole part is any number of folders, also none: `a/**/b` matches `a/b`; at the end it is everything below,
  so `tenants/**` matches all files in `tenants/` and not `tenants` itself; inside a part it crosses too.

Home-made, because each library has another idea of a leading dot, of `**`, of a trailing slash and of brackets, and
who must approve may not hang on that.
"""

from __future__ import annotations

import re
from functools import lru_cache


def problem(pattern: str) -> str | None:
    """Say what is wrong with a pattern, None if nothing is."""
    parts = pattern.split("/")
    if not pattern or "" in parts:
        return "a glob is a relative path: no empty part, no leading and no trailing `/`"
    if "." in parts or ".." in parts:
        return "a glob has no `.` and no `..`"
    if "***" in pattern:
        return "`*` stays within one folder and `**` crosses; `***` is neither"
    strange = re.search(r"[\[\]{}?!]", pattern)
    if strange is not None:
        return f"`*` and `**` are all that is special, and no path has a `{strange.group()}`"
    return None


@lru_cache(maxsize=16_384)
def matches(pattern: str, path: str) -> bool:
    """Whether `path` is one that `pattern` means.

    All ends that a match could have reached so far are kept at once, sign by sign, so that the time is at most that of
    pattern x path, whatever somebody writes into the rules: who approves what cannot be kept from being told. Answers
    are kept: a history asks the same of every change.
    """
    ends = {0}
    for sign, text in _signs(pattern):
        if sign == _TEXT:
            ends = {end + len(text) for end in ends if path.startswith(text, end)}
        else:
            ends = _after(sign, path, ends)
        if not ends:
            return False
    return len(path) in ends


_TEXT, _STAR, _CROSSING, _FOLDERS, _BELOW = range(5)


@lru_cache(maxsize=4096)
def _signs(pattern: str) -> tuple[tuple[int, str], ...]:
    """What a path has to have, in order."""
    signs: list[tuple[int, str]] = []
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            signs.append((_BELOW if last else _FOLDERS, ""))
            continue
        pieces = [piece for piece in re.split(r"(\*\*|\*)", part) if piece]
        signs += [(_CROSSING if piece == "**" else _STAR if piece == "*" else _TEXT, piece) for piece in pieces]
        if not last:
            signs.append((_TEXT, "/"))
    return tuple(signs)


def _after(sign: int, path: str, ends: set[int]) -> set[int]:
    """Where a match may end with one star more, if it may end at `ends` without."""
    if sign == _STAR:
        reached: set[int] = set()
        for start in ends:
            end = start
            # a run is followed once: whoever comes by where somebody has been goes on as that one did
            while end not in reached:
                reached.add(end)
                if end == len(path) or path[end] == "/":
                    break
                end += 1
        return reached
    first = min(ends)
    if sign == _CROSSING:
        return set(range(first, len(path) + 1))
    if sign == _BELOW:
        return {len(path)} if first < len(path) else set()
    # whole folders: from an end on, each `/` that ends a name
    found = set(ends)
    for start in sorted(ends):
        end = start
        while (slash := path.find("/", end)) > end and slash + 1 not in found:
            end = slash + 1
            found.add(end)
    return found
