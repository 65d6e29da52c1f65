"""The embedding bag again, made fast: the contract and, but for rounding, the numbers of `layers.EmbeddingBag`.

Three things differ. The count matrix is sparse (scipy's CSR), so that a product costs one multiplication per word that
is there. The distinct features of a batch are found without sorting. And prediction, which needs no gradient, sums the
gathered rows directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sentibp.nn.layers import Array, EmbeddingBag, Ragged, RowGrad, take_rows


class Indexed(NamedTuple):
    """A batch whose distinct ids are known: `reviews.ids` is `rows[column]`."""

    reviews: Ragged
    rows: Array  # (k,) in order
    column: Array  # (t,) int32


class FastEmbeddingBag(EmbeddingBag):
    """y = scale * (counts @ weight[rows]); see `EmbeddingBag`."""

    def __init__(self, weight: Array, pooling: str = "mean", padding: int = 0):
        super().__init__(weight, pooling, padding)
        self._slot = np.zeros(0, np.int32)  # scratch of `_distinct`, one number per feature; holds no state

    def index(self, x: Ragged) -> Indexed:
        """Return the batch with its distinct ids. Not for several threads at once."""
        return Indexed(x, *self._distinct(x.ids))

    def prefetcher(self) -> Callable[[Ragged], Indexed]:
        """Index each batch."""
        return self.index

    def forward(self, x: Ragged | Indexed, *, train: bool = False) -> Array:
        """n reviews -> (n, d)."""
        weight = self.params["weight"]
        if not train:
            assert isinstance(x, Ragged)
            return _row_sums(weight, x) / self.scale(x)
        from scipy.sparse import csr_array  # loaded where something is trained, not where a text is predicted

        x, rows, column = x if isinstance(x, Indexed) else self.index(x)
        scale = self.scale(x)
        index = np.int32 if len(x.ids) < 2**31 else np.int64
        ones = np.ones(len(x.ids), weight.dtype)
        counts = csr_array((ones, column, x.offsets.astype(index)), shape=(len(scale), len(rows)))
        self._saved = rows, counts, scale
        return (counts @ take_rows(weight, rows)) / scale  # (n, k) @ (k, d) -> (n, d)

    def backward(self, dy: Array) -> None:
        """(n, d) -> nothing: ids have no derivative. `grads["weight"]` is a RowGrad."""
        rows, counts, scale = self._take()
        self.grads = {"weight": RowGrad(rows, counts.T @ (dy / scale))}  # (k, n) @ (n, d) -> (k, d)

    def _distinct(self, ids: Array) -> tuple[Array, Array]:
        """The distinct ids in order, and the place of each id among them.

        Every place writes its number into its id's slot. The last one to write stays: it alone reads itself back, and
        stands for the id.
        """
        if not len(self._slot):
            self._slot = np.zeros(len(self.params["weight"]), np.int32)
        slot, place = self._slot, np.arange(len(ids), dtype=np.int32)
        slot[ids] = place
        rows = np.sort(ids.compress(slot.take(ids) == place))  # ids are by frequency: neighbours in memory, too
        slot[rows] = place[: len(rows)]
        return rows, slot.take(ids)


def _row_sums(weight: Array, x: Ragged) -> Array:
    """The sum of the rows of each review: (n, d). An empty review has none: reduceat would give it its neighbour's."""
    y = np.zeros((len(x.lengths), weight.shape[1]), weight.dtype)
    filled = x.lengths > 0
    if filled.any():
        y[filled] = np.add.reduceat(take_rows(weight, x.ids), x.offsets[:-1][filled], axis=0)
    return y
