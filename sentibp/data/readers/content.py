"""The bytes of a file: reading them, and cutting them into lines."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import TEXT
from sentibp.utils.files import data_error_if_unreadable, open_regular
from sentibp.utils.messages import counted

_PADDING = b"\0\x1a"  # NUL bytes, and the Ctrl-Z with which DOS programs end a text

CHUNK = 1 << 17  # bytes processed at once: they fit the processor's cache, and a copy takes no fresh pages of memory


def read_bytes(path: Path) -> memoryview:
    """Return the bytes of a file. OSError if it cannot be read, DataError if another program shortens it meanwhile.

    A large file is copied, so that it need not fit in memory. It is not mapped: where another program cuts off a mapped
    file, as a log that is rotated, the system kills the process.
    """
    if str(path) == os.devnull:
        return memoryview(b"")
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = memoryview(file.read(size or -1)) if size <= spill.IN_MEMORY else spill.copy(file, size)
    if len(content) < size:
        raise DataError(
            f"{path}: has become shorter while it was read, {len(content):,} bytes instead of {size:,}; "
            "try again when no other program writes to it"
        )
    return content


def as_file(data: memoryview) -> io.BufferedReader:
    """Return the bytes as an open file, without a copy."""
    return io.BufferedReader(pa.BufferReader(data), 1 << 16)  # type: ignore[arg-type]


def line_chunks(data: memoryview) -> Iterator[bytes]:
    """Yield the bytes in pieces that end with a line, of CHUNK bytes or fewer, if no line is longer."""
    start = 0
    while start < len(data):
        chunk = bytes(data[start : start + CHUNK])
        while start + len(chunk) < len(data) and b"\n" not in chunk:
            chunk += bytes(data[start + len(chunk) : start + 2 * len(chunk)])
        if start + len(chunk) < len(data):
            chunk = chunk[: chunk.rindex(b"\n") + 1]
        yield chunk
        start += len(chunk)


def filled_lines(data: memoryview, first: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the content of each line that is not blank. `first` is the number of the first line."""
    for chunk in line_chunks(data):
        if chunk.isspace():  # much faster than line by line
            first += chunk.count(b"\n")
            continue
        for line in io.BytesIO(chunk):
            if line.strip():
                yield first, line
            first += 1


def long_line(data: memoryview, most: int) -> tuple[int, int] | None:
    """Return where the first line of more than `most` bytes begins and ends; None if there is none.

    Only the ends of stretches of `most` bytes are read, so that a file without such lines takes no time.
    """
    start = 0
    while start + most < len(data):
        end = _last_break(data, start, start + most + 1)
        if end < start:
            return start, _next_break(data, start + most)
        start = end + 1
    return None


def _last_break(data: memoryview, start: int, stop: int) -> int:
    """Return the position of the last line break in data[start:stop], or -1."""
    size = 1 << 12
    while stop > start:
        begin = max(start, stop - size)
        piece = bytes(data[begin:stop])
        if (found := max(piece.rfind(b"\n"), piece.rfind(b"\r"))) >= 0:
            return begin + found
        stop, size = begin, min(4 * size, CHUNK)
    return -1


def _next_break(data: memoryview, start: int) -> int:
    """Return the position of the first line break from here on, or the end of the data."""
    for begin in range(start, len(data), CHUNK):
        piece = bytes(data[begin : begin + CHUNK])
        if found := [at for at in (piece.find(b"\n"), piece.find(b"\r")) if at >= 0]:
            return begin + min(found)
    return len(data)


def count_bytes(data: memoryview, wanted: bytes) -> list[int]:
    """Return how often each of the wanted bytes occurs."""
    array, counts = np.frombuffer(data, np.uint8), [0] * len(wanted)
    for start in range(0, len(array), CHUNK):
        block = array[start : start + CHUNK]
        for i, byte in enumerate(wanted):
            counts[i] += int(np.count_nonzero(block == byte))
    return counts


def unmarked(data: memoryview) -> memoryview:
    """Return the bytes without a byte-order mark, or several, as programs leave that write one before another."""
    while data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    return data


def padding_start(data: memoryview) -> int:
    """Return where the NUL bytes or the Ctrl-Z begin that end a text, white space after them included; else its length.

    They are no text: an interrupted copy leaves NUL bytes, and DOS programs write a Ctrl-Z. At the end of a line that
    has more, they are the end of its text.
    """
    start = len(data)
    for stop in range(len(data), 0, -CHUNK):
        piece = bytes(data[max(stop - CHUNK, 0) : stop])
        content = len(piece.rstrip(_PADDING + b" \t\r\n"))
        if found := [at for mark in _PADDING if (at := piece.find(mark, content)) >= 0]:
            start = stop - len(piece) + min(found)
        if content:
            break
    if 0 < start < len(data) and data[start - 1] not in b"\r\n" and data[-1] in b"\r\n":
        below = re.search(rb"[\r\n][\0\x1a]", data[start:])
        return start + below.start() + 1 if below else len(data)
    return start


def padding_note(padding: bytes, name: str) -> tuple[str, ...]:
    """Return a note on what `padding_start` finds, which is left out; no note if it is empty."""
    if nul := padding.count(0):
        is_one = "which is" if nul == 1 else "which are"
        what = f"{counted(nul, 'NUL byte')}, as a copy that was interrupted does, {is_one} left out"
    else:
        what = "a Ctrl-Z (0x1A), as DOS programs write it, which is left out"
    return (f"{name}: ends with {what}",) * bool(padding)


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


def count_lines(file: Path, most: int) -> int:
    """Return the number of lines in the first bytes of a file, `most` of them."""
    with data_error_if_unreadable(), file.open("rb") as content:
        return content.read(most).count(b"\n")
