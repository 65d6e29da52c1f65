"""Read reviews that arrive little by little, as from standard input: each is yielded as soon as it is there.

The first line tells the format: JSON lines, CSV or TSV with a header, fastText lines, or plain text. What can only be
read as a whole (Parquet, or one JSON document over several lines) is read to its end first.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import json
import re
import select
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np
import pyarrow.compute as pc

from sentibp.data import readers
from sentibp.data.readers.content import unmarked
from sentibp.data.readers.encoding import encoding_advice, marked_encoding, wide_encoding
from sentibp.data.readers.json_lines import leaves, parse_lines
from sentibp.data.readers.pieces import Kept, Piece, json_pieces, table_pieces
from sentibp.data.readers.plain import lines_of, split_labels
from sentibp.data.readers.table import JsonRow, ReadOptions, joined_text, require_columns
from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import scalar, strings
from sentibp.utils.repair import set_option

_READ = 1 << 16  # bytes read at once, as many as a pipe holds

_MOST = 1 << 22  # bytes that are predicted together if they are there already

_LOOK = 64  # bytes from which compression and encoding are detected

_OPEN_LINES = 1000  # lines that a quoted text may have; after these its quote is taken for one that was not closed

_DELIMITERS = ",;\t|"


def stream_pieces(file: IO[bytes], name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield the rows in pieces, as they arrive; at least one piece, unless the stream has no line.

    DataError with the line for what cannot be read; the pieces before it have been yielded.
    """
    rest = _start(_arriving(file))
    start = next(rest)
    if start[:2] == b"\x1f\x8b":
        rest = _start(_decompressed(itertools.chain([start], rest), name))
        start = next(rest)
    if start[:4] == b"PAR1":
        content = _everything(itertools.chain([start], rest))
        yield from table_pieces(readers.open_content(content, name, options, ".parquet"), options, kept)
        return
    if options.encoding is not None:
        rest = _decoded(itertools.chain([start], rest), options.encoding, name)
        start = next(rest, b"")
    elif encoding := marked_encoding(start) or wide_encoding(start[:_LOOK]):
        raise DataError(f"{name}: not UTF-8; it looks like {encoding}: {set_option('data.encoding', encoding)}")
    start = bytes(unmarked(memoryview(start)))
    yield from _pieces(_Blocks(itertools.chain([start], rest), name), name, options, kept)


