"""Series of points -> one SVG: how time and memory grow with the tree, ours beside a peer.

Rules kept: axes begin at nought and are linear, so that growth that is in proportion to the tree is a straight line;
the same points give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 380, 280
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 40, 16, 44
_COLOURS = ("#0b6e99", "#b35900", "#4d7c0f", "#7a3e9d")
_DASHES = ("", "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True)
class Panel:
    """One diagram: name -> points (tenants, value)."""

    title: str
    unit: str
    series: Mapping[str, Sequence[tuple[int, float]]]


def drawn(panels: Sequence[Panel]) -> str:
    """Return the panels side by side."""
    width = WIDTH * len(panels)
    size = f'viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11" role="img">',
        f"<title>{escape('; '.join(panel.title for panel in panels))}</title>",
        f'<rect width="{width}" height="{HEIGHT}" fill="#ffffff"/>',
    ]
    for index, panel in enumerate(panels):
        lines += [f'<g transform="translate({index * WIDTH} 0)">', *_panel(panel), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def ticks(most: float) -> list[float]:
    """Nought and up to five round numbers above it; the last is not below `most`."""
    rough = max(most, 1e-9) / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    return [round(step * i, 10) for i in range(math.ceil(round(most / step, 9)) + 1)]


def _panel(panel: Panel) -> Iterator[str]:
    points = [point for series in panel.series.values() for point in series]
    across, up = ticks(max(x for x, _ in points)), ticks(max(y for _, y in points))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (WIDTH - _LEFT - _RIGHT) * x / across[-1],
            HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * y / up[-1],
        )

    yield f'<text x="{_LEFT}" y="20" font-size="13" font-weight="bold">{escape(panel.title)}</text>'
    for x in across:
        at, foot = place(x, 0)
        yield f'<text x="{at:.1f}" y="{foot + 16:.1f}" text-anchor="middle">{x:,.0f}</text>'
    for y in up:
        left, at = place(0, y)
        yield f'<path d="M{left:.1f} {at:.1f}H{WIDTH - _RIGHT}" stroke="#dddddd"/>'
        yield f'<text x="{left - 6:.1f}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>'
    yield f'<text x="{(WIDTH + _LEFT - _RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">tenants</text>'
    yield f'<text x="{_LEFT - 6}" y="{_TOP - 10}" text-anchor="end">{escape(panel.unit)}</text>'
    for index, (name, series) in enumerate(panel.series.items()):
        colour, dash = _COLOURS[index % len(_COLOURS)], _DASHES[index % len(_DASHES)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in sorted(series)))
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        at = _TOP + 8 + 16 * index
        yield f'<path d="M{_LEFT + 8} {at}h24" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'
        yield f'<text x="{_LEFT + 38}" y="{at + 4}">{escape(name)}</text>'
