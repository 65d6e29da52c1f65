"""Calibration of probabilities by temperature scaling, and the weights of several averaged models."""

from __future__ import annotations

import numpy as np

from sentibp.nn.layers import Array, sigmoid
from sentibp.nn.losses import cross_entropy
from sentibp.utils.threads import single_threaded_blas

_LOWEST, _HIGHEST = 0.01, 100.0  # the range of the factor; the minimum lies outside if the data say nothing about it


def fit_temperature(logits: Array, label: Array) -> float:
    """Return the factor of the logits (n,) that minimizes the cross-entropy (Guo et al., 2017: 1 / T).

    Labels do not change, only probabilities. The loss is convex in the factor, so Newton's method finds the minimum.
    """
    z = logits.astype(np.float64)
    factor = 1.0
    for _ in range(50):
        p = sigmoid(factor * z)
        slope, curvature = np.mean(z * (p - label)), np.mean(z * z * p * (1 - p))
        step = slope / max(curvature, 1e-12)
        factor = min(max(factor - step, factor / 3), factor * 3)  # far from the minimum, a Newton step is too long
        if abs(step) < 1e-9 * factor or not _LOWEST < factor < _HIGHEST:
            break
    return float(min(max(factor, _LOWEST), _HIGHEST))


def mixture_weights(logits: Array, label: Array) -> Array:
    """Return the weights (m,) of m models, none negative, whose mixed logits (n, m) have the least cross-entropy."""
    from scipy.optimize import minimize

    logits = logits.astype(np.float64)

    def loss_and_gradient(weight: Array) -> tuple[float, Array]:
        loss, dz = cross_entropy(logits @ weight, label)  # (n, m) @ (m,) -> (n,)
        return loss, logits.T @ dz

    m = logits.shape[1]
    with single_threaded_blas:
        return minimize(loss_and_gradient, np.full(m, 1 / m), jac=True, method="L-BFGS-B", bounds=[(0, None)] * m).x
