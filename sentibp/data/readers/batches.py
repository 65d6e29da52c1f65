"""Read a file with Arrow in batches; where Arrow gives up, continue with a slower reader at the same row."""

from __future__ import annotations

import bisect
import contextlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from sentibp.data.readers.table import Batch

_BLOCKS = (1 << 22, 1 << 26, 1 << 30, (1 << 31) - 1)  # bytes that Arrow reads at once; a record must fit in a block

_BATCH = 1 << 24  # characters or bytes that Python processes at once, about

Item = TypeVar("Item")

ROWS = 4096  # records processed at once by Python

_RELEASE_SECONDS = 10  # how long to wait for the threads of a reader


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


def continued(
    fast: Callable[[int], Generator[Any]], slow: Callable[[], Generator[Batch]], most: int
) -> Generator[Batch]:
    """Yield the batches of a reader of Arrow. Where it fails, continue with the slow reader at the same row.

    `fast` gets the bytes that Arrow reads at once. It is called with more if a record does not fit, up to `most`
    bytes. The slow reader reads what Arrow cannot, or raises a DataError with the place and the repair.
    """
    rows = 0
    for block in _BLOCKS[: 1 + bisect.bisect_left(_BLOCKS, most)]:
        try:
            with contextlib.closing(fast(block)) as batches:
                for batch in _from_row(batches, rows):
                    rows += _length(batch)
                    yield batch
            return
        except pa.ArrowException as error:
            if "block" not in str(error):
                break
    yield from _from_row(slow(), rows)


def _from_row(batches: Generator[Any], first: int) -> Iterator[Batch]:
    """Yield the batches without their first rows."""
    for batch in batches:
        columns = batch if isinstance(batch, dict) else dict(zip(batch.schema.names, batch.columns, strict=True))
        length = _length(columns)
        if first < length:
            yield {name: values.slice(first) for name, values in columns.items()} if first else columns
        first = max(first - length, 0)


def _length(batch: Batch) -> int:
    return len(next(iter(batch.values()))) if batch else 0


def batched(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield the items in lists of ROWS items, or fewer if they are large. `size` returns the size of an item."""
    batch: list[Item] = []
    total = 0
    for item in items:
        batch.append(item)
        total += size(item)
        if len(batch) == ROWS or total >= _BATCH:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch


def row_size(row: tuple[int, Sequence[Any]]) -> int:
    """Return the number of characters in the fields of a row."""
    return sum(map(len, row[1]))
