"""`conductor check`, `explain`, `build`, `--help`: what is printed where, and the exit codes."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.cli import app, options
from runtime.contract.manifest import INPUT_FOLDERS
from runtime.release import VERSION
from tests.services.commands import Ran, conductor, git

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the five folders, in no git repository."""
    for folder in INPUT_FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / "tree" / folder)
    return tmp_path / "tree"


def test_a_clean_tree_ends_with_0_and_one_line(tree: Path) -> None:
    ran = conductor("check", "--repo", str(tree), "--today", "2026-11-24")
    assert ran == Ran(0, ran.out, "")
    assert ran.out.endswith(" files: no errors, no warnings\n")


def test_a_mistake_ends_with_1_and_shows_its_line(tree: Path) -> None:
    path = tree / "tenants" / "velora-retail.yaml"
    path.write_text(path.read_text().replace("blueprint: standard", "blueprint: standart"))
    ran = conductor("check", "--repo", str(tree), "--today", "2026-11-24")
    assert ran.code == 1
    assert "error[MC0012]: unknown blueprint `standart`" in ran.out
    assert "did you mean `standard`?" in ran.out
    assert ran.out.endswith(" files: 1 error, no warnings\n")


def test_the_repository_is_found_from_any_folder_within_it(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "tenants" / "blueprints")
    (tree / "tenants" / "notes.txt").write_text("x")
    ran = conductor("check", "--today", "2026-11-24", "--format", "concise")
    assert ran.out == "tenants/notes.txt:1:1: error[MC0001]: `tenants/notes.txt` is not an input\n"


def test_what_to_type_from_another_folder_says_where_its_paths_start(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "tenants" / "fjord.yml").write_text("x")
    start = {tree: "", tree / "tenants" / "blueprints": "paths start in ../..: go there to type them\n"}
    for folder, said in start.items():
        monkeypatch.chdir(folder)
        ran = conductor("check", "--today", "2026-11-24")
        assert "= help: mv tenants/fjord.yml tenants/fjord.yaml\n\n" + said in ran.out
        assert ran.out.endswith(" files: 1 error, no warnings\n")


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_a_folder_without_git_is_named_in_full(tree: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tree)
    ran = conductor(command)
    assert (ran.code, ran.err.splitlines()[0]) == (3, f"error: {tree} is not a git repository")


def test_expired_flags_are_warnings_and_end_with_0(tree: Path) -> None:
    ran = conductor("check", "--repo", str(tree), "--today", "2031-01-01", "--format", "concise")
    assert ran.code == 0
    assert ran.out.splitlines()
    assert all("warning[MC" in line and " has expired" in line for line in ran.out.splitlines())


def test_json_is_a_list_of_findings_and_nothing_else(tree: Path) -> None:
    assert conductor("check", "--repo", str(tree), "--today", "2026-11-24", "--format", "json").out == "[]\n"
    (tree / "tenants" / "notes.txt").write_text("x")
    ran = conductor("check", "--repo", str(tree), "--today", "2026-11-24", "--format", "json")
    assert ran.code == 1
    (finding,) = json.loads(ran.out)
    assert {"code", "severity", "message", "path", "line", "column", "help"} <= finding.keys()
    assert (finding["code"], finding["severity"], finding["path"]) == ("MC0001", "error", "tenants/notes.txt")
    assert (finding["line"], finding["column"]) == (1, 1)


