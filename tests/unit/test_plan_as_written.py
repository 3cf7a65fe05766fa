"""A plan as text, JSON and Markdown: all tell the same, and draw nothing of what others wrote."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from compiler.cli.standpoint import UnsoundError
from compiler.plan import Plan
from compiler.plan_json import as_json
from compiler.plan_markdown import as_markdown
from compiler.plan_text import as_text
from compiler.plan_unsound import Unsound, unsound_as_json, unsound_as_markdown, unsound_as_text
from tests.cases.plan_world import ADA, PlanWorld, base_files, tenant

FLAG = "flags/new-checkout.yaml"


@pytest.fixture
def world() -> PlanWorld:
    return PlanWorld.begun()


def test_text_json_and_markdown_tell_the_same_change(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, message="Add | fjord <b> *now*")
    world.approve(ADA)
    plan = world.plan()
    value = json.loads(as_json(plan))
    assert value["change"]["sha256"] == plan.change.digest
    assert (value["sound"], value["approved"], value["problems"]) == (True, False, [])
    assert [item["operation"] for item in value["objects"]] == ["create"] * 4
    assert [item["person"] for item in value["approvals"]["given"]] == [ADA]
    markdown = as_markdown(plan)
    assert plan.change.digest in markdown
    assert "Add \\| fjord \\<b\\> \\*now\\*" in markdown
    assert f"✅ **{ADA}**" in markdown
    assert plan.change.digest in as_text(plan)


HOSTILE = "Add \x1b[2K\u202e\u3164\x9b nothing"


@pytest.mark.parametrize(
    ("draw", "draw_unsound"),
    [(as_text, unsound_as_text), (as_markdown, unsound_as_markdown), (as_json, unsound_as_json)],
    ids=["text", "markdown", "json"],
)
def test_nothing_in_a_commit_or_file_can_draw_on_the_reviewers_terminal(
    world: PlanWorld, draw: Callable[[Plan], str], draw_unsound: Callable[[Unsound], str]
) -> None:
    flag, reason = base_files()[FLAG], b"Try the new checkout with one tenant first"
    hostile = json.dumps("Try \x1b[31m\u202e\u3164\x9b").encode()
    world.commit({FLAG: flag.replace(reason, hostile)}, message=HOSTILE)
    made = [draw(world.plan())]
    world.commit({FLAG: flag.replace(b"safe: disabled", b"safe: " + hostile)}, message=HOSTILE)
    with pytest.raises(UnsoundError) as caught:
        world.plan()
    made.append(draw_unsound(caught.value.unsound))
    for text in made:
        assert "nothing" in text
        assert [char for char in text if char != "\n" and not char.isprintable()] == []
        assert "\u3164" not in text


def test_what_is_cut_names_the_option_that_shows_it_and_that_cuts_nothing(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")})
    plan = world.plan()
    assert "more: --full shows them" in as_text(plan)
    whole = as_text(plan, full=True)
    assert "more" not in whole
    assert "retention_days" in whole


def test_json_means_the_same_with_everything_escaped(world: PlanWorld) -> None:
    world.commit({"tenants/fjord.yaml": tenant("fjord")}, message=HOSTILE)
    assert json.loads(as_json(world.plan()))["head"]["subject"] == HOSTILE
