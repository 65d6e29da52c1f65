"""What a report shows of the words: the strongest of each label, and those of the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sentibp.data.shifters import MARKS
from sentibp.inspection import words
from sentibp.inspection.explain import drawn_sizes
from sentibp.inspection.pages.class_charts import strongest_labels
from sentibp.inspection.pages.word_map import Words
from sentibp.model.classifier import Classifier

_LISTED_WORDS = 15  # per class
_WORD_CANDIDATES = 5000  # the most frequent features, from which the listed words are chosen
_MAP_FREQUENT = 400  # the map shows the most frequent features
_MAP_STRONGEST = 60  # and the strongest of two classes, or as many in all of more
_LEAST = 5  # of each class


def map_words(classifier: Classifier) -> Words:
    """Return the words of the map: the most frequent features, and the strongest of each class."""
    texts, weights = words.feature_weights(classifier, _WORD_CANDIDATES)
    spec, labels = classifier.spec, None
    if spec.head != "softmax":
        weight = weights[:, 0]
    elif spec.ordered:  # the weight for the upper labels minus that for the lower ones
        weight = weights @ (spec.label_set.places - 0.5)
    else:
        labels, weight = strongest_labels(weights, spec.labels)
    order = np.argsort(weight, kind="stable")
    if labels is None:
        strongest = [order[:_MAP_STRONGEST], order[-_MAP_STRONGEST:]]
    else:  # a rare class has small weights
        each, own = max(2 * _MAP_STRONGEST // len(spec.labels), _LEAST), np.array(labels)[order]
        strongest = [order[own == label][-each:] for label in spec.labels]
    chosen = np.unique(np.concatenate([np.arange(min(_MAP_FREQUENT, len(weight))), *strongest]))
    vectors = classifier.tensors()["embedding.weight"][chosen]
    shown = None if labels is None else [labels[i] for i in chosen.tolist()]
    return Words([texts[i].as_py() for i in chosen.tolist()], vectors, weight[chosen], shown, spec.labels)


class Side(NamedTuple):
    """The strongest words in one direction: each with its weight, and its size relative to the largest on the page."""

    title: str
    kind: str  # the class of the style
    words: list[tuple[str, float, float]]

    @property
    def weighs(self) -> float:
        """The largest of these sizes: 0 if no word moves a probability to speak of."""
        return max((size for _, _, size in self.words), default=0.0)


def strongest_words(classifiers: Sequence[Classifier]) -> list[list[Side]]:
    """Return the strongest words of each model: of each label, or of labels in order for polarity and for neutrality.

    The bars of all models have one scale, so that they can be compared.
    """
    found = [_rankings(classifier) for classifier in classifiers]
    sizes = iter(drawn_sizes([weight for sides in found for _, _, side in sides for _, weight in side]))
    return [
        [
            Side(title, kind, [(word, weight, next(sizes)) for word, weight in side])
            for title, kind, side in sides
            if side or kind in ("positive", "negative")
        ]
        for sides in found
    ]


def first_words(sides: Sequence[Side]) -> int:
    """Return how many words of each side the beginning of a report has: the fewer, the more sides there are."""
    return 8 if len(sides) < 3 else 5 if len(sides) < 5 else 4


def about_marks(sides: Sequence[Side], most: int | None = None) -> str:
    """Return what `~` means in the words that are listed, `most` of each side; "" if it is in none."""
    listed = [word for side in sides for word, _, _ in side.words[:most]]
    found = []
    if shifted := [word for word in listed if word.startswith(MARKS)]:
        mark, word = shifted[0].split("~", 1)
        where = {"not": "that is negated", "but": "that is conceded before or after but", "very": "after a booster"}[
            mark
        ]
        found.append(f"“{shifted[0]}” is “{word}” {where}")
    if start := next((word for word in listed if word.endswith("~")), ""):
        found.append(f"“{start}” is any word that begins with “{start[:-1]}”")
    if end := next((word for word in listed if word.startswith("~")), ""):
        found.append(f"“{end}” is any word that ends in “{end[1:]}”")
    return f"{'; '.join(found)}." if found else ""


def _rankings(classifier: Classifier) -> list[tuple[str, str, words.Ranking]]:
    """Return the title, the class of the style and the words of each direction."""
    if classifier.spec.label_set.are_binary:
        found = words.top_features(classifier, _LISTED_WORDS, _WORD_CANDIDATES)
        return [("most positive", "positive", found.positive), ("most negative", "negative", found.negative)]
    sides: list[tuple[str, str, words.Ranking]] = []
    features = words.top_class_features(classifier, _LISTED_WORDS, _WORD_CANDIDATES)
    for name, (high, low) in ((name, each.items()) for name, each in features.sums.items()):
        if features.against_rest:
            sides.append((f"for {name}", "positive", high[1]))
        elif not sides:
            sides += [(f"for {high[0]}", "positive", high[1]), (f"for {low[0]}", "negative", low[1])]
        else:
            sides += [(f"for the {high[0]}", "neutral", high[1]), (f"for the {low[0]}", "opinion", low[1])]
    return sides
