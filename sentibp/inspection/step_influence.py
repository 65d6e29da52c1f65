"""The influence of training reviews on a logit through the steps of the optimizer.

For plain gradient descent, the influence of a review is the sum of its own terms of the steps. Adagrad divides each
step of a row by the root of the squares so far: there, the influence is the change of the row's path if the gradient
of the review is removed, from the sum of squares, too. RMSprop and Adam are replayed step by step, and each review
gets its share of a step as the optimizer scaled it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sentibp.model.classifier import Classifier
from sentibp.nn import Ragged, Sequential
from sentibp.nn.eval_mode import eval_mode
from sentibp.nn.heads import split_head
from sentibp.nn.layers import Array, RowGrad
from sentibp.nn.optim import OPTIMIZERS, Adagrad, Adam, Optimizer, RMSprop
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.runs.influence_log import ExampleGradients, SavedGradients

BLOCK = 1024
"""The number of reviews that are processed at once."""

_SMALL = 0.01  # the relative change of a sum of squares up to which its derivative is used
_TINY = 1e-300


class Overlap(NamedTuple):
    """The m pairs of a training review and a feature of the text that the review contains."""

    review: Array  # (m,) the review of each pair, in ascending order
    column: Array  # (m,) the number of the feature among the distinct features of the text
    times: Array  # (m,) how often the review contains the feature


def step_influence(
    classifier: Classifier, training: Ragged, overlap: Overlap, gradient: Array, log: SavedGradients
) -> Array:
    """Return the influence of each pair of the overlap through the steps on the rows of the embedding: (m,).

    `gradient` (k, d) is that of the text's logit by the rows of its features.
    """
    settings = classifier.training_config().train
    review_gradient = (
        _review_gradients(classifier, training) / log.factor
    )  # (n, m, d), of the outputs before calibration
    arguments = settings.optimizer.model_dump(exclude={"name", "learning_rate", "clip_norm", "weight_decay"})
    optimizer = OPTIMIZERS[settings.optimizer.name](**arguments)
    factor = 0.0 if "embedding" in settings.freeze else settings.learning_rates.get("embedding", 1.0)
    steps = _Steps(overlap, gradient, review_gradient, log.epochs)
    return factor * (steps.adagrad(optimizer) if isinstance(optimizer, Adagrad) else steps.replayed(optimizer))


class _Steps(NamedTuple):
    """The gradients of all steps on the rows that training reviews and text share."""

    overlap: Overlap
    gradient: Array  # (k, d) of the text's logit, by row
    review_gradient: Array  # (n, m, d) of each review's outputs, by a row that it contains once
    epochs: list[ExampleGradients]

    def loss_gradients(self, epoch: ExampleGradients, pairs: Array) -> Array:
        """Return the terms of some pairs (b,) in the gradient of the loss by their row: (b, d)."""
        review = self.overlap.review[pairs]
        if epoch.dz.ndim == 1:
            return (self.overlap.times[pairs] * epoch.dz[review])[:, None] * self.review_gradient[review, 0]
        by_output = self.overlap.times[pairs, None] * epoch.dz[review]  # (b, m)
        return np.einsum("bm,bmd->bd", by_output, self.review_gradient[review])

    def adagrad(self, optimizer: Adagrad) -> Array:
        """Return the change of each row's path if the gradient of the pair is removed: (m,).

        Without it, the sum of squares is smaller, so that all later steps are longer.
        """
        influence = np.zeros(len(self.overlap.review))
        first_steps = np.cumsum([0, *(len(epoch.learning_rate) for epoch in self.epochs)])
        learning_rates = np.concatenate([epoch.learning_rate for epoch in self.epochs])
        order = np.argsort(self.overlap.column, kind="stable")
        edges = np.searchsorted(self.overlap.column[order], np.arange(len(self.gradient) + 1))
        for row, (start, stop) in enumerate(pairwise(edges.tolist())):
            pairs = order[start:stop]
            gradients = np.concatenate([self.loss_gradients(epoch, pairs) for epoch in self.epochs])  # (v, d)
            steps = [
                first + epoch.step[self.overlap.review[pairs]]
                for first, epoch in zip(first_steps, self.epochs, strict=False)
            ]
            step, position = np.unique(np.concatenate(steps), return_inverse=True)
            change = _adagrad_changes(gradients, position, learning_rates[step], self.gradient[row], optimizer)
            influence[pairs] = -change.reshape(len(self.epochs), -1).sum(axis=0)
        return influence

    def replayed(self, optimizer: Optimizer) -> Array:
        """Return the share of each pair in the steps, as the optimizer scaled them: (m,)."""
        from scipy.sparse import csr_array

        influence = np.zeros(len(self.overlap.review))
        rows = np.zeros(self.gradient.shape)  # the optimizer moves these, to build up the state that it had
        for epoch in self.epochs:
            step = epoch.step[self.overlap.review]
            order = np.argsort(step, kind="stable")
            edges = np.searchsorted(step[order], np.arange(len(epoch.learning_rate) + 1))
            for learning_rate, (start, stop) in zip(
                epoch.learning_rate.tolist(), pairwise(edges.tolist()), strict=True
            ):
                batch = order[start:stop]
                gradients, column = self.loss_gradients(epoch, batch), self.overlap.column[batch]
                indicator = csr_array(
                    (np.ones(len(batch)), (column, np.arange(len(batch)))), shape=(len(rows), len(batch))
                )
                touched = np.unique(column)
                sums = RowGrad(touched, (indicator @ gradients)[touched])  # (k, b) @ (b, d) -> (k, d)
                optimizer.step([("rows", rows, sums)], learning_rate)
                scale = _scale(optimizer, touched)[np.searchsorted(touched, column)]
                influence[batch] -= learning_rate * np.einsum("bd,bd->b", scale * gradients, self.gradient[column])
        return influence


def _adagrad_changes(
    gradients: Array, position: Array, learning_rate: Array, direction: Array, optimizer: Adagrad
) -> Array:
    """Return the change of one row's path along `direction` (d,) if each of the gradients is removed: (v,).

    `gradients` is (v, d), `position` (v,) the step of each, and `learning_rate` (T,) that of each step.
    """
    g = np.zeros((len(learning_rate), gradients.shape[1]))
    np.add.at(g, position, gradients)
    rest = g[position] - gradients  # (v, d) the gradient of the step without the one that is removed

    def summed(square: Array) -> Array:  # over the row, as the optimizer does
        return square.mean(axis=1, keepdims=True) if optimizer.row_wise else square

    def along(vector: Array, learning_rate: Array) -> Array:
        moved = learning_rate[:, None] * vector * direction
        return moved.sum(axis=1, keepdims=True) if optimizer.row_wise else moved

    s = np.cumsum(summed(g * g), axis=0)  # (T, 1) or (T, d)
    difference = summed(rest * rest) - summed(g[position] * g[position])  # (v, 1) or (v, d), of s from the step on
    moved, length = along(g, learning_rate), np.sqrt(s) + optimizer.epsilon
    new_length = np.sqrt(np.maximum(s[position] + difference, 0)) + optimizer.epsilon
    change = moved[position] / length[position] - along(rest, learning_rate[position]) / new_length
    # later steps: a small change of the sum by the derivative, for all steps at once; a large one step by step
    slope = moved / np.maximum(2 * np.maximum(s, _TINY) * length, _TINY)
    later = np.cumsum(slope[::-1], axis=0)[::-1] - slope
    change = change + later[position] * difference
    large = np.flatnonzero((np.abs(difference) > _SMALL * s[position]).any(axis=1))
    for start in range(0, len(large), BLOCK):
        block = large[start : start + BLOCK]
        change[block] -= later[position[block]] * difference[block]
        shorter = np.sqrt(np.maximum(s[None] + difference[block, None], _TINY)) + optimizer.epsilon  # (b, T, 1 or d)
        after = np.arange(len(learning_rate))[None, :, None] > position[block, None, None]
        change[block] += np.where(after, moved[None] * (1 / length[None] - 1 / shorter), 0).sum(axis=1)
    return change.sum(axis=1)


def _scale(optimizer: Optimizer, rows: Array) -> Array:
    """Return the factor of the gradient of some rows in a step, without the learning rate: (k, d) or (k, 1)."""
    state = optimizer.state["rows"]
    if isinstance(optimizer, RMSprop):
        return 1 / (np.sqrt(state["square"][rows]) + optimizer.epsilon)
    if isinstance(optimizer, Adam):
        return 1 / (np.sqrt(state["square"][rows] / (1 - optimizer.beta2 ** int(state["step"]))) + optimizer.epsilon)
    return np.ones((len(rows), 1))


def _review_gradients(classifier: Classifier, training: Ragged) -> Array:
    """Return the gradient of each training review's outputs by a row that it contains once: (n, m, d)."""
    weight = classifier.tensors()["embedding.weight"]
    (_, bag), *rest = split_head(eval_mode(classifier.network, np.zeros(0, np.int64)))[0].layers.items()
    layers = Sequential(dict(rest))
    bag, unit = (FastEmbeddingBag(rows, bag.pooling, bag.padding) for rows in (weight, np.ones((len(weight), 1))))
    blocks = []
    for start in range(0, len(training.offsets) - 1, BLOCK):
        block = training.slice(start, min(start + BLOCK, len(training.offsets) - 1))
        pooled = bag.forward(block).astype(np.float64)
        share = unit.forward(block) / np.maximum(block.lengths, 1)[:, None]  # (b, 1) of a row in the pooled vector
        outputs = []
        for output in range(classifier.spec.outputs):
            dz = np.zeros_like(layers.forward(pooled, train=True))
            dz[:, output] = 1
            outputs.append(layers.backward(dz) * share)
        blocks.append(np.stack(outputs, axis=1))
    return np.concatenate(blocks)
