"""The charts of a report about more than two labels: calibration, places, and words of labels without an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sentibp.inspection.pages.chart_data import Series, bars, shade
from sentibp.model.head import confidence, contradicts, place
from sentibp.nn.layers import Array

if TYPE_CHECKING:
    from sentibp.inspection.pages.charts import Predictions


def calibration_bins(each: Predictions, bins: int = 10) -> list[dict[str, Any]]:
    """Return the bins of the probability of the predicted label, as `metrics.calibration_bins` does for two labels.

    They are of equal width in [0, 1]: of K labels the predicted one may have a probability as low as 1 / K.
    """
    probability, is_right = confidence(each.positive), ~contradicts(each.positive, each.label)
    weight = np.ones(len(probability)) if each.weight is None else each.weight.astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    index = np.searchsorted(edges[1:-1], probability, side="left")
    n, total, correct = (
        np.bincount(index, values, minlength=bins).tolist()
        for values in (weight, probability * weight, is_right * weight)
    )
    return [
        {"n": round(k) if each.weight is None else k, "confidence": s / k, "accuracy": c / k}
        for k, s, c in zip(n, total, correct, strict=True)
        if k
    ]


def histogram_data(each: Predictions, edges: Array) -> tuple[list[Series], str, str, str]:
    """Return the bars of a histogram, its title, the text about it, and the title of its axis.

    Labels in order: the places of the reviews, by their right labels. Labels without an order: the probabilities of the
    predicted label, right or wrong.
    """
    names = each.classes.names
    if each.classes.ordered:
        values, title, axis = place(each.positive), "Places", "place"
        groups = [(f"is {name}", each.label == k, shade(k, len(names))) for k, name in enumerate(names)]
        about = (
            f"The expected place of each review, from 0 ({names[0]}) to 1 ({names[-1]}), by its right label: the "
            "colours should follow each other from left to right."
        )
    else:
        wrong = contradicts(each.positive, each.label)
        values, title, axis = confidence(each.positive), "Probabilities", "probability of the predicted label"
        groups = [("right", ~wrong, "--positive"), ("wrong", wrong, "--negative")]
        about = "The probability of the predicted label, of right and of wrong predictions."
    data = []
    for name, chosen, colour in groups:
        weight = None if each.weight is None else each.weight[chosen]
        data.append(bars(name, edges, np.histogram(values[chosen], edges, weights=weight)[0].tolist(), colour))
    return data, title, about, axis


def strongest_labels(weight: Array, names: Sequence[str]) -> tuple[list[str], Array]:
    """Return the label that each word is most evidence for (k,), and its weight there (k,), from the weights (k, K)."""
    best = weight.argmax(axis=1)
    return [str(names[i]) for i in best.tolist()], weight[np.arange(len(weight)), best]
