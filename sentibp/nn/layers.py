"""Layers: each computes y = f(x) in `forward`, and d loss / d x from d loss / d y in `backward`.

Backpropagation (Rumelhart, Hinton & Williams, 1986) is the chain rule applied layer by layer, from the loss to the
input. `dy` is d loss / d y and has the shape of y. Only the loss divides by the number of reviews n.

    y = layer.forward(x, train=True)        # saves what backward needs
    dx = layer.backward(dy)                 # sets layer.grads, returns d loss / d x; once per forward

`forward(train=False)` saves nothing, so threads may share a network for prediction. No layer writes into an
argument. The result has the dtype of the parameters.

Shapes: n reviews, i inputs and o outputs of a layer, d dimensions of the embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

from sentibp.nn.arrays import Array, Gradient, Ragged, RowGrad, add_row_gradients


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + e^-z), without overflow and exact in both tails."""
    return np.exp(-np.logaddexp(0, -z))


def softmax(z: Array) -> Array:
    """Return e^(z_k) / sum_j e^(z_j), without overflow: (n, K) -> (n, K), each row with the sum 1."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Layer:
    """A function with parameters. `grads` has the keys of `params`; `buffers` are state that has no gradient."""

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
        """(n, o) -> (n, i); sets `grads`. Raises RuntimeError if no forward(train=True) came before it."""
        raise NotImplementedError

    def prefetcher(self) -> Callable[[Any], Any]:
        """Return a function that prepares the inputs of the next calls of forward(train=True), in their order.

        It does the work that needs no weights, so that another thread can do it while an earlier batch is computed.
        """
        return lambda x: x

    def walk(self, name: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer and those inside it, each with its path, such as `hidden.0.norm`."""
        yield name, self

    def _take(self) -> Any:
        """Return what forward(train=True) saved, and forget it."""
        if self._saved is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward(train=True) before it, each time")
        saved, self._saved = self._saved, None
        return saved


def path(*names: str) -> str:
    """Join the names that are not empty with dots: ("hidden.0", "", "weight") -> "hidden.0.weight"."""
    return ".".join(filter(None, names))


def pooling_divisor(x: Ragged, pooling: str, padding: int, dtype: Any = np.float64) -> Array:
    """Return the number (n,) by which the pooling divides the sum of each review's rows."""
    length = np.maximum(x.lengths + padding, 1).astype(dtype)
    return {"mean": length, "sqrt": np.sqrt(length), "sum": np.ones_like(length)}[pooling]


class EmbeddingBag(Layer):
    """The pooled embedding of each review: a linear layer whose input is the count matrix of the batch.

    `shares[j, i]` is how often the i-th distinct feature of the batch occurs in review j, divided by the length of the
    review (`mean`), by its square root (`sqrt`), or by 1 (`sum`). With it,

        y = shares @ weight[rows]        d loss / d weight[rows] = shares.T @ dy

    `padding` lengthens every review by that many features whose rows are zero. This shrinks short reviews towards 0.
    A repeated word counts as often as it occurs. An empty review is pooled to zeros.
    """

    _BLOCK = 64  # reviews per count matrix: its size is block x distinct features, so the cost stays linear

    def __init__(self, weight: Array, pooling: str = "mean", padding: int = 0):
        super().__init__(weight=weight)
        self.pooling = pooling
        self.padding = padding

    def divisor(self, x: Ragged) -> Array:
        """Return the number (n, 1) by which the pooling divides the sum of each review's rows."""
        return pooling_divisor(x, self.pooling, self.padding, self.params["weight"].dtype)[:, None]

    def forward(self, x: Ragged, *, train: bool = False) -> Array:
        """n reviews -> (n, d)."""
        weight = self.params["weight"]
        n = len(x.lengths)
        y = np.zeros((n, weight.shape[1]), weight.dtype)
        blocks = []
        for start in range(0, n, self._BLOCK):
            block = slice(start, start + self._BLOCK)  # the last may be shorter
            rows, shares = self._shares(x.slice(block.start, block.stop))
            y[block] = shares @ weight[rows]  # (n, k) @ (k, d) -> (n, d)
            if train:
                blocks.append((block, rows, shares))
        if train:
            self._saved = blocks
        return y

    def backward(self, dy: Array) -> None:
        """(n, d) -> None, because ids have no derivative. `grads["weight"]` is a RowGrad."""
        gradients = [RowGrad(rows, shares.T @ dy[block]) for block, rows, shares in self._take()]  # (k, n) @ (n, d)
        self.grads = {"weight": add_row_gradients(gradients, dy)}

    def _shares(self, x: Ragged) -> tuple[Array, Array]:
        """Return the distinct features (k,) of a block of n reviews, and `shares` (n, k)."""
        rows, column = np.unique(x.ids, return_inverse=True)
        n, k = len(x.lengths), len(rows)
        count = np.bincount(x.review * k + column, minlength=n * k)  # `count[...] += 1` would count a repeat once
        shares = count.astype(self.params["weight"].dtype).reshape(n, k)
        return rows, shares / self.divisor(x)


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
            "bias": dy.sum(axis=0),  # the input of the bias is 1 in every review
        }
        return dy @ self.params["weight"].T  # (n, o) @ (o, i) -> (n, i)


