"""Losses of the logit z, with their derivative d loss / d z.

The network ends in z; the probability is a = sigmoid(z). Both losses are the mean over the batch of
weight[j] * loss[j]: the 1/n of that mean stands here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sentibp.nn.layers import Array, sigmoid

Loss = Callable[[Array, Array, Array | None], tuple[float, Array]]


def cross_entropy(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
    """Binary cross-entropy, -log of the probability given to the right answer, in nats.

    z, target, weight (n,) -> loss, dz (n,). Written with the logit it cannot overflow:
    -t log a - (1 - t) log(1 - a) = log(1 + e^z) - t z.
    """
    target = target.astype(z.dtype, copy=False)
    loss = np.logaddexp(0, z) - target * z
    dz = sigmoid(z) - target  # the sigmoid's a (1 - a) and the logarithm's 1 / (a (1 - a)) cancel
    return _weighted_mean(loss, dz, weight)


def squared_error(z: Array, target: Array, weight: Array | None = None) -> tuple[float, Array]:
    """(a - t)^2, the error of Rumelhart, Hinton & Williams (1986) without their factor 1/2.

    z, target, weight (n,) -> loss, dz (n,). The factor a (1 - a) is small where the network is sure, even when it
    is wrong: such a unit learns slowly. Cross-entropy does not have that flaw.
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
