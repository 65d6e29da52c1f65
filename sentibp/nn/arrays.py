"""The arrays that layers exchange: batches of reviews of different lengths, and gradients of a few rows of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Ragged(NamedTuple):
    """n reviews of different lengths in one array: review j is `ids[offsets[j]:offsets[j + 1]]`."""

    ids: Array  # (t,) int32 feature ids
    offsets: Array  # (n + 1,) int64, from 0 to t

    @property
    def lengths(self) -> Array:
        """The number of features of each review: (n,) int64."""
        return np.diff(self.offsets)

    @property
    def review(self) -> Array:
        """The number of the review that each id belongs to: (t,) int64."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.lengths)

    def take(self, reviews: Array) -> Ragged:
        """Return the given reviews (m,), in that order."""
        lengths = self.offsets[reviews + 1] - self.offsets[reviews]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        shift = np.repeat(self.offsets[reviews] - offsets[:-1], lengths)  # from the new position to the old one
        return Ragged(self.ids[shift + np.arange(offsets[-1])], offsets)

    def slice(self, start: int, stop: int) -> Ragged:
        """Return the reviews from start to stop; their ids are a view."""
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.ids[offsets[0] : offsets[-1]], offsets - offsets[0])


class RowGrad(NamedTuple):
    """The gradient of a matrix (v, d) in which only a few rows are not zero: its cost does not grow with v."""

    rows: Array  # (k,) distinct row numbers
    values: Array  # (k, d)


Gradient = Array | RowGrad


def add_row_gradients(gradients: Sequence[RowGrad], like: Array) -> RowGrad:
    """Return the sum of row gradients, with distinct rows. The sum of none is empty, with the columns of `like`."""
    if len(gradients) == 1:
        return gradients[0]
    rows, index = np.unique(np.concatenate([g.rows for g in gradients] or [np.zeros(0, int)]), return_inverse=True)
    values = np.zeros((len(rows), like.shape[1]), like.dtype)
    start = 0
    for gradient in gradients:
        stop = start + len(gradient.rows)
        values[index[start:stop]] += gradient.values  # the rows of one gradient are distinct
        start = stop
    return RowGrad(rows, values)


def take_rows(matrix: Array, rows: Array) -> Array:
    """Return matrix[rows], (k, d). numpy copies a row faster as one item than as d numbers."""
    return _row_items(matrix).take(rows).view(matrix.dtype).reshape(len(rows), matrix.shape[1])


def put_rows(matrix: Array, rows: Array, values: Array) -> None:
    """Set matrix[rows] = values, (k, d), three times as fast as with an index."""
    np.put(_row_items(matrix), rows, _row_items(np.ascontiguousarray(values)))


def _row_items(matrix: Array) -> Array:
    """Return a view (v,) of a contiguous matrix (v, d) whose items are its rows."""
    return matrix.view(np.dtype((np.void, matrix.itemsize * matrix.shape[1])))[:, 0]
