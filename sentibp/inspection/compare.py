"""The scores of two models on the same reviews, with a paired test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sentibp import metrics
from sentibp.data import corpus as data_corpus
from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.errors import DataError
from sentibp.inspection.evaluate import load_reviews, score_corpus
from sentibp.model.classifier import Classifier


class Comparison(NamedTuple):
    """The scores of two models, the paired test, and notes on the reviews for the user."""

    a: dict[str, Any]
    b: dict[str, Any]
    paired: dict[str, Any]  # the result of metrics.mcnemar
    notes: tuple[str, ...]


def compare_models(
    a: Classifier,
    b: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    overrides: Sequence[str] = (),
) -> Comparison:
    """Score both models on the reviews that `evaluate_on` uses for `a`."""
    corpus = load_reviews(a, source, split, text_column, label_column, overrides)
    (scores_a, positive_a, _), (scores_b, positive_b, _) = (score_corpus(classifier, corpus) for classifier in (a, b))
    assert corpus.label is not None
    paired = metrics.mcnemar(corpus.label, positive_a, positive_b)
    warnings = _training_overlap(b, corpus) if _may_overlap(b, a, source, split) else []
    return Comparison(scores_a, scores_b, paired, (*corpus.notes, *warnings))


def _may_overlap(b: Classifier, a: Classifier, source: str | None, split: str | None) -> bool:
    """Return whether b may have been trained on the reviews that a is scored on, judging by the names of the data."""
    data_a, data_b = a.training_config().data, b.training_config().data
    if source is None and split is None and (data_a.source, data_a.split) == (data_b.source, data_b.split):
        return data_a.validation != data_b.validation  # the same split holds out the same reviews
    return bool(_names(source or data_a.source) & _names(data_b.source))


def _names(source: str | Sequence[str]) -> set[str]:
    names = [source] if isinstance(source, str) else source
    return {each for name in names for each in (sources.HUB_IDS if name == "reviews" else (name,))}


def _training_overlap(classifier: Classifier, corpus: Corpus) -> list[str]:
    """Return a warning if reviews also occur in the training data of the model. Data that are gone give no warning."""
    try:
        training = load_data(classifier.training_config())[0]
    except DataError:
        return []
    n = len(data_corpus.overlap(training, corpus))
    return [f"{n:,} of {len(corpus):,} reviews also occur in the training data of the second model"] if n else []
