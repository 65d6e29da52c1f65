"""The head of the classifier: the labels, and how a logit becomes a probability, a label and a score.

No other module compares a probability with the threshold.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentibp.data import labels
from sentibp.metrics import THRESHOLD, decide
from sentibp.nn.layers import Array, sigmoid

LABELS = labels.LABELS
"""The labels in the order of their numbers: 0 is negative, 1 is positive."""


class Answer(NamedTuple):
    """The answer of the classifier for one text."""

    label: str  # "negative" or "positive"
    score: float  # the probability of this label, from 0.5 to 1
    positive: float  # the probability of positive


def probability(logits: Array) -> Array:
    """Return the probability of positive for each logit: (n,) -> (n,) float64."""
    return sigmoid(np.asarray(logits, np.float64))


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


def score_of(positive: Array | np.float64, label: Array | int) -> Array:
    """Return the probability of the given label, 0 or 1, from the probability of positive: (n,), (n,) -> (n,)."""
    return np.where(np.asarray(label) == 1, positive, 1 - positive)


def confidence(positive: Array) -> Array:
    """Return the probability of the predicted label, from 0.5 to 1: (n,) -> (n,)."""
    return score_of(positive, decide(positive))


def contradicts(positive: Array, label: Array) -> Array:
    """Return whether the predicted label differs from the given label, 0 or 1: (n,), (n,) -> (n,) bool."""
    return decide(positive) != label


def label_number(label: str) -> int:
    """Return the number of a label: 0 for negative, 1 for positive. ValueError for any other label."""
    return LABELS.index(label)
