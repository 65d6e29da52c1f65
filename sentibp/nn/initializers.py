"""Initial weights, at a scale that keeps signals and gradients about equal from layer to layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentibp.nn.arrays import Array

Initializer = Callable[[np.random.Generator, tuple[int, ...]], Array]


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw uniformly from +-sqrt(6 / (inputs + outputs)) (Glorot & Bengio, 2010, eq. 16): for tanh and sigmoid."""
    limit = np.sqrt(6 / sum(shape))
    return (limit * (2 * rng.random(shape, dtype=np.float32) - 1)).astype(np.float32)


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw from a normal distribution with standard deviation sqrt(2 / inputs) (He et al., 2015, eq. 10): for ReLU."""
    return _normal(rng, shape, np.sqrt(2 / shape[0]))


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Draw from a normal distribution with standard deviation 0.1: for embeddings of any number of words."""
    return _normal(rng, shape, 0.1)


def zeros(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return zeros: for biases and linear models. Hidden units that start equal would stay equal."""
    return np.zeros(shape, np.float32)


def ones(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return ones: for the scale and the variance of batch norm."""
    return np.ones(shape, np.float32)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> Array:
    return np.float32(std) * rng.standard_normal(shape, dtype=np.float32)


INITIALIZERS: dict[str, Initializer] = {
    "linear": normal,  # except for one column, which sentibp.model fits to the training data
    "naive_bayes": normal,  # except for one column, likewise
    "normal": normal,
    "glorot": glorot,
    "he": he,
    "zeros": zeros,
}

INITIALIZER_FOR = {"relu": "he", "tanh": "glorot", "sigmoid": "glorot"}
"""The default initializer of a layer, by its activation."""
