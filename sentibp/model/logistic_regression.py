"""Naive-Bayes logistic regression: a linear classifier that is averaged with networks (train.linear_member).

The value of a feature is its absolute log-count ratio, and the weights have an L2 penalty: a feature moves the further,
the more its ratio says (Wang & Manning, 2012). Stochastic gradient descent comes near the minimum in two passes, which
take less time than one epoch of a network (Bottou, 2010).
"""

from __future__ import annotations

import numpy as np

from sentibp.data.examples import Examples
from sentibp.model.naive_bayes import log_count_ratio
from sentibp.nn.layers import Array, Ragged, sigmoid
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.utils.rng import random_stream

_C = 0.3  # the weight of the losses against the penalty, as in scikit-learn and LIBLINEAR
_EPOCHS = 2
_STEPS = 64  # in an epoch, at least
_LARGEST_BATCH = 512  # reviews
_SAMPLE = 512  # reviews from which the curvature of the loss is estimated


def fit_logistic_regression(
    examples: Examples, features: int, pooling: str, padding: int, seed: int, loss_weight: Array | None = None
) -> tuple[Array, float]:
    """Return the column of weights (features,) float32, as an embedding has it, and the bias.

    `loss_weight` (n,) is the weight of each review in the loss, with a mean near 1. The seed determines the order of
    the reviews.
    """
    x, n = examples.features, len(examples)
    divisor = FastEmbeddingBag(np.zeros((1, 1)), pooling, padding).divisor(x)[:, 0].astype(np.float32)  # (n,)
    usual = float(np.mean(divisor))
    inputs = _Inputs.centred(x, np.abs(log_count_ratio(examples, features)), np.float32(usual) / divisor)
    batch = min(-(-n // _STEPS), _LARGEST_BATCH)
    steps = -(-n // batch)
    decay, learning_rate = 1 / (_C * n), inputs.learning_rate(batch)
    label = examples.label.astype(np.float32)
    weight, bias, rng = np.zeros(features, np.float32), 0.0, random_stream(seed, "logistic regression")
    for epoch in range(_EPOCHS):
        order = rng.permutation(n)
        for step in range(steps):
            chosen = order[step * batch : (step + 1) * batch]
            part = inputs.take(chosen)
            dz = (sigmoid(part.forward(weight) + np.float32(bias)) - label[chosen]) / len(chosen)  # (b,)
            if loss_weight is not None:
                dz *= loss_weight[chosen]
            rate = learning_rate * (1 - (epoch * steps + step) / (_EPOCHS * steps))
            weight -= np.float32(rate) * part.backward(dz)
            weight /= np.float32(1 + rate * decay)  # an implicit step along the penalty, which cannot be too long
            bias -= rate * float(dz.sum())
    return inputs.value * weight * np.float32(usual), bias - float(inputs.mean @ weight)


class _Inputs:
    """The inputs of a linear classifier: each feature of review i has its `value` (V,) times `scale[i]`, minus `mean`.

    Without their mean (V,), the inputs have no direction that all reviews share, along which steps would have to be
    small. A bias makes up for it.
    """

    def __init__(self, x: Ragged, value: Array, scale: Array, mean: Array):
        self.x = x
        self.value = value
        self.scale = scale
        self.mean = mean

    @classmethod
    def centred(cls, x: Ragged, value: Array, scale: Array) -> _Inputs:
        """Return inputs with a mean of 0."""
        inputs = cls(x, value, scale, np.zeros(len(value), np.float32))
        inputs.mean = inputs.backward(np.full(len(scale), 1 / len(scale), np.float32))
        return inputs

    def take(self, chosen: Array) -> _Inputs:
        """Return the inputs of some reviews."""
        return _Inputs(self.x.take(chosen), self.value, self.scale[chosen], self.mean)

    def forward(self, weight: Array) -> Array:
        """Return the weighted sum of the inputs of each review: (n,) float32."""
        terms = np.append((self.value * weight).take(self.x.ids), np.float32(0))  # the last review may be empty
        sums = np.add.reduceat(terms, self.x.offsets[:-1]) * (self.x.lengths > 0) * self.scale
        return sums - self.mean @ weight

    def backward(self, dz: Array) -> Array:
        """Return the gradient by the weights (V,) float32, given that by the sums (n,)."""
        terms = np.repeat(dz * self.scale, self.x.lengths)
        sums = np.bincount(self.x.ids, terms, minlength=len(self.value)).astype(np.float32)
        return sums * self.value - dz.sum() * self.mean

    def learning_rate(self, batch: int) -> float:
        """Return the learning rate for batches of so many reviews.

        Along the inputs of one review, the second derivative of its cross-entropy is at most a quarter of their squared
        length, and that of the mean over a batch of different reviews as much, divided by their number. The inverse
        would be a step to the minimum. A step twice as long costs nothing, as the gradients of the loss are bounded.
        """
        n = len(self.scale)
        sample = self.take(np.arange(0, n, -(-n // _SAMPLE)))
        squares = np.append((self.value**2).take(sample.x.ids), np.float32(0))
        length = np.add.reduceat(squares, sample.x.offsets[:-1]) * (sample.x.lengths > 0) * sample.scale**2
        return 2 * batch / max(float(np.mean(length)) / 4, 1e-6)
