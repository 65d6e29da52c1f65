"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from typing import Any

import numpy as np

from sentibp.data.vocabulary import Vocabulary
from sentibp.nn.layers import Array, Ragged
from sentibp.nn.sparse import FastEmbeddingBag


def naive_bayes_column(x: Ragged, label: Array, vocabulary: Vocabulary, embedding: Any) -> Array:
    """The log-count ratio of each feature, scaled so that its pooled values have a root mean square of 1."""
    return scale_columns(log_count_ratio(x, label, len(vocabulary))[:, None], x, embedding)[:, 0]


def scale_columns(columns: Array, x: Ragged, embedding: Any) -> Array:
    """Columns of an embedding (V, k), so that their pooled values over the reviews x have a root mean square of 1."""
    some = x.take(np.arange(0, len(x.offsets) - 1, -(-(len(x.offsets) - 1) // 2000)))  # about 2,000 tell the scale
    pooled = FastEmbeddingBag(columns, embedding.pooling, embedding.padding).forward(some)
    return columns / max(float(np.sqrt(np.mean(pooled**2))), 1e-6)


_IDS = 1 << 21  # ids counted at once; all of them may not fit in memory


def log_count_ratio(x: Ragged, label: Array, features: int) -> Array:
    """How much more often each feature occurs in positive reviews than in negative ones: (features,) float32.

    The weights of a naive-Bayes classifier (Wang & Manning, 2012, eq. 2). `label` (n,) is 0 or 1.
    """
    return log_ratio(*class_counts(x, label, features), float(np.mean(label)))


def class_counts(x: Ragged, label: Array, features: int) -> tuple[Array, Array]:
    """How often each feature occurs in positive and in negative reviews: (features,) int64 each."""
    total, positive = np.zeros((2, features), np.int64)
    block = len(label) * max(features, _IDS) // max(len(x.ids), 1) + 1  # reviews
    for start in range(0, len(label), block):
        part = x.slice(start, min(start + block, len(label)))
        total += np.bincount(part.ids, minlength=features)
        ids = part.ids[np.repeat(label[start : start + block] == 1, part.lengths)]
        positive += np.bincount(ids, minlength=features)
    return positive, total - positive


def log_ratio(positive: Array, negative: Array, share: float) -> Array:
    """log of p / |p| over q / |q|, where p and q are the counts, each plus 1: (features,) float32.

    Where a class has a larger `share` of the reviews than the other, it has that share of the 2 that are added. Else
    what stands once in a review of the rarer class would say much, and once in one of the other class nothing.
    """
    p, q = positive + 2 * share, negative + 2 * (1 - share)
    return np.log((p / p.sum()) / (q / q.sum())).astype(np.float32)
