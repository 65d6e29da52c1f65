"""Where weights start. Each keeps signals and gradients at a scale that survives many layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .layers import Array, Ragged

_IDS = 1 << 21  # ids counted at once; all of them may not fit in memory

Initializer = Callable[[np.random.Generator, tuple[int, ...]], Array]


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Uniform within +-sqrt(6 / (inputs + outputs)) (Glorot & Bengio, 2010, eq. 16): for tanh and sigmoid."""
    limit = np.sqrt(6 / sum(shape))
    return (limit * (2 * rng.random(shape, dtype=np.float32) - 1)).astype(np.float32)


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal with deviation sqrt(2 / inputs) (He et al., 2015, eq. 10): ReLU silences half of its inputs."""
    return _normal(rng, shape, np.sqrt(2 / shape[0]))


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal with deviation 0.1: for embeddings, whose scale has nothing to do with the number of words."""
    return _normal(rng, shape, 0.1)


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """All zero: right for biases and for a linear model; units of a hidden layer would stay copies of each other."""
    return np.zeros(shape, np.float32)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """All one: the scale and the variance of batch norm."""
    return np.ones(shape, np.float32)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float) -> Array:
    return np.float32(deviation) * rng.standard_normal(shape, dtype=np.float32)


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


INITIALIZERS: dict[str, Initializer] = {
    "linear": normal,  # all but the one column that is told by the training data
    "naive_bayes": normal,  # all but the one column that is told by the training data
    "normal": normal,
    "glorot": glorot,
    "he": he,
    "zeros": zeros,
}

SUITS = {"relu": "he", "tanh": "glorot", "sigmoid": "glorot"}
"""The initializer that suits an activation."""
