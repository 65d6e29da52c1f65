"""What all readers share: the columns to read, the records that result, bytes, encodings, and Arrow's batches."""

from __future__ import annotations

import codecs
import contextlib
import errno
import gzip
import io
import itertools
import mmap
import os
import stat
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import TEXT, TextBuilder

_BLOCKS = (1 << 22, 1 << 26, 1 << 30)  # bytes that Arrow reads at once; a record must fit in one block

CHUNK = 1 << 24  # bytes processed at once by Python

ROWS = 4096  # records processed at once by Python

_LOOK = 64  # bytes from which the encoding is detected

_RELEASE_SECONDS = 10  # how long to wait for the threads of a reader

_STRINGS = ("string", "large_string", "string_view")

OPTION = {
    "text": "--text-column (data.text_column)",
    "label": "--label-column (data.label_column)",
    "weight": "data.weight_column",
}


class Columns(NamedTuple):
    """The names of the columns to read. A label or weight of None is not read."""

    text: str = "text"
    label: str | None = None
    weight: str | None = None

    def wanted(self) -> dict[str, str]:
        """Return {role: column name} for the columns to read."""
        return {role: name for role, name in self._asdict().items() if name is not None}


@dataclass(frozen=True, eq=False)
class Records:
    """The rows of one source, before its labels are interpreted."""

    name: str  # as the user wrote it
    text: pa.ChunkedArray  # large_string; null where the record has no text
    label: pa.ChunkedArray | None  # of whatever type the source has
    weight: pa.ChunkedArray | None
    where: Callable[[int], str]  # row -> its place, such as "reviews.csv:17"; may be slow
    names: Sequence[str] = ()  # of the integer labels 0, 1, ..., if the source defines them
    fixed_labels: bool = False  # labels are 0/1 or neg/pos by construction: data.labels does not apply


# Bytes


def read_bytes(path: Path) -> memoryview:
    """Return the bytes of a file; a large file is memory-mapped. OSError if it cannot be read."""
    if stat.S_ISCHR(os.stat(path).st_mode) and str(path) != os.devnull:  # it may be endless
        raise OSError(errno.EINVAL, "a device, not a file")
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size <= spill.IN_MEMORY:  # 0 for a pipe, whose size is unknown
            return memoryview(file.read())
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def as_file(data: memoryview) -> io.BufferedReader:
    """Return the bytes as an open file, without a copy."""
    return io.BufferedReader(pa.BufferReader(data), 1 << 16)  # type: ignore[arg-type]


def gunzip(data: memoryview, name: str) -> memoryview:
    """Decompress a gzip file. DataError if it is damaged."""
    content = spill.ArrayBuilder(np.uint8)
    try:
        with gzip.GzipFile(fileobj=as_file(data)) as file:
            while chunk := file.read(CHUNK):
                content.append(np.frombuffer(chunk, np.uint8))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip: {str(error).lower()}; fetch or write it again") from None
    return content.array().data


def utf8(data: memoryview, name: str) -> memoryview:
    """Return the bytes without a byte-order mark. DataError with the line if they are not UTF-8."""
    if encoding := _other_encoding(bytes(data[:_LOOK])):
        raise DataError(f"{name}: {encoding}; save the file as UTF-8")
    data = unmarked(data)
    try:
        one_string(data).validate(full=True)
    except ValueError:
        _raise_not_utf8(data, name)
    return data


def _other_encoding(start: bytes) -> str | None:
    """Return the name of another encoding than UTF-8 if the byte-order mark or zero bytes reveal it, else None."""
    if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "UTF-32"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    for width, kind in (4, "UTF-32"), (2, "UTF-16"):
        characters = [start[i : i + width] for i in range(0, len(start) // width * width, width)]
        for zeros in slice(1, None), slice(None, -1):  # little-endian, big-endian
            if len(characters) > 7 and all(not any(each[zeros]) and any(each) for each in characters):
                return f"looks like {kind}"
    return None


def _raise_not_utf8(data: memoryview, name: str) -> None:
    """Raise a DataError that names the line of the first byte that is not UTF-8."""
    line, decoder = 1, codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), CHUNK):
        chunk = bytes(data[start : start + CHUNK])
        try:
            decoder.decode(chunk, final=start + CHUNK >= len(data))
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            byte = f"byte 0x{error.object[error.start]:02X}"
            raise DataError(f"{name}:{line}: not UTF-8 ({byte}); save the file as UTF-8") from None
        line += chunk.count(b"\n")


