"""The bytes of a file: reading, and checking that they are UTF-8."""

from __future__ import annotations

import codecs
import errno
import io
import mmap
import os
import stat
from pathlib import Path

import numpy as np
import pyarrow as pa

from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import TEXT

CHUNK = 1 << 24  # bytes processed at once by Python

_LOOK = 64  # bytes from which the encoding is detected


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


def utf8(data: memoryview, name: str) -> memoryview:
    """Return the bytes without a byte-order mark. DataError with the line if they are not UTF-8."""
    if encoding := other_encoding(bytes(data[:_LOOK])):
        raise DataError(f"{name}: {encoding}; save the file as UTF-8")
    data = unmarked(data)
    try:
        one_string(data).validate(full=True)
    except ValueError:
        _raise_not_utf8(data, name)
    return data


def other_encoding(start: bytes) -> str | None:
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
