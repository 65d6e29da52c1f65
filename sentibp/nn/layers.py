"""Layers: each computes y = f(x) forward, and carries d loss / d y back to d loss / d x.

Backpropagation (Rumelhart, Hinton & Williams, 1986) is the chain rule applied layer by layer from the loss to the
input. `dy` is d loss / d y and has the shape of y; the 1/n of a mean over the batch lives in the loss and nowhere else.

    y = layer.forward(x, train=True)        # remembers what backward needs
    dx = layer.backward(dy)                 # sets layer.grads, returns d loss / d x; once per forward

`forward(train=False)` remembers nothing, so threads may share a network for prediction. No layer writes into an
argument, and the result has the dtype of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray


class Ragged(NamedTuple):
    """Reviews of different lengths laid end to end: review j is `ids[offsets[j]:offsets[j + 1]]`."""

    ids: Array  # (t,) int32 feature ids
    offsets: Array  # (n + 1,) int64, from 0 to t

    @property
    def lengths(self) -> Array:
        """Features per review: (n,) int64."""
        return np.diff(self.offsets)

    @property
    def review(self) -> Array:
        """The number of the review that each id belongs to: (t,) int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)

    def take(self, reviews: Array) -> Ragged:
        """The chosen reviews, in the order of `reviews` (m,)."""
        lengths = self.offsets[reviews + 1] - self.offsets[reviews]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        shift = np.repeat(self.offsets[reviews] - offsets[:-1], lengths)  # from the new place to the old
        return Ragged(self.ids[shift + np.arange(offsets[-1])], offsets)

    def slice(self, start: int, stop: int) -> Ragged:
        """Reviews start to stop; the ids are a view."""
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.ids[offsets[0] : offsets[-1]], offsets - offsets[0])


class RowGrad(NamedTuple):
    """The gradient of a matrix, only in the rows that have one: the cost does not grow with the vocabulary."""

    rows: Array  # (k,) distinct
    values: Array  # (k, d)


Gradient = Array | RowGrad


def take_rows(matrix: Array, rows: Array) -> Array:
    """matrix[rows]: (k, d). A row is handled as one item of so many bytes, which is faster than d numbers."""
    return as_items(matrix).take(rows).view(matrix.dtype).reshape(len(rows), matrix.shape[1])


def put_rows(matrix: Array, rows: Array, values: Array) -> None:
    """matrix[rows] = values, (k, d); likewise, and three times as fast."""
    np.put(as_items(matrix), rows, as_items(np.ascontiguousarray(values)))


