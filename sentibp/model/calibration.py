"""Calibration of probabilities by temperature scaling, and the weights of several averaged models.

What few reviews say is shrunk towards what is known without them: a factor of 1 and a power of 0, unless more is known
of them, a shift of 0, equal weights. All fits add a prior to the log loss: the number of reviews decides how far the
result moves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from sentibp.nn.heads import AdaptiveTemperature
from sentibp.nn.layers import Array, sigmoid, softmax
from sentibp.nn.losses import cross_entropy, softmax_cross_entropy
from sentibp.utils.threads import single_threaded_blas

Shift = float | Sequence[float]
"""What is added to a logit, or to each of those of K > 2 labels."""

_LOWEST, _HIGHEST = 0.01, 100.0  # the range of the factor

# The strength of the priors, as in CalibrationPrior. Chosen on cuts of 20 to 5,000 reviews: docs/log/2026-11.md.
_SHIFT = 2.0  # the standard deviation of the shift of a logit
_MIXING = 1.0  # of the weight of a model in a mixture

_FINE = 1e-3  # of a power
_WORTH_A_PARAMETER = 1.0  # the sum of losses that a parameter has to save (Akaike, 1974)


class Calibration(NamedTuple):
    """What calibration does to the logits of a network: it multiplies and shifts them, and may give each a temperature.

    The temperature is that of nn.heads.AdaptiveTemperature, after the factor; with a power of 0 there is none.
    """

    factor: float = 1.0
    shift: Shift = 0.0
    power: float = 0.0
    spread: float = 1.0


class CalibrationPrior(NamedTuple):
    """What is known of the factor f, and of the power a of an adaptive temperature, without the reviews that they fit.

    The factor has a gamma distribution: it adds s (f / mode - 1 - log(f / mode)) to the sum of the losses, where s is
    its strength, in reviews. Networks are mostly overconfident, and a few right answers do not tell how far a logit may
    grow: growth needs more evidence. The power has a normal distribution: it adds precision (a - power)^2 / 2.
    """

    mode: float = 1.0
    shrinking: float = 2.0  # the strength where the reviews ask for a smaller factor
    growing: float = 16.0  # and where they ask for a larger one
    power: float = 0.0
    precision: float = 16.0  # a standard deviation of 1/4


USUAL_PRIOR = CalibrationPrior()
"""What is known of the factor of a network if nothing was tried."""


def fit_temperature(
    logits: Array, label: Array, weight: Array | None = None, prior: CalibrationPrior = USUAL_PRIOR
) -> float:
    """Return the factor of the logits with the least cross-entropy, shrunk towards the mode of the prior.

    This is temperature scaling (Guo et al., 2017: 1 / T). The logits are (n,), or (n, K) for K labels. `label` (n,) are
    the numbers of the labels; it may also be a share of each review in label 1 (n,), or in each label (n, K).

    A review of weight k counts as k reviews, one of weight 0 as none; without any, the factor is the mode. Labels do
    not change, only probabilities. Losses and prior are convex, so Newton's method finds the minimum.
    """
    z = logits.astype(np.float64)
    weight = np.ones(len(z)) if weight is None else weight.astype(np.float64)

    def derivatives(factor: float) -> tuple[float, float]:
        if z.ndim == 2:
            p = softmax(factor * z)
            mean = np.sum(p * z, axis=1)  # of the logit, by the probabilities
            slopes, curvatures = mean - _of_label(z, label), np.sum(p * z * z, axis=1) - mean**2
            return float(weight @ slopes), float(weight @ curvatures)
        p = sigmoid(factor * z)
        return float(np.sum(weight * z * (p - label))), float(np.sum(weight * z * z * p * (1 - p)))

    factor = prior.mode
    strength = prior.shrinking if derivatives(factor)[0] > 0 else prior.growing  # the minimum is on that side of it
    for _ in range(50):
        slope, curvature = derivatives(factor)
        step = (slope + strength * (1 / prior.mode - 1 / factor)) / (curvature + strength / factor**2)
        factor = min(max(factor - step, factor / 3), factor * 3)  # far from the minimum, a Newton step is too long
        if abs(step) < 1e-9 * factor or not _LOWEST < factor < _HIGHEST:
            break
    return float(min(max(factor, _LOWEST), _HIGHEST))


def _of_label(values: Array, label: Array) -> Array:
    """Return the value of each review's label, or the mean by its shares in them: (n, K), (n,) or (n, K) -> (n,)."""
    return np.sum(values * label, axis=1) if label.ndim == 2 else values[np.arange(len(values)), label]


