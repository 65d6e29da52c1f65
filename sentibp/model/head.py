"""The head of the classifier: what the labels are, and how a logit becomes a probability, a label and a score.

The only module that knows the threshold. All others ask it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sentibp.data import labels
from sentibp.metrics import THRESHOLD, decide
from sentibp.nn.layers import Array, sigmoid

LABELS = labels.LABELS
"""The labels, by their number: 0 is negative, 1 is positive."""


class Answer(NamedTuple):
    """What the classifier answers to one text."""

    label: str  # "negative" or "positive"
    score: float  # the probability of this label, from 0.5 to 1
    positive: float  # the probability of positive


def probability(logits: Array) -> Array:
    """The probability of positive for each logit: (n,) -> (n,) float64."""
    return sigmoid(np.asarray(logits, np.float64))


def answer(positive: float) -> Answer:
    """The label for a probability of positive, and its score. From 0.5 on, the label is positive."""
    number = int(decide([positive])[0])
    return Answer(LABELS[number], float(score_of(np.float64(positive), number)), positive)


def answer_of_logit(logit: float) -> Answer:
    """The label for a logit, and its score."""
    return answer(float(probability(np.array(logit))))


def is_positive(positive: float) -> bool:
    """Whether a probability of positive makes the label positive. Not if it is no number."""
    return positive >= THRESHOLD


def is_negative(positive: float) -> bool:
    """Whether a probability of positive makes the label negative. Not if it is no number."""
    return positive < THRESHOLD


def score_of(positive: Array | np.float64, label: Array | int) -> Array:
    """The probability of the given label, 0 or 1, by the probability of positive: (n,), (n,) -> (n,)."""
    return np.where(np.asarray(label) == 1, positive, 1 - positive)


def confidence(positive: Array) -> Array:
    """The probability of the label that the classifier answers: (n,) -> (n,), from 0.5 to 1."""
    return score_of(positive, decide(positive))


def contradicts(positive: Array, label: Array) -> Array:
    """Whether the answer is another label than the given one, 0 or 1: (n,), (n,) -> (n,) bool."""
    return decide(positive) != label


def label_number(label: str) -> int:
    """The number of a label: 0 for negative, 1 for positive. ValueError for any other."""
    return LABELS.index(label)
