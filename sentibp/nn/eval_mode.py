"""A network as it predicts, with a backward: what its answer depends on, and how much.

Dropout is gone, batch norm holds its running averages, the embedding bag is the plain one, and all numbers are float64.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from sentibp.nn.layers import Array, BatchNorm, Dropout, EmbeddingBag, Layer, Residual, Sequential, WordDropout
from sentibp.nn.sparse import FastEmbeddingBag


class FixedBatchNorm(BatchNorm):
    """y = scale * (x - mean) / sqrt(variance + epsilon) + shift, with averages that no batch moves."""

    def forward(self, x: Array, *, train: bool = False) -> Array:
        """(n, i) -> (n, i)."""
        if train:
            deviation = np.sqrt(self.buffers["variance"] + np.asarray(self._EPSILON, x.dtype))
            self._saved = (x - self.buffers["mean"]) / deviation, deviation
        return super().forward(x)

    def backward(self, dy: Array) -> Array:
        """(n, i) -> (n, i)."""
        normal, deviation = self._take()
        self.grads = {"scale": (dy * normal).sum(axis=0), "shift": dy.sum(axis=0)}
        return dy * self.params["scale"] / deviation


_TWINS: dict[type[Layer], Callable[..., Layer]] = {
    FastEmbeddingBag: lambda bag: EmbeddingBag(bag.params["weight"], bag.pooling, bag.padding),
    BatchNorm: lambda norm: FixedBatchNorm(**norm.params, **norm.buffers),
}
"""Layers that predict in another dress; all others are copied as they are."""


def as_predicted(layer: Layer, rows: Array | None = None) -> Any:
    """The layer as it predicts, around copies of its numbers; `rows` (k,) of its embedding become all that there are.

    A row may be given several times: each is then a row of its own.
    """
    if isinstance(layer, Sequential):
        drops = (Dropout, WordDropout)  # which do nothing but in training
        return Sequential({name: as_predicted(x, rows) for name, x in layer.layers.items() if not isinstance(x, drops)})
    if isinstance(layer, Residual):
        return Residual(as_predicted(layer.block, rows))
    twin = _TWINS.get(type(layer), copy)(layer)
    chosen = dict(layer.params)
    if isinstance(layer, EmbeddingBag) and rows is not None:
        chosen["weight"] = chosen["weight"][rows]
    twin.params = {name: value.astype(np.float64) for name, value in chosen.items()}
    twin.buffers = {name: value.astype(np.float64) for name, value in layer.buffers.items()}
    return twin
