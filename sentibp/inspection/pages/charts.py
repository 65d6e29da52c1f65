"""The charts of a report about predictions: ROC, calibration, accuracy by length, and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentibp.data.labels import BINARY, Classes
from sentibp.inspection.pages import class_charts
from sentibp.inspection.pages.chart_data import (
    DASHES,
    SYMBOLS,
    Chart,
    Series,
    axis,
    bars,
    colour,
    guide,
    line,
    new_chart,
    rounded,
    small_table,
    with_intervals,
)
from sentibp.metrics import calibration_bins, effective_number, roc_auc, roc_curve, wilson_interval
from sentibp.model.head import contradicts
from sentibp.nn.layers import Array
from sentibp.utils.messages import counted

_ROC_POINTS = 150
_BINS = 20  # of the histogram of probabilities
_WIDE = 20  # times as long: from there on the axis of lengths is logarithmic
_LENGTH_GROUPS = 6  # groups of reviews by length, of equal size


class PlottedModel(NamedTuple):
    """A model of a report: its predictions for n reviews, as the charts show them."""

    number: int  # its place among the models of the report, from 0
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


def run_line(
    i: int, n: int, name: str, x: Sequence[float] | Array, y: Sequence[float] | Array, symbols: bool = False
) -> Series:
    """Return a line in the colour of run i of n. Where lines coincide, each can be seen: the first is widest."""
    style = {"dash": i % DASHES} | (
        {"symbol": SYMBOLS[i % len(SYMBOLS)], "size": 4 + min(n - 1 - i, 3)} if symbols else {}
    )
    return line(name, x, y, colour(i), 2 + 1.5 * min(n - 1 - i, 3), **style)


def predictions(models: Sequence[PlottedModel]) -> list[Chart]:
    """Return ROC, calibration and accuracy by length of all models, then a histogram for each.

    Only a model with two labels has a ROC curve.
    """
    n = 1 + max((each.number for each in models), default=0)
    charts, binary = [], [each for each in models if each.positive.ndim == 1]
    if roc := [_roc(each, n) for each in binary if 0 < np.sum(each.label) < len(each.label)]:  # of both classes
        about = (
            "Of the negative reviews, how many are called positive (to the right), and of the positive ones, how many "
            "are (upwards), at every threshold. The closer to the upper left corner, the better; the dotted line is "
            "chance. The area under the line is the chance that a positive review gets the higher probability."
        )
        ends = (
            axis("false positive rate", percent=True, range=[0, 1]),
            axis("true positive rate", percent=True, range=[0, 1]),
        )
        charts.append(new_chart("roc", "ROC", about, [*roc, guide([0, 1], [0, 1])], *ends, always=True))
    charts.append(_calibration(models, n, 0.5 if len(binary) == len(models) else 0))
    if lengths := [each for each in (_by_length(model, n) for model in models) if len(set(each["x"])) > 1]:
        about = (
            "Groups of reviews of equal size, from the shortest to the longest. The bars are 95 % intervals: where "
            "they overlap, a difference can be chance."
        )
        middles = [value for each in lengths for value in each["x"]]
        is_wide = max(middles) > _WIDE * min(middles) > 0  # on a linear axis the short ones would touch
        ends = axis("words", zero=not is_wide, log=is_wide), axis("accuracy", percent=True)
        charts.append(new_chart("lengths", "Accuracy by length", about, lengths, *ends))
    histograms = [_histogram(each) for each in models]
    tops = [float(np.max(np.sum([each["y"] for each in chart["series"]], axis=0))) for chart in histograms]
    for each, chart in zip(models, histograms, strict=True):  # as many reviews have the same scale, to be compared
        alike = [top for other, top in zip(models, tops, strict=True) if len(other.label) == len(each.label)]
        chart["y"]["range"] = rounded([0, 1.05 * max(alike)])
    return charts + histograms


def _roc(each: PlottedModel, n: int) -> Series:
    false, true, _ = roc_curve(each.label, each.positive, each.weight)
    kept = np.unique(np.linspace(0, len(false) - 1, _ROC_POINTS).round().astype(int))
    name = f"{each.name}: area {roc_auc(each.label, each.positive, each.weight):.4f}"
    return run_line(each.number, n, name, false[kept], true[kept])


def _calibration(models: Sequence[PlottedModel], n: int, low: float) -> Chart:
    about = (
        "How often predictions are right, by the probability that the model gives them. On the dotted line the "
        "probabilities are right; below the line the model is overconfident, above it underconfident. The bars are "
        "95 % intervals: long ones are of few reviews."
    )
    ends = axis("probability", percent=True, range=[low, 1]), axis("accuracy", percent=True, range=[0, 1])
    lines = [_reliability(each, n) for each in models]
    if all(len(each["x"]) < 2 for each in lines):  # a chart would show one point
        about = "All probabilities are alike, so there is no curve. The interval is the 95 % interval of the accuracy."
        known = [each for each in lines if each["x"]]
        rows = [
            (*(f"{100 * share:.1f} %" for share in (each["x"][0], each["y"][0])), _percents(each)) for each in known
        ]
        columns = ["probability", "accuracy", "interval"]
        if len(models) > 1:
            columns, rows = ["model", *columns], [(each["name"], *row) for each, row in zip(known, rows, strict=True)]
        return small_table("reliability", "Calibration", about, columns, rows)
    return new_chart("reliability", "Calibration", about, [*lines, guide([low, 1], [low, 1])], *ends)


def _percents(each: Series) -> str:
    return f"{100 * each['low'][0]:.1f} to {100 * each['high'][0]:.1f} %"


def _reliability(each: PlottedModel, n: int) -> Series:
    bins = [bin for bin in calibration_bins(each.label, each.positive, weight=each.weight) if bin["n"]]
    confidence, accuracy = ([b[key] for b in bins] for key in ("confidence", "accuracy"))
    drawn = run_line(each.number, n, each.name, confidence, accuracy, symbols=True)
    drawn["notes"] = [counted(b["n"], "review") if each.weight is None else f"weight {b['n']:.4g}" for b in bins]
    return with_intervals(drawn, [each.interval(b["accuracy"] * b["n"], b["n"]) for b in bins])


def _by_length(each: PlottedModel, n: int) -> Series:
    """Return the accuracy of groups of reviews by length: of at most `_LENGTH_GROUPS`; none if no length is known."""
    if each.tokens is None:
        return run_line(each.number, n, each.name, [], [])
    order = np.argsort(each.tokens, kind="stable")
    right = ~contradicts(each.positive, each.label)
    groups = [group for group in np.array_split(order, _LENGTH_GROUPS) if len(group)]
    at = [float(np.median(each.tokens[group])) for group in groups]
    weight = np.ones(len(right)) if each.weight is None else each.weight.astype(np.float64)
    sums = [(float(weight[group] @ right[group]), float(weight[group].sum())) for group in groups]
    shares = [correct / total for correct, total in sums]
    drawn = run_line(each.number, n, each.name, at, shares, symbols=True)
    drawn["notes"] = [
        f"{_span(int(lengths.min()), int(lengths.max()))}, {counted(len(lengths), 'review')}"
        for lengths in (each.tokens[group] for group in groups)
    ]
    return with_intervals(drawn, [each.interval(*pair) for pair in sums])


def _span(low: int, high: int) -> str:
    return f"{low:,} to {counted(high, 'word')}" if low < high else counted(low, "word")


def _histogram(each: PlottedModel) -> Chart:
    edges = np.linspace(0, 1, _BINS + 1)
    if each.positive.ndim == 2:
        data, title, about, name = class_charts.histogram_data(
            each.label, each.positive, each.weight, each.classes, edges
        )
    else:
        data, title, name = [], "Probabilities", "probability of positive"
        for number, kind in (1, "positive"), (0, "negative"):
            chosen = each.label == number
            weight = None if each.weight is None else each.weight[chosen]
            counts = np.histogram(each.positive[chosen], edges, weights=weight)[0]
            data.append(bars(f"is {kind}", edges, counts.tolist(), f"--{kind}"))
        about = (
            "Most reviews should be at the ends. Positive reviews left of 0.5, and negative ones right of it, are "
            "mistakes."
        )
    unit = "reviews" if each.weight is None else "weight"
    x = axis(name, range=[0, 1])
    y = axis(unit, zero=True, whole=each.weight is None)
    return new_chart(f"scores{each.number}", f"{title}: {each.name}", about, data, x, y)
