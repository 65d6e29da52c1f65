"""Losses of the logits, with their derivative d loss / d z.

With two classes the network computes one logit z, and the probability of positive is a = sigmoid(z). With K classes it
computes a logit for each, and the probabilities are p = softmax(z). Each loss is the mean over the batch of
weight[j] * loss[j]. Only the losses divide by n; no layer does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentibp.nn.arrays import Array
from sentibp.nn.layers import sigmoid, softmax

Loss = Callable[[Array, Array, Array | None], tuple[float, Array]]


def cross_entropy(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Return the binary cross-entropy, in nats: -log of the probability of the right label.

    z, target, weight (n,) -> loss, dz (n,). The formula in z does not overflow:
    -t log a - (1 - t) log(1 - a) = log(1 + e^z) - t z.
    """
    target = target.astype(z.dtype, copy=False)
    loss = np.logaddexp(0, z) - target * z
    dz = sigmoid(z) - target  # a (1 - a) from the sigmoid and 1 / (a (1 - a)) from the logarithm cancel
    return _weighted_mean(loss, dz, weight)


def squared_error(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Return the squared error (a - t)^2, as Rumelhart, Hinton & Williams (1986), but without their factor 1/2.

    z, target, weight (n,) -> loss, dz (n,). The factor a (1 - a) is small if the network is confident, even if it is
    wrong. Such a network learns slowly. Cross-entropy does not have this flaw.
    """
    target = target.astype(z.dtype, copy=False)
    a = sigmoid(z)
    loss = (a - target) ** 2
    da = 2 * (a - target)
    dz = da * a * (1 - a)
    return _weighted_mean(loss, dz, weight)


def softmax_cross_entropy(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Return the cross-entropy of K classes, in nats: -log of the probability of the right class.

    z (n, K), weight (n,) -> loss, dz (n, K). `target` is the class of each review (n,), or the wanted probabilities
    (n, K), whose sum is 1. -sum_k t_k log p_k = log sum_k e^(z_k) - sum_k t_k z_k. dz = p - t.
    """
    target = _probabilities(z, target)
    highest = z.max(axis=1, keepdims=True)  # so that no exponential overflows
    total = highest[:, 0] + np.log(np.exp(z - highest).sum(axis=1))
    loss = total - (target * z).sum(axis=1)
    return _weighted_mean(loss, softmax(z) - target, weight)


def softmax_squared_error(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Return the squared error of K probabilities, sum_k (p_k - t_k)^2 (Brier, 1950). Shapes as in cross-entropy.

    dz_k = p_k (dp_k - sum_j p_j dp_j): a probability that grows takes from all others.
    """
    target = _probabilities(z, target)
    p = softmax(z)
    loss = ((p - target) ** 2).sum(axis=1)
    dp = 2 * (p - target)
    dz = p * (dp - (p * dp).sum(axis=1, keepdims=True))
    return _weighted_mean(loss, dz, weight)


def _probabilities(z: Array, target: Array) -> Array:
    """Return the wanted probability of each class (n, K): 1 for the class of a review, if it is a number."""
    if target.ndim == 2:
        return target.astype(z.dtype, copy=False)
    return (target[:, None] == np.arange(z.shape[1])).astype(z.dtype)


def _weighted_mean(loss: Array, dz: Array, weight: Array | None) -> tuple[float, Array]:
    n = len(loss)
    if weight is not None:
        weight = weight.astype(loss.dtype, copy=False)
        loss, dz = weight * loss, (weight if dz.ndim == 1 else weight[:, None]) * dz
    return float(loss.sum(dtype=np.float64) / n), dz / n


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}
"""The losses of one logit, by their names in configs."""

CLASS_LOSSES: dict[str, Loss] = {"cross_entropy": softmax_cross_entropy, "squared_error": softmax_squared_error}
"""The losses of a logit for each class, by the same names."""


def logits_of(y: Array) -> Array:
    """Return the logits that a network puts out: its single column as (n,), or all columns (n, K)."""
    return y[:, 0] if y.shape[1] == 1 else y


def loss_on(name: str) -> Loss:
    """Return the loss of that name as a function of logits, (n,) or (n, K)."""

    def loss(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
        return (LOSSES if z.ndim == 1 else CLASS_LOSSES)[name](z, target, weight)

    return loss
