"""Every rule, condition, comparison and constant of the Rego is held by its tests: without it, one of them fails."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.services.opa import opa

pytestmark = pytest.mark.service

REGO = {path.name: path.read_text() for path in (Path(__file__).parents[2] / "policies").glob("*.rego")}
SWAPS = (
    (" == ", " != "),
    (" <= ", " < "),
    (" >= ", " > "),
    ("not ", ""),
    (" in ", " == "),
    (" == true", " != false"),
    ('"graph.export"', '"graph.read"'),
    ('"admin"', '"mc"'),
    ('"active"', '"suspended"'),
    ("604800", "604801"),
    ('"eu-"', '"us-"'),
)
RULE = re.compile(r"^(?:deny|refuse|transition) contains (?:\w+ if some .*?$|.*?^\}$)", re.MULTILINE | re.DOTALL)


class Mutant(NamedTuple):
    file: str
    line: int
    what: str
    text: str


def mutants() -> Iterator[Mutant]:
    for file, text in REGO.items():
        if file.endswith("_test.rego"):
            continue
        for rule in RULE.finditer(text):
            line = text.count("\n", 0, rule.start()) + 1
            yield Mutant(file, line, "rule left out", text[: rule.start()] + text[rule.end() :])
        yield from lines(file, text.split("\n"))


def lines(file: str, text: list[str]) -> Iterator[Mutant]:
    in_body = False
    for index, line in enumerate(text):
        if line.startswith("}"):
            in_body = False
        if in_body and not line.strip().startswith("some "):
            yield Mutant(file, index + 1, "condition left out", "\n".join(text[:index] + text[index + 1 :]))
        for right, wrong in SWAPS:
            if right in line and not line.startswith("#"):
                swapped = line.replace(right, wrong)
                yield Mutant(
                    file, index + 1, f"{right!r} -> {wrong!r}", "\n".join([*text[:index], swapped, *text[index + 1 :]])
                )
        in_body = in_body or line.endswith("if {")


def test_no_rule_condition_or_constant_can_be_changed_unnoticed(tmp_path: Path) -> None:
    made = list(mutants())
    executable = opa().path

    def survives(number: int) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        for file, text in (REGO | {made[number].file: made[number].text}).items():
            (folder / file).write_text(text)
        done = subprocess.run([executable, "test", "."], cwd=folder, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    with ThreadPoolExecutor(2) as threads:
        survived = list(threads.map(survives, range(len(made))))
    assert [f"{it.file}:{it.line} {it.what}" for it, alive in zip(made, survived, strict=True) if alive] == []
    assert len(made) > 90