def _pieces(blocks: _Blocks, name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield the rows of UTF-8 text, whose first line tells the format."""
    first = blocks.first_line()
    texts = [column for _, column in options.wanted()]
    record = _record(first)
    if record is not None or re.match(rb"\s*(\[\s*(\{|$)|\{\s*(\"|$))", first):
        if record is None or kept is Kept.typed:  # a document over several lines, or types that need all rows
            content = readers.open_content(blocks.everything(), name, options, ".json")
            yield from table_pieces(content, options, kept)
            return
        require_columns(f"{name}:{blocks.line}", dict(leaves(record)), options)
        columns = None if kept in (Kept.nothing, Kept.objects) else dict.fromkeys(record)
        for piece in json_pieces(_json_groups(blocks, name), name, options, columns):
            yield piece if kept is not Kept.nothing else Piece(piece.text)
        return
    for delimiter in _DELIMITERS:
        header = _fields(first, delimiter)
        if options.names is not None and len(header) == len(options.names) and not set(texts) <= set(header):
            require_columns(name, options.names, options)
            yield from _csv_pieces(blocks, name, delimiter, options, kept, (), list(options.names))
            return
        if set(texts) <= set(header):
            require_columns(f"{name}:{blocks.line}", header, options)
            notes = () if len(header) > 1 else (f"{name}: the first line, {header[0]!r}, is read as a CSV header",)
            yield from _csv_pieces(blocks, name, delimiter, options, kept, notes)
            return
    yield from _line_pieces(blocks, name, texts[0], kept, first)


def _start(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks, the first of which has enough bytes to detect what they are, if there are so many."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= _LOOK or b"\n" in start:
            break
    yield start
    yield from chunks


def _arriving(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file as they arrive: all that are there, up to _MOST; wait only if there are none."""
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


def _decompressed(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Yield the content of a gzip file. DataError if it is damaged."""
    try:
        with gzip.GzipFile(fileobj=io.BufferedReader(_File(chunks), _READ)) as file:
            while content := file.read1(_MOST):
                yield content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip: {str(error).lower()}; fetch or write it again") from None


def _decoded(chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    """Yield the chunks in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode(errors="replace")
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise DataError(f"{name}: not {encoding}: {error}; name another with --set data.encoding=NAME") from None


def _everything(chunks: Iterable[bytes]) -> memoryview:
    """Return all bytes; many are on disk (utils/spill.py)."""
    content = spill.ArrayBuilder(np.uint8)
    for chunk in chunks:
        content.append(np.frombuffer(chunk, np.uint8))
    return content.array().data


class _Blocks:
    """UTF-8 text in blocks of whole lines, as they arrive. The last line may have no end."""

    def __init__(self, chunks: Iterable[bytes], name: str):
        self.name = name
        self.line = 1  # the number of the first line of the block that was yielded last
        self._blocks = self._whole_lines(chunks)
        self._peeked: list[bytes] = []

    def first_line(self) -> bytes:
        """Return the first line that is not blank, without its end, and set `line`; the blocks stay to be read."""
        lines = 0
        for block in self._blocks:
            self._peeked.append(block)
            for line in block.split(b"\n"):
                lines += 1
                if line.strip():
                    self.line = lines
                    return line.strip(b"\r")
            lines -= 1  # the end of the block is no line
        return b""

    def __iter__(self) -> Iterator[bytes]:
        following = 1
        peeked, self._peeked = self._peeked, []
        for block in itertools.chain(peeked, self._blocks):
            self.line = following
            following += block.count(b"\n")
            try:
                str(block, "utf-8")
            except UnicodeDecodeError as error:
                line = self.line + block.count(b"\n", 0, error.start)
                fault = f"not UTF-8 (byte 0x{block[error.start]:02X})"
                raise DataError(f"{self.name}:{line}: {fault}; {encoding_advice([memoryview(block)])}") from None
            yield block

    def everything(self) -> memoryview:
        """Return all text."""
        return _everything(self)

    @staticmethod
    def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
        rest: list[bytes] = []
        for chunk in chunks:
            end = chunk.rfind(b"\n") + 1
            if end:
                yield b"".join([*rest, chunk[:end]])
                rest = []
            if chunk[end:]:
                rest.append(chunk[end:])
        if rest:
            yield b"".join(rest)


# JSON lines


def _record(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line of JSON; else None."""
    try:
        value = json.loads(str(line, "utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _json_groups(blocks: _Blocks, name: str) -> Iterator[list[JsonRow]]:
    """Yield the objects of each block. Before a line that is none, those before it are yielded."""
    for block in blocks:
        rows = []
        try:
            for row in parse_lines(io.BytesIO(block), name, blocks.line):
                rows.append(row)  # a list of all would be lost by an error
        except DataError:
            yield rows
            raise
        yield rows


# CSV


def _fields(line: bytes, delimiter: str) -> list[str]:
    """Return the fields of a header."""
    try:
        return next(csv.reader([str(line, "utf-8", "replace")], delimiter=delimiter), [])
    except csv.Error:
        return []


def _csv_pieces(
    blocks: _Blocks,
    name: str,
    delimiter: str,
    options: ReadOptions,
    kept: Kept,
    notes: tuple[str, ...],
    header: list[str] | None = None,
) -> Iterator[Piece]:
    """Yield the rows of CSV. DataError for a row that has too few or too many fields.

    The first row is the header, unless one is given.
    """
    for line, content in _records(blocks, name, delimiter):
        rows, error = _parsed(content, line, name, delimiter, header)
        if header is None and rows:
            header, rows = rows[0], rows[1:]
            if kept is not Kept.nothing and len(set(header)) < len(header):
                twice = next(column for column in header if header.count(column) > 1)
                repair = "rename one, or leave the columns of the input out with --no-keep"
                raise DataError(f"{name}:{line}: two columns are called {twice!r}; {repair}")
        if header is not None:
            columns = dict(zip(header, map(strings, zip(*rows, strict=True)), strict=True)) if rows else {}
            columns = columns or {column: strings([]) for column in header}
            text = pc.fill_null(joined_text(columns, options), scalar(""))
            yield Piece(text, {} if kept is Kept.nothing else columns, notes=notes)
            notes = ()
        if error is not None:
            raise error


def _records(blocks: _Blocks, name: str, delimiter: str) -> Iterator[tuple[int, bytes]]:
    """Yield (line, lines) where no quoted text is left open at the end."""
    held: list[bytes] = []
    first = 1  # line
    waiting = 0  # lines since a quote was opened
    for block in blocks:
        done = end = 0  # bytes of the block
        for line in io.BytesIO(block):
            end += len(line)
            waiting = waiting + 1 if _is_open(line, waiting > 0, delimiter.encode()) else 0
            if waiting > _OPEN_LINES:
                break
            done = done if waiting else end
        if done:
            yield first, b"".join([*held, block[:done]])
            held, first = [], blocks.line + block.count(b"\n", 0, done)
        if waiting > _OPEN_LINES:
            raise DataError(f"{name}:{first}: not CSV: a quote is not closed; close it")
        held.append(block[done:])
    if any(held):
        yield first, b"".join(held)


def _is_open(line: bytes, is_open: bool, delimiter: bytes) -> bool:
    """Return whether a quoted text is open after a line. A quote opens one only where a field begins."""
    position = 0
    while (position := line.find(b'"', position)) >= 0:
        if not is_open:
            is_open = position == 0 or line[position - 1 : position] == delimiter
        elif line[position + 1 : position + 2] == b'"':
            position += 1
        else:
            is_open = False
        position += 1
    return is_open


def _parsed(
    content: bytes, line: int, name: str, delimiter: str, header: list[str] | None
) -> tuple[list[list[str]], DataError | None]:
    """Return the rows, and the error that ends them. Blank lines are skipped unless there is only one column."""
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(str(content, "utf-8"), newline=""), delimiter=delimiter, strict=True)
    width = 0 if header is None else len(header)
    limit = csv.field_size_limit((1 << 31) - 1)
    try:
        while True:
            place = f"{name}:{line + reader.line_num}"
            row = next(reader, None)
            if row is None:
                return rows, None
            if not row and width != 1:
                continue
            width = width or len(row)
            if len(row or [""]) != width:
                fields = f"{len(row)} field{'s' * (len(row) != 1)} where the header has {width}"
                return rows, DataError(f"{place}: {fields}; put a text that contains {delimiter!r} in double quotes")
            rows.append(row or [""])
    except csv.Error as error:
        repair = "close the quote" if "end of data" in str(error) else 'write a quote inside a quoted text as ""'
        return rows, DataError(f"{place}: not CSV: {error}; {repair}")
    finally:
        csv.field_size_limit(limit)


# Lines


def _line_pieces(blocks: _Blocks, name: str, column: str, kept: Kept, first: bytes) -> Iterator[Piece]:
    """Yield a review for each line."""
    labelled = first.lstrip().startswith(b"__label__")
    notes: tuple[str, ...] = ()
    if not labelled and (header := _possible_header(first)):
        notes = (
            f"{name}: read as plain text, a review a line; if the first line names columns, "
            f"name the one of the reviews with {set_option('data.text_column', 'NAME')}: {', '.join(header)}",
        )
    empty = True
    for block in blocks:
        for lines in lines_of(memoryview(block)):
            text, label = split_labels(lines) if labelled else (lines, None)
            columns = {column: text} | ({"label": label} if labelled else {})
            yield Piece(text, {} if kept is Kept.nothing else columns, notes=notes)
            notes, empty = (), False
    if empty:
        yield Piece(strings([]), {} if kept is Kept.nothing else {column: strings([])})


def _possible_header(line: bytes) -> list[str]:
    """Return the fields of a line that looks like a CSV header: several distinct names of few words; else none."""
    for delimiter in _DELIMITERS:
        names = _fields(line, delimiter)
        short = all(re.fullmatch(r"[^\W\d][\w.-]{0,30}( [\w.-]{1,20}){0,2}", field) for field in names)
        if len(names) > 1 and short and len(set(names)) == len(names):
            return names
    return []
