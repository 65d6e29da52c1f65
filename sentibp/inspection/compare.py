"""The scores of two models on the same reviews, with a paired test."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sentibp import metrics
from sentibp.errors import ConfigError
from sentibp.inspection.evaluate import VALIDATION, DataOptions, few_reviews, load_reviews, score_corpus
from sentibp.model.classifier import Classifier
from sentibp.model.decision import Decision
from sentibp.nn.layers import Array
from sentibp.training.recorded_data import RecordedData


class Comparison(NamedTuple):
    """The scores of two models, the paired test, and notes on the reviews for the user."""

    a: dict[str, Any]
    b: dict[str, Any]
    paired: dict[str, Any]  # the result of metrics.mcnemar
    notes: tuple[str, ...]


def compare_models(
    a: Classifier,
    b: Classifier,
    data: DataOptions = VALIDATION,
    decision: Decision | None = None,
    names: tuple[str, str] = ("the first model", "the second model"),
) -> Comparison:
    """Score both models on the reviews that `evaluate_on` uses for `a`, and by the same `decision`.

    The notes call the models by the `names`.

    Raises ConfigError if they have other classes, and else as `evaluate_on` does.
    """
    if a.spec.labels != b.spec.labels:
        first, second = (f"{', '.join(model.spec.labels)}" for model in (a, b))
        raise ConfigError(
            f"the first model has the classes {first}, and the second {second}; compare models of the same classes, in "
            "the same order"
        )
    recorded_a, recorded_b = RecordedData(a), RecordedData(b)
    corpus = load_reviews(recorded_a, data)
    scores_a, positive_a, _, notes_a = score_corpus(recorded_a, corpus, names[0], decision, held_out=not data.is_named)
    scores_b, positive_b, _, notes_b = score_corpus(recorded_b, corpus, names[1], decision)
    assert corpus.label is not None
    if decision is not None:  # the test compares the most probable labels: those that are decided on, for certain
        positive_a, positive_b = (_certain(decision, each) for each in (positive_a, positive_b))
    paired = metrics.mcnemar(corpus.label, positive_a, positive_b, corpus.weight)
    notes = (*corpus.notes, *notes_a, *notes_b, *few_reviews(scores_a))
    return Comparison(scores_a, scores_b, paired, tuple(dict.fromkeys(notes)))


def _certain(decision: Decision, positive: Array) -> Array:
    """Return probabilities of 0 and 1 of the labels that a decision chooses, in the same shape."""
    numbers = decision.numbers(positive)
    return numbers.astype(np.float64) if positive.ndim == 1 else np.eye(positive.shape[1])[numbers]
