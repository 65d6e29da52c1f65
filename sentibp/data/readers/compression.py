"""Decompress gzip, bzip2, xz and zstd files, and read the data files of a zip archive."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shlex
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import PurePath, PurePosixPath
from typing import IO, Any

import numpy as np
import pyarrow as pa

from sentibp.data.readers.content import CHUNK, as_file
from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.paths import new_file
from sentibp.utils.repair import python

LIMIT = 1 << 30  # bytes, up to which every compression is believed

TAR_HEADER = 262  # bytes at the beginning of a tar archive, by which it is known

RATIO = 200  # how much smaller a larger file may be when it is compressed; text is 3 to 20 times smaller

_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, zipfile.BadZipFile, ValueError)

_ZIP = (*_DAMAGED, RuntimeError, NotImplementedError, OverflowError, IndexError, KeyError)  # zipfile's on damage


def _zstd(file: IO[bytes]) -> Any:
    return pa.CompressedInputStream(file, "zstd")


_OPENERS: dict[bytes, tuple[str, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\0": ("xz", lzma.LZMAFile),
    b"\x28\xb5\x2f\xfd": ("zstd", _zstd),
}


def decompress(data: memoryview, name: str) -> memoryview:
    """Return the content of a compressed file, and other bytes as they are.

    DataError if it is damaged, is an archive of many files, or is RATIO times larger than the compressed file.
    """
    for start, (kind, opened) in _OPENERS.items():
        if data[: len(start)] == start:
            return _decompress(data, name, kind, opened)
    reject_tar(data, name)
    return data


def _decompress(data: memoryview, name: str, kind: str, opened: Callable[[IO[bytes]], Any]) -> memoryview:
    content = spill.ArrayBuilder(np.uint8)
    try:
        with opened(as_file(data)) as file:
            while chunk := file.read(CHUNK):
                if not content.size:
                    reject_tar(memoryview(chunk), name)
                content.append(np.frombuffer(chunk, np.uint8))
                require_plausible(content.size, len(data), name)
    except _DAMAGED as error:
        reason = " ".join(str(error).lower().split())
        raise DataError(f"{name}: damaged {kind}: {reason}; fetch or write it again") from None
    return content.array().data


def require_plausible(size: int, compressed: int, name: str) -> None:
    """Raise a DataError if a content is so much larger than its compressed form that it is no text."""
    if size > LIMIT and size > RATIO * compressed:
        raise DataError(f"{name}: its content is more than {RATIO} times larger; decompress it, and give the content")


def reject_tar(data: memoryview, name: str) -> None:
    """Raise a DataError if the bytes, of which TAR_HEADER are enough, begin an archive of tar."""
    if data[257:262] == b"ustar":
        raise DataError(f"{name}: an archive of many files; {how_to_unpack(name)}")


def is_zip(data: memoryview) -> bool:
    """Return whether the bytes are a zip archive."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def zip_members(data: memoryview, name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the files of a zip archive by their names. DataError if it is damaged."""
    try:
        with zipfile.ZipFile(as_file(data)) as archive:
            return {info.filename: info for info in archive.infolist() if not info.is_dir()}
    except _ZIP as error:
        raise _damaged_zip(name, error) from None


def read_member(data: memoryview, name: str, info: zipfile.ZipInfo) -> memoryview:
    """Return the content of a file in a zip archive. DataError if it is encrypted, damaged, or implausibly large."""
    if info.flag_bits & 1:
        raise DataError(f"{name}: encrypted; unpack it with its password, and give {info.filename}")
    require_plausible(info.file_size, info.compress_size, name)
    content = spill.ArrayBuilder(np.uint8)
    try:
        with zipfile.ZipFile(as_file(data)) as archive, archive.open(info) as file:  # never more than file_size
            while chunk := file.read(CHUNK):
                content.append(np.frombuffer(chunk, np.uint8))
    except _ZIP as error:
        raise _damaged_zip(name, error) from None
    return content.array().data


def how_to_unpack(name: str, files: Sequence[str] = ()) -> str:
    """Return how to unpack an archive, and what to give then: one of its files, or the folder if these are texts.

    `files` are those of a zip archive; without any, it is one of tar.
    """
    if not os.path.isfile(name):  # standard input
        return "save it as a file, unpack that, and give what is in it"
    target = new_file("", PurePath(name).name.partition(".")[0] or "unpacked")
    if not files:
        return f"unpack it: {shlex.join(['mkdir', target])} && {shlex.join(['tar', '-xf', name, '-C', target])}; " + (
            f"then give {shlex.quote(target)}, or a file in it"
        )
    command = f"unpack it: {python('-m', 'zipfile', '-e', name, target)}"
    if len(files) > 1 and all(file.lower().endswith(".txt") for file in files):
        folder = os.path.commonpath([PurePosixPath(target, file).parent for file in files])
        return f"{command}; then give {shlex.quote(folder)}"
    one_of = "one of them, such as " * (len(files) > 1)
    return f"{command}; then give {one_of}{shlex.quote(f'{target}/{files[0]}')}"


def _damaged_zip(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: damaged zip: {' '.join(str(error).lower().split())}; fetch or write it again")