def fit_scale_and_shift(
    logits: Array, label: Array, weight: Array, prior: CalibrationPrior = USUAL_PRIOR
) -> tuple[float, Shift]:
    """Return the factor f of the logits z (n,) and the shift b for which f z + b has the least weighted cross-entropy.

    Logits of K labels, (n, K), have a shift each; the first is 0, since only differences of logits matter.

    This is Platt scaling (Platt, 1999), for weights (n,) that make the classes count otherwise than their reviews: a
    network that fits its training reviews hardly responds to such weights in its loss, the shift does. f is shrunk
    as in `fit_temperature`, and b towards 0 by a normal prior.
    """
    from scipy.optimize import minimize

    z, weight, several = logits.astype(np.float64), weight.astype(np.float64), logits.ndim == 2
    loss_of = softmax_cross_entropy if several else cross_entropy
    free = z.shape[1] - 1 if several else 1  # shifts that are fitted

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        factor, shift = theta[0], theta[1:]
        mean, dz = loss_of(factor * z + (np.append(0, shift) if several else shift), label, weight)
        d_factor, d_shift = (np.sum(z * dz), dz.sum(axis=0)[1:]) if several else (z @ dz, dz.sum())
        strength, ratio = prior.shrinking if factor < prior.mode else prior.growing, factor / prior.mode
        penalty = strength * (ratio - 1 - np.log(ratio)) + np.sum((shift / _SHIFT) ** 2) / 2
        d_penalty = np.append(strength * (1 / prior.mode - 1 / factor), shift / _SHIFT**2)
        return mean * len(z) + penalty, len(z) * np.append(d_factor, d_shift) + d_penalty

    start, bounds = np.append(prior.mode, np.zeros(free)), [(_LOWEST, _HIGHEST), *[(None, None)] * free]
    with single_threaded_blas:
        factor, *shift = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds).x.tolist()
    return factor, [0.0, *shift] if several else shift[0]


def fit_calibration(
    logits: Array,
    label: Array,
    weight: Array | None = None,
    prior: CalibrationPrior = USUAL_PRIOR,
    *,
    is_adaptive: bool = False,
) -> Calibration:
    """Return the calibration of logits without a shift: a factor, or what `fit_adaptive_temperature` finds.

    That is taken only with `is_adaptive`, and if it is worth its parameter.
    """
    if is_adaptive:
        found = fit_adaptive_temperature(logits, label, weight, prior)
        if found.gain > _WORTH_A_PARAMETER:
            return Calibration(found.factor, 0.0, found.power, found.spread)
    return Calibration(fit_temperature(logits, label, weight, prior))


class AdaptiveFit(NamedTuple):
    """A fitted adaptive temperature."""

    factor: float
    power: float
    spread: float  # of a usual review, once its logits are multiplied by the factor
    gain: float  # how much smaller the sum of the losses and the prior is than with the best factor alone
    precision: float  # what the reviews say of the power: the inverse of its variance


