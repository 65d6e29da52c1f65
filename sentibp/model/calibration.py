"""From logits to probabilities that can be trusted, by a factor that validation tells; weights of several models."""

from __future__ import annotations

import numpy as np

from sentibp.nn.layers import Array, sigmoid
from sentibp.nn.losses import cross_entropy
from sentibp.utils.threads import single_threaded_blas

_LEAST, _MOST = 0.01, 100.0  # a factor beyond these says that there is nothing to learn from


def fit_temperature(logits: Array, label: Array) -> float:
    """The factor of the logits (n,) with which they have the least cross-entropy (Guo et al., 2017: 1 / T).

    Newton's method on a convex function of one variable. Answers do not change; only how sure they are.
    """
    z = logits.astype(np.float64)
    factor = 1.0
    for _ in range(50):
        p = sigmoid(factor * z)
        slope, curvature = np.mean(z * (p - label)), np.mean(z * z * p * (1 - p))
        step = slope / max(curvature, 1e-12)
        factor = min(max(factor - step, factor / 3), factor * 3)  # far from the minimum, Newton's step is too long
        if abs(step) < 1e-9 * factor or not _LEAST < factor < _MOST:
            break
    return float(min(max(factor, _LEAST), _MOST))


def mixture_weights(logits: Array, label: Array) -> Array:
    """The weights (m,), none negative, with which the sum of m models' logits (n, m) has the least cross-entropy."""
    from scipy.optimize import minimize

    logits = logits.astype(np.float64)

    def loss_and_gradient(weight: Array) -> tuple[float, Array]:
        loss, dz = cross_entropy(logits @ weight, label)
        return loss, logits.T @ dz

    m = logits.shape[1]
    with single_threaded_blas:
        return minimize(loss_and_gradient, np.full(m, 1 / m), jac=True, method="L-BFGS-B", bounds=[(0, None)] * m).x
