"""Convert between numpy and Arrow through their buffers.

pyarrow's own conversions (pa.array, pa.scalar, Array.to_numpy, Python values passed to a kernel) import pandas on first
use, which takes longer than predicting a text. For the methods of arrays that compute, see utils/compute.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.utils import compute as pc
from sentibp.utils.spill import ArrayBuilder
from sentibp.utils.threads import parallel_map

TEXT = pa.large_string()  # 64-bit offsets: a corpus may pass 2 GB

_CHUNK = 1 << 21  # values that one thread looks up at once; each chunk builds a hash table of the known values

_TYPES = {
    np.dtype(np.int8): pa.int8(),
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int64): pa.int64(),
    np.dtype(np.float64): pa.float64(),
}


def strings(texts: Iterable[str | None]) -> pa.LargeStringArray:
    """Convert Python strings to an Arrow array. Lone surrogates, which UTF-8 cannot encode, become `?`."""
    texts = list(texts)
    encoded = [(text or "").encode(errors="replace") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    array = segments(offsets, b"".join(encoded))
    return array if None not in texts else _with_missing(array, np.array([text is not None for text in texts]))


def count_true(found: Any) -> int:
    """Return how many of some booleans, an array (n,) or a chunked array, are true. A null is not."""
    return sum(piece.true_count for piece in getattr(found, "chunks", [found]))


def scalar(text: str) -> pa.LargeStringScalar:
    """Convert a Python string to an Arrow scalar."""
    return strings([text])[0]


def segments(offsets: np.ndarray, data: bytes | np.ndarray) -> pa.LargeStringArray:
    """Return the texts data[offsets[j]:offsets[j + 1]] of UTF-8 bytes, without a copy; offsets are (n + 1,) int64."""
    return pa.Array.from_buffers(TEXT, len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)])


class TextBuilder:
    """Collects texts that may exceed memory (utils/spill.py)."""

    def __init__(self) -> None:
        self._lengths = ArrayBuilder(np.int64)
        self._data = ArrayBuilder(np.uint8)
        self._missing: list[np.ndarray] = []

    def append(self, texts: pa.LargeStringArray) -> None:
        """Add texts."""
        if texts.null_count:
            self._missing.append(np.flatnonzero(to_numpy(texts.is_null())) + self._lengths.size)
            texts = pc.fill_null(texts, scalar(""))
        offsets, data = buffers(texts)
        self._lengths.append(np.diff(offsets))
        self._data.append(data)

    def array(self) -> pa.LargeStringArray:
        """Return all texts. Call it once, at the end."""
        texts = segments(prefix_sums(self._lengths.array()), self._data.array())
        if not self._missing:
            return texts
        valid = np.ones(len(texts), bool)
        valid[np.concatenate(self._missing)] = False
        return _with_missing(texts, valid)


def _with_missing(texts: pa.LargeStringArray, valid: np.ndarray) -> pa.LargeStringArray:
    """Return the texts, with null where `valid` (n,) is false."""
    _, *buffers = texts.buffers()
    return pa.Array.from_buffers(TEXT, len(texts), [pa.py_buffer(np.packbits(valid, bitorder="little")), *buffers])


def buffers(texts: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the offsets (n + 1,) from 0 and a view of the UTF-8 bytes of texts without nulls. Undoes `segments`."""
    if not len(texts):
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    offsets, data = offsets_of(texts), texts.buffers()[2]
    data = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], data


def offsets_of(texts: pa.LargeStringArray) -> np.ndarray:
    """Return where each of n > 0 texts begins and ends in the buffer of their bytes: (n + 1,) int64."""
    return np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]


def dictionary_lengths(column: pa.DictionaryArray) -> np.ndarray:
    """Return the number of bytes of each value (n,) int64; 8 for values that are no texts."""
    values, indices = column.dictionary, pc.fill_null(pc.cast(column.indices, pa.int64()), pa.scalar(0, pa.int64()))
    if not len(values) or not _has_lengths(values.type):
        return np.full(len(indices), 8, np.int64)
    lengths = pc.fill_null(pc.cast(pc.binary_length(values), pa.int64()), pa.scalar(0, pa.int64()))
    return to_numpy(lengths)[to_numpy(indices)]


def _has_lengths(kind: pa.DataType) -> bool:
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return is_text or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def prefix_sums(values: np.ndarray) -> np.ndarray:
    """Return the sum of the values before each position: (n + 1,) int64."""
    total = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=total[1:])
    return total


