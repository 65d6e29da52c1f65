"""The bytes of a stream as they arrive: decompressed, in UTF-8, and in blocks of whole lines."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import itertools
import lzma
import select
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa

from sentibp.data.readers.compression import TAR_HEADER, reject_tar
from sentibp.data.readers.content import long_line, padding_note, padding_start, unmarked
from sentibp.data.readers.encoding import choose_encoding, encoding_for, raise_not_utf8, undecodable
from sentibp.data.readers.table import UNKNOWN, ReadOptions, too_long
from sentibp.errors import DataError
from sentibp.utils import spill

_READ = 1 << 16  # bytes read at once, as many as a pipe holds

_MOST = 1 << 22  # bytes that are predicted together if they are there already

_LOOK = 64  # bytes from which compression and encoding are detected

_ZEROS = b"\0" * 8  # which no text has, in any encoding

_NOT_ASCII = bytes(range(128, 256))

_OPENERS: dict[bytes, tuple[str, Callable[[Any], Any]]] = {
    b"\x1f\x8b": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\0": ("xz", lzma.LZMAFile),
    b"\x28\xb5\x2f\xfd": ("zstd", lambda file: pa.CompressedInputStream(file, "zstd")),
}


def arriving(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the bytes of a file as they arrive, decompressed. The first have enough to detect what they are.

    At least one chunk, which may be empty, is yielded.
    """
    chunks = _start(_as_they_come(file), name)
    start = next(chunks)
    for mark, (kind, opened) in _OPENERS.items():
        if start.startswith(mark):
            yield from _start(_decompressed(itertools.chain([start], chunks), name, kind, opened), name)
            return
    yield start
    yield from chunks


