"""Every folder of `diagnostics/`, and the page that shows it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from compiler.cli.check import findings
from compiler.diagnostics.codes import ALL
from compiler.diagnostics.full import full
from compiler.source import from_worktree
from tests.cases.golden import HERE, Golden, Trees
from tests.cases.inputs import BASE, ROOT
from tests.cases.steps import step_text

CASES = sorted(path for path in (HERE / "diagnostics").iterdir() if path.is_dir())
PAGES = ROOT / "docs" / "diagnostics"
TODAY = date(2026, 11, 24)
BEGIN = "<!-- from tests/cases; written by `pytest tests/cases --update-goldens` -->\n"
END = "<!-- end of what is written -->\n"


def text_of(tree: Path, today: date = TODAY, *, before: Path | None = None) -> str:
    if before is not None:
        return step_text(before, tree, today)
    source = from_worktree(tree)
    return full(findings(source, today), source.files)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_failing_example_gives_exactly_the_shown_text_and_its_mended_one_nothing(
    case: Path, trees: Trees, golden: Golden
) -> None:
    settings = trees.settings(case)
    today = settings.get("today", TODAY)
    before = trees.base("before") if settings.get("step") else None
    text = text_of(trees.failing(case), today, before=before)
    golden.check(case / "expected.txt", text)
    code = case.name[:6]
    assert text.count("[MC") == text.count(f"[{code}]") >= 1, f"the case of {code} gives another code:\n{text}"
    assert text_of(trees.mended(case), today, before=before) == ""


@pytest.mark.parametrize("code", sorted(ALL))
def test_a_page_shows_its_code_and_its_case(code: str, trees: Trees, golden: Golden) -> None:
    page = PAGES / f"{code}.md"
    head = f"# {code}: {ALL[code].name}\n\n{ALL[code].summary[:1].upper()}{ALL[code].summary[1:]}.\n"
    text = page.read_text(encoding="utf-8") if page.exists() else f"{head}\n{BEGIN}{END}"
    assert text.startswith(head), f"{page.name} begins with the code, its name and its summary"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"{page.name} has no line {BEGIN}"
    assert end, f"{page.name} has no line {END}"
    cases = [case for case in CASES if case.name.startswith(f"{code}-")]
    golden.check(page, f"{before}{BEGIN}{''.join(shown(case, trees) for case in cases[:1])}{END}{after}")
    assert len(before.removeprefix(head).strip()) > 80, f"{page.name} does not say what is wrong and what to do"


def shown(case: Path, trees: Trees) -> str:
    """Draw a case: its files, the text, and its files when mended."""
    settings = trees.settings(case)
    said = [f"`{path}` is a symbolic link to `{to}`." for path, to in settings.get("symlink", {}).items()]
    said += [f"`{path}` is executable." for path in settings.get("executable", ())]
    said += [f"`{path}` is larger than 1 MiB." for path in settings.get("pad", {})]
    said += [f"`{path}` does not exist." for path in settings.get("remove", ())]
    said += [f"`{path}` holds the bytes `{text!r}`." for path, text in settings.get("write", {}).items()]
    said += [f"`{settings['submodule']}` is a submodule."] if "submodule" in settings else []
    said += (
        ["The change adds it to a repository whose last verified commit knows nothing of it."]
        if "step" in settings
        else []
    )
    if "today" in settings:
        said.append(f"The day is {settings['today']}.")
    return (
        "\n## What fails\n\n"
        + "".join(f"{line}\n\n" for line in said)
        + files(case / "tree")
        + f"```text\n{(case / 'expected.txt').read_text(encoding='utf-8')}```\n"
        + "\n## What is right\n\n"
        + (files(case / "fixed") or files(BASE, case / "tree") or "The file is not there, or is as others are.\n\n")
    )


def files(folder: Path, like: Path | None = None) -> str:
    """Draw the files of a folder, only those that another folder has too if one is given."""
    drawn = []
    for path in sorted(item for item in folder.rglob("*") if item.is_file()) if folder.is_dir() else []:
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".wasm" or (like is not None and not (like / name).is_file()):
            continue
        text = path.read_bytes().decode("utf-8", "backslashreplace")
        language = path.suffix.lstrip(".") if path.suffix in {".yaml", ".json", ".rego"} else "text"
        gap = "" if text.endswith("\n") else "\n"
        drawn.append(f"`{name}`\n\n```{language}\n{text}{gap}```\n\n")
    return "".join(drawn)
