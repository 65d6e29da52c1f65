"""Linear classifiers at the minimum of a convex loss: the initial weights of a network, and its output layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy  # its modules are loaded when they are used: scipy.sparse takes as long as numpy

from sentibp.config.conflicts import outputs_of
from sentibp.data.examples import Examples
from sentibp.data.vocabulary import Vocabulary
from sentibp.model.lbfgs import minimize, minimize_by_steps
from sentibp.model.naive_bayes import (
    binary_tasks,
    class_counts,
    log_ratio,
    positive_share,
    relative_rarity,
    scale_columns,
)
from sentibp.nn.heads import Cumulative, Scale
from sentibp.nn.layers import Array, Layer, Linear, Ragged, RowGrad, pooling_divisor
from sentibp.nn.losses import logits_of, loss_on
from sentibp.nn.sparse import FastEmbeddingBag
from sentibp.utils.threads import single_threaded_blas

if TYPE_CHECKING:
    from sentibp.config.schema import Config, Embedding

_LARGE = 8_000_000  # occurrences of features, times the outputs (at least 2), above which `linear_start` is too slow

# How far a weight of `fit_linear_columns` can move: the root mean square of the scaled inputs.
_WORD_SCALE = 2.5
_AFFIX_SCALE = 1.5  # smaller, for a word has several affixes
_DECAY = 0.003  # its L2 penalty; small, for the scaled inputs are large

_TOLERANCE = 1e-4  # the search for its minimum ends when a step lowers the loss by less
_EXACT = 3e-8  # the same, as near to the minimum as scipy ends


def has_linear_start(config: Config, x: Ragged) -> bool:
    """Return whether training starts from a linear classifier.

    On large data that takes long, so that it starts from naive Bayes, unless the classes have no order: naive Bayes
    says too little of many classes, and stochastic descent takes less time (`is_large`).
    """
    is_unordered = outputs_of(config) > 2
    return config.model.embedding.init == "linear" and (is_unordered or not is_large(config, x))


def is_large(config: Config, x: Ragged) -> bool:
    """Return whether the training reviews are too large to find the best linear classifier."""
    return len(x.ids) * max(outputs_of(config), 2) > _LARGE


class LinearStart(NamedTuple):
    """A linear classifier with m outputs, from which a network can start."""

    columns: Array  # (V, m) float32, of the embedding
    weight: Array  # (m,) of each column in its output
    bias: Array  # (m,)
    head: Mapping[str, Array]  # the parameters of the head, by name


def linear_start(
    examples: Examples,
    vocabulary: Vocabulary,
    embedding: Embedding,
    loss_weight: Array | None = None,
    head: str = "sigmoid",
) -> LinearStart:
    """Return the best linear classifier, scaled (`scaled_start`).

    `loss_weight` (n,) is the weight of each review in the loss, with a mean near 1. The parameters of the head are
    fitted, too.
    """
    columns, bias, parameters = fit_linear_columns(
        examples, vocabulary.affix_pairs(), len(vocabulary), embedding.pooling, embedding.padding, loss_weight, head
    )
    return scaled_start(columns, bias, parameters, examples, embedding)


def scaled_start(
    columns: Array, bias: Array, head: Mapping[str, Array], examples: Examples, embedding: Embedding
) -> LinearStart:
    """Return the linear classifier with these columns (V, m), scaled as `naive_bayes_columns` are."""
    scaled, weight = [], []
    for each in columns.T:
        column = scale_columns(each[:, None].astype(np.float32), examples.features, embedding, examples.weight)
        scaled.append(column)
        weight.append(float(np.abs(each).sum() / max(float(np.abs(column).sum()), 1e-6)))
    return LinearStart(np.concatenate(scaled, axis=1), np.array(weight), bias, head)


def fit_output_layer(
    x: Array,
    label: Array,
    decay: float = 0.0025,
    weight: Array | None = None,
    loss_weight: Array | None = None,
    head: Head | None = None,
) -> tuple[Array, Array]:
    """Fit an output layer on fixed pooled vectors x (n, k). Return its weight (k, m) and bias (m,).

    It minimizes the cross-entropy plus an L2 penalty on the weights of x, scaled to a standard deviation of 1. The
    problem is convex, so L-BFGS finds the minimum. The gradient is that of the layers. `weight` (n,) is that of each
    review, and `loss_weight` (n,) the one in the loss, with a mean near 1. The parameters of the head are fitted, too;
    None: two labels.
    """
    head = head or Head()
    mean = np.average(x, axis=0, weights=weight)
    deviation = np.maximum(np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight)), 1e-9)
    inputs = ((x - mean) / deviation).astype(np.float64)
    m = head.outputs
    layer = Linear(np.zeros((inputs.shape[1], m)), np.zeros(m))
    columns, bias = layer.params["weight"], layer.params["bias"]
    k = columns.size

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        columns[:], bias[:] = theta[:k].reshape(columns.shape), theta[k : k + m]
        head.set(theta[k + m :])
        loss, dy, d_head = head.loss(layer.forward(inputs, train=True), label, loss_weight)
        layer.backward(dy)
        return loss, np.concatenate((np.ravel(layer.grads["weight"]), np.ravel(layer.grads["bias"]), d_head))

    theta = minimize(loss_and_gradient, k + m + head.size, decay, k)
    scaled = theta[:k].reshape(columns.shape) / deviation[:, None]
    shift = [np.ascontiguousarray(column) @ mean for column in scaled.T]  # of every output
    return scaled.astype(np.float32), theta[k : k + m] - np.array(shift)


def fit_linear_network(
    features: Ragged,
    scale: Array,
    x: Array,
    label: Array,
    pooling: str,
    padding: int,
    decay: float = 0.005,
    loss_weight: Array | None = None,
    head: Head | None = None,
    shared: SharedWeights | None = None,
) -> tuple[Array, Array, Array]:
    """Fit a network without hidden layers on m columns of an embedding and on fixed pooled vectors x (n, k).

    Return the columns (V, m), the weight of x (k, m), and the bias (m,). There is a column for each output of the head,
    whose parameters are fitted, too; None: two labels. The loss is that of `fit_output_layer`. The penalty is on the
    weights of the columns divided by `scale` (V, m), so that one with a large scale moves further. The weights are the
    rows of the columns, unless features share some of them (`shared`). A feature that no review has, has a row then,
    too, if it shares the weight of an affix with others.
    """
    head, shared = head or Head(), shared or SharedWeights(NO_PAIRS, len(scale))
    m = head.outputs
    bag = FastEmbeddingBag(np.zeros(scale.shape), pooling, padding)
    batch = bag.index(features)
    layer = Linear(np.zeros((x.shape[1], m)), np.zeros(m))
    columns, weight, bias = bag.params["weight"], layer.params["weight"], layer.params["bias"]
    used, to_rows = shared.restricted(batch.rows)
    to_weights = scipy.sparse.csr_array(to_rows.T)
    inputs, weight_scale = x.astype(np.float64), scale[used].astype(np.float64)
    k = weight_scale.size
    w, b = k + weight.size, k + weight.size + m  # where the bias begins, and the parameters of the head

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        columns[batch.rows] = to_rows @ (weight_scale * theta[:k].reshape(weight_scale.shape))
        weight[:], bias[:] = theta[k:w].reshape(weight.shape), theta[w:b]
        head.set(theta[b:])
        y = bag.forward(batch, train=True) + layer.forward(inputs, train=True)
        loss, dy, d_head = head.loss(y, label, loss_weight)
        bag.backward(dy)
        layer.backward(dy)
        d_columns = bag.grads["weight"]
        assert isinstance(d_columns, RowGrad)
        d_weights, d_weight = weight_scale * (to_weights @ d_columns.values), np.asarray(layer.grads["weight"])
        return loss, np.concatenate((d_weights.ravel(), d_weight.ravel(), np.asarray(layer.grads["bias"]), d_head))

    theta = minimize_by_steps(loss_and_gradient, np.zeros(b + head.size), decay, w, _EXACT)
    loss_and_gradient(theta)  # leaves the layers and the head at the minimum
    weights = np.zeros(scale.shape)
    weights[used] = weight_scale * theta[:k].reshape(weight_scale.shape)
    return (shared.rows @ weights).astype(np.float32), weight.astype(np.float32), bias.copy()


def fit_linear_columns(
    examples: Examples,
    shares: tuple[Array, Array],
    features: int,
    pooling: str,
    padding: int,
    loss_weight: Array | None = None,
    kind: str = "sigmoid",
) -> tuple[Array, Array, dict[str, Array]]:
    """Fit a linear classifier on n reviews. Return its embedding (features, m), bias (m,), and what the head learns.

    `shares` are pairs (feature, affix), as `SharedWeights` has them. A weight moves further if the log-count ratio of
    its feature is large: naive-Bayes logistic regression (Wang & Manning, 2012). `loss_weight` (n,) is the weight of
    each review in the loss, with a mean near 1. `kind` is the head.
    """
    x, label = examples.features, examples.label
    shared, entry = SharedWeights(shares, features), entries(x, pooling, padding)
    parts = entry, x.ids.astype(np.int32), x.offsets.astype(np.int64)
    inputs = scipy.sparse.csr_array(parts, shape=(len(label), features))
    inputs_transposed = scipy.sparse.csr_array(inputs.T)
    scale, head = _scales(examples, shared, entry, kind), Head(kind, examples.classes.number)
    k, m = scale.size, scale.size // features

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        head.set(theta[k + m :])
        y = inputs @ (shared.rows @ (scale * theta[:k].reshape(scale.shape))) + theta[k : k + m]  # (n,) or (n, m)
        loss, dy, d_head = head.loss(y.reshape(len(y), -1), label, loss_weight)
        dy = dy.reshape(y.shape)
        d_weights = scale * (shared.transposed @ (inputs_transposed @ dy))
        return loss, np.concatenate((d_weights.ravel(), np.atleast_1d(dy.sum(axis=0)), d_head))

    with single_threaded_blas:
        theta = minimize_by_steps(loss_and_gradient, np.zeros(k + m + head.size), _DECAY, k, _TOLERANCE)
    head.set(theta[k + m :])
    rows = shared.rows @ (scale * theta[:k].reshape(scale.shape)).reshape(-1, m)
    return rows, theta[k : k + m], head.parameters


NO_PAIRS = np.zeros(0, np.int32), np.zeros(0, np.int32)
"""Of features and affixes, where no feature has one."""


class SharedWeights:
    """Weights that are shared by the features with the same beginning or ending, so that their rows are similar.

    The row of each of V features is the sum of a weight of its own and the weights of its affixes. `pairs` are those of
    feature and affix, as `Vocabulary.affix_pairs` returns them.
    """

    def __init__(self, pairs: tuple[Array, Array], features: int):
        identity = np.arange(features, dtype=np.int32)
        row, weight = (np.concatenate((identity, each)) for each in pairs)
        ones, shape = np.ones(len(row)), (features, features)
        self.rows = scipy.sparse.csr_array((ones, (row, weight)), shape=shape)  # weights -> rows
        self.rows.data[:] = 1  # an affix begins or ends with itself: it counts once
        self.transposed = scipy.sparse.csr_array(self.rows.T)
        self.is_affix = np.zeros(features, bool)
        self.is_affix[pairs[1]] = True

    def restricted(self, rows: Array) -> tuple[Array, scipy.sparse.csr_array]:
        """Return the k weights of some rows (r,), and the matrix (r, k) from these to the rows."""
        matrix = self.rows[rows]
        used = np.unique(matrix.indices)
        return used, scipy.sparse.csr_array(matrix[:, used])

    def log_count_ratio(self, task: Examples) -> Array:
        """Return the log-count ratio of each weight (V,). That of an affix counts all features that share it."""
        return log_ratio(*self._counts(task), positive_share(task))

    def relative_rarity(self, task: Examples) -> Array:
        """Return the relative rarity of each weight (V,)."""
        return relative_rarity(self._counts(task), task)

    def _counts(self, task: Examples) -> tuple[Array, Array]:
        positive, negative = class_counts(task, len(self.is_affix))
        return self.transposed @ positive, self.transposed @ negative

    def factor(self, scale: Array, examples: Examples, entry: Array, word: float, affix: float) -> Array:
        """Return what the scales (V,) are multiplied by, so that weights move as far as is wanted: (V,).

        The inputs of the weights, which are those of the features by `entry` times the scale, have a root mean square
        of `word` and, for those of affixes, of `affix`.
        """
        x, features = examples.features, len(scale)
        weight = None if examples.weight is None else np.repeat(examples.weight, x.lengths)
        square = entry**2 if weight is None else entry**2 * weight
        squares = self.transposed @ np.bincount(x.ids, square, minlength=features)
        counts = self.transposed @ np.bincount(x.ids, weight, minlength=features)
        factor = np.ones(features)
        for chosen, target in (~self.is_affix, word), (self.is_affix, affix):
            mean = (scale**2 * squares)[chosen].sum() / max(counts[chosen].sum(), 1)
            factor[chosen] = target / max(np.sqrt(mean), 1e-6)
        return factor


def entries(x: Ragged, pooling: str, padding: int) -> Array:
    """Return what each occurrence of a feature in reviews x counts, if their rows are pooled: (len(x.ids),)."""
    return np.repeat(1 / pooling_divisor(x, pooling, padding), x.lengths)


class Head:
    """A head by its name, as NetworkSpec has it, whose parameters are one vector."""

    def __init__(self, kind: str = "sigmoid", classes: int = 2):
        self.kind, self.classes = kind, classes
        self.outputs = {"scale": 2, "softmax": classes}.get(kind, 1)  # of the layer below it
        zeros = np.zeros(classes - 2)
        self.layer: Layer | None = None
        if kind == "scale":
            self.layer = Scale(classes, zeros if classes > 3 else None, np.float64)
        elif kind == "cumulative":
            self.layer = Cumulative(zeros)
        params = {} if self.layer is None else self.layer.params
        name = {"scale": "scale", "cumulative": "thresholds"}.get(kind, "")
        self.parameters = {f"{name}.{key}": value for key, value in params.items()}  # at most one
        self.size = sum(value.size for value in params.values())

    @property
    def values(self) -> Array:
        """All parameters, (size,)."""
        return np.concatenate([np.zeros(0), *self.parameters.values()])

    def set(self, values: Array) -> None:
        """Set all parameters, (size,)."""
        for parameter in self.parameters.values():
            parameter[...] = values

    def loss(self, y: Array, label: Array, weight: Array | None) -> tuple[float, Array, Array]:
        """Return the loss of outputs y (n, m), its derivative by y (n, m), and that by the parameters (size,)."""
        z = logits_of(y if self.layer is None else self.layer.forward(y, train=True))
        loss, dz = loss_on("cross_entropy")(z, label, weight)
        dz = dz.reshape(len(dz), -1)
        if self.layer is None:
            return loss, dz, np.zeros(0)
        dy = self.layer.backward(dz)
        return loss, dy, np.concatenate([np.zeros(0), *map(np.asarray, self.layer.grads.values())])


def _scales(examples: Examples, shared: SharedWeights, entry: Array, head: str) -> Array:
    """Return how far each weight can move: (features,), or (features, m) for m outputs.

    The weights of neutrality are on the same scale as those of polarity, as in `naive_bayes_columns`. If the classes
    have no order, those of rare features move further: such features tell topics apart.
    """
    columns, factor, tasks = list[Array](), np.ones(0), binary_tasks(examples, head)
    rarity = shared.relative_rarity(tasks[0]) if head == "softmax" else 1.0
    for task in tasks:
        ratio = np.abs(shared.log_count_ratio(task)).astype(np.float64) * rarity
        if not columns or head != "scale":
            factor = shared.factor(ratio, examples, entry, _WORD_SCALE, _AFFIX_SCALE)
        columns.append(ratio * factor)
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
