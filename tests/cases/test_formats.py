"""The same findings in each format, and in colour."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft4Validator

from compiler.cli.check import findings
from compiler.diagnostics import codes
from compiler.diagnostics.as_github import as_github
from compiler.diagnostics.as_gitlab import as_gitlab
from compiler.diagnostics.as_json import as_json
from compiler.diagnostics.as_sarif import as_sarif
from compiler.diagnostics.concise import concise
from compiler.diagnostics.full import full
from compiler.diagnostics.model import Diagnostics, Span
from compiler.source import SourceTree, from_worktree
from tests.cases.golden import HERE, Golden, Trees
from tests.cases.inputs import lay_out
from tests.services.commands import conductor, git

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
    golden.check(FOLDER / "github.txt", as_github(diagnostics))
    golden.check(FOLDER / "gitlab.json", as_gitlab(diagnostics))
    golden.check(FOLDER / "sarif.json", as_sarif(diagnostics))


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


def test_sarif_is_what_its_published_schema_asks_for(made: tuple[Diagnostics, SourceTree]) -> None:
    schema = json.loads((FOLDER / "schemas" / "sarif-2.1.0-rtm.5.json").read_text())
    validator = Draft4Validator(schema)
    log = json.loads(as_sarif(made[0]))
    assert list(validator.iter_errors(log)) == []
    assert len(log["runs"][0]["results"]) == len(made[0])
    del log["runs"][0]["results"][0]["message"]
    assert list(validator.iter_errors(log))


def test_a_forge_is_told_paths_from_where_the_clone_begins(
    made: tuple[Diagnostics, SourceTree], golden: Golden, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "clone" / "our platform", made[1].files)
    git(tmp_path / "clone", "init", "--quiet")

    def said(form: str, repo: str) -> str:
        return conductor("check", "--repo", repo, "--today", "2026-11-24", "--format", form).out

    for cwd, repo in (
        (tmp_path, "clone/our platform"),
        (tmp_path / "clone", "our platform"),
        (tmp_path / "clone" / "our platform", "."),
    ):
        monkeypatch.chdir(cwd)
        golden.check(FOLDER / "github-below.txt", said("github", repo))
        assert {item["location"]["path"].split("/")[0] for item in json.loads(said("gitlab", repo))} == {"our platform"}
        (run,) = json.loads(said("sarif", repo))["runs"]
        for item in run["results"]:
            for place in (*item["locations"], *item.get("relatedLocations", ())):
                assert place["physicalLocation"]["artifactLocation"]["uri"].startswith("our%20platform/")
        # a person types the command where the tree begins
        assert {line.split("/")[0] for line in said("concise", repo).splitlines()} == {"flags", "tenants"}


def test_an_annotation_cannot_begin_another_command() -> None:
    diagnostics = Diagnostics()
    diagnostics.add(codes.UNKNOWN_KEY, "50 % of\n::error::x", Span("a,b:c.yaml", 1, 1, 1, 2), help="quote: it")
    place = f"file=a%2Cb%3Ac.yaml,line=1,col=1,endLine=1,endColumn=2,title={codes.UNKNOWN_KEY.id} unknown-key"
    assert as_github(diagnostics) == f"::error {place}::50 %25 of\\n::error::x%0Ahelp: quote: it\n"


def test_a_fingerprint_stays_when_lines_above_move_and_tells_equals_apart() -> None:
    def prints(*lines: int) -> list[str]:
        diagnostics = Diagnostics()
        for line in lines:
            diagnostics.add(codes.UNKNOWN_KEY, "unknown key `x`", Span("a.yaml", line, 1, line, 2))
        return [item["fingerprint"] for item in json.loads(as_gitlab(diagnostics))]

    assert prints(3, 9) == prints(4, 10)
    assert len(set(prints(3, 9))) == 2