def unmarked(data: memoryview) -> memoryview:
    """Return the bytes without a byte-order mark."""
    return data[3:] if data[:3] == b"\xef\xbb\xbf" else data


def first_bytes(data: memoryview, count: int) -> bytes:
    """Return the first `count` bytes after white space."""
    for start in range(0, len(data), 1 << 16):
        chunk = bytes(data[start : start + (1 << 16)])
        if content := chunk.lstrip():
            begin = start + len(chunk) - len(content)
            return bytes(data[begin : begin + count])
    return b""


def one_string(data: bytes | memoryview) -> pa.Array:
    """Return the bytes as an Arrow array with one string, without a copy."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    return pa.Array.from_buffers(TEXT, 1, [None, offsets, pa.py_buffer(data)])


# Columns


def require_columns(place: str, names: Iterable[object], columns: Columns) -> None:
    """Raise a DataError for every column to read that is missing or occurs twice."""
    present = [str(name) for name in names]
    choice = ", ".join(name if len(name) <= 40 else name[:39] + "…" for name in present[:20])
    wrong = [
        f"{place}: no {name!r}; set {OPTION[role]} to one of: {choice}"
        if name not in present
        else f"{place}: two columns are called {name!r}; rename one"
        for role, name in columns.wanted().items()
        if present.count(name) != 1
    ]
    if wrong:
        raise DataError(*wrong)


def reject_weights(name: str, columns: Columns) -> None:
    """Raise a DataError if weights are to be read from a format that has no columns."""
    if columns.weight is not None:
        raise DataError(f"{name}: has no columns to take weights from; remove data.weight_column")


def chunked(array: pa.Array) -> pa.ChunkedArray:
    """Return an Arrow array as a chunked array."""
    return pa.chunked_array([array])


def require_types(name: str, schema: pa.Schema, columns: Columns) -> None:
    """Raise a DataError for the first column whose type does not fit its role."""
    for role, column in columns.wanted().items():
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(kind) or (role == "text" and str(kind) not in _STRINGS):
            need = "text" if role == "text" else "a string or a number"
            raise DataError(f"{name}: {getattr(columns, role)!r} is {kind}, not {need}; set {OPTION[role]} to another")


def arrow_batches(data: memoryview, open_reader: Callable[[pa.BufferReader], Iterable[Any]]) -> Generator[Any]:
    """Yield the batches of an Arrow reader. At the end, wait until no thread of Arrow holds the bytes.

    A thread of Arrow that releases the last reference to a Python object needs the interpreter. If the interpreter is
    shutting down at that moment, the process aborts. `open_reader` must keep no reference to its argument in a Python
    frame, which a traceback would keep alive.
    """
    view = memoryview(data)
    try:
        yield from open_reader(pa.BufferReader(view))
    finally:
        deadline = time.monotonic() + _RELEASE_SECONDS
        while not _released(view) and time.monotonic() < deadline:
            time.sleep(0.001)


def _released(view: memoryview) -> bool:
    try:
        view.release()
    except BufferError:  # Arrow still holds a buffer over it
        return False
    return True


def records(
    name: str, schema: pa.Schema, batches: Generator[Any], columns: Columns, where: Callable[[int], str]
) -> Records:
    """Collect batches, whose columns have the names of the file, into records. `where` gives the place of a row.

    DataError if the type of a column does not fit its role.
    """
    require_types(name, schema, columns)
    texts = TextBuilder()
    arrays: dict[str, list[pa.Array]] = {role: [] for role in columns.wanted()}
    with contextlib.closing(batches):
        for batch in batches:
            texts.append(batch[columns.text].cast(TEXT))
            for role, column in columns.wanted().items():
                if role != "text":
                    arrays[role].append(batch[column])
    chunks = {
        role: pa.chunked_array(arrays[role], schema.field(column).type) for role, column in columns.wanted().items()
    }
    return Records(name, chunked(texts.array()), chunks.get("label"), chunks.get("weight"), where)


def string_schema(columns: Iterable[str]) -> pa.Schema:
    """Return a schema in which all these columns are text."""
    return pa.schema(dict.fromkeys(columns, TEXT))


def batched(items: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the items in lists of ROWS items."""
    items = iter(items)
    while batch := list(itertools.islice(items, ROWS)):
        yield batch


def with_growing_blocks(attempt: Callable[[int], Records]) -> Records:
    """Call `attempt` with larger and larger block sizes until each record fits in a block."""
    for block in _BLOCKS:
        try:
            return attempt(block)
        except pa.ArrowInvalid as error:
            if "block" not in str(error) or block == _BLOCKS[-1]:
                raise
    raise AssertionError("unreachable")
