"""The tensors of a training as one mapping, and their sums and averages over shards.

The order of a sum of floats decides its last bits. So shards are always added in their own order, in a tree of fixed
shape (`FAN_IN`), whichever of them is ready first: the result does not depend on the number of processes or machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sentibp.nn.arrays import Array, put_rows, take_rows

FAN_IN = 8
"""How many sums are added in one task."""

State = Mapping[str, Array]
"""All tensors of a network and of its optimizer, named as in a checkpoint: weights/NAME, optimizer/NAME/SLOT."""


class RowSums(NamedTuple):
    """Sums of the rows that some shards have changed, of a parameter and of the arrays that its optimizer keeps."""

    rows: Array  # (k,) sorted
    count: Array  # (k,) how many shards have changed each
    sums: dict[str, Array]  # by the name in the state: (k, d)


class Sums(NamedTuple):
    """The sum over some shards of what they have computed. Those of a single shard have the dtype of the parameters."""

    dense: dict[str, Array]  # by the name in the state, or by the name of the parameter for gradients
    rows: dict[str, RowSums]  # by the name of the parameter
    shards: int
    reviews: int
    loss: float  # summed over the reviews
    norm: float  # of the gradients, summed over the steps
    steps: int


def merge(*parts: Sums) -> Sums:
    """Return the sum of the parts, in this order, in float64."""
    if len(parts) == 1:
        return parts[0]
    dense = {name: _add([part.dense[name] for part in parts if name in part.dense]) for name in _names(parts, "dense")}
    rows = {
        name: _merge_rows([part.rows[name] for part in parts if name in part.rows]) for name in _names(parts, "rows")
    }
    return Sums(dense, rows, *(sum(column) for column in zip(*(part[2:] for part in parts), strict=True)))


def _names(parts: tuple[Sums, ...], field: str) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in getattr(part, field)))


def _add(arrays: list[Array]) -> Array:
    """Return the sum in float64; of counters of steps, the highest: a shard may have one batch less than the others."""
    if arrays[0].dtype.kind == "i":
        return np.max(arrays, axis=0)
    total = arrays[0].astype(np.float64)
    for array in arrays[1:]:
        total += array
    return total


def _merge_rows(parts: list[RowSums]) -> RowSums:
    rows, index = np.unique(np.concatenate([part.rows for part in parts]), return_inverse=True)
    count = np.zeros(len(rows), np.int32)
    sums = {name: np.zeros((len(rows), array.shape[1])) for name, array in parts[0].sums.items()}
    start = 0
    for part in parts:
        place = index[start : start + len(part.rows)]  # the rows of a part are distinct
        count[place] += part.count
        for name, total in sums.items():
            total[place] += part.sums[name]
        start += len(part.rows)
    return RowSums(rows, count, sums)


def average(state: State, total: Sums) -> State:
    """Return the state after a round: the mean over the shards of each tensor, and of each array of the optimizer.

    A row of the embedding is averaged over the shards that have changed it. The others had no review with its feature:
    they know nothing of it, and must not hold it back.
    """
    new = dict(state)
    for name, array in total.dense.items():
        is_counter = array.dtype.kind == "i"
        new[name] = array if is_counter else (array / total.shards).astype(state["weights/output.bias"].dtype)
    for name, group in total.rows.items():
        for key, sums in group.sums.items():
            weight = state[f"weights/{name}"]
            rows = (sums / group.count[:, None]).astype(weight.dtype)
            new[key] = _with_rows(state.get(key), len(weight), group.rows, rows)
    return new


def _with_rows(array: Array | None, length: int, rows: Array, values: Array) -> Array:
    """Return a copy of an array with other rows; None is one of zeros, in which an optimizer begins."""
    new = np.zeros((length, values.shape[1]), values.dtype) if array is None else array.copy()
    put_rows(new, rows, values)
    return new


def row_sums(state: State, name: str, rows: Array) -> RowSums:
    """Return the rows of a parameter, and of the arrays of its optimizer, as one shard has changed them."""
    keys = [f"weights/{name}", *(key for key in state if key.startswith(f"optimizer/{name}/") and state[key].ndim)]
    return RowSums(rows, np.ones(len(rows), np.int32), {key: take_rows(state[key], rows) for key in keys})
