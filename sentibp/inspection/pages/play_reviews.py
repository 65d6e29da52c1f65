"""The reviews of `play`: a few to train on again and again, and some hundred that show what a step does to others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from sentibp.data import sources
from sentibp.data.corpus import Corpus
from sentibp.errors import SentibpError
from sentibp.model.classifier import Classifier, predict_logits
from sentibp.model.head import label_number, predicted, probability
from sentibp.nn.layers import Array
from sentibp.nn.losses import loss_on
from sentibp.training.recorded_data import RecordedData
from sentibp.utils.arrow import to_numpy
from sentibp.utils.label_key import is_binary
from sentibp.utils.messages import counted

_HELD_OUT = 400  # reviews, at most
_PRACTICE = 16  # reviews to train on
_SHORT = 400  # characters: shorter reviews are preferred to train on
_TOO_MANY = 200_000  # training reviews that are not opened again for a page
_KNOWN = 1 / 3  # the share of known words below which the shipped reviews say nothing about a network
_SHIPPED = {2: "sample", 3: "sample3", 5: "sample5"}  # by the number of labels

Labelled = tuple[str, str]  # a text and its label


class Reviews(NamedTuple):
    """Labelled texts, and which they are."""

    about: str
    reviews: Sequence[Labelled]


class ReviewSets(NamedTuple):
    """The reviews for one network. Those held out are None, with the reason, if there are none."""

    practice: Reviews
    held_out: Reviews | None
    why_none: str = ""


def reviews_for(classifier: Classifier) -> ReviewSets:
    """Return reviews from the training and validation data of a model; else of the shipped set with its labels."""
    recorded = RecordedData(classifier)
    practice, held_out = _own_reviews(recorded)
    name = _SHIPPED.get(len(classifier.spec.labels))
    if practice is None and name is not None and (training := _shipped(classifier, name, "train")) is not None:
        practice = Reviews(f"{_PRACTICE} training reviews of the shipped set {name}", _practice(training))
    why_none = ""
    if held_out is None:
        test = None if name is None else _shipped(classifier, name, "test")
        if test is None:
            own = "the model has no validation reviews that can be opened"
            own = "the model has learned its validation reviews, too" if recorded.is_refit else own
            why_none = (
                f"{own}, and the reviews that come with the program have other labels, or words that it does not know"
            )
        elif len(unseen := _unseen(recorded, test)):
            held_out = Reviews(f"{len(unseen)} test reviews of the shipped set {name}", _all(unseen))
        else:
            why_none = f"the model was trained on the shipped set {name}"
    return ReviewSets(practice or Reviews("", ()), held_out, why_none)


def _own_reviews(recorded: RecordedData) -> tuple[Reviews | None, Reviews | None]:
    """Return reviews that the model was trained on, and those that it was not.

    None for both if its run directory is not there, or they cannot be opened; None for the latter if it has none.
    """
    facts = recorded.facts.get("training") or {}
    if recorded.run is None or facts.get("reviews", 0) > _TOO_MANY:
        return None, None
    try:
        training, validation = recorded.load()
    except SentibpError:
        return None, None
    chosen = _practice(training)
    practice = Reviews(_some(len(chosen), len(training), "training review"), chosen)
    if validation is None or not len(validation):
        return practice, None
    n = len(validation)
    held_out = validation.take(np.linspace(0, n - 1, min(n, _HELD_OUT)).astype(np.int64))
    return practice, Reviews(_some(len(held_out), n, "validation review"), _all(held_out))


def _some(n: int, total: int, kind: str) -> str:
    """Return how many of the reviews of a model were chosen: 16 of the model's 600 training reviews."""
    of_all = f"the model's {counted(total, kind)}"
    return of_all if n == total else f"{n:,} of {of_all}"


def _shipped(classifier: Classifier, name: str, split: str) -> Corpus | None:
    """Return a split of a shipped set; None if the model has other labels, or knows too few of its words."""
    names = classifier.spec.labels
    labels = None if is_binary(names) else {each: [each] for each in names}
    try:
        corpus = sources.load_corpus(name, split=split, labels=labels)
    except SentibpError:
        return None
    is_known = corpus.names == names and known_share(classifier, corpus.text.to_pylist()).mean() >= _KNOWN
    return corpus if is_known else None


def known_share(classifier: Classifier, texts: Sequence[str]) -> Array:
    """Return the share of known words of n texts (n,); of a text without words 0."""
    if not texts:
        return np.zeros(0)
    _, tokens, unknown = classifier.encode(list(texts))
    return 1 - np.where(tokens > 0, unknown, 1) / np.maximum(tokens, 1)


def _unseen(recorded: RecordedData, corpus: Corpus) -> Corpus:
    """Return the reviews that the model was not trained on, as far as its run directory tells."""
    seen = recorded.in_training(corpus.text)
    return corpus if seen is None else corpus.take(np.flatnonzero(~seen))


def _all(corpus: Corpus) -> list[Labelled]:
    assert corpus.label is not None
    return [(text, corpus.names[label]) for text, label in zip(corpus.text.to_pylist(), corpus.label, strict=True)]


def _practice(corpus: Corpus) -> list[Labelled]:
    """Return some reviews to train on, as many of each label, short ones if there are enough."""
    import pyarrow.compute as pc

    assert corpus.label is not None
    length = to_numpy(pc.utf8_length(corpus.text))
    each = -(-_PRACTICE // len(corpus.names))
    found: list[list[Labelled]] = []
    for number in range(len(corpus.names)):
        of_label = np.flatnonzero(corpus.label == number)
        short = of_label[length[of_label] <= _SHORT]
        pool = short if len(short) >= each else of_label
        chosen = pool[np.linspace(0, max(len(pool) - 1, 0), min(each, len(pool))).astype(np.int64)]
        found.append(_all(corpus.take(chosen)))
    return [review for group in zip_longest(*found) for review in group if review is not None][:_PRACTICE]


class Score(NamedTuple):
    """The mean loss and the accuracy on reviews."""

    loss: float
    accuracy: float


class HeldOut:
    """Reviews that are encoded once and scored after each step, with the loss that the network is trained with."""

    def __init__(self, classifier: Classifier, reviews: Sequence[Labelled], loss: str):
        self.features = classifier.encode([text for text, _ in reviews])[0]
        self.target = np.array([label_number(label, classifier.spec.labels) for _, label in reviews])
        self.loss = loss_on(loss)

    def score(self, classifier: Classifier) -> Score:
        """Return the scores of the network as it is now."""
        logits = predict_logits(classifier.network, self.features)
        loss, _ = self.loss(logits.astype(np.float64), self.target, None)
        return Score(loss, float((predicted(probability(logits)) == self.target).mean()))
