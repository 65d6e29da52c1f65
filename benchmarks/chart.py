"""Line charts as SVG that can be read on light and on dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

COLORS = [
    "#2f7ed8",
    "#d9652b",
    "#2a9d62",
    "#9b5fd0",
    "#b8860b",
    "#d6457a",
    "#5f7d8c",
]  # each with enough contrast on white and on black
WIDTH, HEIGHT = 300, 190  # of the field of a panel
LEFT, TOP, RIGHT, BOTTOM = 52, 34, 18, 30 + 18
ROW = 17  # of a legend that does not fit on one
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 }
.grid { stroke: #8c959f; stroke-opacity: .35 } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } }
"""


class Line(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    title: str
    lines: Sequence[Line]
    log: bool  # both axes logarithmic; or both linear from 0
    names: Sequence[str] = ()  # what stands at 0, 1, 2 ... of the x axis, which is linear then
    y: tuple[float, float] | None = None  # what the y axis reaches from and to, at least


def svg(panels: Sequence[Panel], columns: int = 2) -> str:
    """The panels in a grid."""
    rows = max(row for panel in panels for _, row in _legend(panel.lines))
    step_x, step_y = LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM + ROW * rows
    size = step_x * columns, step_y * -(-len(panels) // columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 0 {size[0]} {size[1]}"><style>{STYLE}</style>'
    ]
    for number, panel in enumerate(panels):
        x, y = number % columns * step_x + LEFT, number // columns * step_y + TOP
        parts.append(f'<g transform="translate({x} {y})">{"".join(_panel(panel))}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> list[str]:
    points = [point for line in panel.lines for point in line.points]
    if last := len(panel.names) - 1 if panel.names else 0:
        x, x_ticks = (lambda v: v / last * WIDTH), [float(n) for n in range(last + 1)]
    else:
        x, x_ticks = _axis([point[0] for point in points], panel.log, WIDTH)
    y, y_ticks = _axis([*(point[1] for point in points), *(panel.y or ())], panel.log, HEIGHT, panel.y)
    parts = [f'<text class="title" x="0" y="-14">{escape(panel.title)}</text>']
    for tick in x_ticks:
        parts.append(f'<path class="grid" d="M{x(tick):.1f} 0V{HEIGHT}"/>')
        name = escape(panel.names[int(tick)]) if panel.names else _short(tick)
        parts.append(f'<text x="{x(tick):.1f}" y="{HEIGHT + 16}" text-anchor="middle">{name}</text>')
    for tick in y_ticks:
        at = HEIGHT - y(tick)
        parts.append(f'<path class="grid" d="M0 {at:.1f}H{WIDTH}"/>')
        parts.append(f'<text x="-6" y="{at + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    for line, color, (start, row) in zip(panel.lines, COLORS, _legend(panel.lines), strict=False):
        places = [(x(a), HEIGHT - y(b)) for a, b in line.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        parts.append(f'<polyline class="line" stroke="{color}" points="{path}"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{color}"/>' for a, b in places]
        if line.name:
            down = HEIGHT + ROW * row
            parts.append(f'<circle cx="{start + 4:.0f}" cy="{down + 31}" r="4" fill="{color}"/>')
            parts.append(f'<text x="{start + 12:.0f}" y="{down + 35}">{escape(line.name)}</text>')
    return parts


def _legend(lines: Sequence[Line]) -> list[tuple[float, int]]:
    """Where the name of each line stands: so far to the right, in so many rows from the first."""
    places, start, row = [], 0.0, 0
    for line in lines:
        width = 26 + 6.4 * len(line.name)
        if start and start + width > WIDTH + RIGHT:
            start, row = 0.0, row + 1
        places.append((start, row))
        start += width if line.name else 0
    return places


def _axis(
    values: Sequence[float], log: bool, length: int, ends: tuple[float, float] | None = None
) -> tuple[Callable[[float], float], list[float]]:
    """Where a value stands on the axis, and the values that are marked on it."""
    if log:
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        ticks = [10.0**n for n in range(low, high + 1)]
        return lambda v: (math.log10(v) - low) / (high - low) * length, ticks
    if ends is not None:
        low, high = ends
        ticks = [low + (high - low) * n / 5 for n in range(6)]
        return lambda v: (v - low) / (high - low) * length, ticks
    step = 10 ** math.floor(math.log10(max(values)))
    step = next(step * part for part in (0.2, 0.5, 1, 2) if max(values) / (step * part) <= 6)
    count = math.ceil(max(values) / step)
    return lambda v: v / (count * step) * length, [n * step for n in range(count + 1)]


def _short(value: float) -> str:
    for size, unit in (1e6, "M"), (1e3, "k"):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
