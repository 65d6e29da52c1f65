"""Naive-Bayes logistic regression: a linear classifier that is averaged with networks (train.linear_member).

The value of a feature is its absolute log-count ratio, and the weights have an L2 penalty: a feature moves the further,
the more its ratio says (Wang & Manning, 2012). Stochastic gradient descent comes near the minimum in two passes, which
take less time than one epoch of a network (Bottou, 2010).
"""

from __future__ import annotations

import numpy as np

from sentibp.data.examples import Examples
from sentibp.data.tokenizer import cuts
from sentibp.model.lbfgs import minimize
from sentibp.model.linear import Head
from sentibp.model.naive_bayes import (
    binary_tasks,
    class_counts,
    log_count_ratio,
    log_count_ratios,
    relative_rarity,
)
from sentibp.nn.layers import Array, Ragged, pooling_divisor, sigmoid
from sentibp.utils.arrow import counts_before, prefix_sums
from sentibp.utils.rng import random_stream
from sentibp.utils.spill import build_arrays, read_ahead
from sentibp.utils.threads import parallel_map, single_threaded_blas

_C = 0.3  # the weight of the losses against the penalty, as in scikit-learn and LIBLINEAR
_EPOCHS = 2
_LEAST_RATIO = 0.3  # of a feature; others would hardly move, and are more than half of all occurrences
_STEPS = 64  # in an epoch, at least
_LARGEST_BATCH = 512  # reviews
_PIECE = 1 << 20  # ids that one thread processes at once
_BLOCK = 1 << 24  # ids that are summed at once, for which 200 MB are needed
_BIAS_SAMPLE = 4096  # reviews on which the bias is fitted at the end
_NEWTON_STEPS = 20
_BIAS_DECAY = 0.001  # the penalty on the last change of the biases of several outputs
_SAMPLE = 512  # reviews from which the curvature of the loss is estimated


