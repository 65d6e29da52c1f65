"""What the page of `play` begins with: a text whose words the network knows, and learning rates that it can bear.

The learning rate of the training is no guide to a single step. An optimizer that adapts (Adagrad, Adam) has no history
then, and its first step moves every weight by the whole learning rate; and a batch averages what one review does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from sentibp.inspection import trace, words
from sentibp.inspection.pages.play_reviews import Labelled, ReviewSets, known_share
from sentibp.model.classifier import Classifier
from sentibp.model.head import LABELS, predicted
from sentibp.nn.optim import OPTIMIZERS

TEXT = "I love this movie"

_MOVED = 0.3  # of the log odds of a label, by a step on a review of the opposite one
_TRIALS = 8  # of a learning rate
_CLOSE = 0.3  # between the logarithms of what a step moved and `_MOVED`, from which on a rate is not tried again
_FREQUENT = 5  # words of the review that the rates are found with
_CANDIDATES = 2000  # features that they are chosen from
_STRONGEST = 3  # words of a text that is made of words
_SHORT = 160  # characters of a review to begin with

KNOWN = 0.5
"""The share of known words from which on a review says something to a network."""


def first_text(classifier: Classifier, find_reviews: Callable[[], ReviewSets]) -> tuple[str, str | None]:
    """Return a text to begin with and its right label, None if nobody has given it one.

    It is TEXT if the network tells positive from negative and knows all its words; else a review of its own data; else
    the words that weigh most. `find_reviews` is called only if it is needed, as it may take a while.
    """
    if knows(classifier, TEXT):
        return TEXT, LABELS[1]
    sets = find_reviews()
    own = [*(sets.held_out.reviews if sets.held_out else ()), *sets.practice.reviews]
    if (review := _best_known(classifier, own)) is not None:
        return review
    return strongest_words(classifier), None


def knows(classifier: Classifier, text: str) -> bool:
    """Return whether the labels of a network are about praise and blame, and it knows all words of the text."""
    return set(LABELS) <= set(classifier.spec.labels) and known_share(classifier, [text])[0] == 1


def _best_known(classifier: Classifier, reviews: Sequence[Labelled]) -> Labelled | None:
    """Return the first short review with the most known words; None if the network knows too few of all."""
    short = [review for review in reviews if len(review[0]) <= _SHORT] or list(reviews)
    if not short:
        return None
    share = known_share(classifier, [text for text, _ in short])
    best = int(share.argmax())
    return short[best] if share[best] >= KNOWN else None


def strongest_words(classifier: Classifier) -> str:
    """Return the plain words that weigh most in the first sum of a network."""
    texts, weight = words.feature_weights(classifier, _CANDIDATES)
    order = np.argsort(-np.abs(weight[:, 0]), kind="stable").tolist()
    return " ".join(_plain(classifier, [texts[i].as_py() for i in order])[:_STRONGEST])


def _plain(classifier: Classifier, features: Sequence[str]) -> list[str]:
    """Return the features that are whole words: no n-grams, affixes or other parts."""
    plain = [each for each in features if any(map(str.isalpha, each)) and " " not in each and "~" not in each]
    known = known_share(classifier, plain) == 1
    return [feature for feature, is_known in zip(plain, known.tolist(), strict=True) if is_known]


def learning_rates(classifier: Classifier) -> dict[str, float]:
    """Return for each optimizer a learning rate at which one step teaches something and forgets little.

    At this rate, a step on a review of frequent words with the label that the network thinks least likely moves the log
    odds of this label by `_MOVED`. Every other review shares less with it. No rate is larger than that of the training.
    """
    texts, _ = words.feature_weights(classifier, _CANDIDATES)
    text = " ".join(_plain(classifier, texts.to_pylist())[:_FREQUENT])
    train = classifier.training_config().train.optimizer
    largest = {train.name: train.learning_rate}
    least = _least_likely(classifier, text)
    return {name: min(_rate(classifier, text, least, name), largest.get(name, math.inf)) for name in OPTIMIZERS}


def _least_likely(classifier: Classifier, text: str) -> int:
    """Return the number of the label with the lowest probability for a text."""
    positive = classifier.predict([text]).positive  # (1,) or (1, K)
    return int(predicted(1 - positive)[0])


def _rate(classifier: Classifier, text: str, least: int, optimizer: str) -> float:
    """Return the rate at which a step with this optimizer moves the log odds of a label by about `_MOVED`."""
    rate, found = 1e-3, {}
    for _ in range(_TRIALS):
        try:
            step = trace.trace_step(classifier, text, classifier.spec.labels[least], None, optimizer, rate)
        except trace.Diverged:
            rate /= 100
            continue
        before, after = (_log_odds(step.outcomes[at].probabilities[least]) for at in (0, -1))
        moved = after - before
        if moved <= 0:  # too little for the precision of the weights, or so much that it overshoots
            rate *= 10 if abs(moved) < _MOVED else 0.1
            continue
        found[rate] = abs(math.log(moved / _MOVED))
        if found[rate] < _CLOSE:
            break
        rate *= min(max(_MOVED / moved, 0.01), 100)
    return float(f"{min(found, key=found.__getitem__, default=rate):.0e}")


def _log_odds(p: float) -> float:
    p = min(max(p, 1e-12), 1 - 1e-12)
    return math.log(p / (1 - p))
