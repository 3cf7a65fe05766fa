"""The picture of docs/benchmarks.md: points -> SVG."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.plot import Panel, drawn, ticks

PANEL = Panel("Time & more", "s", {"ours": [(0, 0.0), (1000, 0.5), (10_000, 5.0)], "<peer>": [(10_000, 10.0)]})


def path_of(svg: str, index: int) -> list[tuple[float, float]]:
    """The points of one series as they are drawn."""
    paths = [item.attrib["d"] for item in ET.fromstring(svg).iter() if item.attrib.get("fill") == "none"]  # noqa: S314 -- our own
    return [(float(x), float(y)) for x, y in re.findall(r"([0-9.]+) ([0-9.]+)", paths[index])]


def test_growth_in_proportion_is_a_straight_line_from_the_corner() -> None:
    (x0, y0), (x1, y1), (x2, y2) = path_of(drawn([PANEL]), 0)
    assert abs((y0 - y1) / (x1 - x0) - (y0 - y2) / (x2 - x0)) < 0.01


def test_twice_as_much_is_drawn_twice_as_high() -> None:
    svg = drawn([PANEL])
    (_, foot), *_, (_, ours) = path_of(svg, 0)
    ((_, peer),) = path_of(svg, 1)
    assert abs((foot - peer) - 2 * (foot - ours)) < 0.2


def test_names_are_text_and_nothing_else() -> None:
    texts = [item.text for item in ET.fromstring(drawn([PANEL, PANEL])).iter() if item.text]  # noqa: S314 -- our own
    assert texts.count("<peer>") == texts.count("Time & more") == 2


@given(st.floats(min_value=1e-3, max_value=1e7))
def test_ticks_are_few_even_and_reach_the_most(most: float) -> None:
    found = ticks(most)
    assert found[0] == 0
    assert 2 <= len(found) <= 6
    assert found[-1] >= most * (1 - 1e-6)
    assert found[-2] < most
