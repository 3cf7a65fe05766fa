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
    return None


def matches(pattern: str, path: str) -> bool:
    """Whether `path` is one that `pattern` means."""
    return _compiled(pattern).fullmatch(path) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = pattern.split("/")
    text = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            text += "(?s:.+)" if last else "(?:[^/]+/)*"
        else:
            text += "".join(_piece(piece) for piece in re.split(r"(\*\*|\*)", part)) + ("" if last else "/")
    return re.compile(text)


def _piece(piece: str) -> str:
    match piece:
        case "**":
            return "(?s:.*)"
        case "*":
            return "[^/]*"
        case _:
            return re.escape(piece)
