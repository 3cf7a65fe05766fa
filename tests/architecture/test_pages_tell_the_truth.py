"""The targets of make, the links and the folders that README, architecture and the other pages name exist."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    *("README.md", "docs/architecture.md", "evidence/README.md", "docs/benchmarks.md"),
    *("docs/getting-started.md", "docs/adopting.md", "docs/adding-a-domain.md"),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs" / "runbooks").glob("*.md"))),
    "docs/example/README.md",
)


def typed(page: str) -> Iterator[str]:
    """What a reader is told to type: lines of shell blocks and code in running text."""
    text = (ROOT / page).read_text()
    for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL):
        yield from (line.removeprefix("$ ").strip() for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def lines_of(page: str, program: str) -> list[list[str]]:
    """The typed lines that call a program, as words; what a shell could not read is prose."""
    found = []
    for line in typed(page):
        if re.match(rf"(?:\S*/)?{program}\s", line) is None:
            continue
        try:
            found.append(shlex.split(re.split(r"\s(?:#|&&|\|\|?|;|>)\s", line)[0])[1:])
        except ValueError:
            continue
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page: str) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    for words in lines_of(page, "make"):
        assert words[0] in targets, f"{page}: make {words[0]}"


def test_the_readme_names_the_two_commands_first() -> None:
    calls = lines_of("README.md", "make")
    assert [words[0] for words in calls[:2]] == ["demo", "test"]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    for goal in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", prose):
        if "://" not in goal:
            assert (folder / goal).exists(), f"{page}: {goal}"


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name in re.findall(r"`((?:compiler|runtime|tests|docs|policies)/[A-Za-z0-9_./-]+)`", text):
        assert (ROOT / name).exists() or "xxxx" in name, name


def test_the_top_level_is_what_it_has_to_be() -> None:
    fixed = {"spec", "policies", "controls", "tenants", "flags", "compiler", "runtime", "evidence", "tests"}
    files = {"pyproject.toml", "README.md", "docs", "Makefile", "CHANGELOG.md", "requirements.lock"}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    tracked = {line.split("/", 1)[0] for line in listed.splitlines()}
    assert {name for name in tracked if not name.startswith(".")} == fixed | files
