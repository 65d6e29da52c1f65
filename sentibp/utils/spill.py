"""Arrays that may be larger than memory: a small one is an ordinary array, a large one lies in a file and is mapped.

Mapped pages are memory that the system takes back when it is short of it, and reads again when they are touched. The
files have no names, so that nothing is left behind, however the program ends. They lie where the cache does or, if
that is switched off or cannot be written, in the folder for temporary files (TMPDIR).
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

import numpy as np

from sentibp.errors import DataError
from sentibp.utils import cache

IN_MEMORY = 1 << 26  # bytes; an array of more is mapped


def empty(size: int, dtype: Any) -> np.ndarray:
    """An array (size,), not filled."""
    if size * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.empty(size, dtype)
    with _file() as file, _no_room_told():
        _reserve(file, size * np.dtype(dtype).itemsize)
        return _mapped(file, size, dtype)


class ArrayBuilder:
    """An array that is made piece by piece, whose size is not known before."""

    def __init__(self, dtype: Any):
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._pieces: list[np.ndarray] = []  # what is not in the file
        self._held = 0  # bytes of these
        self._file: IO[bytes] | None = None

    def __del__(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk has been told
                self._file.close()

    def append(self, piece: np.ndarray) -> None:
        """Add the numbers of a piece (k,)."""
        self._pieces.append(piece.astype(self.dtype, copy=False))
        self.size += len(piece)
        self._held += self._pieces[-1].nbytes
        if self._held > IN_MEMORY or self._file is not None:
            self._write()

    def array(self) -> np.ndarray:
        """All of it (size,); to be called once, at the end."""
        if self._file is None or not self.size:
            pieces, self._pieces = self._pieces, []
            return pieces[0] if len(pieces) == 1 else np.concatenate([np.zeros(0, self.dtype), *pieces])
        with _no_room_told(), self._file as file:
            file.flush()
            return _mapped(file, self.size, self.dtype)

    def _write(self) -> None:
        self._file = self._file or _file()
        with _no_room_told():
            for piece in self._pieces:
                self._file.write(np.ascontiguousarray(piece).data)
        self._pieces, self._held = [], 0


def build_arrays(parts: Iterable[Sequence[np.ndarray]], *dtypes: Any) -> list[np.ndarray]:
    """Several arrays that are made piece by piece, together."""
    arrays = [ArrayBuilder(dtype) for dtype in dtypes]
    for part in parts:
        for array, piece in zip(arrays, part, strict=True):
            array.append(piece)
    return [array.array() for array in arrays]


def advise_random(array: np.ndarray) -> np.ndarray:
    """The array, with word to the system, if it is mapped, that only what `fetch` names will be read.

    Else a page that is touched brings megabytes of its neighbours with it.
    """
    if isinstance(mapped := _mapping(array), mmap.mmap):
        mapped.madvise(mmap.MADV_RANDOM)
    return array


def read_ahead(array: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
    """Have the system read these parts of an array, if it is a large mapped one, all at once and not in turn.

    Touched without that, each would wait for the disk on its own. Where the pages are there already, nothing happens.
    """
    if array.nbytes <= IN_MEMORY or not isinstance(mapped := _mapping(array), mmap.mmap):
        return
    first = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data  # bytes of the file before the array
    pages = (first + starts * array.itemsize) // mmap.PAGESIZE * mmap.PAGESIZE
    for start, stop in zip(pages.tolist(), (first + stops * array.itemsize).tolist(), strict=True):
        mapped.madvise(mmap.MADV_WILLNEED, start, stop - start)


def _mapping(array: Any) -> Any:
    """What an array's memory belongs to in the end."""
    while (base := array.obj if isinstance(array, memoryview) else getattr(array, "base", None)) is not None:
        array = base
    return array


def _file() -> IO[bytes]:
    folder = cache.folder()
    if folder is not None:
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryFile(dir=folder)
    with _no_room_told():
        return tempfile.TemporaryFile()


def _reserve(file: IO[bytes], size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)  # without it, a disk that is full would end the program later
    else:
        file.truncate(size)


@contextlib.contextmanager
def _no_room_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"the data do not fit in memory, and not on disk: {error.strerror}; "
            "make room, or name a folder on a larger disk with SENTIBP_CACHE"
        ) from None


def _mapped(file: IO[bytes], size: int, dtype: Any) -> np.ndarray:
    return np.frombuffer(mmap.mmap(file.fileno(), 0), dtype, size)