@single_threaded_blas
def fit_logistic_regression(
    examples: Examples, features: int, pooling: str, padding: int, seed: int, loss_weight: Array | None = None
) -> tuple[Array, float]:
    """Return the column of weights (features,) float32, as an embedding has it, and the bias.

    `loss_weight` (n,) is the weight of each review in the loss, with a mean near 1. The seed determines the order of
    the reviews.
    """
    x, n = examples.features, len(examples)
    divisor = pooling_divisor(x, pooling, padding).astype(np.float32)  # (n,)
    usual = np.float32(np.mean(divisor))
    ratio = np.abs(log_count_ratio(examples, features))
    square = np.where(ratio >= _LEAST_RATIO, ratio, 0) ** 2
    inputs = _Inputs.centred(_only(x, square > 0), usual / divisor, features)
    batch = min(-(-n // _STEPS), _LARGEST_BATCH)
    steps = -(-n // batch)
    decay, learning_rate = 1 / (_C * n), inputs.learning_rate(square, batch)
    label = examples.label.astype(np.float32)
    column, bias, rng = np.zeros(features, np.float32), 0.0, random_stream(seed, "logistic regression")
    for epoch in range(_EPOCHS):
        order = rng.permutation(n)
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            part = inputs.take(chosen)
            dz = (sigmoid(part.forward(column) + np.float32(bias)) - label[chosen]) / len(chosen)  # (b,)
            if loss_weight is not None:
                dz *= loss_weight[chosen]
            rate = learning_rate * (1 - (epoch * steps + step) / (_EPOCHS * steps))
            # A weight w of column = ratio * w has the derivative ratio * d_column. The step along the penalty is
            # implicit, so that it cannot be too long.
            column -= np.float32(rate) * square * part.backward(dz)
            column *= np.float32(1 / (1 + rate * decay))
            bias -= min(rate, 1.0) * float(dz.sum())
    chosen = np.arange(0, n, -(-n // _BIAS_SAMPLE))
    own = None if loss_weight is None else loss_weight[chosen]
    bias = _best_bias(inputs.take(chosen).forward(column), label[chosen], own)
    return column * usual, bias - float(inputs.mean @ column)


@single_threaded_blas
def fit_class_regression(
    examples: Examples,
    features: int,
    pooling: str,
    padding: int,
    seed: int,
    head: Head,
    loss_weight: Array | None = None,
    purpose: str = "logistic regression",
) -> tuple[Array, Array]:
    """Fit the same classifier with the m outputs of a head for K > 2 classes. Its parameters are fitted, too.

    Return the columns (features, m) float32, as an embedding has them, and the biases (m,). The value of a feature for
    an output is its log-count ratio there, times `relative_rarity` if the classes have no order. The
    seed and the `purpose` determine the order of the reviews.
    """
    x, n, m = examples.features, len(examples), head.outputs
    divisor = pooling_divisor(x, pooling, padding).astype(np.float32)  # (n,)
    usual = np.float32(np.mean(divisor))
    ratio = np.abs(log_count_ratios(examples, features, head.kind))  # (m, features)
    values = np.where(ratio >= _LEAST_RATIO, ratio, 0)
    if head.kind == "softmax":
        counts = class_counts(binary_tasks(examples, head.kind)[0], features)
        values *= relative_rarity(counts, examples).astype(np.float32)
    squares = values**2
    inputs = _Inputs.centred(_only(x, squares.max(axis=0) > 0), usual / divisor, features)
    batch = min(-(-n // _STEPS), _LARGEST_BATCH)
    steps = -(-n // batch)
    decay, learning_rates = 1 / (_C * n), [inputs.learning_rate(square, batch) for square in squares]
    columns, bias, rng = np.zeros((m, features), np.float32), np.zeros(m), random_stream(seed, purpose)
    for epoch in range(_EPOCHS):
        order = rng.permutation(n)
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            part = inputs.take(chosen)
            z = np.stack([part.forward(column) for column in columns], axis=1) + bias  # (b, m)
            _, dz, d_head = head.loss(z, examples.label[chosen], None if loss_weight is None else loss_weight[chosen])
            left = 1 - (epoch * steps + step) / (_EPOCHS * steps)
            for j, learning_rate in enumerate(learning_rates):
                rate = learning_rate * left
                columns[j] -= np.float32(rate) * squares[j] * part.backward(dz[:, j].astype(np.float32))
                columns[j] *= np.float32(1 / (1 + rate * decay))
            rate = min(*learning_rates, 1.0) * left
            bias -= rate * dz.sum(axis=0)
            head.set(head.values - rate * d_head)
    chosen = np.arange(0, n, -(-n // _BIAS_SAMPLE))
    sample, own = inputs.take(chosen), None if loss_weight is None else loss_weight[chosen]
    z = np.stack([sample.forward(column) for column in columns], axis=1)
    bias = _best_biases(z.astype(np.float64), examples.label[chosen], own, head, bias)
    return np.ascontiguousarray(columns.T) * usual, bias - (columns @ inputs.mean).astype(np.float64)


def _best_biases(z: Array, label: Array, loss_weight: Array | None, head: Head, bias: Array) -> Array:
    """Return the biases (m,) with which the loss of the outputs z (n, m) is smallest, and set the head's parameters.

    A weak penalty keeps them near `bias` and the parameters that the head has, for the sample may lack a class.
    """
    m, start = len(bias), np.concatenate((bias, head.values))

    def loss_and_gradient(change: Array) -> tuple[float, Array]:
        theta = start + change
        head.set(theta[m:])
        loss, dz, d_head = head.loss(z + theta[:m], label, loss_weight)
        return loss, np.concatenate((dz.sum(axis=0), d_head))

    return (start + minimize(loss_and_gradient, len(start), _BIAS_DECAY, len(start)))[:m]


def _best_bias(z: Array, label: Array, loss_weight: Array | None) -> float:
    """Return the bias with which the loss of the logits z (n,) is smallest: Newton's method with short steps."""
    bias, weight = 0.0, 1.0 if loss_weight is None else loss_weight
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(z + np.float32(bias))
        step = np.sum(weight * (p - label)) / max(float(np.sum(weight * p * (1 - p))), 1e-6)
        bias -= float(np.clip(step, -1, 1))
    return bias


def _only(x: Ragged, kept: Array) -> Ragged:
    """Return the reviews without the features that are not `kept` (V,)."""

    def piece(reviews: tuple[int, int]) -> tuple[Array, Array]:
        ids, offsets = x.slice(*reviews)
        is_kept = kept.take(ids)
        return ids.compress(is_kept), np.diff(counts_before(is_kept, offsets))

    ids, lengths = build_arrays(parallel_map(piece, cuts(x.offsets, _PIECE)), np.int32, np.int64)
    return Ragged(ids, prefix_sums(lengths))


class _Inputs:
    """The inputs of a linear classifier: each feature of review i has the value `scale[i]`, minus its `mean` (V,).

    Without their mean, the inputs have no direction that all reviews share, along which steps would have to be small. A
    bias makes up for it.
    """

    def __init__(self, x: Ragged, scale: Array, mean: Array):
        self.x = x
        self.scale = scale
        self.mean = mean

    @classmethod
    def centred(cls, x: Ragged, scale: Array, features: int) -> _Inputs:
        """Return inputs with a mean of 0."""
        total, share = np.zeros(features), scale * np.float32(1 / len(scale))  # of each review in the mean
        for start, stop in cuts(x.offsets, _BLOCK):
            reviews = x.slice(start, stop)
            total += np.bincount(reviews.ids, np.repeat(share[start:stop], reviews.lengths), minlength=features)
        return cls(x, scale, total.astype(np.float32))

    def take(self, chosen: Array) -> _Inputs:
        """Return the inputs of some reviews."""
        read_ahead(self.x.ids, self.x.offsets[chosen], self.x.offsets[chosen + 1])
        return _Inputs(self.x.take(chosen), self.scale[chosen], self.mean)

    def forward(self, column: Array) -> Array:
        """Return the sum of the inputs of each review, weighted by the column (V,): (n,) float32."""
        return self._sums(column) * self.scale - self.mean @ column

    def backward(self, dz: Array) -> Array:
        """Return the gradient by the column (V,) float32, given that by the sums (n,)."""
        terms = np.repeat(dz * self.scale, self.x.lengths)
        gradient = np.bincount(self.x.ids, terms, minlength=len(self.mean)).astype(np.float32)
        gradient -= dz.sum() * self.mean
        return gradient

    def _sums(self, column: Array) -> Array:
        """Return the sum of the entries of a column (V,) that each review has, without scale: (n,) float32."""
        terms = np.append(column.take(self.x.ids), np.float32(0))  # the last review may be empty
        return np.add.reduceat(terms, self.x.offsets[:-1]) * (self.x.lengths > 0)

    def learning_rate(self, square: Array, batch: int) -> float:
        """Return the learning rate for batches of so many reviews; `square` (V,) are the squared ratios.

        Along the inputs of one review, the second derivative of its cross-entropy is at most a quarter of their squared
        length, and that of the mean over a batch of different reviews as much, divided by their number. The inverse
        would be a step to the minimum. A step twice as long costs nothing, as the gradients of the loss are bounded.
        """
        n = len(self.scale)
        sample = self.take(np.arange(0, n, -(-n // _SAMPLE)))
        length = sample._sums(square) * sample.scale**2
        return 2 * batch / max(float(np.mean(length)) / 4, 1e-6)