def as_items(matrix: Array) -> Array:
    """A view of a contiguous matrix (v, d) with a row as one item: (v,)."""
    return matrix.view(np.dtype((np.void, matrix.itemsize * matrix.shape[1])))[:, 0]


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z), without overflow and exact in both tails."""
    return np.exp(-np.logaddexp(0, -z))


class Layer:
    """A function with parameters. `grads` has the keys of `params`; `buffers` are learned without a gradient."""

    def __init__(self, **params: Array):
        self.params: Mapping[str, Array] = params
        self.grads: Mapping[str, Gradient] = {}
        self.buffers: Mapping[str, Array] = {}
        self.rng: np.random.Generator | None = None  # set by layers that draw random numbers
        self._saved: Any = None

    def forward(self, x: Any, *, train: bool = False) -> Any:
        """(n, i) -> (n, o)."""
        raise NotImplementedError

    def backward(self, dy: Any) -> Any:
        """(n, o) -> (n, i); sets `grads`. RuntimeError without a forward(train=True) before it."""
        raise NotImplementedError

    def prefetcher(self) -> Callable[[Any], Any]:
        """Return a function that prepares the inputs of the next calls of forward(train=True), in their order.

        It does the work that needs no weights, so that another thread can do it while an earlier batch is computed.
        """
        return lambda x: x

    def walk(self, name: str = "") -> Iterator[tuple[str, Layer]]:
        """This layer and those inside it, each with its path."""
        yield name, self

    def _take(self) -> Any:
        """What forward(train=True) saved, once."""
        if self._saved is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward(train=True) before it, each time")
        saved, self._saved = self._saved, None
        return saved


def path(*names: str) -> str:
    """Join the names that are not empty: ("hidden.0", "", "weight") -> "hidden.0.weight"."""
    return ".".join(filter(None, names))


class EmbeddingBag(Layer):
    """The pooled embedding of each review: a linear layer whose input is the batch's count matrix.

    `shares[j, i]` says how often the batch's i-th distinct feature occurs in review j, divided by the review's
    length (`mean`), by the square root of it (`sqrt`), or by nothing (`sum`). `padding` features whose rows are zero
    lengthen every review: a short one then moves the answer less (shrinkage towards the mean of all). With it,

        y = shares @ weight[rows]        d loss / d weight[rows] = shares.T @ dy

    A repeated word counts as often as it occurs, and an empty review is pooled to zeros, by construction.
    """

    _BLOCK = 64  # reviews per count matrix: its size is block x distinct features, so the cost stays linear

    def __init__(self, weight: Array, pooling: str = "mean", padding: int = 0):
        super().__init__(weight=weight)
        self.pooling = pooling
        self.padding = padding

    def scale(self, x: Ragged) -> Array:
        """What the sum of each review's rows is divided by: (n, 1)."""
        length = np.maximum(x.lengths + self.padding, 1)[:, None].astype(self.params["weight"].dtype)
        return {"mean": length, "sqrt": np.sqrt(length), "sum": np.ones_like(length)}[self.pooling]

    def _shares(self, x: Ragged) -> tuple[Array, Array]:
        """The distinct features of a block of reviews (k,) and their count matrix, scaled (n, k)."""
        rows, column = np.unique(x.ids, return_inverse=True)
        n, k = len(x.lengths), len(rows)
        count = np.bincount(x.review * k + column, minlength=n * k)  # `count[...] += 1` would count a repeat once
        shares = count.astype(self.params["weight"].dtype).reshape(n, k)
        return rows, shares / self.scale(x)

    def forward(self, x: Ragged, *, train: bool = False) -> Array:
        """n reviews -> (n, d)."""
        weight = self.params["weight"]
        n = len(x.lengths)
        y = np.zeros((n, weight.shape[1]), weight.dtype)
        blocks = []
        for start in range(0, n, self._BLOCK):
            block = slice(start, min(start + self._BLOCK, n))
            rows, shares = self._shares(x.slice(block.start, block.stop))
            y[block] = shares @ weight[rows]  # (n, k) @ (k, d) -> (n, d)
            if train:
                blocks.append((block, rows, shares))
        if train:
            self._saved = blocks
        return y

    def backward(self, dy: Array) -> None:
        """(n, d) -> nothing: ids have no derivative. `grads["weight"]` is a RowGrad."""
        parts = [RowGrad(rows, shares.T @ dy[block]) for block, rows, shares in self._take()]
        self.grads = {"weight": add_rows(parts, dy)}


def add_rows(parts: list[RowGrad], like: Array) -> RowGrad:
    """The sum of row gradients as one, with distinct rows; of none, an empty one as wide as `like`."""
    if len(parts) == 1:
        return parts[0]
    rows, where = np.unique(np.concatenate([p.rows for p in parts] or [np.zeros(0, int)]), return_inverse=True)
    values = np.zeros((len(rows), like.shape[1]), like.dtype)
    start = 0
    for part in parts:
        stop = start + len(part.rows)
        values[where[start:stop]] += part.values  # rows are distinct within one part
        start = stop
    return RowGrad(rows, values)


