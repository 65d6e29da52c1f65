"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte)."""

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

_BLOCKS = (1 << 22, 1 << 26, 1 << 30)  # bytes Arrow reads at once; a record must fit in one block

PART = 1 << 24  # bytes handled at once where Arrow does not choose

ROWS = 4096  # records likewise

_LOOK = 64  # bytes that tell the encoding

_RELEASE_SECONDS = 10  # how long to wait for the threads of a reader

_STRINGS = ("string", "large_string", "string_view")

OPTION = {
    "text": "--text-column (data.text_column)",
    "label": "--label-column (data.label_column)",
    "weight": "data.weight_column",
}


class Columns(NamedTuple):
    """The names of the columns to read; a label or weight of None is not asked for."""

    text: str = "text"
    label: str | None = None
    weight: str | None = None

    def wanted(self) -> dict[str, str]:
        """Role -> column name, of those asked for."""
        return {role: name for role, name in self._asdict().items() if name is not None}


@dataclass(frozen=True, eq=False)
class Records:
    """One source as it was read, before its labels are understood."""

    name: str  # as the user wrote it
    text: pa.ChunkedArray  # large_string; null where the record has no text
    label: pa.ChunkedArray | None  # of whatever type the source has
    weight: pa.ChunkedArray | None
    where: Callable[[int], str]  # row -> its place in the user's terms, "reviews.csv:17"; may be slow
    names: Sequence[str] = ()  # of the integer labels 0, 1, ..., where the source has them
    certain: bool = False  # labels are 0/1 or neg/pos by construction, whatever the user's mapping says


# Bytes


def read_bytes(path: Path) -> memoryview:
    """The bytes of a file; a large one is mapped. OSError if it cannot be read."""
    if stat.S_ISCHR(os.stat(path).st_mode) and str(path) != os.devnull:  # which may never end
        raise OSError(errno.EINVAL, "a device, not a file")
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size <= spill.IN_MEMORY:  # or not known, as of a pipe
            return memoryview(file.read())
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def as_file(data: memoryview) -> io.BufferedReader:
    """Bytes as a file that is open, without a copy."""
    return io.BufferedReader(pa.BufferReader(data), 1 << 16)  # type: ignore[arg-type]


def gunzip(data: memoryview, name: str) -> memoryview:
    """The bytes that a gzip file holds. DataError if it is damaged."""
    content = spill.ArrayBuilder(np.uint8)
    try:
        with gzip.GzipFile(fileobj=as_file(data)) as file:
            while part := file.read(PART):
                content.append(np.frombuffer(part, np.uint8))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip: {str(error).lower()}; fetch or write it again") from None
    return content.array().data


def utf8(data: memoryview, name: str) -> memoryview:
    """The bytes without their mark, once they are known to be UTF-8."""
    if other := _other_encoding(bytes(data[:_LOOK])):
        raise DataError(f"{name}: {other}; save the file as UTF-8")
    data = unmarked(data)
    try:
        one_string(data).validate(full=True)
    except ValueError:
        _complain_of_bytes(data, name)
    return data


def _other_encoding(start: bytes) -> str | None:
    """The name of an encoding that is not UTF-8, by its mark or by where the zeros of the first letters lie."""
    if start[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "UTF-32"
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    for width, kind in (4, "UTF-32"), (2, "UTF-16"):
        letters = [start[at : at + width] for at in range(0, len(start) // width * width, width)]
        for zeros in slice(1, None), slice(None, -1):  # the low byte comes first, or last
            if len(letters) > 7 and all(not any(each[zeros]) and any(each) for each in letters):
                return f"looks like {kind}"
    return None


def _complain_of_bytes(data: memoryview, name: str) -> None:
    """Name the line of the first byte that is not UTF-8."""
    line, decoder = 1, codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), PART):
        part = bytes(data[start : start + PART])
        try:
            decoder.decode(part, final=start + PART >= len(data))
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            byte = f"byte 0x{error.object[error.start]:02X}"
            raise DataError(f"{name}:{line}: not UTF-8 ({byte}); save the file as UTF-8") from None
        line += part.count(b"\n")


def unmarked(data: memoryview) -> memoryview:
    """The bytes without a byte-order mark."""
    return data[3:] if data[:3] == b"\xef\xbb\xbf" else data


def first_bytes(data: memoryview, count: int) -> bytes:
    """The first bytes after white space."""
    for start in range(0, len(data), 1 << 16):
        part = bytes(data[start : start + (1 << 16)])
        if found := part.lstrip():
            at = start + len(part) - len(found)
            return bytes(data[at : at + count])
    return b""


def one_string(data: bytes | memoryview) -> pa.Array:
    """All the bytes as one Arrow string, without a copy."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    return pa.Array.from_buffers(TEXT, 1, [None, offsets, pa.py_buffer(data)])


# Columns


def require(place: str, names: Iterable[object], columns: Columns) -> None:
    """Complain of every column that is asked for and not there, or there twice."""
    there = [str(name) for name in names]
    choice = ", ".join(name if len(name) <= 40 else name[:39] + "…" for name in there[:20])
    wrong = [
        f"{place}: no {name!r}; set {OPTION[role]} to one of: {choice}"
        if name not in there
        else f"{place}: two columns are called {name!r}; rename one"
        for role, name in columns.wanted().items()
        if there.count(name) != 1
    ]
    if wrong:
        raise DataError(*wrong)


def no_weights(name: str, columns: Columns) -> None:
    """DataError if a column of weights is asked for in a format that has none."""
    if columns.weight is not None:
        raise DataError(f"{name}: has no columns to take weights from; remove data.weight_column")


def chunked(array: pa.Array) -> pa.ChunkedArray:
    """An Arrow array as a chunked one."""
    return pa.chunked_array([array])


def require_types(name: str, schema: pa.Schema, columns: Columns) -> None:
    """Complain of the first column that holds what it cannot."""
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
    """Batches with columns by their name in the file -> columns by their role, if their types can be."""
    require_types(name, schema, columns)
    texts = TextBuilder()
    parts: dict[str, list[pa.Array]] = {role: [] for role in columns.wanted()}
    with contextlib.closing(batches):
        for batch in batches:
            texts.append(batch[columns.text].cast(TEXT))
            for role, column in columns.wanted().items():
                if role != "text":
                    parts[role].append(batch[column])
    found = {
        role: pa.chunked_array(parts[role], schema.field(column).type) for role, column in columns.wanted().items()
    }
    return Records(name, chunked(texts.array()), found.get("label"), found.get("weight"), where)


def string_schema(columns: Iterable[str]) -> pa.Schema:
    """The schema in which all these columns are text."""
    return pa.schema(dict.fromkeys(columns, TEXT))


def batched(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items in lists of a few thousand."""
    items = iter(items)
    while some := list(itertools.islice(items, ROWS)):
        yield some


def by_block(attempt: Callable[[int], Records]) -> Records:
    """Read with larger and larger blocks, until the largest record fits in one."""
    for block in _BLOCKS:
        try:
            return attempt(block)
        except pa.ArrowInvalid as error:
            if "block" not in str(error) or block == _BLOCKS[-1]:
                raise
    raise AssertionError("unreachable")
