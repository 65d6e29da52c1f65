"""Shared by the tests of sentibp.nn: small networks, awkward batches, and the table of all layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from sentibp.nn import (
    AdaptiveTemperature,
    BatchNorm,
    Cumulative,
    Dropout,
    EmbeddingBag,
    Layer,
    Linear,
    Ragged,
    ReLU,
    Residual,
    RowGrad,
    Scale,
    Sequential,
    Sigmoid,
    Tanh,
    WordDropout,
)
from sentibp.nn.sparse import FastEmbeddingBag

VOCABULARY = 9
WIDTH = 4


def ragged(*reviews: list[int]) -> Ragged:
    """ragged([3, 1], [], [3]): a batch of three reviews, the second one empty."""
    ids = [i for review in reviews for i in review]
    offsets = np.concatenate(([0], np.cumsum([len(review) for review in reviews])))
    return Ragged(np.array(ids, np.int32), offsets.astype(np.int64))


BATCHES = {
    "a repeated word": ragged([2, 5, 2, 2], [5, 1], [7]),
    "empty at the beginning": ragged([], [3, 3, 1], [8]),
    "empty in the middle": ragged([3, 1], [], [], [0, 3]),
    "empty at the end": ragged([4, 4], [6, 0, 4], []),
    "all empty": ragged([], [], []),
    "one review": ragged([1, 6, 1]),
    "one empty review": ragged([]),
    "two blocks and one review": ragged(
        *([j % VOCABULARY, 2, j % 5][: j % 4] for j in range(2 * EmbeddingBag._BLOCK + 1))
    ),
}

AWKWARD = ragged([2, 5, 2, 2], [], [5, 1], [7], [], [0, 8, 3, 3], [])


def numbers(rng: np.random.Generator, *shape: int, dtype: Any = np.float64) -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def bag(rng: np.random.Generator, dtype: Any = np.float64, pooling: str = "mean", width: int = WIDTH) -> EmbeddingBag:
    return EmbeddingBag(numbers(rng, VOCABULARY, width, dtype=dtype), pooling)


def fast_bag(rng: np.random.Generator, dtype: Any = np.float64, pooling: str = "mean") -> FastEmbeddingBag:
    return FastEmbeddingBag(numbers(rng, VOCABULARY, WIDTH, dtype=dtype), pooling)


def linear(rng: np.random.Generator, i: int, o: int, dtype: Any = np.float64) -> Linear:
    """Biases are not 0: at the corner of a ReLU no derivative agrees with central differences."""
    return Linear(numbers(rng, i, o, dtype=dtype), numbers(rng, o, dtype=dtype))


def batch_norm(rng: np.random.Generator, width: int, dtype: Any = np.float64) -> BatchNorm:
    scale, shift = 1 + numbers(rng, width, dtype=dtype) / 4, numbers(rng, width, dtype=dtype)
    return BatchNorm(scale, shift, np.zeros(width, dtype), np.ones(width, dtype))


def deep(rng: np.random.Generator, dtype: Any = np.float64) -> Sequential:
    """Return a network with all layers, as sentibp.model.build nests them: two hidden layers, the second residual."""
    first = {"": linear(rng, WIDTH, WIDTH, dtype), "activation": Sigmoid()}
    second = {
        "": linear(rng, WIDTH, WIDTH, dtype),
        "dropout": Dropout(0.3, np.random.default_rng(1)),
        "norm": batch_norm(rng, WIDTH, dtype),
        "activation": Tanh(),
    }
    return Sequential(
        {
            "words": WordDropout(0.2, np.random.default_rng(2)),
            "embedding": bag(rng, dtype),
            "hidden.0": Sequential(first),
            "hidden.1": Residual(Sequential(second)),
            "dropout": Dropout(0.3, np.random.default_rng(3)),
            "output": linear(rng, WIDTH, 1, dtype),
        }
    )


def shallow(rng: np.random.Generator, dtype: Any = np.float64) -> Sequential:
    """Return logistic regression on pooled embeddings, without hidden layers."""
    return Sequential({"embedding": bag(rng, dtype), "output": linear(rng, WIDTH, 1, dtype)})


def one_hidden(rng: np.random.Generator, dtype: Any = np.float64, activation: type[Layer] = ReLU) -> Sequential:
    return Sequential(
        {
            "embedding": bag(rng, dtype),
            "hidden.0": Sequential({"": linear(rng, WIDTH, 3, dtype), "activation": activation()}),
            "output": linear(rng, 3, 1, dtype),
        }
    )


def normed(rng: np.random.Generator, dtype: Any = np.float64) -> Sequential:
    """Batch norm after a linear layer. It subtracts the bias again, whose gradient is exactly zero."""
    hidden = {"": linear(rng, WIDTH, 3, dtype), "norm": batch_norm(rng, 3, dtype), "activation": Tanh()}
    return Sequential(
        {"embedding": bag(rng, dtype), "hidden.0": Sequential(hidden), "output": linear(rng, 3, 1, dtype)}
    )


def skip(rng: np.random.Generator, dtype: Any = np.float64) -> Residual:
    return Residual(Sequential({"": linear(rng, WIDTH, WIDTH, dtype), "activation": Tanh()}))


def word_dropout(
    rng: np.random.Generator, dtype: Any = np.float64, make_bag: Callable[..., EmbeddingBag] = bag
) -> Sequential:
    return Sequential({"words": WordDropout(0.4, np.random.default_rng(4)), "embedding": make_bag(rng, dtype)})


def shared_generator(rng: np.random.Generator, dtype: Any = np.float64) -> Sequential:
    """Word dropout and dropout draw from one generator, as `sentibp.model.build` makes them."""
    masks = np.random.default_rng(6)
    return Sequential(
        {"words": WordDropout(0.4, masks), "embedding": fast_bag(rng, dtype), "dropout": Dropout(0.4, masks)}
    )


def scale(rng: np.random.Generator, dtype: Any, classes: int) -> Sequential:
    """Return polarity and neutrality, and the logits of the classes from them."""
    head = Scale(classes, None if classes == 3 else numbers(rng, classes - 2, dtype=dtype), dtype)
    return Sequential({"output": linear(rng, WIDTH, 2, dtype), "scale": head})


def cumulative(rng: np.random.Generator, dtype: Any, classes: int) -> Sequential:
    head = Cumulative(numbers(rng, classes - 2, dtype=dtype))
    return Sequential({"output": linear(rng, WIDTH, 1, dtype), "thresholds": head})


def temperature(rng: np.random.Generator, dtype: Any, classes: int = 4) -> Sequential:
    head = AdaptiveTemperature(np.full(1, 0.6, dtype), np.full(1, 1.3, dtype))
    return Sequential({"output": linear(rng, WIDTH, classes, dtype), "temperature": head})


class Case(NamedTuple):
    build: Callable[..., Layer]  # (rng, dtype) -> layer
    reads_words: bool  # the input is Ragged, not an array

    def input(self, rng: np.random.Generator, dtype: Any = np.float64, n: int = 7) -> Any:
        return AWKWARD.slice(0, n) if self.reads_words else numbers(rng, n, WIDTH, dtype=dtype)


LAYERS = {
    "embedding bag, mean": Case(lambda rng, dtype: bag(rng, dtype, "mean"), True),
    "embedding bag, sum": Case(lambda rng, dtype: bag(rng, dtype, "sum"), True),
    "embedding bag, sqrt": Case(lambda rng, dtype: bag(rng, dtype, "sqrt"), True),
    "fast embedding bag, mean": Case(lambda rng, dtype: fast_bag(rng, dtype, "mean"), True),
    "fast embedding bag, sum": Case(lambda rng, dtype: fast_bag(rng, dtype, "sum"), True),
    "fast embedding bag, sqrt": Case(lambda rng, dtype: fast_bag(rng, dtype, "sqrt"), True),
    "embedding bag, padded": Case(
        lambda rng, dtype: EmbeddingBag(numbers(rng, VOCABULARY, WIDTH, dtype=dtype), "mean", 3), True
    ),
    "fast embedding bag, padded": Case(
        lambda rng, dtype: FastEmbeddingBag(numbers(rng, VOCABULARY, WIDTH, dtype=dtype), "sqrt", 3), True
    ),
    "word dropout and bag": Case(word_dropout, True),
    "word dropout and fast bag": Case(lambda rng, dtype: word_dropout(rng, dtype, fast_bag), True),
    "word dropout and dropout": Case(shared_generator, True),
    "linear": Case(lambda rng, dtype: linear(rng, WIDTH, 3, dtype), False),
    "relu": Case(lambda rng, dtype: ReLU(), False),
    "tanh": Case(lambda rng, dtype: Tanh(), False),
    "sigmoid": Case(lambda rng, dtype: Sigmoid(), False),
    "dropout": Case(lambda rng, dtype: Dropout(0.4, np.random.default_rng(5)), False),
    "batch norm": Case(lambda rng, dtype: batch_norm(rng, WIDTH, dtype), False),
    "residual": Case(skip, False),
    "residual of a residual": Case(
        lambda rng, dtype: Residual(Sequential({"0": skip(rng, dtype), "1": Tanh()})), False
    ),
    "scale of three classes": Case(lambda rng, dtype: scale(rng, dtype, 3), False),
    "scale of five classes": Case(lambda rng, dtype: scale(rng, dtype, 5), False),
    "thresholds of three classes": Case(lambda rng, dtype: cumulative(rng, dtype, 3), False),
    "thresholds of six classes": Case(lambda rng, dtype: cumulative(rng, dtype, 6), False),
    "adaptive temperature": Case(temperature, False),
    "no hidden layer": Case(shallow, True),
    "one hidden layer": Case(one_hidden, True),
    "batch norm after linear": Case(normed, True),
    "dropout, batch norm, residual": Case(deep, True),
}


def copies(tensors: Any) -> dict[str, Any]:
    """Return deep copies of named arrays and row gradients."""
    return {k: RowGrad(*(a.copy() for a in v)) if isinstance(v, RowGrad) else v.copy() for k, v in tensors.items()}


def same(a: Any, b: Any) -> bool:
    """Return whether two values have the same bits: named tensors, RowGrad, Ragged, arrays, None."""
    if a is None or b is None:
        return a is b
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return all(same(*pair) for pair in zip(a, b, strict=True))
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def dense(gradient: Any, rows: int) -> np.ndarray:
    """Return a row gradient as a whole matrix."""
    matrix = np.zeros((rows, gradient.values.shape[1]), gradient.values.dtype)
    matrix[gradient.rows] = gradient.values
    return matrix


def train(
    network: Layer, loss: Any, optimizer: Any, x: Ragged, target: np.ndarray, learning_rate: float, steps: int
) -> None:
    """Train: forward, loss, backward, step."""
    for _ in range(steps):
        _, dz = loss(network.forward(x, train=True)[:, 0], target)
        network.backward(dz[:, None])
        optimizer.step([(name, w, network.grads[name]) for name, w in network.params.items()], learning_rate)