def fit_adaptive_temperature(
    logits: Array, label: Array, weight: Array | None = None, prior: CalibrationPrior = USUAL_PRIOR
) -> AdaptiveFit:
    """Return the factor f and the power a in [0, 1] for which f z / (s / r)^a has the least cross-entropy.

    The logits z are (n, K); s is their standard deviation in a review, and r its geometric mean. f and a are shrunk as
    the prior says, and a review of weight k counts as k reviews. `label` is that of `fit_temperature`.
    """
    z = logits.astype(np.float64)
    weight = np.ones(len(z)) if weight is None else weight.astype(np.float64)
    if not weight.any():
        return AdaptiveFit(prior.mode, 0.0, 1.0, 0.0, 0.0)
    log_s = AdaptiveTemperature(np.zeros(1), np.ones(1)).log_spread(z)  # (n, 1)
    usual = float(weight @ log_s[:, 0] / weight.sum())
    relative = log_s - usual

    def best(power: float) -> tuple[float, float]:
        """Return the sum of losses and priors with the best factor, and this factor."""
        scaled = np.exp(-power * relative) * z
        factor = fit_temperature(scaled, label, weight, prior)
        loss = weight @ (np.logaddexp.reduce(factor * scaled, axis=1) - _of_label(factor * scaled, label))
        strength, ratio = prior.shrinking if factor < prior.mode else prior.growing, factor / prior.mode
        penalty = strength * (ratio - 1 - np.log(ratio)) + prior.precision * (power - prior.power) ** 2 / 2
        return float(loss + penalty), factor

    inside, alone = _least(lambda power: best(power)[0], 0.0, 1.0), best(0.0)[0]
    power = min(0.0, inside, 1.0, key=lambda power: best(power)[0])
    total, factor = best(power)
    scaled = factor * np.exp(-power * relative) * z
    p = softmax(scaled)
    variance = np.sum(p * scaled**2, axis=1) - np.sum(p * scaled, axis=1) ** 2
    precision = float(weight @ (variance * relative[:, 0] ** 2))
    return AdaptiveFit(factor, power, factor * float(np.exp(usual)), alone - total, precision)


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function with one minimum between `low` and `high` is least, to _FINE: golden-section search."""
    share = (np.sqrt(5) - 1) / 2
    left, right = high - share * (high - low), low + share * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > _FINE:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - share * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + share * (high - low)
            at_right = function(right)
    return float((low + high) / 2)


def mixture_weights(logits: Array, label: Array, weight: Array | None = None) -> Array:
    """Return the share (m,) of each of m models in the mixture of their logits, shrunk towards equal shares.

    The logits are (n, m), or (n, m, K) for K labels.

    No share is negative, and their sum is 1: how large the logit is, `fit_temperature` decides. The ratios are those at
    the least cross-entropy, with the same kind of prior on m times each weight as `fit_temperature` has on its factor.
    A review of weight k counts as k reviews. The sum is convex: Newton's method with halved steps finds the minimum.
    """
    n, m = logits.shape[:2]
    weight = np.ones(n) if weight is None else weight.astype(np.float64)
    if m == 1 or not weight.any():
        return np.full(m, 1 / m)
    inputs = logits.reshape(n, m, -1).astype(np.float64) / m  # (n, m, 1) or (n, m, K)
    loss_of = softmax_cross_entropy if logits.ndim == 3 else cross_entropy

    def loss_and_gradient(ratio: Array) -> tuple[float, Array]:
        z = np.einsum("nmk,m->nk", inputs, ratio)
        loss, dz = loss_of(z if logits.ndim == 3 else z[:, 0], label, weight)
        d_ratio = np.einsum("nmk,nk->m", inputs, dz.reshape(n, -1))
        prior, d_prior = np.sum(ratio - 1 - np.log(ratio)), 1 - 1 / ratio
        return n * loss + _MIXING * float(prior), n * d_ratio + _MIXING * d_prior

    def curvature(ratio: Array) -> Array:
        z = np.einsum("nmk,m->nk", inputs, ratio)
        p = softmax(z) if logits.ndim == 3 else sigmoid(z)
        spread = np.einsum("nk,nik,njk->ij", weight[:, None] * p, inputs, inputs)  # (m, m)
        mean = np.einsum("nk,nik->ni", p, inputs)  # of the inputs, by the probabilities
        return spread - (mean.T * weight) @ mean + _MIXING * np.diag(ratio**-2)

    with single_threaded_blas:
        ratio = _newton(loss_and_gradient, curvature, np.ones(m))
    return ratio / ratio.sum()


def _newton(
    loss_and_gradient: Callable[[Array], tuple[float, Array]], curvature: Callable[[Array], Array], start: Array
) -> Array:
    """Return the positive point (m,) with the least convex loss: Newton's method, with steps halved until it falls.

    Our own, because importing scipy.optimize takes a tenth of the time of `train imdb`.
    """
    point, (loss, gradient) = start, loss_and_gradient(start)
    for _ in range(100):
        step = np.linalg.solve(curvature(point), gradient)
        for _ in range(40):
            found = np.maximum(point - step, point / 3)
            new_loss, new_gradient = loss_and_gradient(found)
            if new_loss <= loss:
                break
            step = step / 2
        else:
            break  # no step lowers the loss: only rounding is left
        is_over = np.abs(found - point).max() < 1e-9 * point.max()
        point, loss, gradient = found, new_loss, new_gradient
        if is_over:
            break
    return point
