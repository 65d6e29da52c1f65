"""The page of a sweep, as one HTML file: its trials, the best of them, and how much each setting matters.

Like a report it loads nothing, and the same trials give the same bytes.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import Any

from sentibp.config.space import Dimension
from sentibp.inspection.pages.chart_data import Chart, Series, axis, drawn, line, new_chart, points, rounded, shade
from sentibp.inspection.pages.render import packed_data, page_with_scripts
from sentibp.inspection.sweep import FoundSweep
from sentibp.metrics import higher_is_better
from sentibp.training.trial import FINISHED, PRUNED, STATES, TrialRecord, better
from sentibp.utils.messages import truncated
from sentibp.utils.repair import as_yaml

_LINES = 200  # of the parallel coordinates: the best trials
_JITTER = 0.03  # apart from each other, lines of the same choice can be followed
_SCRIPTS = ("page.js", "unpack.js", "ticks.js", "charts.js", "sweep.js")

_NONE = "–"  # what a trial does not have

_Trial = tuple[TrialRecord, dict[str, Any]]


def sweep_page(found: FoundSweep) -> bytes:
    """Return the page."""
    groups = _charts(found)
    counts = {state: sum(record.state == state for record, _ in found.trials) for state in STATES}
    return page_with_scripts(
        "sweep.html",
        _SCRIPTS,
        title=f"Sweep: {found.folder.name}",
        found=found,
        metric=_words(found),
        ties=_ties(found),
        states=", ".join(f"{count} {state}" for state, count in counts.items() if count),
        rows=[_row(found, record, settings) for record, settings in found.ranked()],
        others=[name.replace("_", " ") for name in _other_scores(found)],
        keys=_keys(found),
        importances=_importances(found),
        command=f"sentibp train {shlex.quote(str(found.folder / 'best.yaml'))}",
        charts=groups,
        numbers=packed_data({"charts": drawn([chart for group in groups.values() for chart in group])}),
    )


def _ties(found: FoundSweep) -> int:
    """Return how many other trials have the score of the best."""
    if found.best is None:
        return 0
    return sum(record.value == found.best.value and record.same_as is None for record, _ in found.trials) - 1


def _words(found: FoundSweep) -> str:
    return found.plan.metric.replace("_", " ")


def _row(found: FoundSweep, record: TrialRecord, settings: dict[str, Any]) -> dict[str, Any]:
    """Return a line of the table."""
    scores = record.scores or {}
    return {
        "number": record.number,
        "best": found.best is not None and record.number == found.best.number,
        "state": _state(record),
        "value": _score(record),
        "spread": "" if record.spread is None else f"± {record.spread:.4f}",
        "other": [f"{scores[name]:.4f}" if name in scores else _NONE for name in _other_scores(found)],
        "seconds": f"{record.seconds:,.1f}",
        "size": _NONE if record.model_bytes is None else f"{record.model_bytes / 1e6:,.2f}",
        "settings": [as_yaml(settings[key]) if key in settings else _NONE for key in _keys(found)],
    }


def _state(record: TrialRecord) -> str:
    if record.same_as is not None:
        return f"as trial {record.same_as}, with the same settings"
    return ": ".join(filter(None, [record.state, record.message]))


def _score(record: TrialRecord) -> str:
    """Return the score of a trial; of a pruned one that which it had then, as in the chart."""
    if record.state == PRUNED and record.curve:
        return f"{record.curve[-1][2]:.4f}"
    return _NONE if record.value is None else f"{record.value:.4f}"


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
    return {
        "progress": [_progress(found)],
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
        line(
            "best so far",
            [number for number, _ in best],
            [value for _, value in best],
            "--positive",
            step=True,
            quiet=True,
        ),
        _points(found, at[FINISHED], "finished", [record.number for record, _ in at[FINISHED]], "--run0", "circle"),
    ]
    if at[PRUNED]:
        numbers = [record.number for record, _ in at[PRUNED]]
        data.append(_points(found, at[PRUNED], "pruned", numbers, "--faint", "cross"))
    about = (
        f"The {name} of each trial, in the order in which they began. Pruned trials have the score that they had then."
    )
    return new_chart("progress", "Best so far", about, data, axis("trial", whole=True), axis(name), zoom=True)


def _points(
    found: FoundSweep, trials: Sequence[_Trial], name: str, x: Sequence[float], colour: str, symbol: str, size: int = 4
) -> Series:
    """Return a point for each trial."""
    y = [record.value or 0.0 for record, _ in trials]
    return points(name, x, y, colour, symbol, size=size, notes=[_about(found, *trial) for trial in trials])


def _about(found: FoundSweep, record: TrialRecord, settings: dict[str, Any]) -> str:
    """Return what a point says of its trial, in lines."""
    lines = [f"trial {record.number}: {_words(found)} {record.value:.4f}"]
    return "\n".join(lines + [f"{key} = {as_yaml(value)}" for key, value in settings.items()])


def _importances(found: FoundSweep) -> list[tuple[str, str, str]]:
    """Return each setting with its share of the importance, and the width of its bar in percent."""
    most = max(found.importances.values(), default=0.0) or 1.0
    return [(key, f"{share:.0%}", f"{100 * share / most:.1f}") for key, share in found.importances.items()]


def _against(found: FoundSweep, finished: Sequence[_Trial], what: str) -> Chart:
    """Return the score against the time of a trial, or the size of its model."""
    name = _words(found)
    values = [record.seconds if what == "time" else (record.model_bytes or 0) / 1e6 for record, _ in finished]
    data = [_points(found, finished[1:], "finished", values[1:], "--run0", "circle")]
    data.append(_points(found, finished[:1], "best", values[:1], "--positive", "star", 6))
    title, unit = ("time", "seconds") if what == "time" else ("size of the model", "MB")
    about = f"The {name} of each finished trial against {'its time' if what == 'time' else 'the size of its model'}."
    ends = axis(unit, log=min(values) > 0), axis(name)
    return new_chart(f"cost-{what}", f"{name.capitalize()} and {title}", about, data, *ends)


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
        colour = shade(len(finished) - 1 - rank, len(finished))
        y = [None if height is None else rounded(height) for height in (*heights, score)]
        note, best = _about(found, record, settings), rank == 0
        each = line("", [], [], colour, 4 if best else 1.5, note=note, legend=False, opacity=1 if best else 0.6)
        data.append(each | {"x": list(range(len(dimensions) + 1)), "y": y})
    axes = [*(_ticks(each) for each in dimensions), [(0.0, f"{low:.4f}"), (1.0, f"{high:.4f}")]]
    best = "highest" if higher_is_better(found.plan.metric) else "lowest"
    about = (
        f"Each line is a finished trial{f', of the best {_LINES}' if len(finished) == _LINES else ''}: its value of "
        f"each setting, and at the right its {_words(found)} (the {best} is best). The best trial is bold; the colours "
        "go from blue, the worst, to yellow. Point at a line to see its trial."
    )
    names = [*(each.keys[-1] for each in dimensions), _words(found)]
    x = axis("", names=names, range=[-0.1, len(axes) - 0.6])
    y = axis("", hidden=True, range=[-0.04, 1.04])
    least = len(names) * max(6, round(0.6 * max(map(len, names)) + 1))  # rem: no name touches another
    return new_chart("parallel", "Parallel coordinates", about, data, x, y, height=460, axes=axes, least=least)


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
    shown = [truncated(as_yaml(choice), 14) for choice in dimension.choices]
    return [(_height(dimension, choice, 0), text) for choice, text in zip(dimension.choices, shown, strict=True)]
