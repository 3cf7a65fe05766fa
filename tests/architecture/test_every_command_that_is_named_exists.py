"""Whatever says to type `conductor …` (a page, a help text, an error, a workflow) names what there is of it, and a path
in a command to type is one word of the shell, whatever is in it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from compiler.cli.app import command
from compiler.cli.explain import page

ROOT = Path(__file__).resolve().parents[2]
EXPLAIN = "compiler/cli/explain.py"
SESSIONS = {"conductor archive", "conductor control", "conductor login proof"}
"""What a PostgreSQL server calls sessions of ours: names, and nothing to type."""
GAP = "…"
"""Stands for what an f-string fills in."""
_CALL = re.compile(r"(?<![\w./-])conductor[ \n]+(-?[a-z][^`;|&()<>\"]*)")
_OPTION = re.compile(r"(?<=\s)--?[a-z][a-z-]*(?![\w-]*…)")


_BEFORE_A_PATH = re.compile(r"(?<![\w-])(?:-C|-f|--repo|--key|--dir|ssh-add|chmod \S+|rm|mv|cd|cat|\$EDITOR) $")
_QUOTED = ("quote(", "typed(")


def files(*endings: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *(f"*{ending}" for ending in endings)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=30,
    ).stdout.splitlines()  # fmt: skip
    return [path for path in listed if not path.startswith("tests/cases/") and (ROOT / path).exists()]


def spans(page: str) -> Iterator[str]:
    """What a page shows as code: lines of blocks, and code in running text."""
    blocks = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
    for block in blocks.findall(page):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`([^`]+)`", blocks.sub("", page))


def strings(code: str) -> Iterator[str]:
    """Every string of a module, docstrings as well; `program` in an f-string is conductor."""
    tree = ast.parse(code)
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "conductor" if isinstance(node, ast.FormattedValue) and ast.unparse(node.value) == "program" else GAP


def calls(text: str) -> Iterator[str]:
    """Each call that a text names, up to where another thing begins."""
    for found in _CALL.finditer(text):
        whole = re.split(r"\n\n|\s#|, |: |[.:,]$", " ".join(found[0].split(" ")))[0]
        if whole not in SESSIONS:
            yield " ".join(whole.split())


def wrong(call: str) -> str | None:
    """What no command line knows of a call."""
    known: Any = command()
    if call.startswith("conductor -"):
        return None
    rest = [word.rstrip(f"{GAP}.,:") for word in call.split()[1:]]
    while rest and hasattr(known, "resolve_command") and re.fullmatch("[a-z]+", rest[0]):
        if rest[0] not in known.commands:
            return f"no command {rest[0]}"
        context = known.make_context("conductor", [], resilient_parsing=True)
        _, known, rest = known.resolve_command(context, rest)
    options = {name for parameter in known.params for name in parameter.opts} | {"--help", "-h"}
    if hasattr(known, "commands"):
        return None
    return next((f"no option {name}" for name in _OPTION.findall(call) if name not in options), None)


def unquoted(code: str) -> Iterator[str]:
    """Paths in commands to type that are written down as they are."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.JoinedStr):
            for before, value in pairwise(node.values):
                if isinstance(before, ast.Constant) and isinstance(value, ast.FormattedValue):
                    told = ast.unparse(value.value)
                    if _BEFORE_A_PATH.search(str(before.value)) and not told.startswith(_QUOTED):
                        yield f"{str(before.value)[-20:]}{{{told}}}"


def modules() -> list[str]:
    return [path for path in files(".py") if path.startswith(("compiler/", "runtime/"))]


def refused(path: str, texts: Iterable[str]) -> list[str]:
    return [f"{path}: {call}: {why}" for text in texts for call in calls(text) if (why := wrong(call)) is not None]


def test_every_command_and_option_that_a_page_names_exists() -> None:
    assert [one for page in files(".md") for one in refused(page, spans((ROOT / page).read_text()))] == []


def test_every_command_and_option_that_help_texts_and_errors_name_exists() -> None:
    assert [one for path in modules() for one in refused(path, strings((ROOT / path).read_text()))] == []


def test_every_command_and_option_that_a_workflow_names_exists() -> None:
    paths = files(".yml", ".yaml", ".sh", "Makefile", ".toml")
    assert [one for path in paths for one in refused(path, (ROOT / path).read_text().splitlines())] == []


def test_every_runbook_that_a_message_names_can_be_explained_where_there_is_no_checkout() -> None:
    said = {text for path in modules() if path != EXPLAIN for text in strings((ROOT / path).read_text())}
    named = {name for text in said for name in re.findall(r"conductor explain (runbooks/[\w-]+)", text)}
    assert len(named) > 3
    assert [name for name in named if not page(name).startswith("# ")] == []
    assert [text for text in said if re.search(r"docs/runbooks/[\w-]+\.md", text)] == []


def test_every_path_in_a_command_to_type_is_quoted() -> None:
    assert [f"{path}: {one}" for path in modules() for one in unquoted((ROOT / path).read_text())] == []
    assert list(unquoted('f"it is rm {path}, or git -C {quote(str(path))} fsck"')) == ["it is rm {path}"]


def test_a_command_that_does_not_exist_would_be_found() -> None:
    said = 'f"{program} evidence list --repo {folder}, and `conductor plan --every --head {x}`; conductor verify{here}"'
    assert refused("x.py", strings(said)) == [
        "x.py: conductor evidence list --repo …: no command list",
        "x.py: conductor plan --every --head …: no option --every",
    ]
    assert refused("x.md", spans("```sh\ngit push && conductor aprove \\\n  --yes\n```\n")) == [
        "x.md: conductor aprove --yes: no command aprove"
    ]