class Activation(Layer):
    """y = f(x), elementwise. The derivative is computed from y alone."""

    def f(self, x: Array) -> Array:
        """Return y, of the shape of x."""
        raise NotImplementedError

    def derivative(self, y: Array) -> Array:
        """Return f'(x), given y = f(x)."""
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
    """y = max(x, 0) (Nair & Hinton, 2010). Its derivative at 0 is set to 0."""

    def f(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def derivative(self, y: Array) -> Array:
        return (y > 0).astype(y.dtype)


class Tanh(Activation):
    """y = tanh(x), with derivative 1 - y^2, which is largest at x = 0: 1."""

    def f(self, x: Array) -> Array:
        return np.tanh(x)

    def derivative(self, y: Array) -> Array:
        return 1 - y * y


class Sigmoid(Activation):
    """y = 1 / (1 + e^-x), with derivative y (1 - y) of at most 1/4: gradients vanish in a deep stack of sigmoids."""

    def f(self, x: Array) -> Array:
        return sigmoid(x)

    def derivative(self, y: Array) -> Array:
        return y * (1 - y)


class Dropout(Layer):
    """In training, set each number to 0 with probability `rate`, and divide the others by 1 - rate.

    Prediction changes nothing (Srivastava et al., 2014).
    """

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
    """A batch whose words were dropped ahead of its forward."""

    reviews: Any  # Ragged, or what the next layer's prefetcher made of it
    rng_state: Mapping[str, Any]  # of the generator, after it drew this batch's mask


class WordDropout(Layer):
    """In training, remove each feature of a review with probability `rate` (Iyyer et al., 2015)."""

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

    def backward(self, dy: None) -> None:
        """Return None, because ids have no derivative."""

    def prefetcher(self) -> Callable[[Ragged], DroppedWords]:
        """Draw the masks from a copy of the generator: a checkpoint saves `rng` as it was after the last forward."""
        ahead = deepcopy(self.rng)
        assert ahead is not None
        return lambda x: DroppedWords(self._drop(x, ahead), ahead.bit_generator.state)

    def _drop(self, x: Ragged, rng: np.random.Generator) -> Ragged:
        kept = rng.random(len(x.ids), dtype=np.float32) >= self.rate
        kept_before = np.concatenate(([0], np.cumsum(kept)))
        return Ragged(x.ids[kept], kept_before[x.offsets])


class BatchNorm(Layer):
    """y = scale * (x - mean) / sqrt(variance + epsilon) + shift (Ioffe & Szegedy, 2015).

    Training uses the mean and the variance of the batch. Prediction uses their running averages. The variance is the
    one of the batch, without the factor m / (m - 1) of the paper.
    """

    EPSILON = 1e-5
    _MOMENTUM = 0.9  # the share of the old running average in the new one

    def __init__(self, scale: Array, shift: Array, mean: Array, variance: Array):
        super().__init__(scale=scale, shift=shift)
        self.buffers = {"mean": mean, "variance": variance}

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        mean, variance = self.buffers["mean"], self.buffers["variance"]
        if train:
            momentum = self._MOMENTUM
            batch_mean, batch_variance = x.mean(axis=0), x.var(axis=0)
            if len(x) > 1:  # of one review, as the last batch may be, the variance is 0 and says nothing
                mean[:] = momentum * mean + (1 - momentum) * batch_mean
                variance[:] = momentum * variance + (1 - momentum) * batch_variance
            mean, variance = batch_mean, batch_variance
        std = np.sqrt(variance + self.EPSILON)
        x_hat = (x - mean) / std
        if train:
            self._saved = x_hat, std
        return self.params["scale"] * x_hat + self.params["shift"]

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        x_hat, std = self._take()
        self.grads = {"scale": (dy * x_hat).sum(axis=0), "shift": dy.sum(axis=0)}
        dx_hat = dy * self.params["scale"]
        # x changes y directly, through the mean of the batch, and through its variance
        return (dx_hat - dx_hat.mean(axis=0) - x_hat * (dx_hat * x_hat).mean(axis=0)) / std


class Composite(Layer):
    """A layer made of layers. The names of its parameters are paths: `hidden.0.weight`."""

    def __init__(self, layers: Mapping[str, Layer]):
        self.layers = dict(layers)
        self.rng = None

    def walk(self, name: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield this layer and those inside it, each with its path, such as `hidden.0.norm`."""
        yield name, self
        for inner, layer in self.layers.items():
            yield from layer.walk(path(name, inner))

    def _collect(self, kind: str) -> dict[str, Any]:
        return {
            path(name, key): value for name, layer in self.layers.items() for key, value in getattr(layer, kind).items()
        }

    # Collected at each access, so that only the inner layers hold them.
    params = property(lambda self: self._collect("params"))  # type: ignore[assignment]
    grads = property(lambda self: self._collect("grads"))  # type: ignore[assignment]
    buffers = property(lambda self: self._collect("buffers"))  # type: ignore[assignment]


class Sequential(Composite):
    """Apply the layers one after the other. `backward` visits them in reverse order: this is backpropagation."""

    def forward(self, x: Any, *, train: bool = False) -> Any:
        """(n, i) -> (n, o)."""
        for layer in self.layers.values():
            x = layer.forward(x, train=train)
        return x

    def prefetcher(self) -> Callable[[Any], Any]:
        """Prepare for the first layer; if that is word dropout, for the second, too."""
        first, *others = self.layers.values()
        if not isinstance(first, WordDropout):
            return first.prefetcher()
        if any(layer.rng is first.rng for other in others for _, layer in other.walk()):
            return lambda x: x  # drawn ahead, the numbers of a shared generator would go to other layers
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
    """y = x + block(x): a skip connection, through which the gradient passes unchanged (He et al., 2016)."""

    def __init__(self, block: Layer):
        super().__init__({"": block})
        self.block = block

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        return x + self.block.forward(x, train=train)

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        return dy + self.block.backward(dy)
