"""The page of a sweep, as one HTML file: its trials, the best of them, and how much each setting matters.

Like a report it loads nothing, and the same trials give the same bytes.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import Any

from sentibp.config.space import Dimension
from sentibp.inspection.pages.charts import Chart, new_chart, rounded
from sentibp.inspection.pages.render import read_template, render, trusted
from sentibp.inspection.pages.report import plotly_script, policy, unix_lines
from sentibp.inspection.sweep import FoundSweep
from sentibp.training.trial import FINISHED, PRUNED, STATES, TrialRecord, better, higher_is_better
from sentibp.utils.repair import as_yaml

_LINES = 200  # of the parallel coordinates: the best trials
_JITTER = 0.03  # apart from each other, lines of the same choice can be followed
_COLOURS = 10  # --layer0 to --layer9 of templates/report.css

_Trial = tuple[TrialRecord, dict[str, Any]]


def sweep_page(found: FoundSweep) -> bytes:
    """Return the page. Raises ConfigError if plotly is not installed."""
    scripts = [unix_lines(script) for script in (plotly_script("sweep"), read_template("report.js"))]
    groups = _charts(found)
    counts = {state: sum(record.state == state for record, _ in found.trials) for state in STATES}
    html = render(
        "sweep.html",
        title=f"Sweep: {found.folder.name}",
        found=found,
        metric=_words(found),
        states=", ".join(f"{count} {state}" for state, count in counts.items() if count),
        rows=[_row(found, record, settings) for record, settings in found.ranked()],
        others=[name.replace("_", " ") for name in _other_scores(found)],
        keys=_keys(found),
        command=f"sentibp train {shlex.quote(str(found.folder / 'best.yaml'))}",
        charts=groups,
        numbers={"charts": [chart for group in groups.values() for chart in group]},
        scripts=[trusted(script) for script in scripts],
        policy=policy(scripts),
    )
    return html.encode(errors="replace")


def _words(found: FoundSweep) -> str:
    return found.plan.metric.replace("_", " ")


def _row(found: FoundSweep, record: TrialRecord, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the table."""
    scores = record.scores or {}
    return {
        "number": record.number,
        "best": found.best is not None and record.number == found.best.number,
        "state": _state(record),
        "value": "" if record.value is None else f"{record.value:.4f}",
        "spread": "" if record.spread is None else f"± {record.spread:.4f}",
        "other": [f"{scores[name]:.4f}" if name in scores else "" for name in _other_scores(found)],
        "seconds": f"{record.seconds:,.1f}",
        "size": "" if record.model_bytes is None else f"{record.model_bytes / 1e6:,.2f}",
        "settings": [as_yaml(settings[key]) if key in settings else "" for key in _keys(found)],
    }


def _state(record: TrialRecord) -> str:
    if record.same_as is not None:
        return f"as trial {record.same_as}, with the same settings"
    return "" if record.state == FINISHED else ": ".join(filter(None, [record.state, record.message]))


def _other_scores(found: FoundSweep) -> list[str]:
    return [name for name in ("accuracy", "log_loss") if name != found.plan.metric]


def _keys(found: FoundSweep) -> list[str]:
    return [dimension.key for dimension in found.plan.space.dimensions]


def _charts(found: FoundSweep) -> dict[str, list[Chart]]:
    finished = [
        trial
        for trial in found.ranked()
        if trial[0].state == FINISHED and trial[0].value is not None and trial[0].same_as is None
    ]
    if not finished:
        return {"progress": [], "settings": [], "cost": []}
    importances = [_importances(found)] if found.importances else []
    return {
        "progress": [_progress(found), *importances],
        "settings": [_parallel(found, finished[:_LINES])],
        "cost": [_against(found, finished, "time"), _against(found, finished, "size")],
    }


