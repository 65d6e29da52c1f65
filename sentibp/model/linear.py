"""The classifier: vocabulary and network; how settings become layers; the model file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

from sentibp.data.vocabulary import Vocabulary
from sentibp.model.naive_bayes import class_counts, log_ratio, scale_columns
from sentibp.nn.layers import Array, Linear, Ragged, RowGrad
from sentibp.nn.losses import cross_entropy
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.utils.threads import single_threaded_blas

if TYPE_CHECKING:
    from sentibp.config.schema import Config

_LARGE = 4_000_000  # features in all training reviews


def has_linear_start(config: Config, x: Ragged) -> bool:
    """Whether the embedding starts from the best linear classifier, which takes long on large data."""
    return config.model.embedding.init == "linear" and len(x.ids) <= _LARGE


def linear_start(x: Ragged, label: Array, vocabulary: Vocabulary, embedding: Any) -> tuple[Array, float, float]:
    """The best linear classifier: its column (V,), scaled likewise, the weight of that, and the bias."""

    found, bias = fit_linear_column(
        x, label, vocabulary.affix_pairs(), len(vocabulary), embedding.pooling, embedding.padding
    )
    column = scale_columns(found[:, None].astype(np.float32), x, embedding)[:, 0]
    return column, float(np.abs(found).sum() / max(np.abs(column).sum(), 1e-6)), bias


_MOVES = 2.5  # a linear classifier: the root mean square of a feature's entries, its scale

_PARTS_MOVE = 1.5  # the same of parts of words, of which each word has several

_STEPS = 200  # of the search for its minimum, at most

_TOLERANCE = 1e-4  # the search ends where a step lowers the loss by less

_DECAY = 0.003  # how strongly weights of so large entries are pulled towards zero


def fit_output_layer(x: Array, label: Array, decay: float = 0.0025) -> tuple[Array, float]:
    """The output layer of a network whose pooled vectors x (n, k) stay as they are: weight (k,) and bias.

    Cross-entropy and an L2 penalty on the weights of x scaled to a deviation of 1: convex, so L-BFGS finds the minimum,
    along the gradient that the layers give.
    """
    mean, deviation = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-9)
    inputs = ((x - mean) / deviation).astype(np.float64)
    layer = Linear(np.zeros((inputs.shape[1], 1)), np.zeros(1))
    weight, bias = layer.params["weight"], layer.params["bias"]

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        weight[:, 0], bias[:] = theta[:-1], theta[-1]
        loss, dz = cross_entropy(layer.forward(inputs, train=True)[:, 0], label)
        layer.backward(dz[:, None])
        return loss, np.append(np.asarray(layer.grads["weight"])[:, 0], layer.grads["bias"])

    theta = _minimum(loss_and_gradient, len(weight) + 1, decay)
    scaled = theta[:-1] / deviation
    return scaled.astype(np.float32), float(theta[-1] - scaled @ mean)


def fit_linear_network(
    features: Ragged, scale: Array, x: Array, label: Array, pooling: str, padding: int, decay: float = 0.005
) -> tuple[Array, Array, float]:
    """A network without hidden layer on its own column of the embedding, and on pooled vectors x (n, k) that stay as
    they are: the column (V,), the weight of x (k,), and the bias.

    As `fit_output_layer`; the penalty is on the column divided by `scale` (V,), so that a feature of a large scale
    moves further.
    """
    bag = FastEmbeddingBag(np.zeros((len(scale), 1)), pooling, padding)
    batch = bag.prepare(features)
    layer = Linear(np.zeros((x.shape[1], 1)), np.zeros(1))
    column, weight, bias = bag.params["weight"], layer.params["weight"], layer.params["bias"]
    inputs, seen = x.astype(np.float64), scale[batch.rows].astype(np.float64)
    k = len(seen)

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        column[batch.rows, 0], weight[:, 0], bias[:] = seen * theta[:k], theta[k:-1], theta[-1]
        z = bag.forward(batch, train=True) + layer.forward(inputs, train=True)
        loss, dz = cross_entropy(z[:, 0], label)
        bag.backward(dz[:, None])
        layer.backward(dz[:, None])
        own, output = bag.grads["weight"], np.asarray(layer.grads["weight"])
        assert isinstance(own, RowGrad)
        return loss, np.concatenate((seen * own.values[:, 0], output[:, 0], np.asarray(layer.grads["bias"])))

    _minimum(loss_and_gradient, k + len(weight) + 1, decay)
    return column[:, 0].astype(np.float32), weight[:, 0].astype(np.float32), float(bias[0])


def fit_linear_column(
    x: Ragged, label: Array, shares: tuple[Array, Array], features: int, pooling: str, padding: int
) -> tuple[Array, float]:
    """A linear classifier at the minimum of its loss: its embedding, a single column (features,), and its bias.

    `shares` are pairs (feature, part): a word's row is a weight of its own and those of its parts, so that words which
    begin or end alike say alike. A weight moves the further the more its log-count ratio says: naive-Bayes logistic
    regression (Wang & Manning, 2012).
    """
    own = np.arange(features, dtype=np.int32)
    row, part = (np.concatenate((own, each)) for each in shares)
    rows = csr_array((np.ones(len(row)), (row, part)), shape=(features, features))
    rows.data[:] = 1  # a part is one of its own parts
    is_part = np.zeros(features, bool)
    is_part[shares[1]] = True
    share = np.repeat(1 / FastEmbeddingBag(np.zeros((1, 1)), pooling, padding).scale(x)[:, 0], x.lengths)
    counts = csr_array((share, x.ids.astype(np.int32), x.offsets.astype(np.int64)), shape=(len(label), features))
    columns, parts = csr_array(counts.T), csr_array(rows.T)

    positive, negative = (parts @ count for count in class_counts(x, label, features))
    ratio = np.abs(log_ratio(positive, negative, float(np.mean(label)))).astype(np.float64)
    squares = ratio**2 * (parts @ np.bincount(x.ids, share**2, minlength=features))
    step = ratio.copy()
    for kind, moves in (~is_part, _MOVES), (is_part, _PARTS_MOVE):
        step[kind] *= moves / max(np.sqrt(squares[kind].sum() / max((positive + negative)[kind].sum(), 1)), 1e-6)

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        z = counts @ (rows @ (step * theta[:-1])) + theta[-1]
        loss, dz = cross_entropy(z, label)
        return loss, np.append(step * (parts @ (columns @ dz)), dz.sum())

    with single_threaded_blas:
        theta = _nearly_minimum(loss_and_gradient, features + 1, _DECAY)
    return rows @ (step * theta[:-1]), float(theta[-1])


def _minimum(loss_and_gradient: Callable[[Array], tuple[float, Array]], size: int, decay: float) -> Array:
    """Where the loss and an L2 penalty on all parameters (size,) but the last, the bias, are least together."""
    from scipy.optimize import minimize

    with single_threaded_blas:
        theta = minimize(_penalised(loss_and_gradient, decay), np.zeros(size), jac=True, method="L-BFGS-B").x
    loss_and_gradient(theta)  # leaves the layers at the minimum, not where the search looked last
    return theta


def _penalised(loss_and_gradient: Callable[[Array], tuple[float, Array]], decay: float) -> Callable:
    """The same, and the penalty."""

    def penalised(theta: Array) -> tuple[float, Array]:
        loss, gradient = loss_and_gradient(theta)
        penalty = decay * np.append(theta[:-1], 0)
        return loss + float(penalty @ theta) / 2, gradient + penalty

    return penalised


def _nearly_minimum(loss_and_gradient: Callable[[Array], tuple[float, Array]], size: int, decay: float) -> Array:
    """About the same, in a few dozen steps, without scipy's optimizers: their import takes longer than all of this.

    L-BFGS (Liu & Nocedal, 1989): the last ten steps s and what they changed of the gradient, y, tell the curvature. A
    step is halved until the loss falls enough (Armijo, 1966), and the search ends where it hardly falls.
    """
    function = _penalised(loss_and_gradient, decay)
    theta, memory = np.zeros(size), []
    value, gradient = function(theta)
    for _ in range(_STEPS):
        step, shares = -gradient, []
        for s, y in reversed(memory):
            shares.append((s @ step) / (s @ y))
            step -= shares[-1] * y
        if memory:
            s, y = memory[-1]
            step *= (s @ y) / (y @ y)
        else:
            step /= max(float(np.linalg.norm(gradient)), 1e-30)
        for (s, y), share in zip(memory, reversed(shares), strict=True):
            step += (share - (y @ step) / (s @ y)) * s
        slope, before = float(gradient @ step), value
        for halvings in range(30):
            there = theta + 0.5**halvings * step
            value, changed = function(there)
            if value <= before + 1e-4 * 0.5**halvings * slope:
                break
        else:
            break  # rounding is all that is left
        if (there - theta) @ (changed - gradient) > 0:
            memory = [*memory[-9:], (there - theta, changed - gradient)]
        theta, gradient = there, changed
        if before - value <= _TOLERANCE:
            break
    return theta