def _start(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the chunks, the first of which has enough bytes to detect what they are, if there are so many.

    DataError for an archive of tar, whose first bytes are the name of a file and zeros.
    """
    start = b""
    for chunk in chunks:
        start += chunk
        enough = TAR_HEADER if _ZEROS in start[:TAR_HEADER] else _LOOK
        if len(start) >= enough or b"\n" in start:
            break
    reject_tar(memoryview(start), name)
    yield start
    yield from chunks


def _as_they_come(file: IO[bytes]) -> Iterator[bytes]:
    """Yield all bytes that are there, up to _MOST; wait only if there are none."""
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    while chunk := read(_READ):
        chunks, size = [chunk], len(chunk)
        while size < _MOST and chunk and _is_ready(file):
            chunk = read(_READ)
            chunks.append(chunk)
            size += len(chunk)
        yield b"".join(chunks)
        if not chunk:
            return


def _is_ready(file: IO[bytes]) -> bool:
    """Return whether reading would not wait."""
    try:
        return bool(select.select([file], [], [], 0)[0])
    except (OSError, ValueError):  # no file of the system, but one in memory; or Windows
        return isinstance(file, io.BytesIO)


class _File(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes]):
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and (chunk := next(self._chunks, None)) is not None:
            self._rest = chunk
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _decompressed(chunks: Iterator[bytes], name: str, kind: str, opened: Callable[[Any], Any]) -> Iterator[bytes]:
    """Yield the content of a compressed file. DataError if it is damaged."""
    try:
        with opened(io.BufferedReader(_File(chunks), _READ)) as file:
            while content := file.read1(_MOST):
                yield content
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException) as error:
        raise DataError(f"{name}: damaged {kind}: {str(error).lower()}; fetch or write it again") from None


def in_utf8(chunks: Iterator[bytes], name: str, options: ReadOptions) -> tuple[Iterator[bytes], tuple[str, ...]]:
    """Return what yields the text in UTF-8 without a byte-order mark, and notes about what was assumed.

    UTF-8 is checked later, in blocks of lines.
    """
    start = next(chunks, b"")
    look = memoryview(start.rstrip(_NOT_ASCII))  # the last character may be incomplete
    chosen, notes = choose_encoding(look, name, encoding_for(look, options))
    if chosen is None:
        return itertools.chain([bytes(unmarked(memoryview(start)))], chunks), notes
    return _decoded(itertools.chain([start], chunks), chosen, name), notes


def _decoded(chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """Yield the chunks in UTF-8. DataError for bytes that are not in this encoding."""
    decoder, line, mark = codecs.getincrementaldecoder(encoding)(), 1, True
    for chunk in itertools.chain(chunks, [b""]):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeError as error:
            raise DataError(undecodable(memoryview(chunk), name, encoding, line, error)) from None
        line += text.count("\n")
        content = text.encode(errors="replace")
        yield bytes(unmarked(memoryview(content))) if mark else content
        mark = mark and not content


def without_padding(chunks: Iterable[bytes], name: str, notes: list[str]) -> Iterator[bytes]:
    """Yield the chunks without what pads the end of the last one (`content.padding_start`), and add a note on it."""
    before, held = b"", b""  # the byte before what may be padding, and this
    for chunk in filter(None, chunks):
        content = held + chunk
        end = len(content)
        if len(held) < _MOST:
            end = max(0, padding_start(memoryview(before + content)) - len(before))
        held = content[end:]
        if end:
            before = content[end - 1 : end]
            yield content[:end]
    notes += padding_note(held, name)


def everything(chunks: Iterable[bytes]) -> memoryview:
    """Return all bytes; many are on disk (utils/spill.py)."""
    content = spill.ArrayBuilder(np.uint8)
    for chunk in chunks:
        content.append(np.frombuffer(chunk, np.uint8))
    return content.array().data


class LongDocument(Exception):
    """A stream begins with a JSON value on a line that is longer than a record may be."""


class Blocks:
    """UTF-8 text in blocks of whole lines, as they arrive. The last line may have no end."""

    def __init__(self, chunks: Iterable[bytes], name: str, most: int):
        """`most` is the number of bytes of a line."""
        self.name, self._most = name, most
        self.line = 1  # the number of the first line of the block that was yielded last
        self._chunks = iter(chunks)
        self._rest: list[bytes] = []  # what has been read and not been yielded
        self._is_blank = True  # all that has been yielded
        self._read = 1  # the number of the line after those that have been read
        self._blocks = self._whole_lines()
        self._peeked: list[bytes] = []

    def head(self) -> bytes:
        """Return what has arrived, up to the first line that is not blank at least; it stays to be read."""
        for block in self._blocks:
            self._peeked.append(block)
            if block.strip():
                break
        head = b"".join(self._peeked)
        self._peeked = [head] if head else []
        return head

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks. DataError for text that is not UTF-8; the lines before it have been yielded."""
        following = 1
        peeked, self._peeked = self._peeked, []
        for block in itertools.chain(peeked, self._blocks):
            self.line = following
            following += block.count(b"\n")
            try:
                str(block, "utf-8")
            except UnicodeDecodeError as error:
                end = block.rfind(b"\n", 0, error.start) + 1
                if end:
                    yield block[:end]
                raise_not_utf8(memoryview(block)[end:], self.name, self.line + block.count(b"\n", 0, end))
            yield block

    def whole(self) -> memoryview:
        """Return all bytes, after a LongDocument."""
        return everything(itertools.chain(self._peeked, self._rest, self._chunks))

    def _whole_lines(self) -> Iterator[bytes]:
        """Yield blocks that end with a line. DataError for a line that is too long, LongDocument for such a value."""
        size = 0
        for chunk in self._chunks:
            end = chunk.rfind(b"\n") + 1
            size += len(chunk)
            if not end and size <= self._most:
                self._rest.append(chunk)
                continue
            block = b"".join([*self._rest, chunk[:end] or chunk])
            tail = chunk[end:] if end else b""
            self._rest, size = [block, tail], len(tail)
            self._require_short(block)
            if not end:  # but lines that end otherwise
                raise self._too_long(block, 0, len(block))
            self._rest = [tail]
            yield block
        if size:
            block = b"".join(self._rest)
            self._require_short(block)
            yield block

    def _require_short(self, block: bytes) -> None:
        """Count the lines of a block. DataError if one is too long, LongDocument if it begins the stream."""
        if (found := long_line(memoryview(block), self._most)) is not None:
            before, line = block[: found[0]], block[found[0] : found[0] + _READ].lstrip()
            if self._is_blank and not before.strip() and line[:1] in (b"[", b"{"):
                raise LongDocument
            raise self._too_long(block, *found)
        self._read += block.count(b"\n")
        self._is_blank = self._is_blank and not block.strip()

    def _too_long(self, block: bytes, start: int, end: int) -> DataError:
        """Return the error for a line of a block; if it reaches to the end of what has been read, it may be longer."""
        line = self._read + block.count(b"\n", 0, start)
        return too_long(f"{self.name}:{line}", "a line", end - start if end < len(block) else UNKNOWN, self._most)
