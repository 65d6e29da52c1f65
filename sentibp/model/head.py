"""The head of the classifier: the labels, and how logits become probabilities, a label and a score.

No other module compares a probability with the threshold. With two labels there is one logit and the probability of
positive, (n,); with K labels there are K logits and probabilities, (n, K).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sentibp import metrics
from sentibp.data.labels import Classes
from sentibp.metrics import THRESHOLD, decide
from sentibp.nn.layers import Array, sigmoid, softmax
from sentibp.utils.label_key import LABELS, is_number, label_key

__all__ = ["LABELS"]


class Answer(NamedTuple):
    """The answer of the classifier for one text."""

    label: str  # "negative" or "positive"
    score: float  # the probability of this label, from 0.5 to 1
    positive: float  # the probability of positive


def probability(logits: Array) -> Array:
    """Return the probability of positive for each logit, (n,) -> (n,) float64; of each of K labels (n, K)."""
    logits = np.asarray(logits, np.float64)
    return softmax(logits) if logits.ndim == 2 else sigmoid(logits)


def place(probabilities: Array) -> Array:
    """Return the expected place on the scale of ordered labels, from 0, the worst, to 1, the best: (n, K) -> (n,)."""
    return _expected(probabilities, np.arange(probabilities.shape[1]) / (probabilities.shape[1] - 1))


def expected_number(probabilities: Array, classes: Classes) -> Array | None:
    """Return the expected value of labels that are numbers, such as stars: (n, K) -> (n,). None for other labels."""
    numbers = class_numbers(classes)
    return None if numbers is None else _expected(probabilities, numbers)


def class_numbers(classes: Classes) -> Array | None:
    """Return the numbers that ordered labels are, such as stars: (K,) float64. None for other labels."""
    keys = [label_key(name) for name in classes.names]
    return np.array(keys, np.float64) if classes.ordered and all(map(is_number, keys)) else None


def each_probability(positive: Array) -> Array:
    """Return the probability of each label: from that of positive (n,), or as it is (n, K) -> (n, K)."""
    return np.stack((1 - positive, positive), axis=1) if positive.ndim == 1 else positive


def _expected(probabilities: Array, values: Array) -> Array:
    """(n, K), (K,) -> (n,). Row by row: the last bit of a product by BLAS depends on the number of rows."""
    return (probabilities * values).sum(axis=1)


def answer(positive: float) -> Answer:
    """Return the answer for a probability of positive. The label is positive from 0.5 on."""
    number = int(decide([positive])[0])
    return Answer(LABELS[number], float(score_of(np.float64(positive), number)), positive)


def answer_of_logit(logit: float) -> Answer:
    """Return the answer for a logit."""
    return answer(float(probability(np.array(logit))))


def is_positive(positive: float) -> bool:
    """Return whether the label for a probability of positive is positive. NaN has no label."""
    return positive >= THRESHOLD


def is_negative(positive: float) -> bool:
    """Return whether the label for a probability of positive is negative. NaN has no label."""
    return positive < THRESHOLD


def predicted(positive: Array) -> Array:
    """Return the number of the predicted label: (n,) or (n, K) -> (n,). Of K labels it is the most probable one."""
    return decide(positive) if positive.ndim == 1 else positive.argmax(axis=1)


def score_of(positive: Array | np.float64, label: Array | int) -> Array:
    """Return the probability of the given label from the probability of positive: (n,), (n,) -> (n,).

    From those of K labels it is the same: (n, K), (n,) -> (n,).
    """
    if np.ndim(positive) == 2:
        rows = np.asarray(positive)
        return rows[np.arange(len(rows)), label]
    return np.where(np.asarray(label) == 1, positive, 1 - positive)


def confidence(positive: Array) -> Array:
    """Return the probability of the predicted label: (n,) or (n, K) -> (n,). Of two labels it is from 0.5 to 1."""
    return score_of(positive, predicted(positive))


def contradicts(positive: Array, label: Array) -> Array:
    """Return whether the predicted label differs from the given label: (n,) or (n, K), (n,) -> (n,) bool."""
    return predicted(positive) != label


def scores_of(
    label: Array, positive: Array, weight: Array | None, classes: Classes, predicted: Array | None = None
) -> dict[str, Any]:
    """Return the scores of predictions for n labelled reviews: those of two classes, or of more.

    The probabilities are (n,) or (n, K). `predicted` (n,) are the predicted labels; None: the most probable ones.
    """
    if positive.ndim == 1:
        return metrics.scores(label, positive, weight, predicted)
    return metrics.class_scores(label, positive, weight, predicted, names=classes.names, ordered=classes.ordered)


def label_number(label: str, labels: Sequence[str] = LABELS) -> int:
    """Return the number of a label: 0 for negative, 1 for positive. ValueError for a label that is not among them."""
    return labels.index(label)