def _progress(found: FoundSweep) -> Chart:
    """Return the score of each trial, and the best so far."""
    metric, name = found.plan.metric, _words(found)
    at: dict[str, list[_Trial]] = {FINISHED: [], PRUNED: []}
    best: list[tuple[int, float]] = []
    for record, settings in found.trials:
        value = record.value if record.state == FINISHED else record.curve[-1][2] if record.curve else None
        if value is None or record.state not in at:
            continue
        at[record.state].append((record._replace(value=value), settings))
        if record.state == FINISHED:
            best.append((record.number, value if not best else better(metric, best[-1][1], value)))
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "best so far",
            "x": [number for number, _ in best],
            "y": rounded([value for _, value in best]),
            "line": {"color": "--positive", "width": 2, "shape": "hv"},
            "hoverinfo": "skip",
        },
        _points(found, at[FINISHED], "finished", [record.number for record, _ in at[FINISHED]], "--run0", "circle"),
    ]
    if at[PRUNED]:
        numbers = [record.number for record, _ in at[PRUNED]]
        data.append(_points(found, at[PRUNED], "pruned", numbers, "--faint", "x"))
    about = (
        f"The {name} of each trial, in the order in which they began. Pruned trials have the score that they had then."
    )
    chart = new_chart("progress", "Best so far", about, data, "trial", name)
    chart["layout"]["xaxis"]["rangemode"] = "tozero"
    return chart


