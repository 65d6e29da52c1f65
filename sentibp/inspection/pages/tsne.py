"""t-SNE: places in the plane where near ones stay near (van der Maaten & Hinton, 2008), for a few hundred points."""

from __future__ import annotations

import numpy as np

from sentibp.nn.layers import Array

_ITERATIONS = 300
_EXAGGERATED = 75  # iterations at the beginning in which near points attract each other more: groups come together
_EXAGGERATION = 12.0  # times as much
_TINY = 1e-12


def tsne(distances: Array, start: Array, perplexity: float = 20.0) -> Array:
    """Return places (k, 2) for k points with squared distances (k, k), from the places `start` (k, 2).

    `perplexity` is how many neighbours a point has, about; at most a third of the points. The start should have what is
    known of the whole, such as principal components (Kobak & Berens, 2019). Nothing is random.
    """
    k = len(distances)
    if k < 4:  # too few for neighbours
        return start.copy()
    near = joint_probabilities(distances, min(perplexity, (k - 1) / 3))
    at = start * (1e-4 / max(float(start.std()), _TINY))
    rate = max(k / _EXAGGERATION / 4, 10.0)
    step, gains = np.zeros_like(at), np.ones_like(at)
    for iteration in range(_ITERATIONS):
        is_early = iteration < _EXAGGERATED
        gradient = divergence_gradient(near * _EXAGGERATION if is_early else near, at)
        gains = np.where(np.sign(gradient) == np.sign(step), gains * 0.8, gains + 0.2).clip(0.01)
        step = (0.5 if is_early else 0.8) * step - rate * gains * gradient
        at = at + step
        at -= at.mean(axis=0)
    return at


def joint_probabilities(distances: Array, perplexity: float) -> Array:
    """Return how near the points are: symmetric probabilities (k, k) that add up to 1 (equation 1 and section 3.1).

    Each point has a normal distribution of its own, as wide as gives its neighbours the perplexity: bisection finds it.
    """
    k = len(distances)
    others = distances + np.where(np.eye(k, dtype=bool), np.inf, 0.0)
    others -= others.min(axis=1, keepdims=True)  # else all of a far point's neighbours underflow
    low, high = np.zeros((k, 1)), np.full((k, 1), np.inf)
    precision = np.ones((k, 1))
    for _ in range(60):
        share = np.exp(-precision * others)
        share /= share.sum(axis=1, keepdims=True)
        entropy = -(share * np.log(np.maximum(share, _TINY))).sum(axis=1, keepdims=True)
        is_wide = entropy > np.log(perplexity)
        low, high = np.where(is_wide, precision, low), np.where(is_wide, high, precision)
        precision = np.where(np.isinf(high), 2 * precision, (low + np.where(np.isinf(high), low, high)) / 2)
    return (share + share.T) / (2 * k)


def divergence(near: Array, at: Array) -> float:
    """Return the Kullback-Leibler divergence of what is near on the map, at places (k, 2), from what is near."""
    shown = _closeness(at)
    shown /= shown.sum()
    return float((near * np.log(np.maximum(near, _TINY) / np.maximum(shown, _TINY))).sum())


def divergence_gradient(near: Array, at: Array) -> Array:
    """Return the gradient of the divergence by the places, (k, 2) (equation 5)."""
    closeness = _closeness(at)
    force = (near - closeness / closeness.sum()) * closeness
    return 4 * (force.sum(axis=1)[:, None] * at - force @ at)  # the sum of force times (place - place of the other)


def _closeness(at: Array) -> Array:
    """Return how near places are, (k, k): it falls with the distance as Student's t distribution (equation 4)."""
    length = (at**2).sum(axis=1)
    closeness = 1 / (1 + np.maximum(length[:, None] + length[None, :] - 2 * (at @ at.T), 0))
    np.fill_diagonal(closeness, 0.0)
    return closeness
