"""IntelGraph's own tree, damaged at random -> findings, and never a crash: lines lost, doubled, moved, rewritten."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.cli.check import findings
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.full import full
from compiler.driver import compiled
from compiler.source import from_files
from tests.cases.inputs import own_tree

TODAY = date(2026, 11, 24)

DAMAGE = st.sampled_from(["delete", "double", "value", "key", "indent", "byte", "file", "empty", "name"])
VALUES = st.sampled_from(
    ["", "[]", "{}", "~", "0", "-1", "1.5", '""', "yes", "true", "nobody", "[1, x]", "{a: b}", "9" * 30, "&a x", "'"]
)


@given(st.lists(st.tuples(DAMAGE, st.integers(0), st.integers(0), VALUES), min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)  # a loaded machine is no failure
def test_a_damaged_tree_gives_findings_or_compiles(damages: list[tuple[str, int, int, str]]) -> None:
    files = dict(own_tree())
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
    tree = from_files(files)
    found = findings(tree, TODAY)
    assert full(found, tree.files) or not len(found)
    assert as_json(found)
    result = compiled(tree)
    assert bool(result.errors) == found.failed
    assert bool(result.bundle) != found.failed
