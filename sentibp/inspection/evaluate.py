"""From settings to a trained model in a run directory, and from a model to its scores on some data."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.data.dataset import load_data
from sentibp.data.examples import Examples
from sentibp.errors import DataError
from sentibp.model.classifier import Classifier
from sentibp.model.head import probability
from sentibp.nn.layers import Array
from sentibp.training.loop import evaluate


class Evaluation(NamedTuple):
    """A model's scores on some reviews, and what the user should know of these."""

    scores: dict[str, Any]
    notes: tuple[str, ...]


def evaluate_on(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Evaluation:
    """The scores on a source, by default on the test split; without one, on the validation data of the training."""
    scored = score_reviews(classifier, source, split, text_column, label_column)
    return Evaluation(scored.scores, scored.reviews.notes)


class ScoredReviews(NamedTuple):
    """Reviews, a model's scores on them, and the probability of positive that it gives each."""

    reviews: Corpus
    scores: dict[str, Any]
    positive: Array  # (n,) float64
    tokens: Array  # (n,): how many each review has


def score_reviews(
    classifier: Classifier,
    source: str | None = None,
    split: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> ScoredReviews:
    """What the model says of the reviews that `evaluate_on` scores it on."""
    corpus = load_reviews(classifier, source, split, text_column, label_column)
    return ScoredReviews(corpus, *score_corpus(classifier, corpus))


def score_corpus(classifier: Classifier, corpus: Corpus) -> tuple[dict[str, Any], Array, Array]:
    """The scores on some reviews, the probability of positive of each (n,) float64, and its tokens (n,)."""
    features, tokens, unknown = classifier.encode(corpus.text)
    assert corpus.label is not None
    scores, logits = evaluate(classifier.network, Examples(features, corpus.label))
    scores |= {"no_known_word": int((tokens == unknown).sum()), "unknown_tokens": int(unknown.sum())}
    return scores, probability(logits), tokens


def load_reviews(
    classifier: Classifier, source: str | None, split: str | None, text_column: str | None, label_column: str | None
) -> Corpus:
    """The reviews that a model is scored on."""
    settings = classifier.training_config().data
    if source is None and split is None:
        try:
            corpus = load_data(classifier.training_config())[1]
        except DataError as error:
            raise DataError(
                f"the validation data of the training: {error}; or name other reviews with --data"
            ) from None
        if corpus is None:
            raise DataError(
                "no review was held out from this model; name a file or a data set with --data, or the run directory "
                "of a training that held some out until it was scored"
            )
        return corpus
    if source is None:
        sources.require_splits(settings.source)
    read = partial(
        sources.load_corpus,
        source or settings.source,
        split=split or "test",
        text_column=text_column or settings.text_column,
        label_column=label_column or settings.label_column,
    )
    try:
        corpus = read(labels=settings.labels)
    except DataError:
        if settings.labels is None:
            raise
        corpus = read()  # labels that the training did not know: then the usual names
    if not len(corpus):
        raise DataError(f"{source}: no review; give data with reviews and labels")
    return corpus
