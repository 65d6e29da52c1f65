"""The weights of reviews, as a column has them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.data.labels import first_place, row_count
from sentibp.data.readers.records import Records

_SMALLEST, _LARGEST = 1e-30, 1e30  # sums and ratios of weights are still float32


def read_weights(records: Records, column: pa.ChunkedArray, kept: np.ndarray, wrong: list[str]) -> np.ndarray:
    """Return the weight of each review (n,) float32; add a line to `wrong` if one that is kept is no usable number."""
    weight = numbers(column)
    is_usable = (weight >= _SMALLEST) & (weight <= _LARGEST)  # False for NaN
    invalid = np.flatnonzero(kept & ~is_usable)
    if len(invalid):
        value = column[int(invalid[0])].as_py()
        repair = "give a finite number, not below 0"
        if meant := _meant(str(value)):
            repair = f"write {meant}"
        elif np.isfinite(weight[invalid[0]]) and weight[invalid[0]] > 0:
            repair = f"give 0, or a number from {_SMALLEST:g} to {_LARGEST:g}"
        wrong.append(f"{first_place(records, invalid)}: weight {value!r}{row_count(invalid)}; {repair}")
    return np.where(is_usable, weight, np.nan).astype(np.float32)


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Return the values as numbers (n,) float64, NaN for those that are none."""
    if pa.types.is_large_string(column.type):
        column = pc.utf8_trim_whitespace(column)
    try:
        return column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.array([_number(value) for value in column.to_pylist()])


def _number(value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        return np.nan


def _meant(text: str) -> str:
    """Return the number that a text such as `0,5` or `50 %` means, or both that `1,500` may mean; "" if it is none."""
    from sentibp.config.numbers import meant_number  # `predict` does without YAML

    meant = (meant_number(text, whole=False), meant_number(text, whole=True))
    return " or ".join(f"{each:.12g}" for each in meant if each is not None and each >= 0)
