"""What each word and n-gram of a text contributed to the answer.

The logit is that of an empty review, the bias, plus a part of each feature. On the straight line from the empty review
to this one, the pooled vector grows from nothing to what it is; a part is the feature's row times the gradient that its
row gets, averaged over that line: integrated gradients (Sundararajan, Taly & Yan, 2017). Without hidden layers the
gradient is the same everywhere, and a part is what its row adds. With ReLU it is constant between the places where a
unit turns on or off; these are found, and the sum over the pieces between them is exact. With tanh and sigmoid the
integral is done numerically, as finely as it takes.

Pooling divides by the number of features, or its root. That divisor is held at its value for the whole text: a part
says what its row added to the sum that was pooled, not what happens to the others when it is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sentibp.data.offsets import Feature, feature_span, find_features, locate
from sentibp.data.tokenizer import tokenize
from sentibp.inspection.pages import page
from sentibp.model.classifier import Classifier
from sentibp.model.head import answer_of_logit
from sentibp.nn import Ragged, ReLU, Residual, Sequential, Sigmoid, Tanh
from sentibp.nn.eval_mode import as_predicted
from sentibp.nn.layers import Array, Layer
from sentibp.utils.arrow import strings
from sentibp.utils.threads import single_threaded_blas

_CLOSE = 1e-9  # the residual up to which an integral is done; beside it, rounding
_POINTS = 4  # of Gauss and Legendre on each piece of a smooth network
_PIECES = 1 << 12  # at most, for a smooth network


class Contribution(NamedTuple):
    """A feature's share of the logit; its place is text[start:end], from its first word to its last."""

    text: str
    start: int
    end: int
    contribution: float


class Word(NamedTuple):
    """A word, with its share of the logit: its own, and an equal share of that of each n-gram that it is in."""

    text: str
    start: int
    end: int
    contribution: float
    known: bool


class Explanation(NamedTuple):
    """The logit is the bias, the contributions of the parts, and the residual."""

    label: str
    positive: float  # the probability of positive
    logit: float
    bias: float  # the logit of an empty review
    contributions: list[Contribution]  # in the order in which they end
    residual: float  # what the parts and the bias leave of the logit: rounding, and what the integral lacks
    method: str  # a key of METHODS
    words: list[Word]


METHODS = {
    "linear": "exact: no hidden layer",
    "piecewise linear": "exact, piece by piece, along the line from an empty review",
    "quadrature": "integrated numerically along the line from an empty review",
}


def explain(classifier: Classifier, text: str) -> Explanation:
    """What each word and n-gram of the text contributed to the logit of the classifier."""
    lowercase = classifier.spec.lowercase
    tokens = tokenize(strings([text]), lowercase)
    spans = locate(text, tokens, lowercase)
    found, known = find_features(classifier.vocabulary, tokens)
    bag, head = _in_two(classifier, found)
    with single_threaded_blas:
        values, logit, bias, method = _attribute(bag, head, len(found))
    contributions = [
        Contribution(*joined(spans, feature), value) for feature, value in zip(found, values.tolist(), strict=True)
    ]
    own = _by_word(len(spans), found, values)
    words = [Word(*span, *rest) for span, *rest in zip(spans, own.tolist(), known, strict=True)]
    answered = answer_of_logit(logit)
    return Explanation(
        label=answered.label,
        positive=answered.positive,
        logit=logit,
        bias=bias,
        contributions=contributions,
        residual=logit - bias - sum(each.contribution for each in contributions),
        method=method,
        words=words,
    )


def relative_sizes(explanation: Explanation) -> Iterator[tuple[Word, float]]:
    """Each word, and the size of its contribution as a share of the largest."""
    scale = max([abs(word.contribution) for word in explanation.words] or [0.0]) or 1.0
    for word in explanation.words:
        yield word, abs(word.contribution) / scale


def highlighted_html(text: str, explanation: Explanation) -> str:
    """The text as HTML, its words on green for positive and red for negative."""
    body, done = "", 0
    for word, share in relative_sizes(explanation):
        start = max(word.start, done)
        body += page.page_text(text[done:start])
        done = max(done, word.end)
        kind = "unknown" if not word.known else "positive" if word.contribution > 0 else "negative"
        told = "unknown" if not word.known else f"{word.contribution:+.4f}"
        style = f"--share:{70 * share:.0f}%"
        body += f'<mark class="{kind}" style="{style}" title="{told}">{page.page_text(text[start:done])}</mark>'
    return body + page.page_text(text[done:])


def _by_word(n: int, found: list[Feature], contributions: Array) -> Array:
    """The share of each of n words: (n,)."""
    own = np.zeros(n)
    for feature, part in zip(found, contributions, strict=True):
        own[feature.first : feature.last + 1] += part / (feature.last + 1 - feature.first)
    return own


def _in_two(classifier: Classifier, found: list[Feature]) -> tuple[Layer, Sequential]:
    """The embedding, with a row for each of the features (t, d), and the layers after it."""
    network = as_predicted(classifier.network, np.array([feature.id for feature in found], np.int64))
    (_, bag), *rest = network.layers.items()
    return bag, Sequential(dict(rest))


def _attribute(bag: Layer, head: Sequential, t: int) -> tuple[Array, float, float, str]:
    """The contribution of each of t features (t,), the logit, the bias, and how they were found."""
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
    """The gradient of the logit by the pooled vector, averaged over the line from `origin` to `x`: (1, d)."""

    def close(mean: Array) -> bool:
        return bool(np.isclose(((x - origin) * mean).sum(), difference, rtol=1e-12, atol=_CLOSE))

    kinds = {type(layer) for _, layer in head.walk()}
    knots = np.array([0.0, 1.0])
    if not kinds & {Tanh, Sigmoid}:
        if ReLU in kinds:
            knots, _ = _bends(head, knots, origin + knots[:, None] * (x - origin))
        middle, width = (knots[1:] + knots[:-1]) / 2, np.diff(knots)
        mean = width[None] @ _gradients(head, origin, x, middle)
        if close(mean):  # as it is, unless there is a layer of a kind that bends otherwise
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
    """The gradient of the logit at some places on the line, each from 0 to 1: (m, d)."""
    z = head.forward(origin + at[:, None] * (x - origin), train=True)
    return head.backward(np.ones_like(z))


def _bends(layer: Layer, knots: Array, x: Array) -> tuple[Array, Array]:
    """Where on the line the layer bends, besides where it did before; and its output at these places.

    `knots` (m,) from 0 to 1 and the input there, x (m, i), which is linear between -> more knots (k,), y (k, o).
    """
    if isinstance(layer, Sequential):
        for each in layer.layers.values():
            knots, x = _bends(each, knots, x)
        return knots, x
    if isinstance(layer, Residual):
        more, y = _bends(layer.block, knots, x)
        return more, y + _at(more, knots, x)
    if isinstance(layer, ReLU):
        turns = x[:-1] * x[1:] < 0  # a unit that turns on or off within a piece
        piece, unit = np.nonzero(turns)
        before, after = x[piece, unit], x[piece + 1, unit]
        zero = knots[piece] + np.diff(knots)[piece] * before / (before - after)
        more = np.unique(np.concatenate([knots, zero]))
        return more, layer.forward(_at(more, knots, x))
    return knots, layer.forward(x)


def _at(more: Array, knots: Array, x: Array) -> Array:
    """x (m, i), known at the knots, at more of them: (k, i)."""
    return np.stack([np.interp(more, knots, column) for column in x.T], axis=1)
