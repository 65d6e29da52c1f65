"""The log-count ratios of naive Bayes: how much more often a feature occurs in positive than in negative reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sentibp.data.vocabulary import Vocabulary
from sentibp.nn.layers import Array, Ragged
from sentibp.nn.sparse import FastEmbeddingBag

if TYPE_CHECKING:
    from sentibp.config.schema import Embedding

_IDS = 1 << 21  # ids counted at once; all of them may not fit in memory
_SAMPLE = 2000  # reviews that are enough to find the scale of a column


def naive_bayes_column(x: Ragged, label: Array, vocabulary: Vocabulary, embedding: Embedding) -> Array:
    """Return the log-count ratio of each feature (V,), scaled to pooled values with a root mean square of 1."""
    return scale_columns(log_count_ratio(x, label, len(vocabulary))[:, None], x, embedding)[:, 0]


def scale_columns(columns: Array, x: Ragged, embedding: Embedding) -> Array:
    """Scale columns of an embedding (V, k) so that their pooled values over reviews x have a root mean square of 1."""
    n = len(x.offsets) - 1
    sample = x.take(np.arange(0, n, -(-n // _SAMPLE)))
    pooled = FastEmbeddingBag(columns, embedding.pooling, embedding.padding).forward(sample)
    return columns / max(float(np.sqrt(np.mean(pooled**2))), 1e-6)


def log_count_ratio(x: Ragged, label: Array, features: int) -> Array:
    """Return the log-count ratio of each feature: (features,) float32. `label` (n,) is 0 or 1.

    These are the weights of a naive-Bayes classifier (Wang & Manning, 2012, eq. 2).
    """
    return log_ratio(*class_counts(x, label, features), float(np.mean(label)))


def class_counts(x: Ragged, label: Array, features: int) -> tuple[Array, Array]:
    """Count how often each feature occurs in positive reviews, and in negative ones: (features,) int64 each."""
    total, positive = np.zeros((2, features), np.int64)
    block = len(label) * max(features, _IDS) // max(len(x.ids), 1) + 1  # reviews
    for start in range(0, len(label), block):
        reviews = x.slice(start, min(start + block, len(label)))
        total += np.bincount(reviews.ids, minlength=features)
        ids = reviews.ids[np.repeat(label[start : start + block] == 1, reviews.lengths)]
        positive += np.bincount(ids, minlength=features)
    return positive, total - positive


def log_ratio(positive: Array, negative: Array, share: float) -> Array:
    """Return log(p / |p|) - log(q / |q|), where p and q are the smoothed counts of both classes: (features,) float32.

    The smoothing adds 2 to the counts of each feature, divided between the classes by their share of the reviews;
    `share` is that of the positive class. Adding 1 to both would give a feature that occurs once in the rarer class a
    large ratio, and a feature that occurs once in the other class a ratio of almost 0.
    """
    p, q = positive + 2 * share, negative + 2 * (1 - share)
    return np.log((p / p.sum()) / (q / q.sum())).astype(np.float32)