class Linear(Layer):
    """y = x @ weight + bias."""

    def __init__(self, weight: Array, bias: Array):
        super().__init__(weight=weight, bias=bias)

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) @ (i, o) + (o,) -> (n, o)."""
        if train:
            self._saved = x
        return x @ self.params["weight"] + self.params["bias"]

    def backward(self, dy: Array) -> Array:
        """(n, o) -> (n, i)."""
        x = self._take()
        self.grads = {
            "weight": x.T @ dy,  # (i, n) @ (n, o) -> (i, o)
            "bias": dy.sum(axis=0),  # the bias's input is 1 in every review
        }
        return dy @ self.params["weight"].T  # (n, o) @ (o, i) -> (n, i)


class Activation(Layer):
    """y = f(x) number by number, with a derivative that can be told from y alone."""

    def f(self, x: Array) -> Array:
        """The function."""
        raise NotImplementedError

    def derivative(self, y: Array) -> Array:
        """f'(x), given y = f(x)."""
        raise NotImplementedError

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        y = self.f(x)
        if train:
            self._saved = y
        return y

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        return dy * self.derivative(self._take())


class ReLU(Activation):
    """max(x, 0) (Nair & Hinton, 2010). The derivative at 0 is taken as 0."""

    def f(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def derivative(self, y: Array) -> Array:
        return (y > 0).astype(y.dtype)


class Tanh(Activation):
    """Tanh x, with derivative 1 - y^2: at most 1, at x = 0."""

    def f(self, x: Array) -> Array:
        return np.tanh(x)

    def derivative(self, y: Array) -> Array:
        return 1 - y * y


class Sigmoid(Activation):
    """1 / (1 + e^-x), with derivative y (1 - y): at most 1/4, which is why gradients vanish in deep stacks of it."""

    def f(self, x: Array) -> Array:
        return sigmoid(x)

    def derivative(self, y: Array) -> Array:
        return y * (1 - y)


class Dropout(Layer):
    """In training each number is zero with probability `rate`, else divided by 1 - rate (Srivastava et al. 2014)."""

    def __init__(self, rate: float, rng: np.random.Generator):
        super().__init__()
        self.rate = rate
        self.rng = rng

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        if not train:
            return x
        assert self.rng is not None
        kept = self.rng.random(x.shape, dtype=np.float32) >= self.rate
        self._saved = kept / np.asarray(1 - self.rate, x.dtype)
        return x * self._saved

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        return dy * self._take()


class DroppedWords(NamedTuple):
    """A batch whose words are dropped already, ahead of its forward."""

    reviews: Any  # Ragged, or what the next layer made of it
    rng_state: Mapping[str, Any]  # of the generator, after it drew this batch's mask


class WordDropout(Layer):
    """In training each feature of a review is hidden with probability `rate` (Iyyer et al., 2015)."""

    def __init__(self, rate: float, rng: np.random.Generator):
        super().__init__()
        self.rate = rate
        self.rng = rng

    def forward(self, x: Ragged | DroppedWords, *, train: bool = False) -> Any:
        """n reviews -> n shorter reviews."""
        if not train:
            return x
        assert self.rng is not None
        if isinstance(x, DroppedWords):
            self.rng.bit_generator.state = x.rng_state
            return x.reviews
        return self._drop(x, self.rng)

    def prefetcher(self) -> Callable[[Ragged], DroppedWords]:
        """The masks come from a copy of the generator: a checkpoint saves `rng` as it was after the last forward."""
        ahead = deepcopy(self.rng)
        assert ahead is not None
        return lambda x: DroppedWords(self._drop(x, ahead), ahead.bit_generator.state)

    def _drop(self, x: Ragged, rng: np.random.Generator) -> Ragged:
        kept = rng.random(len(x.ids), dtype=np.float32) >= self.rate
        kept_before = np.concatenate(([0], np.cumsum(kept)))
        return Ragged(x.ids[kept], kept_before[x.offsets])

    def backward(self, dy: None) -> None:
        """Ids have no derivative."""


class BatchNorm(Layer):
    """y = scale * (x - mean) / sqrt(variance + epsilon) + shift (Ioffe & Szegedy, 2015).

    Mean and variance are those of the batch while training, and running averages of them in prediction (the variance
    as it is in the batch, without the paper's factor m / (m - 1)).
    """

    _EPSILON = 1e-5
    _MOMENTUM = 0.9  # share of the old running average that stays at each step

    def __init__(self, scale: Array, shift: Array, mean: Array, variance: Array):
        super().__init__(scale=scale, shift=shift)
        self.buffers = {"mean": mean, "variance": variance}

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        mean, variance = self.buffers["mean"], self.buffers["variance"]
        if train:
            keep = self._MOMENTUM
            batch_mean, batch_variance = x.mean(axis=0), x.var(axis=0)
            mean[:] = keep * mean + (1 - keep) * batch_mean
            variance[:] = keep * variance + (1 - keep) * batch_variance
            mean, variance = batch_mean, batch_variance
        deviation = np.sqrt(variance + np.asarray(self._EPSILON, x.dtype))
        normal = (x - mean) / deviation
        if train:
            self._saved = normal, deviation
        return self.params["scale"] * normal + self.params["shift"]

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        normal, deviation = self._take()
        self.grads = {"scale": (dy * normal).sum(axis=0), "shift": dy.sum(axis=0)}
        dnormal = dy * self.params["scale"]
        # x moves y directly, through the batch's mean, and through the batch's variance
        return (dnormal - dnormal.mean(axis=0) - normal * (dnormal * normal).mean(axis=0)) / deviation


class Composite(Layer):
    """Layers inside a layer: their parameters under their paths."""

    def __init__(self, layers: Mapping[str, Layer]):
        self.layers = dict(layers)
        self.rng = None

    def walk(self, name: str = "") -> Iterator[tuple[str, Layer]]:
        """This layer and those inside it, each with its path."""
        yield name, self
        for inner, layer in self.layers.items():
            yield from layer.walk(path(name, inner))

    def _collect(self, kind: str) -> dict[str, Any]:
        return {
            path(name, key): value for name, layer in self.layers.items() for key, value in getattr(layer, kind).items()
        }

    # read from the layers each time, so that they are the one place where these are kept
    params = property(lambda self: self._collect("params"))  # type: ignore[assignment]
    grads = property(lambda self: self._collect("grads"))  # type: ignore[assignment]
    buffers = property(lambda self: self._collect("buffers"))  # type: ignore[assignment]


class Sequential(Composite):
    """One layer after the other; backward visits them in reverse order. That order is all of backpropagation."""

    def forward(self, x: Any, *, train: bool = False) -> Any:
        """(n, i) -> (n, o)."""
        for layer in self.layers.values():
            x = layer.forward(x, train=train)
        return x

    def prefetcher(self) -> Callable[[Any], Any]:
        """Prepare the input for the first layer; if that is word dropout, also for the second."""
        first, *others = self.layers.values()
        if not isinstance(first, WordDropout):
            return first.prefetcher()
        if any(layer.rng is first.rng for other in others for _, layer in other.walk()):
            return lambda x: x  # drawn ahead, the numbers of a shared generator would reach the layers in another order
        drop, prepare = first.prefetcher(), others[0].prefetcher()

        def prefetch(x: Ragged) -> DroppedWords:
            dropped = drop(x)
            return dropped._replace(reviews=prepare(dropped.reviews))

        return prefetch

    def backward(self, dy: Any) -> Any:
        """(n, o) -> (n, i)."""
        for layer in reversed(self.layers.values()):
            dy = layer.backward(dy)
        return dy


class Residual(Composite):
    """y = x + block(x): a skip connection, on which the gradient passes unchanged (He et al., 2016)."""

    def __init__(self, block: Layer):
        super().__init__({"": block})
        self.block = block

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        return x + self.block.forward(x, train=train)

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        return dy + self.block.backward(dy)
