"""The charts of a report about more than two labels: places, and words of labels without an order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sentibp.data.labels import Classes
from sentibp.inspection.pages.chart_data import Series, bars, shade
from sentibp.model.head import confidence, contradicts, place
from sentibp.nn.layers import Array


def histogram_data(
    label: Array, probability: Array, weight: Array | None, classes: Classes, edges: Array
) -> tuple[list[Series], str, str, str]:
    """Return the bars of a histogram, its title, the text about it, and the title of its axis.

    Labels in order: the places of the reviews, by their right labels. Labels without an order: the probabilities of the
    predicted label, right or wrong.
    """
    names = classes.names
    if classes.ordered:
        values, title, axis = place(probability), "Places", "place"
        groups = [(f"is {name}", label == k, shade(k, len(names))) for k, name in enumerate(names)]
        about = (
            f"The expected place of each review, from 0 ({names[0]}) to 1 ({names[-1]}), by its right label: the "
            "colours should follow each other from left to right."
        )
    else:
        wrong = contradicts(probability, label)
        values, title, axis = confidence(probability), "Probabilities", "probability of the predicted label"
        groups = [("right", ~wrong, "--positive"), ("wrong", wrong, "--negative")]
        about = "The probability of the predicted label, of right and of wrong predictions."
    data = []
    for name, chosen, colour in groups:
        own = None if weight is None else weight[chosen]
        data.append(bars(name, edges, np.histogram(values[chosen], edges, weights=own)[0].tolist(), colour))
    return data, title, about, axis


def strongest_labels(weight: Array, names: Sequence[str]) -> tuple[list[str], Array]:
    """Return the label that each word is most evidence for (k,), and its weight there (k,), from the weights (k, K)."""
    best = weight.argmax(axis=1)
    return [str(names[i]) for i in best.tolist()], weight[np.arange(len(weight)), best]
