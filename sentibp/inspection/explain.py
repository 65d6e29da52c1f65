"""The contribution of each word and n-gram of a text to the logit.

The logit is that of an empty review, the bias, plus a contribution of each feature. On the straight line from the empty
review to this review, the pooled vector grows from zero to its value. The contribution of a feature is its row times
the gradient of the row, averaged over that line: integrated gradients (Sundararajan, Taly & Yan, 2017). Without hidden
layers the gradient is constant, and the contribution is what the row adds to the logit. With ReLU the gradient is
constant between the points where a unit switches; these points are computed, and the sum over the pieces is exact.
With tanh and sigmoid the integral is computed numerically.

Pooling divides by the number of features, or its root. This divisor keeps its value for the whole text: a contribution
is what the row adds to the pooled sum, not the change of all other rows when the feature is removed.

With text.presence, a feature that occurs k times in the text has one row in the sum. Each of its occurrences has a k-th
of what this row contributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sentibp.data.offsets import Feature, feature_span, find_features, locate
from sentibp.data.tokenizer import tokenize
from sentibp.model.classifier import Classifier
from sentibp.model.head import answer_of_logit
from sentibp.nn import Ragged, ReLU, Residual, Sequential, Sigmoid, Tanh
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.layers import Array, Layer
from sentibp.utils.arrow import strings
from sentibp.utils.threads import single_threaded_blas

_CLOSE = 1e-9  # the residual at which the integration stops
_POINTS = 4  # Gauss-Legendre points on each piece of the line
_PIECES = 1 << 12  # the largest number of pieces in the numerical integration


class Contribution(NamedTuple):
    """The contribution of a feature to the logit. The feature is text[start:end]."""

    text: str
    start: int
    end: int
    contribution: float


class Word(NamedTuple):
    """A word with its contribution: its own, plus an equal share of each n-gram that contains it."""

    text: str
    start: int
    end: int
    contribution: float
    known: bool


class Explanation(NamedTuple):
    """A prediction as a sum: the logit is the bias, plus the contributions, plus the residual."""

    label: str
    positive: float  # the probability of positive
    logit: float
    bias: float  # the logit of an empty review
    contributions: list[Contribution]  # in the order of their last words
    residual: float  # the error of the sum: rounding and numerical integration
    method: str  # a key of METHODS
    words: list[Word]


METHODS = {
    "linear": "exact: no hidden layer",
    "piecewise linear": "exact integration, piece by piece, from an empty review",
    "quadrature": "numerical integration from an empty review",
}


def explain(classifier: Classifier, text: str) -> Explanation:
    """Return the contribution of each word and n-gram of the text to the logit of the classifier."""
    spelling = classifier.spec.spelling
    tokens = tokenize(strings([text]), spelling)
    spans = locate(text, tokens, spelling)
    found, known = find_features(classifier.vocabulary, tokens)
    ids = classifier.vocabulary.encode(tokens)[0].ids
    bag, head = _split_network(classifier, ids)
    with single_threaded_blas:
        values, logit, bias, method = _attribute(bag, head, len(ids))
    values = _of_occurrences(values, ids, found)
    contributions = [
        Contribution(*feature_span(spans, feature), value)
        for feature, value in zip(found, values.tolist(), strict=True)
    ]
    by_word = _by_word(len(spans), found, values)
    words = [Word(*span, *rest) for span, *rest in zip(spans, by_word.tolist(), known, strict=True)]
    answer = answer_of_logit(logit)
    return Explanation(
        label=answer.label,
        positive=answer.positive,
        logit=logit,
        bias=bias,
        contributions=contributions,
        residual=logit - bias - sum(each.contribution for each in contributions),
        method=method,
        words=words,
    )


def relative_sizes(explanation: Explanation) -> Iterator[tuple[Word, float]]:
    """Yield each word, and the size of its contribution relative to the largest."""
    scale = max([abs(word.contribution) for word in explanation.words] or [0.0]) or 1.0
    for word in explanation.words:
        yield word, abs(word.contribution) / scale


def _by_word(n: int, found: list[Feature], contributions: Array) -> Array:
    """Distribute the contributions of the features over n words: (n,)."""
    by_word = np.zeros(n)
    for feature, contribution in zip(found, contributions, strict=True):
        by_word[feature.first : feature.last + 1] += contribution / (feature.last + 1 - feature.first)
    return by_word


def _of_occurrences(values: Array, ids: Array, found: list[Feature]) -> Array:
    """Return the contribution of each occurrence of a feature (k,), from those of the t encoded features `ids`."""
    if len(found) == len(ids):  # each occurrence is encoded
        return values
    order = np.argsort(ids)
    place = order[np.searchsorted(ids, [feature.id for feature in found], sorter=order)]
    return (values / np.bincount(place, minlength=len(ids)))[place]


def _split_network(classifier: Classifier, ids: Array) -> tuple[Layer, Sequential]:
    """Return an embedding with the rows of the features `ids` (t, d), and the layers after it."""
    network = eval_mode(classifier.network, ids.astype(np.int64))
    (_, bag), *rest = network.layers.items()
    return bag, Sequential(dict(rest))


def _attribute(bag: Layer, head: Sequential, t: int) -> tuple[Array, float, float, str]:
    """Return the contributions of t features (t,), the logit, the bias, and the method, a key of METHODS."""
    review = Ragged(np.arange(t, dtype=np.int32), np.array([0, t]))
    x = bag.forward(review, train=True)  # (1, d)
    origin = bag.forward(Ragged(review.ids[:0], np.zeros(2, np.int64)))  # (1, d)
    logit, bias = (float(head.forward(at)[0, 0]) for at in (x, origin))
    dx, method = _mean_gradient(head, origin, x, logit - bias)
    bag.backward(dx)
    gradient = bag.grads["weight"]
    contributions = np.zeros(t)
    contributions[gradient.rows] = (bag.params["weight"][gradient.rows] * gradient.values).sum(axis=1)
    return contributions, logit, bias, method


# --- the gradient along the line


def _mean_gradient(head: Sequential, origin: Array, x: Array, difference: float) -> tuple[Array, str]:
    """Return the gradient of the logit by the pooled vector, averaged over the line from `origin` to `x`: (1, d)."""

    def close(mean: Array) -> bool:
        return bool(np.isclose(((x - origin) * mean).sum(), difference, rtol=1e-12, atol=_CLOSE))

    kinds = {type(layer) for _, layer in head.walk()}
    knots = np.array([0.0, 1.0])
    if not kinds & {Tanh, Sigmoid}:
        if ReLU in kinds:
            knots, _ = _kinks(head, knots, origin + knots[:, None] * (x - origin))
        middle, width = (knots[1:] + knots[:-1]) / 2, np.diff(knots)
        mean = width[None] @ _gradients(head, origin, x, middle)
        if close(mean):  # not if there is another kind of nonlinear layer
            return mean, "piecewise linear" if ReLU in kinds else "linear"
    point, weight = np.polynomial.legendre.leggauss(_POINTS)
    pieces = 1
    while True:
        start = np.arange(pieces)[:, None] / pieces
        at = (start + (point + 1) / 2 / pieces).ravel()
        mean = np.tile(weight / 2 / pieces, pieces)[None] @ _gradients(head, origin, x, at)
        if close(mean) or pieces >= _PIECES:
            return mean, "quadrature"
        pieces *= 2


def _gradients(head: Sequential, origin: Array, x: Array, at: Array) -> Array:
    """Return the gradient of the logit at m points of the line, given as numbers from 0 to 1: (m, d)."""
    z = head.forward(origin + at[:, None] * (x - origin), train=True)
    return head.backward(np.ones_like(z))


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
