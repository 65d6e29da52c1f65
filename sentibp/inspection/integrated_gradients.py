"""The contributions of the features of a text to the outputs of a network, as integrated gradients.

On the straight line from an empty review to this review, the pooled vector grows from zero to its value. The
contribution of a feature is its row times the gradient of the row, averaged over that line: integrated gradients
(Sundararajan, Taly & Yan, 2017). Without hidden layers the gradient is constant, and the contribution is what the row
adds to the logit. With ReLU the gradient is constant between the points where a unit switches; these points are
computed, and the sum over the pieces is exact. With tanh and sigmoid the integral is computed numerically.
"""

from __future__ import annotations

import numpy as np

from sentibp.nn import Ragged, ReLU, Residual, Sequential, Sigmoid, Tanh
from sentibp.nn.layers import Array, Layer

_CLOSE = 1e-9  # the residual at which the integration stops
_POINTS = 4  # Gauss-Legendre points on each piece of the line
_PIECES = 1 << 12  # the largest number of pieces in the numerical integration

METHODS = {
    "linear": ("rounding", "there is no hidden layer: each contribution is what the word adds"),
    "piecewise linear": ("rounding", "integrated gradients from an empty review, exact"),
    "quadrature": ("numerical integration", "integrated gradients from an empty review"),
}
"""What the residual comes from, and how the contributions are computed."""


def attribute(bag: Layer, layers: Sequential, t: int) -> tuple[Array, Array, Array, str]:
    """Return the contributions of t features to each output (t, m), the outputs (m,) of the text and of an empty review
    (m,), and the method, a key of METHODS.
    """
    review = Ragged(np.arange(t, dtype=np.int32), np.array([0, t]))
    x = bag.forward(review, train=True)  # (1, d)
    origin = bag.forward(Ragged(review.ids[:0], np.zeros(2, np.int64)))  # (1, d)
    outputs, biases = (layers.forward(at)[0] for at in (x, origin))
    line = _Line(layers, origin, x)
    contributions, method = np.zeros((t, len(outputs))), ""
    for output, difference in enumerate((outputs - biases).tolist()):
        dx, method = line.mean_gradient(output, difference)
        bag.forward(review, train=True)
        bag.backward(dx)
        gradient = bag.grads["weight"]
        contributions[gradient.rows, output] = (bag.params["weight"][gradient.rows] * gradient.values).sum(axis=1)
    return contributions, outputs, biases, method


class _Line:
    """The straight line from the pooled vector of an empty review, `origin`, to that of the review, `x`: (1, d)."""

    def __init__(self, layers: Sequential, origin: Array, x: Array):
        self.layers, self.origin, self.x = layers, origin, x
        kinds = {type(layer) for _, layer in layers.walk()}
        self.is_smooth, self.has_kinks = bool(kinds & {Tanh, Sigmoid}), ReLU in kinds
        self.knots = np.array([0.0, 1.0])  # between them the gradient is constant
        if self.has_kinks and not self.is_smooth:
            self.knots, _ = _kinks(layers, self.knots, origin + self.knots[:, None] * (x - origin))

    def mean_gradient(self, output: int, difference: float) -> tuple[Array, str]:
        """Return the gradient of an output by the pooled vector, averaged over the line (1, d), and the method.

        `difference` is that of the output at both ends.
        """

        def close(mean: Array) -> bool:
            return bool(np.isclose(((self.x - self.origin) * mean).sum(), difference, rtol=1e-12, atol=_CLOSE))

        if not self.is_smooth:
            middle, width = (self.knots[1:] + self.knots[:-1]) / 2, np.diff(self.knots)
            mean = width[None] @ self._gradients(middle, output)
            if close(mean):  # not if there is another kind of nonlinear layer
                return mean, "piecewise linear" if self.has_kinks else "linear"
        point, weight = np.polynomial.legendre.leggauss(_POINTS)
        pieces = 1
        while True:
            start = np.arange(pieces)[:, None] / pieces
            at = (start + (point + 1) / 2 / pieces).ravel()
            mean = np.tile(weight / 2 / pieces, pieces)[None] @ self._gradients(at, output)
            if close(mean) or pieces >= _PIECES:
                return mean, "quadrature"
            pieces *= 2

    def _gradients(self, at: Array, output: int) -> Array:
        """Return the gradient of an output at m points of the line, given as numbers from 0 to 1: (m, d)."""
        z = self.layers.forward(self.origin + at[:, None] * (self.x - self.origin), train=True)
        dz = np.zeros_like(z)
        dz[:, output] = 1
        return self.layers.backward(dz)


def _kinks(layer: Layer, knots: Array, x: Array) -> tuple[Array, Array]:
    """Add the kinks of the layer to the knots of the line, and return its output at all of them.

    `knots` (m,) are numbers from 0 to 1, and x (m, i) is the input there, linear between them. Returns the new knots
    (k,) and the output y (k, o).
    """
    if isinstance(layer, Sequential):
        for each in layer.layers.values():
            knots, x = _kinks(each, knots, x)
        return knots, x
    if isinstance(layer, Residual):
        more, y = _kinks(layer.block, knots, x)
        return more, y + _interpolate(more, knots, x)
    if isinstance(layer, ReLU):
        switches = x[:-1] * x[1:] < 0  # a unit that turns on or off within a piece
        piece, unit = np.nonzero(switches)
        before, after = x[piece, unit], x[piece + 1, unit]
        zero = knots[piece] + np.diff(knots)[piece] * before / (before - after)
        more = np.unique(np.concatenate([knots, zero]))
        return more, layer.forward(_interpolate(more, knots, x))
    return knots, layer.forward(x)


def _interpolate(more: Array, knots: Array, x: Array) -> Array:
    """Interpolate x (m, i), given at the knots, at more knots: (k, i)."""
    return np.stack([np.interp(more, knots, column) for column in x.T], axis=1)
