"""A network in evaluation mode with a backward: the derivative of a prediction.

Dropout is removed, batch norm uses its running averages, and the embedding bag is the plain one. All numbers are
float64.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from sentibp.nn.arrays import Array
from sentibp.nn.layers import BatchNorm, Dropout, EmbeddingBag, Layer, Residual, Sequential, WordDropout
from sentibp.nn.sparse import FastEmbeddingBag


class FixedBatchNorm(BatchNorm):
    """y = scale * (x - mean) / sqrt(variance + epsilon) + shift, with constant mean and variance."""

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        if train:
            std = np.sqrt(self.buffers["variance"] + self.EPSILON)
            self._saved = (x - self.buffers["mean"]) / std, std
        return super().forward(x)

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        x_hat, std = self._take()
        self.grads = {"scale": (dy * x_hat).sum(axis=0), "shift": dy.sum(axis=0)}
        return dy * self.params["scale"] / std


_EVAL_LAYERS: dict[type[Layer], Callable[..., Layer]] = {
    FastEmbeddingBag: lambda bag: EmbeddingBag(bag.params["weight"], bag.pooling, bag.padding),
    BatchNorm: lambda norm: FixedBatchNorm(**norm.params, **norm.buffers),
}
"""The layers that compute something else in evaluation than in training; all others are copied."""


def eval_mode(layer: Layer, rows: Array | None = None) -> Any:
    """Return a copy of the layer in evaluation mode, with float64 copies of its numbers.

    If `rows` (k,) is given, the embedding of the copy has these rows only, in this order. The same row may be given
    several times.
    """
    if isinstance(layer, Sequential):
        kept = {name: inner for name, inner in layer.layers.items() if not isinstance(inner, Dropout | WordDropout)}
        return Sequential({name: eval_mode(inner, rows) for name, inner in kept.items()})
    if isinstance(layer, Residual):
        return Residual(eval_mode(layer.block, rows))
    result = _EVAL_LAYERS.get(type(layer), copy)(layer)
    params = dict(layer.params)
    if isinstance(layer, EmbeddingBag) and rows is not None:
        params["weight"] = params["weight"][rows]
    result.params = {name: value.astype(np.float64) for name, value in params.items()}
    result.buffers = {name: value.astype(np.float64) for name, value in layer.buffers.items()}
    return result