def _points(
    found: FoundSweep, trials: Sequence[_Trial], name: str, x: Sequence[float], colour: str, symbol: str
) -> dict[str, Any]:
    """Return a point for each trial."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": rounded(x),
        "y": rounded([record.value for record, _ in trials]),
        "text": [_about(found, record, settings) for record, settings in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": colour, "size": 7, "symbol": symbol},
    }


def _about(found: FoundSweep, record: TrialRecord, settings: dict[str, Any]) -> str:
    """Return what a point says of its trial. plotly reads a few tags in it, so none is left."""
    lines = [f"trial {record.number}: {_words(found)} {record.value:.4f}"]
    lines += [f"{key} = {as_yaml(value)}" for key, value in settings.items()]
    return "<br>".join(line.replace("&", "&amp;").replace("<", "&lt;") for line in lines)


def _importances(found: FoundSweep) -> Chart:
    names = list(found.importances)
    data = {
        "type": "bar",
        "orientation": "h",
        "x": rounded(list(found.importances.values())),
        "y": names,
        "marker": {"color": "--run0"},
        "hovertemplate": "%{y}: %{x:.0%}<extra></extra>",
    }
    about = (
        "How much a setting decides whether a finished trial is among the best (PED-ANOVA). With few trials it is a "
        "hint, and no more."
    )
    chart = new_chart("importances", "Importance of each setting", about, [data], "share", "")
    chart["layout"]["yaxis"] |= {"autorange": "reversed"}
    chart["layout"]["xaxis"] |= {"tickformat": ".0%", "rangemode": "tozero"}
    chart["layout"]["height"] = max(chart["layout"]["height"], 90 + 22 * len(names))
    return chart


def _against(found: FoundSweep, finished: Sequence[_Trial], what: str) -> Chart:
    """Return the score against the time of a trial, or the size of its model."""
    name = _words(found)
    values = [record.seconds if what == "time" else (record.model_bytes or 0) / 1e6 for record, _ in finished]
    data = [_points(found, finished[1:], "finished", values[1:], "--run0", "circle")]
    data.append(_points(found, finished[:1], "best", values[:1], "--positive", "star"))
    data[1]["marker"]["size"] = 13
    title, unit = ("time", "seconds") if what == "time" else ("size of the model", "MB")
    about = f"The {name} of each finished trial against {'its time' if what == 'time' else 'the size of its model'}."
    chart = new_chart(f"cost-{what}", f"{name.capitalize()} and {title}", about, data, unit, name)
    chart["layout"]["xaxis"] |= {"type": "log"} if min(values) > 0 else {}
    return chart


def _parallel(found: FoundSweep, finished: Sequence[_Trial]) -> Chart:
    """Return a line for each trial through its settings and its score; the best are bright."""
    dimensions = found.plan.space.dimensions
    values = [record.value or 0.0 for record, _ in finished]
    low, high = min(values), max(values)
    data = []
    for rank, (record, settings) in reversed(list(enumerate(finished))):
        jitter = (record.number * 0.618034) % 1 - 0.5
        heights = [_height(each, settings[each.key], jitter) if each.key in settings else None for each in dimensions]
        score = ((record.value or 0.0) - low) / (high - low) if high > low else 0.5
        shade = round((_COLOURS - 1) * (1 - rank / max(len(finished) - 1, 1)))
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": list(range(len(dimensions) + 1)),
                "y": [None if height is None else rounded(height) for height in (*heights, score)],
                "line": {"color": f"--layer{shade}", "width": 4 if rank == 0 else 1.5},
                "opacity": 1 if rank == 0 else 0.6,
                "text": _about(found, record, settings),
                "hovertemplate": "%{text}<extra></extra>",
                "showlegend": False,
            }
        )
    axes = [*(_ticks(each) for each in dimensions), [(0.0, f"{low:.4f}"), (1.0, f"{high:.4f}")]]
    best = "highest" if higher_is_better(found.plan.metric) else "lowest"
    about = (
        f"Each line is a finished trial{f', of the best {_LINES}' if len(finished) == _LINES else ''}: its value of "
        f"each setting, and at the right its {_words(found)} (the {best} is best). The best trial is bold; the colours "
        "go from dark, the worst, to bright. Point at a line to see its trial."
    )
    chart = new_chart("parallel", "Parallel coordinates", about, data, "", "")
    chart["layout"] |= {"height": 460, "annotations": _labels(axes), "shapes": _axes(len(axes))}
    names = [*(each.keys[-1] for each in dimensions), _words(found)]
    chart["layout"]["xaxis"] = {"tickvals": list(range(len(axes))), "ticktext": names, "showgrid": False}
    chart["layout"]["xaxis"] |= {"range": [-0.2, len(axes) - 0.4], "zeroline": False}
    chart["layout"]["yaxis"] = {"visible": False, "range": [-0.06, 1.06]}
    return chart


def _height(dimension: Dimension, value: Any, jitter: float) -> float:
    """Return where a value is on the axis of its setting, from 0 to 1."""
    if dimension.choices:
        place, last = dimension.choices.index(value), len(dimension.choices) - 1
        return (place / last if last else 0.5) + 2 * _JITTER * jitter
    low, high = dimension.low, dimension.high
    if dimension.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def _ticks(dimension: Dimension) -> list[tuple[float, str]]:
    """Return the values that an axis names, and where they are."""
    if not dimension.choices:
        values = (dimension.low, dimension.middle, dimension.high)
        return [(_height(dimension, value, 0), f"{value:.4g}") for value in dict.fromkeys(values)]
    texts = [as_yaml(choice) for choice in dimension.choices]
    shown = [text if len(text) <= 14 else f"{text[:13]}…" for text in texts]
    return [(_height(dimension, choice, 0), text) for choice, text in zip(dimension.choices, shown, strict=True)]


def _labels(axes: Sequence[Sequence[tuple[float, str]]]) -> list[dict[str, Any]]:
    place = {"showarrow": False, "xanchor": "left", "xshift": 3, "bgcolor": "--paper", "opacity": 0.85, "borderpad": 1}
    return [
        {"x": at, "y": height, "text": text.replace("&", "&amp;").replace("<", "&lt;"), "font": {"size": 10}, **place}
        for at, ticks in enumerate(axes)
        for height, text in ticks
    ]


def _axes(count: int) -> list[dict[str, Any]]:
    line = {"color": "--faint", "width": 1}
    return [{"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "line": line} for at in range(count)]
