"""Arrays that may be larger than memory: a small one is an ordinary array, a large one is a memory-mapped file.

The system frees mapped pages when memory is short, and reads them again when they are accessed. The files have no
names, so nothing is left behind, even if the process is killed. They are in the folder of the cache or, if the cache is
switched off or not writable, in the folder for temporary files (TMPDIR).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from sentibp.utils import cache
from sentibp.utils.files import WriteError

IN_MEMORY = 1 << 26  # bytes; a larger array is memory-mapped

_PIECE = 1 << 22  # bytes that are copied at once


def empty(size: int, dtype: Any) -> np.ndarray:
    """Return an uninitialized array (size,)."""
    if size * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.empty(size, dtype)
    with _file() as file, _data_error_if_full():
        _reserve(file, size * np.dtype(dtype).itemsize)
        return _mapped(file, size, dtype)


class ArrayBuilder:
    """Builds an array from pieces, of a size that is not known in advance."""

    def __init__(self, dtype: Any):
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._pieces: list[np.ndarray] = []  # not yet written to the file
        self._held = 0  # bytes of these pieces
        self._file: IO[bytes] | None = None

    def __del__(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk has been reported
                self._file.close()

    def append(self, piece: np.ndarray) -> None:
        """Append a piece (k,)."""
        self._pieces.append(piece.astype(self.dtype, copy=False))
        self.size += len(piece)
        self._held += self._pieces[-1].nbytes
        if self._held > IN_MEMORY or self._file is not None:
            self._write()

    def array(self) -> np.ndarray:
        """Return the whole array (size,). Call it once, at the end."""
        if self._file is None or not self.size:
            pieces, self._pieces = self._pieces, []
            return pieces[0] if len(pieces) == 1 else np.concatenate([np.zeros(0, self.dtype), *pieces])
        with _data_error_if_full(), self._file as file:
            file.flush()
            return _mapped(file, self.size, self.dtype)

    def _write(self) -> None:
        self._file = self._file or _file()
        with _data_error_if_full():
            for piece in self._pieces:
                self._file.write(np.ascontiguousarray(piece).data)
        self._pieces, self._held = [], 0


def build_arrays(batches: Iterable[Sequence[np.ndarray]], *dtypes: Any) -> list[np.ndarray]:
    """Return several arrays, built together. Each batch has a piece of each."""
    builders = [ArrayBuilder(dtype) for dtype in dtypes]
    for batch in batches:
        for builder, piece in zip(builders, batch, strict=True):
            builder.append(piece)
    return [builder.array() for builder in builders]


def copy(file: IO[bytes], size: int) -> memoryview:
    """Return the first `size` bytes of an open file, or fewer if it ends before. They are copied on the disk."""
    with _file() as target, _data_error_if_full():
        _reserve(target, size)
        copied = 0
        while copied < size and (count := _copy_piece(file, target, copied, size - copied)):
            copied += count
        return memoryview(mmap.mmap(target.fileno(), 0))[:copied]


def _copy_piece(file: IO[bytes], target: IO[bytes], start: int, most: int) -> int:
    """Copy up to `most` bytes from the place `start` to the same place, and return how many: 0 at the end."""
    if hasattr(os, "copy_file_range"):
        with contextlib.suppress(OSError):  # between two file systems, for example; some then copy nothing instead
            if copied := os.copy_file_range(file.fileno(), target.fileno(), most, start, start):
                return copied
    return os.pwrite(target.fileno(), os.pread(file.fileno(), min(most, _PIECE), start), start)


def advise_random(array: np.ndarray) -> np.ndarray:
    """Return the array. If it is mapped, advise the system that accesses are random.

    Otherwise each access reads megabytes of neighbouring pages too.
    """
    if isinstance(mapped := _mapping(array), mmap.mmap):
        mapped.madvise(mmap.MADV_RANDOM)
    return array


def read_ahead(array: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
    """Ask the system to read these slices of a large mapped array from disk, all at the same time.

    Without it, each access waits for the disk in turn. For arrays and pages in memory nothing happens.
    """
    if array.nbytes <= IN_MEMORY or not isinstance(mapped := _mapping(array), mmap.mmap):
        return
    first = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data  # offset of the array in the file
    pages = (first + starts * array.itemsize) // mmap.PAGESIZE * mmap.PAGESIZE
    for start, stop in zip(pages.tolist(), (first + stops * array.itemsize).tolist(), strict=True):
        mapped.madvise(mmap.MADV_WILLNEED, start, stop - start)


def _mapping(array: Any) -> Any:
    """Return the object that owns the memory of an array."""
    while (base := array.obj if isinstance(array, memoryview) else getattr(array, "base", None)) is not None:
        array = base
    return array


def _file() -> IO[bytes]:
    folder = cache.folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryFile(dir=folder)
    with _data_error_if_full():
        return tempfile.TemporaryFile()


def _reserve(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)  # otherwise a full disk would kill the process at a later access
    else:
        file.truncate(size)


@contextlib.contextmanager
def _data_error_if_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = cache.folder() or tempfile.gettempdir()
        raise WriteError(
            f"{place}: the data do not fit in memory or on this disk: {error.strerror}; "
            "make room, or name a folder on a larger disk with SENTIBP_CACHE"
        ) from None


def _mapped(file: IO[bytes], size: int, dtype: Any) -> np.ndarray:
    return np.frombuffer(mmap.mmap(file.fileno(), 0), dtype, size)
