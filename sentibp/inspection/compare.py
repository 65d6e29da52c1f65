"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

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
    """The scores of two models on the same reviews, the paired test, and what the user should know of the reviews."""

    a: dict[str, Any]
    b: dict[str, Any]
    paired: dict[str, Any]  # as metrics.mcnemar gives it
    notes: tuple[str, ...]


def compare_models(
    a: Classifier,
    b: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Comparison:
    """The scores of both on the reviews that `evaluate_on` would score `a` on."""
    corpus = load_reviews(a, source, split, text_column, label_column)
    (scores_a, positive_a, _), (scores_b, positive_b, _) = (score_corpus(classifier, corpus) for classifier in (a, b))
    assert corpus.label is not None
    paired = metrics.mcnemar(corpus.label, positive_a, positive_b)
    seen = _seen_in_training(b, corpus) if _may_know(b, a, source, split) else []
    return Comparison(scores_a, scores_b, paired, (*corpus.notes, *seen))


def _may_know(b: Classifier, a: Classifier, source: str | None, split: str | None) -> bool:
    """Whether b may have been trained on the reviews that a is scored on, going by the names of their sources."""
    ours, theirs = a.training_config().data, b.training_config().data
    if source is None and split is None and (ours.source, ours.split) == (theirs.source, theirs.split):
        return ours.validation != theirs.validation  # the same cut leaves the same reviews out
    return bool(_names(source or ours.source) & _names(theirs.source))


def _names(source: str | Sequence[str]) -> set[str]:
    names = [source] if isinstance(source, str) else source
    return {each for name in names for each in (sources.HUB_IDS if name == "reviews" else (name,))}


def _seen_in_training(classifier: Classifier, corpus: Corpus) -> list[str]:
    """A warning if some of the reviews stand in the training data, as far as that can still be read."""
    try:
        training = load_data(classifier.training_config())[0]
    except DataError:
        return []
    seen = len(data_corpus.overlap(training, corpus))
    return [f"{seen:,} of {len(corpus):,} reviews also stand in the training data of the second model"] if seen else []
