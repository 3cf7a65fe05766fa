"""A tree, damaged at random: lines lost, doubled, moved, rewritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from hypothesis import strategies as st

_KINDS = st.sampled_from(["delete", "double", "value", "key", "indent", "byte", "file", "empty", "name"])
_VALUES = st.sampled_from(
    ["", "[]", "{}", "~", "0", "-1", "1.5", '""', "yes", "true", "nobody", "[1, x]", "{a: b}", "9" * 30, "&a x", "'"]
)
Damage: TypeAlias = tuple[str, int, int, str]
DAMAGES = st.lists(st.tuples(_KINDS, st.integers(0), st.integers(0), _VALUES), min_size=1, max_size=6)


def damaged(tree: Mapping[str, bytes], damages: Iterable[Damage]) -> dict[str, bytes]:
    """Return the tree with these damages."""
    files = dict(tree)
    paths = sorted(path for path in files if path.endswith(".yaml"))
    for kind, which, where, value in damages:
        path = paths[which % len(paths)]
        if path not in files:
            continue
        lines = files[path].split(b"\n")
        at = where % len(lines)
        line = lines[at]
        match kind:
            case "delete":
                del lines[at]
            case "double":
                lines.insert(at, line)
            case "value":
                lines[at] = line.partition(b":")[0] + b": " + value.encode()
            case "key":
                lines[at] = line.replace(b":", b"x:", 1)
            case "indent":
                lines[at] = b"  " + line
            case "byte":
                lines[at] = line[: where % (len(line) + 1)] + bytes([where % 256]) + line[where % (len(line) + 1) :]
            case "empty":
                lines = [b""]
            case "name":
                files[path.replace(".yaml", "-two.yaml")] = files[path]
        if kind == "file":
            del files[path]
        else:
            files[path] = b"\n".join(lines)
    return files
