"""The log-count ratios of naive Bayes: how much more often a feature occurs in positive than in negative reviews."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sentibp.data.examples import Examples
from sentibp.data.labels import BINARY
from sentibp.data.vocabulary import Vocabulary
from sentibp.nn.heads import scale_shares
from sentibp.nn.layers import Array, Ragged
from sentibp.nn.sparse import FastEmbeddingBag

if TYPE_CHECKING:
    from sentibp.config.schema import Embedding

_IDS = 1 << 21  # ids counted at once; all of them may not fit in memory
_SAMPLE = 2000  # reviews that are enough to find the scale of a column


def naive_bayes_columns(examples: Examples, vocabulary: Vocabulary, embedding: Embedding, head: str) -> Array:
    """Return the log-count ratio of each feature for each output of the head (V, m), scaled.

    The pooled values have a root mean square of 1. With the head `scale`, those of neutrality are scaled as those of
    polarity are: scaled to the same size, a neutrality of which the features say little would be mostly noise.
    """
    x, weight, n = examples.features, examples.weight, len(vocabulary)
    ratios = log_count_ratios(examples, n, head).T
    if head == "scale":
        first = scale_columns(ratios[:, :1], x, embedding, weight)
        size = np.abs(ratios[:, 0]).max(initial=0)
        return ratios * (np.abs(first).max(initial=0) / max(float(size), 1e-30)).astype(np.float32)
    return np.concatenate([scale_columns(each[:, None], x, embedding, weight) for each in ratios.T], axis=1)


def binary_tasks(examples: Examples, head: str) -> list[Examples]:
    """Return the examples with a label of their own for each output of the head: 0 or 1, or a share between them.

    `scale`: the share s of polarity, and q of neutrality; `cumulative`: the place s; `softmax`: each label against the
    rest.
    """
    classes = examples.classes
    if head == "sigmoid":
        return [examples]
    shares = {"softmax": np.eye(classes.number), "scale": scale_shares(classes.number)}.get(head)
    shares = scale_shares(classes.number)[:1] if shares is None else shares
    label = examples.label
    return [
        replace(examples, label=share[label] if label.ndim == 1 else label @ share, classes=BINARY) for share in shares
    ]


def scale_columns(columns: Array, x: Ragged, embedding: Embedding, weight: Array | None = None) -> Array:
    """Scale columns of an embedding (V, k) so that their pooled values over reviews x have a root mean square of 1.

    `weight` (n,) is that of each review; None: all have the same.
    """
    n = len(x.offsets) - 1
    chosen = np.arange(0, n, -(-n // _SAMPLE))
    pooled = FastEmbeddingBag(columns, embedding.pooling, embedding.padding).forward(x.take(chosen))
    square = np.mean(pooled**2) if weight is None else np.average(np.mean(pooled**2, axis=1), weights=weight[chosen])
    return columns / max(float(np.sqrt(square)), 1e-6)


def log_count_ratios(examples: Examples, features: int, head: str) -> Array:
    """Return the log-count ratio of each feature for each of the m outputs of the head: (m, features)."""
    return np.stack([log_count_ratio(each, features) for each in binary_tasks(examples, head)])


def log_count_ratio(examples: Examples, features: int) -> Array:
    """Return the log-count ratio of each feature: (features,) float32. The labels are 0 or 1, or shares between them.

    These are the weights of a naive-Bayes classifier (Wang & Manning, 2012, eq. 2). A review of weight k counts k
    times. The weight of a class has no effect: the ratio compares shares of each class.
    """
    return log_ratio(*class_counts(examples, features), positive_share(examples))


def relative_rarity(counts: tuple[Array, Array], examples: Examples) -> Array:
    """Return the inverse document frequency of k features (k,), divided by its mean over all occurrences.

    It is `log((1 + n) / (1 + df)) + 1` (Spärck Jones, 1972, with the smoothing of scikit-learn). `counts` are those of
    `class_counts`: where a review has a feature more than once, all its occurrences count, up to n.
    """
    count = counts[0] + counts[1]
    n = float(len(examples) if examples.weight is None else examples.weight.sum())
    frequency = np.log((1 + n) / (1 + np.minimum(count, n))) + 1
    return frequency / np.average(frequency, weights=count if count.any() else None)


def positive_share(examples: Examples) -> float:
    """Return the share of positive reviews, by their weights."""
    return float(np.average(examples.label, weights=examples.weight))


def class_counts(examples: Examples, features: int) -> tuple[Array, Array]:
    """Count how often each feature occurs in positive reviews, and in negative ones: (features,) each.

    The counts are int64, or float64 if the reviews have weights: then an occurrence counts as much as its review.
    """
    x, label, weight = examples.features, examples.label, examples.weight
    if weight is not None or label.dtype.kind == "f":
        return _weighted_class_counts(x, label, np.ones(len(label)) if weight is None else weight, features)
    total, positive = np.zeros((2, features), np.int64)
    block = len(label) * max(features, _IDS) // max(len(x.ids), 1) + 1  # reviews
    for start in range(0, len(label), block):
        reviews = x.slice(start, min(start + block, len(label)))
        total += np.bincount(reviews.ids, minlength=features)
        is_positive = np.repeat(label[start : start + block] == 1, reviews.lengths)
        positive += np.bincount(reviews.ids.compress(is_positive), minlength=features)
    return positive, total - positive


def _weighted_class_counts(x: Ragged, label: Array, weight: Array, features: int) -> tuple[Array, Array]:
    counts = np.zeros((2, features))
    block = len(label) * max(features, _IDS) // max(len(x.ids), 1) + 1  # reviews
    for start in range(0, len(label), block):
        rows = slice(start, min(start + block, len(label)))
        reviews = x.slice(rows.start, rows.stop)
        for number, share in enumerate((1 - label[rows], label[rows])):
            occurrence = np.repeat(weight[rows] * share, reviews.lengths)
            counts[number] += np.bincount(reviews.ids, occurrence, minlength=features)
    return counts[1], counts[0]


def log_ratio(positive: Array, negative: Array, share: float) -> Array:
    """Return log(p / |p|) - log(q / |q|), where p and q are the smoothed counts of both classes: (features,) float32.

    The smoothing adds 2 to the counts of each feature, divided between the classes by their share of the reviews;
    `share` is that of the positive class. Adding 1 to both would give a feature that occurs once in the rarer class a
    large ratio, and a feature that occurs once in the other class a ratio of almost 0. If all reviews are of one class,
    the ratios are 0: they say nothing.
    """
    if not 0 < share < 1:
        return np.zeros(len(positive), np.float32)
    p, q = positive + 2 * share, negative + 2 * (1 - share)
    return np.log((p / p.sum()) / (q / q.sum())).astype(np.float32)