def counts_before(mask: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return how many values of the mask (t,) bool are true before each of the places (n,): (n,) int64.

    It is prefix_sums(mask)[places], four times as fast for few places.
    """
    return np.searchsorted(np.flatnonzero(mask), places)


def from_numpy(values: np.ndarray) -> pa.Array:
    """Convert an array (n,) of bool or a type in _TYPES to an Arrow array. Only booleans are copied."""
    if values.dtype == bool:
        packed = pa.py_buffer(np.packbits(values, bitorder="little"))
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, packed])
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_TYPES[values.dtype], len(values), [None, pa.py_buffer(values)])


def to_numpy(values: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Convert an Arrow array of numbers or booleans without nulls to numpy: (n,)."""
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.nulls(0, values.type)
    if pa.types.is_boolean(values.type):
        return np.from_dlpack(pc.cast(values, pa.uint8())).view(bool)
    return np.from_dlpack(values)


def apply_where(
    texts: pa.LargeStringArray, mask: pa.BooleanArray, function: Callable[[pa.LargeStringArray], pa.LargeStringArray]
) -> pa.LargeStringArray:
    """Apply a function to the texts where the mask is true: usually few."""
    return pc.replace_with_mask(texts, mask, function(pc.filter(texts, mask))) if mask.true_count else texts


def split_lines(data: np.ndarray) -> pa.LargeStringArray:
    """Return the lines of UTF-8 bytes (t,) uint8. No bytes give no line. ArrowInvalid if they are not UTF-8."""
    breaks = np.flatnonzero(data == ord("\n"))
    ends = np.append(breaks, len(data)) - np.arange(len(breaks) + 1)  # positions after the line breaks are removed
    texts = segments(np.concatenate(([0], ends)) if len(data) else np.zeros(1, np.int64), data[data != ord("\n")])
    texts.validate(full=True)
    return texts


def index_of(values: pa.Array, known: pa.Array) -> np.ndarray:
    """Return the index of each value in `known`, whose values are distinct, or -1: (n,) int32."""
    if len(values) > len(known) // 8:
        chunks = [values.slice(start, _CHUNK) for start in range(0, len(values), _CHUNK)]
        return np.concatenate([np.zeros(0, np.int32), *parallel_map(lambda chunk: _index_in(chunk, known), chunks)])
    encoded = pc.dictionary_encode(values)  # few values: build a hash table of these, not of the known values
    number = _index_in(known, encoded.dictionary)
    index = np.full(len(encoded.dictionary), -1, np.int32)
    rows = np.flatnonzero(number != -1)
    index[number[rows]] = rows
    return index.take(to_numpy(encoded.indices))


class Lookup:
    """Finds texts among known ones, which are distinct. Looking up few is fast after a while.

    A prediction of one text looks up few words. To scan all known words for each would take most of its time, and to
    make an index of them takes as long as some scans. So the index is made when it is clear that it will be used.
    """

    _SCANS = 4  # before the index is made

    def __init__(self, known: pa.Array):
        self.known = known
        self._scans = 0
        self._find: Callable[[pa.Array], np.ndarray] | None = None

    def index_of(self, values: pa.Array) -> np.ndarray:
        """Return the index of each value among the known ones, or -1: (n,) int32, as `index_of` does."""
        if not len(values) or len(values) > len(self.known) // 8:
            return index_of(values, self.known)
        if self._find is None:
            self._scans += 1
            if self._scans <= self._SCANS:
                return index_of(values, self.known)
            self._find = _finder_of_text(self.known)
        return self._find(values)


def _finder_of_text(known: pa.LargeStringArray) -> Callable[[pa.Array], np.ndarray]:
    place = {text: i for i, text in enumerate(pc.cast(known, pa.large_binary()).to_pylist())}
    return lambda values: np.array(
        [place.get(text, -1) for text in pc.cast(values, pa.large_binary()).to_pylist()], np.int32
    )


def _index_in(values: pa.Array, known: pa.Array) -> np.ndarray:
    result = pc.index_in(values, known)
    index = np.frombuffer(result.buffers()[1] or b"", np.int32)[result.offset : result.offset + len(result)]
    return np.where(to_numpy(pc.is_valid(result)), index, np.int32(-1))
