"""The page of `/status` as browsers and screen readers take it: valid, in order, said in words, readable."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from justhtml import Element, JustHTML

from runtime.agent.decide import Nothing
from runtime.agent.loop import once
from runtime.agent.state import read
from runtime.agent.status import Status
from runtime.agent.status_page import STYLE, page
from runtime.agent.stock import take_stock
from runtime.contract.objects import ObjectId
from runtime.governance.approvals import Approvals
from runtime.testing.fleet import Fleet, target
from runtime.testing.memory_target import MemoryObject

LIGHT, DARK = (255, 255, 255), (18, 18, 18)
"""What browsers paint under a page that has no colour of its own."""


def stands(fleet: Fleet) -> Status:
    """How things stand now."""
    world = fleet.world()
    state = read(world)
    filed = Approvals(world.git, state.approvals).of
    decision = Nothing() if not state.memory.started else state.decide(world, fleet.now)
    return take_stock(state.history, decision, world.git, filed, compile=world.compile, at=fleet.now)


@pytest.fixture(scope="module")
def troubled() -> Status:
    """With something of everything: a debt, drift, a change that nobody approved, one taken back, a refusal."""
    fleet = Fleet.started(
        **{
            "spec/targets/pg-eu.yaml": target("pg-eu", drift="report"),
            "spec/targets/pg-us.yaml": target("pg-us", control=True),
        }
    )
    once(fleet.world())
    fleet.systems["pg-eu"].world[ObjectId("pg-eu", "role", "acme_app")] = MemoryObject({"login": False}, 1)
    fleet.approve(fleet.edit(hooli={}), "mara", kind="emergency")
    once(fleet.world())
    fleet.now += timedelta(hours=3)
    fleet.edit(initech={})
    once(fleet.world())
    fleet.edit(initech=None, umbrella={})
    return stands(fleet)


def parsed(status: Status | None, problem: str | None = None) -> JustHTML:
    """Read a page; raises StrictModeError for the first thing that HTML's own parser would have to put right."""
    return JustHTML(page(status, problem), strict=True, sanitize=False)


def words(document: JustHTML, selector: str) -> list[str]:
    """What elements say, white space aside."""
    return [" ".join(item.to_text().split()) for item in document.query(selector)]


@pytest.mark.parametrize("problem", [None, "target pg-eu is away & <silent>"])
def test_every_page_is_valid_and_can_be_found_ones_way_in(troubled: Status, problem: str | None) -> None:
    for status in (None, stands(Fleet.started()), troubled):
        document = parsed(status, problem)
        (html,) = document.query("html")
        assert isinstance(html, Element)
        assert html.attrs == {"lang": "en"}
        (title,) = words(document, "title")
        assert title.startswith("Conductor: ")
        assert len(document.query("main")) == len(document.query("h1")) == 1
        levels = [int(item.name[1]) for item in document.query("h1, h2, h3")]
        assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
        assert len(document.query("tr")) == len(document.query("tr > th[scope=row]")) == len(document.query("tr > td"))
        assert document.query("script, img, a, form, [href], [src], [onclick]") == []


def test_what_waits_is_read_aloud_as_a_sentence_and_what_was_taken_back_asks_for_nothing(troubled: Status) -> None:
    document = parsed(troubled)
    assert words(document, "title") == ["Conductor: 3 for a person"]
    said = words(document, "li")
    assert "the rule two-people still asks for 2 more people: ines, mara or tomas" in said
    assert "the rule tenants still asks for 1 of platform and 1 of pm: mara or tomas" in said
    typed = words(document, "code.type")
    waiting = [item for item in troubled.waiting if item.for_a_person]
    debt = troubled.debt
    assert debt is not None
    commands = [command for item in waiting for command in (item.command, item.take_back)]
    assert typed == [*commands, debt.command, "conductor evidence show 4"]
    assert len(document.query("code.type[tabindex=0]")) == len(typed), "it may scroll, so it can be reached by keyboard"
    assert words(document, "h2").count("Taken back") == 1
    assert len(words(document, "h3")) == len(waiting) == 1


def test_a_turn_that_failed_is_not_told_beside_that_nothing_waits() -> None:
    fleet = Fleet.started()
    once(fleet.world())
    document = parsed(stands(fleet), "another agent holds the lock")
    assert words(document, "title") == ["Conductor: the agent's last turn did not go well"]
    assert words(document, ".answer") == ["The agent's last turn did not go well: another agent holds the lock"]
    assert words(parsed(stands(fleet)), ".answer") == ["Nothing waits for a person."]


def luminance(colour: tuple[int, ...]) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [value / 255 for value in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """WCAG 2.2's contrast ratio."""
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_words_and_marks_have_the_contrast_that_wcag_asks_for_in_light_and_dark() -> None:
    faint = min(float(value) for value in re.findall(r"opacity:([.\d]+)", STYLE))
    marks = [tuple(bytes.fromhex(value)) for value in re.findall(r"border-color:#([0-9a-f]{6})", STYLE)]
    assert len(marks) == 2
    for paper, ink in ((LIGHT, (0, 0, 0)), (DARK, (255, 255, 255))):
        text = tuple(round(faint * above + (1 - faint) * below) for above, below in zip(ink, paper, strict=True))
        assert contrast(text, paper) >= 4.5
        assert all(contrast(mark, paper) >= 3 for mark in marks)
