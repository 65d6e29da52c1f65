"""The data of a chart, as templates/charts.js draws them.

A chart has two axes and some series: lines, points or bars. Their colours are names of variables of the page's style,
so that they follow its light or dark scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sentibp.nn.layers import Array

COLOURS = 6  # --run0 to --run5 of templates/style.css
SHADES = 10  # --layer0 to --layer9, which are in order
SYMBOLS = ("circle", "square", "triangle")
DASHES = 4  # of templates/charts.js: solid, dashed, dotted, dashed and dotted
_HEIGHT = 320  # pixels
_ROOM = 0.02  # of a share, above the highest and below the lowest

Chart = dict[str, Any]  # id, title, about, and either series, x, y and height, or columns and rows
Series = dict[str, Any]
Axis = dict[str, Any]


def rounded(value: Any, digits: int = 6) -> Any:
    """Round to significant digits; arrays become lists. Infinity and NaN, which JSON lacks, become None: a gap."""
    if np.ndim(value):
        return [rounded(each, digits) for each in value]
    return float(f"{float(value):.{digits}g}") if np.isfinite(value) else None


def colour(i: int) -> str:
    """Return the colour of run i."""
    return f"--run{i % COLOURS}"


def shade(i: int, n: int) -> str:
    """Return the colour of the i-th of n things that are in order."""
    return f"--layer{round((SHADES - 1) * i / max(n - 1, 1))}"


def axis(title: str, **more: Any) -> Axis:
    """Return an axis. `more`: log, percent, whole, zero (begins at 0), range, names (of 0, 1, 2 ...), hidden."""
    label = {"label": f"{title} (log scale)"} if more.get("log") else {}  # what is written beside it, if not the title
    return {"title": title} | label | more


def line(
    name: str, x: Sequence[float] | Array, y: Sequence[float] | Array, colour: str, width: float = 2, **more: Any
) -> Series:
    """Return a line. `more`: dash, symbol, size, low and high (of intervals), notes, step, smooth, legend, quiet."""
    return {"kind": "line", "name": name, "x": rounded(x), "y": rounded(y), "colour": colour, "width": width} | more


def points(name: str, x: Sequence[float], y: Sequence[float], colour: str, symbol: str, **more: Any) -> Series:
    """Return a point for each x and y."""
    each = {"kind": "points", "name": name, "x": rounded(x), "y": rounded(y), "colour": colour, "symbol": symbol}
    return each | {"width": 2} | more


def bars(name: str, edges: Array, counts: Sequence[float], colour: str) -> Series:
    """Return a bar for each count, from edge to edge, (n + 1,) and (n,). Bars of several series are stacked."""
    at = np.asarray(edges)
    middle, width = rounded((at[:-1] + at[1:]) / 2), rounded(at[1] - at[0])
    return {"kind": "bars", "name": name, "x": middle, "y": rounded(counts), "bar": width, "colour": colour}


def guide(x: Sequence[float], y: Sequence[float]) -> Series:
    """Return a dotted line to compare others with, which has no values to show."""
    return line("", x, y, "--faint", 1, dash=2, quiet=True, legend=False)


def with_intervals(series: Series, intervals: Sequence[tuple[float, float]]) -> Series:
    """Return the series with an interval at each of its points."""
    low, high = ([pair[i] for pair in intervals] for i in (0, 1))
    return series | {"low": rounded(low), "high": rounded(high)}


def new_chart(id: str, title: str, about: str, series: list[Series], x: Axis, y: Axis, **more: Any) -> Chart:
    """Return a chart. `more`: height, zoom, smooth (with a control), axes (of parallel coordinates)."""
    return {"id": id, "title": title, "about": about, "series": series, "x": x, "y": y, "height": _HEIGHT} | more


def share_range(charts: Sequence[Chart]) -> None:
    """Give the y axes of charts of one quantity the same range, to be compared. Log axes stay positive."""
    lists = [each.get(key, []) for chart in charts for each in chart["series"] for key in ("y", "low", "high")]
    values = [value for values in lists for value in values if value is not None]
    if any(chart["y"].get("log") for chart in charts):
        positive = [value for value in values if value > 0]
        found = [min(positive) / 1.5, max(positive) * 1.5] if positive else None
    else:
        found = [max(min(values) - _ROOM, 0), min(max(values) + _ROOM, 1)] if values else None
    for chart in charts:
        chart["y"]["range"] = None if found is None else rounded(found)


def small_table(id: str, title: str, about: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Chart:
    """Return a table in the place of a chart that would have too few points."""
    return {"id": id, "title": title, "about": about, "columns": list(columns), "rows": list(map(list, rows))}


def drawn(charts: Sequence[Chart]) -> list[Chart]:
    """Return those that charts.js draws: all but the tables."""
    return [chart for chart in charts if "series" in chart or "words" in chart]
