"""The scores of a model on labelled reviews."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from sentibp.config.load import override_data
from sentibp.config.schema import Data
from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.data.examples import Examples
from sentibp.data.labels import NoKnownLabel
from sentibp.errors import DataError
from sentibp.model.classifier import Classifier
from sentibp.model.head import probability
from sentibp.nn.layers import Array
from sentibp.training.loop import evaluate

_OPTIONS = {"data.source": "--data", "data.split": "--split", "data.validation": "--data"}


class Evaluation(NamedTuple):
    """The scores of a model, and notes on the reviews for the user."""

    scores: dict[str, Any]
    notes: tuple[str, ...]


def evaluate_on(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    overrides: Sequence[str] = (),
) -> Evaluation:
    """Score the model on a source, by default its test split. Without a source, use the model's validation data.

    The reviews are read with the data settings of the training, and overrides such as `data.label_column=stars`. Raises
    ConfigError if one is wrong, and DataError if the reviews cannot be read, or there are none.
    """
    scored = score_reviews(classifier, source, split, text_column, label_column, overrides)
    return Evaluation(scored.scores, scored.reviews.notes)


class ScoredReviews(NamedTuple):
    """Reviews, the scores of a model on them, and its probabilities of positive."""

    reviews: Corpus
    scores: dict[str, Any]
    positive: Array  # (n,) float64
    tokens: Array  # (n,) the number of tokens of each review


def score_reviews(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    overrides: Sequence[str] = (),
) -> ScoredReviews:
    """Score the model as `evaluate_on` does, and return the probability for each review, too."""
    corpus = load_reviews(classifier, source, split, text_column, label_column, overrides)
    return ScoredReviews(corpus, *score_corpus(classifier, corpus))


def score_corpus(classifier: Classifier, corpus: Corpus) -> tuple[dict[str, Any], Array, Array]:
    """Return the scores on labelled reviews, the probabilities of positive (n,) float64, and the token counts (n,)."""
    features, tokens, unknown = classifier.encode(corpus.text)
    assert corpus.label is not None
    scores, logits = evaluate(classifier.network, Examples(features, corpus.label))
    scores |= {"no_known_word": int((tokens == unknown).sum()), "unknown_tokens": int(unknown.sum())}
    return scores, probability(logits), tokens


def load_reviews(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
    overrides: Sequence[str] = (),
) -> Corpus:
    """Load the reviews that `evaluate_on` scores the model on."""
    trained = classifier.training_config().data
    given = {"text_column": text_column, "label_column": label_column}
    given = {key: value for key, value in given.items() if value is not None}
    settings = override_data(trained, overrides, _OPTIONS).model_copy(update=given)
    if source is None and split is None:
        return _load_validation_data(classifier, settings)
    if source is None:
        sources.require_splits(settings.source)
    options = sources.read_options(settings)._replace(weight=None, group=None)  # the scores use neither
    read = partial(sources.load_corpus, source or settings.source, options, split=split or "test")
    try:
        corpus = read(labels=settings.labels)
    except NoKnownLabel:
        if settings.labels != trained.labels:
            raise
        corpus = read()  # DataError if the data do not use the usual names of labels either
        note = f"{source or settings.source}: labels by their usual names, as data.labels of the training lists none"
        corpus = replace(corpus, notes=(*corpus.notes, note))
    if not len(corpus):
        raise DataError(f"{source}: no review; give data with reviews and labels")
    return corpus


def _load_validation_data(classifier: Classifier, settings: Data) -> Corpus:
    try:
        corpus = load_data(classifier.training_config().model_copy(update={"data": settings}))[1]
    except DataError as error:
        raise DataError(f"the validation data of the training: {error}; or name other reviews with --data") from None
    if corpus is None:
        raise DataError(
            "no review was held out from this model; name a file or data set with --data, or give the run directory "
            "of a training with validation data"
        )
    return corpus
