"""A fast embedding bag: the same function as `layers.EmbeddingBag`, except for rounding.

It differs in three ways. The count matrix is sparse (scipy's CSR), so that a product costs one multiplication for each
word that occurs. The distinct features of a batch are found without sorting them all. Prediction, which needs no
gradient, sums the gathered rows directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sentibp.nn.arrays import Array, Ragged, RowGrad, take_rows
from sentibp.nn.layers import EmbeddingBag

_LONG = 1 << 24  # numbers in the rows of some reviews that are gathered at the same time

_PAIRWISE_BLOCK = 128  # numbers that numpy adds in one loop


class Indexed(NamedTuple):
    """A batch with its distinct ids: `reviews.ids` equals `rows[column]`."""

    reviews: Ragged
    rows: Array  # (k,) sorted
    column: Array  # (t,) int32


class FastEmbeddingBag(EmbeddingBag):
    """y = (counts @ weight[rows]) / divisor; see `EmbeddingBag`."""

    def __init__(self, weight: Array, pooling: str = "mean", padding: int = 0):
        super().__init__(weight, pooling, padding)
        self._scratch = np.zeros(0, np.int32)  # one number per feature, for `_distinct`; holds no state

    def index(self, x: Ragged) -> Indexed:
        """Return the batch with its distinct ids. Only one thread at a time may call it."""
        return Indexed(x, *self._distinct(x.ids))

    def prefetcher(self) -> Callable[[Ragged], Indexed]:
        """Find the distinct ids of each batch."""
        return self.index

    def forward(self, x: Ragged | Indexed, *, train: bool = False) -> Array:
        """n reviews -> (n, d)."""
        weight = self.params["weight"]
        if not train:
            assert isinstance(x, Ragged)
            return _row_sums(weight, x) / self.divisor(x)
        from scipy.sparse import csr_array  # imported in training only: prediction starts faster without it

        x, rows, column = x if isinstance(x, Indexed) else self.index(x)
        divisor = self.divisor(x)
        index = np.int32 if len(x.ids) < 2**31 else np.int64
        ones = np.ones(len(x.ids), weight.dtype)
        counts = csr_array((ones, column, x.offsets.astype(index)), shape=(len(divisor), len(rows)))
        self._saved = rows, counts, divisor
        return (counts @ take_rows(weight, rows)) / divisor  # (n, k) @ (k, d) -> (n, d)

    def backward(self, dy: Array) -> None:
        """(n, d) -> None, because ids have no derivative. `grads["weight"]` is a RowGrad."""
        rows, counts, divisor = self._take()
        self.grads = {"weight": RowGrad(rows, counts.T @ (dy / divisor))}  # (k, n) @ (n, d) -> (k, d)

    def _distinct(self, ids: Array) -> tuple[Array, Array]:
        """Return the distinct ids (k,), sorted, and the index of each id among them (t,) int32.

        Every occurrence writes its position to the scratch entry of its id. Only the last occurrence of an id reads
        its own position back.
        """
        if not len(self._scratch):
            self._scratch = np.zeros(len(self.params["weight"]), np.int32)
        scratch, position = self._scratch, np.arange(len(ids), dtype=np.int32)
        scratch[ids] = position
        rows = np.sort(ids.compress(scratch.take(ids) == position))  # frequent rows become neighbours in memory
        scratch[rows] = position[: len(rows)]
        return rows, scratch.take(ids)


def _row_sums(weight: Array, x: Ragged) -> Array:
    """Return the sum of the rows of each review, (n, d). `reduceat` gives an empty review the row of the next one."""
    y = np.zeros((len(x.lengths), weight.shape[1]), weight.dtype)
    filled = x.lengths > 0
    if len(x.ids) * weight.shape[1] > _LONG:
        for j in np.flatnonzero(filled):
            y[j] = _row_sum(weight, x.ids[x.offsets[j] : x.offsets[j + 1]])
    elif filled.any():
        y[filled] = np.add.reduceat(take_rows(weight, x.ids), x.offsets[:-1][filled], axis=0)
    return y


def _row_sum(weight: Array, ids: Array) -> Array:
    """Return the sum of the rows (d,) as `reduceat` computes it, with few of many rows in memory.

    It adds the pairwise sum of the others to the first row.
    """
    if len(ids) * weight.shape[1] <= _LONG:
        return np.add.reduceat(take_rows(weight, ids), [0], axis=0)[0]
    return weight[ids[0]] + _pairwise_sum(weight, ids[1:])


def _pairwise_sum(weight: Array, ids: Array) -> Array:
    """Return the pairwise sum of the rows (d,), with the halves of numpy (pairwise_sum in loops_utils.h.src)."""
    n = len(ids)
    if n * weight.shape[1] <= _LONG or n <= _PAIRWISE_BLOCK:
        rows = np.concatenate([np.zeros((1, weight.shape[1]), weight.dtype), take_rows(weight, ids)])
        return np.add.reduceat(rows, [0], axis=0)[0]
    half = n // 2
    half -= half % 8
    return _pairwise_sum(weight, ids[:half]) + _pairwise_sum(weight, ids[half:])
