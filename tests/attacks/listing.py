"""The attacks of this folder -> `docs/attacks.md`: how many there are, what each tries, and which rule keeps it out.

`python -m tests.attacks.listing` writes the page; a test compares it. An attack is a test of a `test_attacks_*.py`; its
story is its docstring, else its name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "attacks.md"
_RULE = re.compile(r"\s*Rule: `([a-z-]+)`\.\s*$")


@dataclass(frozen=True)
class Attack:
    """One test: what it tries, in whose words, and the rule that alone keeps it out, if it is one."""

    name: str
    story: str
    rule: str | None


@dataclass(frozen=True)
class Chapter:
    """One file: what its attacks have in common."""

    file: str
    about: str
    attacks: tuple[Attack, ...]


def chapters() -> tuple[Chapter, ...]:
    """Every file with its attacks, by name."""
    return tuple(_chapter(file) for file in sorted(HERE.glob("test_attacks_*.py")))


def page() -> str:
    """The page."""
    told = chapters()
    count, by_rule = sum(len(one.attacks) for one in told), sum(item.rule is not None for item in _all(told))
    parts = [
        "# Attacks",
        (
            f"{by_rule} attacks are each kept out by one rule of consent or of the ledger, named beside them: with "
            "exactly that rule dropped the attack succeeds, with any other it does not. "
            f"{count - by_rule} more try what no single rule keeps out, or are what must get through all the same. "
            "Every run of the tests tries all of them."
        ),
        "Written by `python -m tests.attacks.listing`; a test compares it with [`tests/attacks`](../tests/attacks).",
    ]
    for one in told:
        parts.append(f"## {one.about}")
        parts.append("\n".join(_line(item) for item in one.attacks))
    return "\n\n".join(parts) + "\n"


def _all(told: tuple[Chapter, ...]) -> Iterator[Attack]:
    for one in told:
        yield from one.attacks


def _chapter(file: Path) -> Chapter:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    about = (ast.get_docstring(tree) or file.stem).split("\n\n")[0]
    return Chapter(file.name, _joined(about).rstrip("."), tuple(map(_attack, tests)))


def _attack(node: ast.FunctionDef) -> Attack:
    story = ast.get_docstring(node) or ""
    rule = _RULE.search(story)
    return Attack(node.name, _joined(_RULE.sub("", story)), rule[1] if rule else None)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _line(item: Attack) -> str:
    name = item.name.removeprefix("test_").replace("_", " ")
    story = f": {item.story}" if item.story else ""
    return f"- **{name}**{story}" + (f" *Kept out by `{item.rule}`.*" if item.rule else "")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
