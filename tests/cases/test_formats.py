"""The same findings in each format, and in colour."""

from __future__ import annotations

import json
from datetime import date

import pytest

from compiler.cli.check import findings
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.concise import concise
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics
from compiler.source import SourceTree, from_worktree
from tests.cases.golden import HERE, Golden, Trees

FOLDER = HERE / "formats"


@pytest.fixture
def made(trees: Trees) -> tuple[Diagnostics, SourceTree]:
    source = from_worktree(trees.failing(FOLDER))
    return findings(source, date(2026, 11, 24)), source


def test_each_format_says_the_same_in_its_way(made: tuple[Diagnostics, SourceTree], golden: Golden) -> None:
    diagnostics, source = made
    golden.check(FOLDER / "full.txt", full(diagnostics, source.files))
    golden.check(FOLDER / "concise.txt", concise(diagnostics))
    golden.check(FOLDER / "json.json", as_json(diagnostics))


def test_colour_adds_nothing_but_colour(made: tuple[Diagnostics, SourceTree], golden: Golden) -> None:
    diagnostics, source = made
    coloured = full(diagnostics, source.files, colour=True)
    golden.check(FOLDER / "colour.txt", coloured.replace("\x1b", "␛"))
    for code in ("\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1;36m", "\x1b[1m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == full(diagnostics, source.files)


def test_json_has_the_fields_that_a_script_relies_on(made: tuple[Diagnostics, SourceTree]) -> None:
    for item in json.loads(as_json(made[0])):
        assert {"code", "severity", "message", "path", "line", "column", "help"} <= item.keys()
        assert item["end_line"] >= item["line"]
