"""Where weights start. Each keeps signals and gradients at a scale that survives many layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentibp.nn.layers import Array

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
