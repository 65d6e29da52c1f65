"""Sequences as Python programs have them, lists, numpy, pandas, polars or Arrow, as texts in Arrow and as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from sentibp.errors import InvalidInput
from sentibp.utils import compute as pc
from sentibp.utils.arrow import TEXT, strings, to_numpy

Texts: TypeAlias = "Iterable[str] | pa.Array | pa.ChunkedArray"
"""Several texts: a list or another iterable of str, a numpy array, a Series of pandas or polars, or an Arrow array."""


def as_texts(values: Any, name: str = "texts") -> pa.LargeStringArray | pa.ChunkedArray:
    """Return texts as Arrow has them. Lone surrogates, which UTF-8 cannot encode, become `?`.

    InvalidInput for a single text, which would be taken for its letters, and with the position for what is no text,
    such as None or NaN. `name` is that of the argument.
    """
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        require_sequence(values, name, "text")
        values = values.to_arrow() if hasattr(values, "to_arrow") else values  # polars
    if not isinstance(values, pa.Array | pa.ChunkedArray):
        return _of_objects(to_list(values, name), name)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_null(kind) and len(values):
        raise _no_text(name, 0, None)
    if str(kind) not in ("string", "large_string", "string_view", "null"):
        raise InvalidInput(f"{name} are {kind}, not texts; give an array of strings")
    if values.null_count:
        raise _no_text(name, int(np.argmin(to_numpy(pc.is_valid(values)))), None)
    return values if values.type == TEXT else values.cast(TEXT)


def _of_objects(values: list[Any], name: str) -> pa.LargeStringArray:
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise _no_text(name, position, value)
    return strings(values)


def _no_text(name: str, position: int, value: Any) -> InvalidInput:
    what = "missing (None or NaN)" if is_missing(value) else f"{_short(value)}, which is no text"
    repair = "decode it" if isinstance(value, bytes) else 'leave it out, or write an empty text as ""'
    repair = repair if is_missing(value) or isinstance(value, bytes) else "give a str"
    return InvalidInput(f"{name}[{position}] is {what}; {repair}")


def _short(value: Any) -> str:
    return f"{value!r:.60} ({type(value).__name__})"


def is_missing(value: Any) -> bool:
    """Return whether a value stands for none: None, NaN, pandas' NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def require_sequence(values: Any, name: str, what: str) -> None:
    """Raise InvalidInput if these are no values in an order, but a single one, a mapping, or a table."""
    if isinstance(values, str | bytes):
        raise InvalidInput(f"{name} is a single {what}; give a list, also of one: [{_short(values).split(' (')[0]}]")
    if isinstance(values, Mapping | set | frozenset):
        raise InvalidInput(f"{name} is a {type(values).__name__}; give a list, whose order is that of the result")
    if hasattr(type(values), "columns") or isinstance(values, pa.Table) or getattr(values, "ndim", 1) > 1:
        raise InvalidInput(f"{name} is a table; give one of its columns")
    if not isinstance(values, Iterable) and not hasattr(values, "__array__"):
        raise InvalidInput(f"{name} is {_short(values)}; give a list")


def require_same_order(values: Any, name: str, others: Mapping[str, Any]) -> None:
    """Raise InvalidInput if one of the others is a Series of pandas with the index of the values in another order.

    Values belong together by their position. Such Series would be paired in the wrong way.
    """
    index = _index(values)
    for other, each in others.items():
        found = _index(each)
        if index is None or found is None or len(index) != len(found) or index.equals(found):
            continue
        if index.isin(found).all() and found.isin(index).all():
            repair = f"give {other}.loc[{name}.index]" if index.is_unique else "bring both into the same order"
            repair += f", or {other}.to_numpy() if the values are in the order of {name}"
            raise InvalidInput(f"{other} has the index of {name} in another order; {repair}")


def _index(values: Any) -> Any:
    """Return the index of a Series of pandas; None for anything else, such as a list, whose `index` is a method."""
    index = getattr(values, "index", None)
    return index if hasattr(index, "isin") and hasattr(index, "is_unique") else None


def read_once(values: Any) -> Any:
    """Return what may be read again: an iterator, such as a generator, as a list; anything else as it is."""
    return list(values) if isinstance(values, Iterator) else values


def to_list(values: Any, name: str) -> list[Any]:
    """Return the values of a sequence as a list. Numbers of numpy and members of an enumeration become plain values."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.to_pylist()
    if hasattr(values, "__array__") and not isinstance(values, list | tuple):
        array = np.asanyarray(values)  # a masked array stays one: its list has None where it is masked
        if array.ndim != 1:
            raise InvalidInput(f"{name} has the shape {array.shape}; give an array of one dimension")
        return array.tolist() if array.dtype != object else list(map(_plain, array.tolist()))
    return list(map(_plain, values))


def _plain(value: Any) -> Any:
    """Return a number of numpy or torch, or of a type derived from str, int or float, as one of Python's own."""
    value = value.item() if getattr(value, "ndim", None) == 0 else value
    if type(value) is str or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value) if isinstance(value, float) else value
