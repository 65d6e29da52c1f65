"""The charts of a report, as data for plotly.js. Their colours are names of variables of the page's style.

templates/report.js replaces these names by the colours of the light or dark scheme, and plotly draws the charts in the
browser. Long series are averaged down to as many points as a screen can show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp.data.labels import BINARY, Classes
from sentibp.inspection.pages import class_charts
from sentibp.metrics import calibration_bins, effective_number, roc_auc, roc_curve, wilson_interval
from sentibp.model.head import LABELS, contradicts
from sentibp.nn.layers import Array

_ROC_POINTS = 400
_BINS = 20  # of the histogram of probabilities
_LENGTH_GROUPS = 6  # groups of reviews by length, of equal size
_HEIGHT = 320  # pixels
_COLOURS = 6  # --run0 to --run5 of templates/report.css
_DASHES = ("solid", "dash", "dot", "dashdot")

Chart = dict[str, Any]  # id, title, about, data, layout


class Predictions(NamedTuple):
    """The predictions of a model for n reviews."""

    number: int
    name: str
    label: Array  # (n,) 0 or 1; with K > 2 labels from 0 to K - 1
    positive: Array  # (n,) the probability of positive; (n, K) that of each label
    tokens: Array | None  # (n,) the length of each review, if known
    weight: Array | None = None  # (n,) of each review; None: all have the same
    classes: Classes = BINARY

    def interval(self, right: float, total: float) -> tuple[float, float]:
        """Return the 95 % interval of a share of these reviews: of sums of weights, if they have weights."""
        if self.weight is None:
            return wilson_interval(round(right), round(total))
        n = max(total * effective_number(self.weight) / float(self.weight.sum(dtype=np.float64)), 1.0)
        return wilson_interval(min(right / total, 1.0) * n, n)


def rounded(value: Any) -> Any:
    """Round to six significant digits; arrays become lists. Infinity and NaN, which JSON lacks, become None: a gap."""
    if np.ndim(value):
        return [rounded(each) for each in value]
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def predictions(models: Sequence[Predictions]) -> list[Chart]:
    """Return ROC, calibration and accuracy by length of all models, then a histogram for each.

    Only a model with two labels has a ROC curve.
    """
    charts, binary = [], [each for each in models if each.positive.ndim == 1]
    if roc := [_roc(each) for each in binary if 0 < np.sum(each.label) < len(each.label)]:  # of both classes
        about = "The true positive rate against the false positive rate, at every threshold."
        lines, axes = [*roc, _diagonal([0, 1])], ("false positive rate", "true positive rate")
        charts.append(new_chart("roc", "ROC", about, lines, *axes, square=True))
    about = (
        "How often predictions are right, by the probability of the predicted label, with 95 % intervals. On the "
        "dotted line the probabilities are right; below it the model is overconfident."
    )
    lines = [*map(_reliability, models), _diagonal([0.5 if len(binary) == len(models) else 0, 1])]
    charts.append(new_chart("reliability", "Calibration", about, lines, "probability", "accuracy"))
    if lengths := [_by_length(each) for each in models if each.tokens is not None]:
        about = "Six groups of reviews of equal size, from the shortest to the longest, with 95 % intervals."
        charts.append(new_chart("lengths", "Accuracy by length", about, lengths, "words", "accuracy"))
    return charts + [_histogram(each) for each in models]


def _roc(each: Predictions) -> Chart:
    false, true, _ = roc_curve(each.label, each.positive, each.weight)
    kept = np.unique(np.linspace(0, len(false) - 1, _ROC_POINTS).round().astype(int))
    name = f"{each.name}: area {roc_auc(each.label, each.positive, each.weight):.4f}"
    return run_line(each.number, name, rounded(false[kept]), rounded(true[kept]), width=2)


def _reliability(each: Predictions) -> Chart:
    if each.positive.ndim == 2:
        bins = class_charts.calibration_bins(each)
    else:
        bins = [bin for bin in calibration_bins(each.label, each.positive, weight=each.weight) if bin["n"]]
    confidence, accuracy = ([b[key] for b in bins] for key in ("confidence", "accuracy"))
    line = run_line(each.number, each.name, confidence, accuracy, width=2, markers=True)
    line["text"] = [f"{b['n']:,} reviews" if each.weight is None else f"weight {b['n']:.4g}" for b in bins]
    intervals = [each.interval(b["accuracy"] * b["n"], b["n"]) for b in bins]
    return line | {"error_y": _error_bars(line["y"], intervals)}


def _by_length(each: Predictions) -> Chart:
    assert each.tokens is not None
    order = np.argsort(each.tokens, kind="stable")
    right = ~contradicts(each.positive, each.label)
    groups = [group for group in np.array_split(order, _LENGTH_GROUPS) if len(group)]
    at = [float(np.median(each.tokens[group])) for group in groups]
    weight = np.ones(len(right)) if each.weight is None else each.weight.astype(np.float64)
    sums = [(float(weight[group] @ right[group]), float(weight[group].sum())) for group in groups]
    shares = [correct / total for correct, total in sums]
    line = run_line(each.number, each.name, at, shares, width=2, markers=True)
    line["text"] = [
        f"{lengths.min():,} to {lengths.max():,} words, {len(lengths):,} reviews"
        for lengths in (each.tokens[group] for group in groups)
    ]
    intervals = [each.interval(*pair) for pair in sums]
    return line | {"error_y": _error_bars(shares, intervals)}


def _error_bars(values: Sequence[float], intervals: Sequence[tuple[float, float]]) -> dict[str, Any]:
    up = rounded([high - value for value, (_, high) in zip(values, intervals, strict=True)])
    down = rounded([value - low for value, (low, _) in zip(values, intervals, strict=True)])
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1, "width": 3}


def _histogram(each: Predictions) -> Chart:
    if each.positive.ndim == 2:
        return _class_histogram(each)
    edges = np.linspace(0, 1, _BINS + 1)
    data = []
    for number, name in (1, "positive"), (0, "negative"):
        kind = each.label == number
        weight = None if each.weight is None else each.weight[kind]
        counts = np.histogram(each.positive[kind], edges, weights=weight)[0]
        data.append(
            {
                "type": "bar",
                "name": f"is {name}",
                "x": rounded((edges[:-1] + edges[1:]) / 2),
                "y": counts.tolist(),
                "width": 1 / _BINS,
                "marker": {"color": f"--{name}", "opacity": 0.75},
            }
        )
    about = "The probabilities of positive and of negative reviews. The ones on the wrong side of 0.5 are mistakes."
    chart = new_chart(
        f"scores{each.number}",
        f"Probabilities: {each.name}",
        about,
        data,
        "probability of positive",
        "reviews" if each.weight is None else "weight",
    )
    chart["layout"] |= {"barmode": "stack", "bargap": 0}
    return chart


def _class_histogram(each: Predictions) -> Chart:
    data, title, about, axis = class_charts.histogram_data(each, _BINS)
    unit = "reviews" if each.weight is None else "weight"
    chart = new_chart(f"scores{each.number}", f"{title}: {each.name}", about, data, axis, unit)
    chart["layout"] |= {"barmode": "stack", "bargap": 0}
    chart["layout"]["xaxis"]["range"] = [0, 1]
    return chart


class Words(NamedTuple):
    """k words and n-grams, their rows of the embedding, and their weights, as `words.feature_weights` returns them."""

    names: Sequence[str]
    vectors: Array  # (k, d)
    weight: Array  # (k,)
    labels: Sequence[str] | None = None  # that each word is evidence for, if the labels have no order
    ends: tuple[str, str] = LABELS  # the labels that the least and the largest weights are evidence for, else


def word_map(number: int, name: str, words: Words) -> Chart:
    """Return a chart of the rows by their first two principal components, with positive words to the right."""
    vectors = words.vectors.astype(np.float64)
    centred = vectors - vectors.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred)  # ascending; (d,), (d, d)
    axes = axes[:, ::-1][:, :2]
    at = centred @ axes  # (k, d) @ (d, 2) -> (k, 2), or (k, 1)
    at = np.pad(at, ((0, 0), (0, 2 - at.shape[1])))
    sign = np.sign((at * (words.weight - words.weight.mean())[:, None]).sum(axis=0))
    at *= np.where(sign == 0, 1, sign)  # the sign of a principal component is arbitrary
    share = np.append(variance[::-1], 0)[:2] / max(variance.sum(), np.finfo(float).tiny)
    data = [_map_points(words, at)]
    colours = f"Green is evidence for {words.ends[1]}, red for {words.ends[0]}."
    if words.labels is not None:
        colours = "The colour shows which label a word is most evidence for."
        data[0] |= _by_label(words, words.labels)
    about = (
        f"The embeddings of {len(words.names):,} frequent or strong words and n-grams, by their first two principal "
        f"components. {colours} Point at a word, or type it below."
    )
    x, y = (f"component {i + 1} ({share[i]:.0%} of the variance)" for i in range(2))
    chart = new_chart(f"map{number}", f"Map of the embedding: {name}", about, data, x, y)
    chart["layout"] |= {"showlegend": False, "height": 420}
    return chart | {"find": True}


def _map_points(words: Words, at: Array) -> dict[str, Any]:
    """Return the points of a map of words, at (k, 2), coloured by their weights. The strongest are named."""
    reach = max(float(np.abs(words.weight).max(initial=0)), 1e-9)
    labelled = set(np.argsort(-np.abs(words.weight), kind="stable")[:14].tolist())
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": rounded(at[:, 0]),
        "y": rounded(at[:, 1]),
        "text": [word if i in labelled else "" for i, word in enumerate(words.names)],
        "textposition": "top center",
        "customdata": [[word, f"{weight:+.4f}"] for word, weight in zip(words.names, words.weight, strict=True)],
        "hovertemplate": "%{customdata[0]}  %{customdata[1]}<extra></extra>",
        "marker": {
            "size": 6,
            "color": rounded(words.weight),
            "cmin": -reach,
            "cmax": reach,
            "colorscale": [[0, "--negative"], [0.5, "--edge"], [1, "--positive"]],
            "line": {"width": 0},
        },
    }


def _by_label(words: Words, labels: Sequence[str]) -> dict[str, Any]:
    """Return the colours and hints of the words on a map, by the label that each is evidence for."""
    kinds = sorted(set(labels))
    return {
        "marker": {"size": 6, "color": [f"--run{kinds.index(label) % _COLOURS}" for label in labels]},
        "customdata": [
            [word, f"{label} {weight:+.4f}"]
            for word, label, weight in zip(words.names, labels, words.weight, strict=True)
        ],
    }


def run_line(
    i: int,
    name: str,
    x: Sequence[float],
    y: Sequence[float],
    in_legend: bool = True,
    width: float = 1,
    markers: bool = False,
) -> Chart:
    """Return a line in the colour of run i."""
    return {
        "type": "scatter",
        "mode": "lines+markers" if markers else "lines",
        "name": name,
        "legendgroup": name,
        "showlegend": in_legend,
        "x": rounded(x),
        "y": rounded(y),
        "line": {"color": f"--run{i % _COLOURS}", "width": width, "dash": _DASHES[i // _COLOURS % len(_DASHES)]},
    }


def _diagonal(ends: list[float]) -> Chart:
    return {"type": "scatter", "mode": "lines", "x": ends, "y": ends, "showlegend": False, "hoverinfo": "skip",
            "line": {"color": "--faint", "width": 1, "dash": "dot"}}  # fmt: skip


def _hint(each: Chart, x: str, y: str) -> str:
    """Return what a point shows when it is pointed at: its numbers with their names, and the name of its line."""
    lines = [f"{x} %{{x:,.4~g}}", f"{y} %{{y:,.4~g}}", *(["%{text}"] if "text" in each else [])]
    return "<br>".join(lines) + "<extra>%{fullData.name}</extra>"


def new_chart(
    id: str, title: str, about: str, data: list[Chart], x: str, y: str, log: bool = False, square: bool = False
) -> Chart:
    """Return a chart for a page: its data in plotly's terms, its title, and what it shows."""
    for each in data:
        if "hoverinfo" not in each:
            each.setdefault("hovertemplate", _hint(each, x, y))
    layout: dict[str, Any] = {"height": _HEIGHT, "xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}}
    if log:
        layout["yaxis"] |= {"type": "log", "exponentformat": "power"}
    if square:
        layout["yaxis"] |= {"range": [0, 1.01]}
        layout["xaxis"] |= {"range": [-0.01, 1]}
    return {"id": id, "title": title, "about": about, "data": data, "layout": layout}
