"""Losses of the logit z, with their derivative d loss / d z.

The network computes z, and the probability of positive is a = sigmoid(z). Each loss is the mean over the batch of
weight[j] * loss[j]. Only the losses divide by n; no layer does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentibp.nn.arrays import Array
from sentibp.nn.layers import sigmoid

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


def _weighted_mean(loss: Array, dz: Array, weight: Array | None) -> tuple[float, Array]:
    n = len(loss)
    if weight is not None:
        weight = weight.astype(loss.dtype, copy=False)
        loss, dz = weight * loss, weight * dz
    return float(loss.sum(dtype=np.float64) / n), dz / n


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy, "squared_error": squared_error}
