"""Decisions that flip, as each format shows them: `plan/flips-*` beside this file."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from compiler.cli.plan import PlanFormat, written
from compiler.plan import plan
from compiler.plan_page import WIDTH
from compiler.plan_text import as_text
from runtime.policy.engine import PolicyError
from tests.cases.flips_world import NAMES, flips_world
from tests.cases.golden import HERE, Golden
from tests.cases.plan_world import PlanWorld, tenant


@pytest.fixture(scope="module")
def world() -> PlanWorld:
    return flips_world()


@pytest.mark.parametrize("head", ["grant", "guarded", "suspended", "new", "rego"])
def test_decisions_that_flip_are_drawn_as_shown(world: PlanWorld, golden: Golden, head: str) -> None:
    made = world.plan(head)
    text, marked = written(made, PlanFormat.TEXT), written(made, PlanFormat.MARKDOWN)
    told = text[text.index("Decisions that flip") : text.index("\nResources")]
    shown = marked[marked.index("**Decisions that flip") : marked.index("\n| | resource")]
    flips = json.loads(written(made, PlanFormat.JSON))["decisions"]
    folder = HERE / "plan" / f"flips-{head}"
    golden.check(folder / "flips.txt", told)
    golden.check(folder / "flips.md", shown)
    golden.check(folder / "flips.json", re.sub(r"\n {8,}|\n {6}(?=\])", " ", json.dumps(flips, indent=2)) + "\n")


def test_a_policy_that_gives_no_answer_is_said_in_every_format(world: PlanWorld) -> None:
    def broken(*_: object) -> frozenset[int]:
        raise PolicyError("`conductor/allow` failed: no memory")

    made = plan(replace(world.stand("grant"), allowed=broken))
    assert "Decisions that flip  not known: `conductor/allow` failed: no memory\n" in written(made, PlanFormat.TEXT)
    assert "**Decisions that flip: not known:" in written(made, PlanFormat.MARKDOWN)
    assert json.loads(written(made, PlanFormat.JSON))["decisions"]["unknown"] == "`conductor/allow` failed: no memory"


def test_a_change_of_nothing_that_a_policy_sees_asks_nothing(world: PlanWorld) -> None:
    def never(*_: object) -> frozenset[int]:
        raise AssertionError

    world.commit({"tenants/tenant-03.yaml": tenant("tenant-03", "retention_days: 400")}, branch="kept")
    made = plan(replace(world.stand("kept"), allowed=never))
    assert not made.decisions.asked
    assert "flip" not in written(made, PlanFormat.TEXT) + written(made, PlanFormat.MARKDOWN)


def test_full_opens_every_line_up(world: PlanWorld) -> None:
    made = world.plan("grant")
    assert "tenant-12" not in as_text(made)
    told = as_text(made, full=True)
    assert ", ".join(["acme-retail", *NAMES]) in " ".join(line.strip() for line in told.splitlines())
    assert all(len(line) <= WIDTH for line in told.splitlines() if line.startswith("      "))
