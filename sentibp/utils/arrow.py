"""Between numpy and Arrow, by their buffers.

pyarrow's own conversions (pa.array, pa.scalar, Array.to_numpy, Python values given to a kernel) import pandas on first
use, to ask whether what they were given is of it. That takes longer than predicting a text. Only booleans are copied
here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp.utils.spill import ArrayBuilder
from sentibp.utils.threads import parallel_map

TEXT = pa.large_string()  # 64-bit offsets: a corpus may pass 2 GB

_PART = 1 << 21  # values looked up at once by one thread; each makes a hash table of what is known

_TYPES = {
    np.dtype(np.int8): pa.int8(),
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int64): pa.int64(),
    np.dtype(np.float64): pa.float64(),
}


def strings(texts: Iterable[str | None]) -> pa.LargeStringArray:
    """Python strings as Arrow text. Halves of surrogate pairs, which UTF-8 cannot hold, become `?`."""
    texts = list(texts)
    encoded = [(text or "").encode(errors="replace") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    found = segments(offsets, b"".join(encoded))
    return found if None not in texts else _with_missing(found, np.array([text is not None for text in texts]))


def scalar(text: str) -> pa.LargeStringScalar:
    """A Python string as an Arrow kernel takes it."""
    return strings([text])[0]


def segments(offsets: np.ndarray, data: bytes | np.ndarray) -> pa.LargeStringArray:
    """The texts data[offsets[j]:offsets[j + 1]]; offsets (n + 1,) int64, data UTF-8."""
    return pa.Array.from_buffers(TEXT, len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


class TextBuilder:
    """Texts that are gathered piece by piece; of more than memory should hold, see `scratch`."""

    def __init__(self) -> None:
        self._lengths = ArrayBuilder(np.int64)
        self._data = ArrayBuilder(np.uint8)
        self._missing: list[np.ndarray] = []

    def append(self, texts: pa.LargeStringArray) -> None:
        """Add texts."""
        if texts.null_count:
            self._missing.append(np.flatnonzero(to_numpy(texts.is_null())) + self._lengths.size)
            texts = texts.fill_null(scalar(""))
        offsets, data = buffers(texts)
        self._lengths.append(np.diff(offsets))
        self._data.append(data)

    def array(self) -> pa.LargeStringArray:
        """All of them; to be called once, at the end."""
        texts = segments(prefix_sums(self._lengths.array()), self._data.array())
        if not self._missing:
            return texts
        there = np.ones(len(texts), bool)
        there[np.concatenate(self._missing)] = False
        return _with_missing(texts, there)


def _with_missing(texts: pa.LargeStringArray, there: np.ndarray) -> pa.LargeStringArray:
    """The texts, null where not `there` (n,) bool."""
    _, *parts = texts.buffers()
    return pa.Array.from_buffers(TEXT, len(texts), [pa.py_buffer(np.packbits(there, bitorder="little")), *parts])


def buffers(texts: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """What `segments` makes texts of, without nulls: offsets (n + 1,) from 0, and a view of the data."""
    if not len(texts):
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    _, offsets, data = texts.buffers()
    offsets = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], data


def prefix_sums(values: np.ndarray) -> np.ndarray:
    """The sum of the values before each place: (n + 1,) int64."""
    total = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=total[1:])
    return total


def from_numpy(values: np.ndarray) -> pa.Array:
    """An array (n,) of a type in _TYPES, or bool, as an Arrow array."""
    if values.dtype == bool:
        packed = pa.py_buffer(np.packbits(values, bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, packed])
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_TYPES[values.dtype], len(values), [None, pa.py_buffer(values)])


def to_numpy(values: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The numbers or booleans of an Arrow array without nulls (n,)."""
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.nulls(0, values.type)
    if pa.types.is_boolean(values.type):
        return np.from_dlpack(values.cast(pa.uint8())).view(bool)
    return np.from_dlpack(values)


def split_lines(data: np.ndarray) -> pa.LargeStringArray:
    """The texts between the line breaks of UTF-8 bytes (t,) uint8. No bytes are no text. ArrowInvalid if not UTF-8."""
    breaks = np.flatnonzero(data == ord("\n"))
    ends = np.append(breaks, len(data)) - np.arange(len(breaks) + 1)  # where they are once the breaks are gone
    texts = segments(np.concatenate(([0], ends)) if len(data) else np.zeros(1, np.int64), data[data != ord("\n")])
    texts.validate(full=True)
    return texts


def index_of(values: pa.Array, known: pa.Array) -> np.ndarray:
    """The place of each value in `known`, which are distinct, or -1: (n,) int32."""
    if len(values) > len(known) // 8:
        parts = [values.slice(start, _PART) for start in range(0, len(values), _PART)]
        return np.concatenate([np.zeros(0, np.int32), *parallel_map(lambda part: _index_in(part, known), parts)])
    encoded = values.dictionary_encode()  # few values: a hash table of them, not of all that is known
    found = _index_in(known, encoded.dictionary)
    place = np.full(len(encoded.dictionary), -1, np.int32)
    at = np.flatnonzero(found != -1)
    place[found[at]] = at
    return place.take(to_numpy(encoded.indices))


def _index_in(values: pa.Array, known: pa.Array) -> np.ndarray:
    found = pc.index_in(values, value_set=known)
    index = np.frombuffer(found.buffers()[1] or b"", np.int32)[found.offset : found.offset + len(found)]
    return np.where(to_numpy(pc.is_valid(found)), index, np.int32(-1))