def test_a_folder_without_the_five_folders_is_wrong_usage(tmp_path: Path) -> None:
    ran = conductor("check", "--repo", str(tmp_path))
    assert ran.code == 2
    assert "has none of the folders spec, policies" in ran.err
    assert "--repo DIR" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "--today", "tomorrow"], "is not a date"),
        (["check", "--today", "20261124"], "is not a date"),
        (["check", "--today", "2026-W48-2"], "is not a date"),
        (["check", "--rev", "no-such-revision"], "there is no revision"),
        (["check", "--format", "xml"], "Invalid value for '--format': 'xml' is not one of 'full', 'concise', 'json'"),
        (["check", "--formt", "xml"], "No such option: --formt. Did you mean --format?"),
        (["explain", ""], "error: no code was named"),
        (["chekc"], "Did you mean 'check'?"),
        (["build"], "--output"),
        (["explain", "MC0000"], "there is no code `MC0000`"),
        (["explain", "MC0749"], "those of MC074x are `MC0740`, "),
        (
            ["explain", "MC0555"],
            "those of MC05xx are `MC0501`, `MC0502`, `MC0503`, `MC0504`, `MC0505`, ",
        ),
        (["check", "--repo", "/nonexistent"], "/nonexistent does not exist"),
        (["plan", "--repo", "/nonexistent"], "/nonexistent does not exist"),
        (["check", "--repo", "/dev/null"], "/dev/null is no folder"),
        (["explain", "nonsense"], "codes look like MC0012"),
        (["explain", "mc12"], "did you mean `MC0012`?"),
        (["explain", "12"], "there is no code `12`\n  = help: did you mean `MC0012`?"),
        (["explain", "runbooks/alert-drft"], "did you mean `runbooks/alert-drift`?"),
        (["explain", "../runbooks/agent"], "there is no code, runbook or rule"),
        (["explain", "mc03"], "those of MC03xx are `MC0301`, "),
        (["explain", "unknown-referense"], "did you mean `unknown-reference`?"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what(arguments: list[str], said: str) -> None:
    ran = conductor(*arguments)
    assert ran.code == 2
    assert said in ran.err


def test_explain_prints_the_page_by_code_or_name() -> None:
    ran = conductor("explain", "mc0012")
    assert ran.code == 0
    assert ran.out.startswith("# MC0012: unknown-reference\n")
    assert "<!--" not in ran.out
    assert conductor("explain", "unknown-reference") == ran


@pytest.mark.parametrize("name", ["runbooks/alert-drift", "alert-drift", "docs/runbooks/alert-drift.md"])
def test_explain_prints_a_runbook_by_its_path_or_its_name(name: str) -> None:
    ran = conductor("explain", name)
    assert (ran.code, ran.out) == (0, (ROOT / "docs/runbooks/alert-drift.md").read_text().rstrip() + "\n")


def test_explain_says_what_a_rule_of_consent_asks_and_where_to_go_on() -> None:
    ran = conductor("explain", "two-people")
    assert (ran.code, ran.out.splitlines()[2]) == (0, "At least two different people approve every change.")
    assert "conductor explain runbooks/approvals" in ran.out


CHECK_NEEDS = {"cryptography", "email", "pydantic", "pyrage", "yaml"}
"""Heavy, and needed where people have keys and targets recipients. pydantic brings email."""
HEAVY = CHECK_NEEDS | {
    *("jinja2", "opapywasm", "prometheus_client", "psycopg", "rich", "sigstore_models", "structlog", "wasmtime"),
    *("asyncio", "http", "logging", "multiprocessing", "sqlite3", "ssl", "tarfile", "watchfiles", "xml"),
}
"""What takes longer to import, and more memory, than whoever does not use it should give."""


def loaded(*arguments: str) -> tuple[str, set[str]]:
    """What a process of its own prints for these arguments, and the packages that it has imported then."""
    program = (
        "import sys; from compiler.cli import app\n"
        "try: app.run(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "sys.stderr.write(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", program, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout, set(ran.stderr.split())


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(argument: str) -> None:
    assert loaded(argument)[1] & HEAVY == set()


def test_check_loads_what_it_needs_and_nothing_else_that_is_heavy(tree: Path) -> None:
    assert loaded("check", "--repo", str(tree))[1] & HEAVY == CHECK_NEEDS


def test_help_lists_every_command() -> None:
    said, _ = loaded("--help")
    for name, (_, help_) in app.COMMANDS.items():
        assert name in said
        assert help_[:30] in said


def test_version_is_the_release() -> None:
    assert conductor("--version").out == f"conductor {VERSION}\n"


def test_build_writes_the_bundle_and_prints_the_manifests_digest(tree: Path, tmp_path: Path) -> None:
    ran = conductor("build", "--repo", str(tree), "-o", str(tmp_path / "out"))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("sha256:")
    assert len(ran.out) == len("sha256:") + 65
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"config", "objects", "policy"}
    assert [path.name for path in tmp_path.iterdir()].count("out") == 1


def test_build_replaces_its_own_folder_and_leaves_nothing_of_it(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = conductor("build", "--repo", str(tree), "-o", str(out))
    (out / "config" / "stale.json").write_text("{}")
    second = conductor("build", "--repo", str(tree), "-o", str(out))
    assert first == second
    assert not (out / "config" / "stale.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree"]


def test_build_refuses_a_folder_that_holds_something_else(tree: Path, tmp_path: Path) -> None:
    precious = tmp_path / "out" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("four years")
    ran = conductor("build", "--repo", str(tree), "-o", str(precious.parent))
    assert ran.code == 2
    assert "contains something other than a bundle" in ran.err
    assert precious.read_text() == "four years"


def test_build_writes_nothing_when_there_is_an_error(tree: Path, tmp_path: Path) -> None:
    (tree / "tenants" / "notes.txt").write_text("x")
    ran = conductor("build", "--repo", str(tree), "-o", str(tmp_path / "out"))
    assert (ran.code, ran.out) == (1, "")
    assert "error[MC0001]" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_commit_is_read_instead_of_the_work_tree(tree: Path) -> None:
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "x"]):
        git(tree, *command)
    (tree / "tenants" / "notes.txt").write_text("x")
    assert conductor("check", "--repo", str(tree), "--today", "2026-11-24").code == 1
    assert conductor("check", "--repo", str(tree), "--today", "2026-11-24", "--rev", "HEAD").code == 0
    digest = conductor("build", "--repo", str(tree), "--rev", "HEAD", "-o", str(tree.parent / "a")).out
    (tree / "tenants" / "notes.txt").unlink()
    assert conductor("build", "--repo", str(tree), "-o", str(tree.parent / "b")).out == digest


def test_before_the_first_commit_there_is_no_revision_to_check(tree: Path) -> None:
    git(tree, "init", "-q")
    ran = conductor("check", "--repo", str(tree), "--rev", "HEAD")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no commit yet" in ran.err


def test_a_bundle_that_cannot_be_written_is_the_environment_s_failure(tree: Path) -> None:
    (tree / "file").write_text("")
    ran = conductor("build", "--repo", str(tree), "--output", str(tree / "file" / "below"))
    assert (ran.code, ran.out) == (3, "")
    assert "cannot be written" in ran.err
    assert "Errno" not in ran.err


def shell(line: str, **environment: str) -> Ran:
    """Run a line in a shell, where `conductor` is this one."""
    named = f'conductor() {{ {shlex.quote(sys.executable)} -P -m compiler.cli "$@"; }}; {line}'
    ran = subprocess.run(
        ["bash", "-c", named], capture_output=True, check=False, timeout=60, cwd=ROOT, env={**os.environ, **environment}
    )
    return Ran(ran.returncode, ran.stdout.decode("latin-1"), ran.stderr.decode("latin-1"))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_stream_that_is_closed_ends_no_command(closed: str) -> None:
    for command, code in (("explain MC0012", 0), ("explain MC9999", 2)):
        assert shell(f"conductor {command} {closed}").code == code


def test_what_the_terminals_encoding_cannot_carry_is_written_as_an_escape() -> None:
    ran = shell("conductor check --repo /nowhere/\u2026/\u00e9", PYTHONIOENCODING="iso-8859-1")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: /nowhere/\\u2026/\u00e9 does not exist\n")
    ran = shell("conductor explain MC0011", PYTHONIOENCODING="ascii")
    assert (ran.code, ran.err) == (0, "")


def test_what_nobody_foresaw_is_no_finding_and_tells_no_secret(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hunter2")

    monkeypatch.setattr(options, "from_worktree", fails)
    said = conductor("check", "--repo", str(tree))
    assert (said.code, said.out) == (3, "")
    first, *help_ = said.err.splitlines()
    place = "ZeroDivisionError in test_cli_front.py, line "
    assert first.startswith(f"error: this is a mistake in Conductor, not in your files: {place}")
    assert "conductor --version" in help_[0]
    assert "hunter2" not in said.err
    monkeypatch.setenv("CONDUCTOR_TRACEBACK", "1")
    assert "hunter2" in conductor("check", "--repo", str(tree)).err
