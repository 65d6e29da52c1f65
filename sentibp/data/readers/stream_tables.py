"""Read CSV and TSV that arrive little by little, with the dialect and the header that a file of them has."""

from __future__ import annotations

import functools
import io
import itertools
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sentibp.data.pieces import Kept, Piece
from sentibp.data.readers import dialect as dialects
from sentibp.data.readers.arriving import Blocks
from sentibp.data.readers.csv_tsv import SAMPLE_ROWS, Layout, checked_rows, find_layout, titles_of, typical_values
from sentibp.data.readers.dialect import COMMA, Dialect, all_lines_have, fields_of, find_quoting, find_separator
from sentibp.data.readers.header import similar_names, title_count
from sentibp.data.readers.multiline import SwallowedRows, check_multiline_rows
from sentibp.data.readers.pieces import place_of
from sentibp.data.readers.plain import pair_separator
from sentibp.data.readers.records import joined_text
from sentibp.data.readers.table import UNKNOWN, ReadOptions, is_set, require_columns, resolved, too_long
from sentibp.errors import DataError
from sentibp.utils.arrow import strings
from sentibp.utils.repair import set_option

_OPEN_LINES = 1000  # lines that a quoted text may have; after these its quote is taken for one that was not closed

Row = tuple[int, list[str]]  # its line, and its fields


def find_table(head: memoryview, lines: list[str], options: ReadOptions) -> ReadOptions | None:
    """Return how to read the table that begins with these lines; None if they do not look like one."""
    named, _ = dialects.separator_line(head)
    if named is not None or is_set("separator", options) or is_set("quoting", options):
        return options
    if separator := _header_separator(lines, options):
        return _separated(options, separator)
    if options.names is None:
        return None
    below = lines[title_count(lines, "\t") :]
    if len(options.names) == 2 and (separator := pair_separator(below, options)):
        return _separated(options, separator)
    separator = find_separator(lines, options, COMMA)
    width = Counter(len(fields_of(line, separator)) for line in lines).most_common(1)[0][0]
    if width == len(options.names) and (width > 2 or "names" not in options.inherited):
        return _separated(options, separator)
    return None if "names" in options.inherited else options


def _header_separator(lines: list[str], options: ReadOptions) -> str | None:
    """Return the separator of the line that names the wanted columns, the first one or that below titles."""
    with dialects.long_fields():
        titles = titles_of(lines, options, COMMA)
    return dialects.header_separator(lines[len(titles)], options, COMMA)


def _separated(options: ReadOptions, separator: str) -> ReadOptions:
    return options._replace(separator=separator, inherited=options.inherited - {"separator"})


def row_pieces(blocks: Blocks, name: str, options: ReadOptions, kept: Kept) -> Iterator[Piece]:
    """Yield the rows of a table, as they arrive. DataError for a row that has too few or too many fields."""
    texts = iter(blocks)
    head = memoryview(next(texts, b""))
    with dialects.long_fields():
        plain = options.names is not None and len(options.names) == 2
        layout, header = find_layout(head, name, options, COMMA, plain=plain)
    options = resolved(layout.options, layout.columns)
    require_columns(header, layout.columns, options)
    if kept is not Kept.nothing and (twice := [each for each in layout.columns if layout.columns.count(each) > 1]):
        repair = "rename one, or leave the columns of the input out with --no-keep"
        raise DataError(f"{header}: two columns are called {twice[0]!r}; {repair}")
    if len(layout.columns) == 1 and layout.options.names is None:
        layout.notes.append(f"{name}: the first line, {layout.columns[0]!r}, is read as a CSV header")
    layout.notes.extend(similar_names(name, layout.columns, options))
    rows, told = _Rows(layout), 0
    arrived = rows.read(_from_layout(texts, blocks, layout))
    for found, error in itertools.chain([next(arrived, ([], None))], arrived):  # a table without rows has its columns
        lines, content = zip(*found, strict=True) if found else ((), ())
        columns = dict(zip(layout.columns, map(strings, zip(*content, strict=True)), strict=True)) if content else {}
        columns = columns or {column: strings([]) for column in layout.columns}
        text = joined_text(columns, options)
        where = functools.partial(place_of, name, lines)
        yield Piece(text, {} if kept is Kept.nothing else columns, notes=tuple(layout.notes[told:]), where=where)
        told = len(layout.notes)
        if error is not None:
            raise error


class _Lines(NamedTuple):
    """Some lines that have arrived."""

    first: int  # the number of the first line
    text: bytes


def _from_layout(texts: Iterator[bytes], blocks: Blocks, layout: Layout) -> Iterator[_Lines]:
    """Yield the lines after the header. The first block has been read."""
    yield _Lines(layout.line, bytes(layout.data))
    for text in texts:
        yield _Lines(blocks.line, text)


class _Rows:
    """The rows of lines that arrive.

    What quotes mean is found from the lines that have arrived when the first quote that tells it has.
    """

    def __init__(self, layout: Layout):
        self._layout = layout
        self._trusted = is_set("quoting", layout.options)
        self._sample: list[Row] = []  # from which the values of columns are judged
        self._is_doubtful = False  # whether a note has been added on rows that may have been swallowed
        found = layout.options.quoting is not None or layout.dialect.spaced
        self._is_found = found or self._tells(bytes(layout.data))

    def read(self, arriving: Iterator[_Lines]) -> Iterator[tuple[list[Row], DataError | None]]:
        """Yield the rows of the lines that have arrived, and the error that ends them."""
        return map(self._checked, self._whole_rows(arriving))

    def _tells(self, text: bytes) -> bool:
        """Return whether a text tells what quotes mean."""
        if b'\\"' in text:
            return True
        if self._layout.dialect.separator in ",;" and not self._layout.is_plain:
            return False
        separator = re.escape(self._layout.dialect.separator.encode())
        return b'"' in text and re.search(rb"(\A|[\r\n]|" + separator + rb')"', text) is not None

    def _find_quoting(self, text: bytes) -> None:
        layout = self._layout
        separator, width = layout.dialect.separator, len(layout.columns)
        with dialects.long_fields():
            quoting, note = find_quoting(
                memoryview(text), separator, width, layout.options, layout.name, plain=layout.is_plain
            )
        self._layout = replace(layout, dialect=Dialect(separator, quoting))
        self._layout.notes.extend([note] if note else [])
        self._is_found = True

    def _whole_rows(self, arriving: Iterator[_Lines]) -> Iterator[_Lines]:
        """Yield lines at whose end no quoted text is open."""
        held: list[bytes] = []
        first = 1
        waiting = 0  # lines since a quote was opened
        most = sys.maxsize if self._trusted else _OPEN_LINES
        for at, text in arriving:
            if not self._is_found and self._tells(text):
                self._find_quoting(b"".join([*held, text]))
            first = first if held else at
            done, waiting = _closed(text, waiting, self._layout.dialect, most)
            if done:
                yield _Lines(first, b"".join([*held, text[:done]]))
                held, first = [], at + text.count(b"\n", 0, done)
            held += [text[done:]] if text[done:] else []
            if sum(map(len, held)) > self._layout.options.most:
                repair = self._repair(memoryview(b"".join(held)))
                raise too_long(f"{self._layout.name}:{first}", "a row", UNKNOWN, self._layout.options.most, repair)
            if waiting > most:
                repair = self._repair(memoryview(b"".join(held)))
                raise DataError(f"{self._layout.name}:{first}: not CSV: a quote is not closed; {repair}")
        if held:
            yield _Lines(first, b"".join(held))

    def _repair(self, text: memoryview) -> str:
        plain = all_lines_have(text, self._layout.dialect.separator, len(self._layout.columns))
        return "close it" + (f", or if quotes are plain characters: {set_option('data.quoting', 'none')}" * plain)

    def _checked(self, lines: _Lines) -> tuple[list[Row], DataError | None]:
        """Return the rows, and the error that ends them."""
        data = memoryview(lines.text)
        if self._layout.dialect.quoting == "backslash":
            data = dialects.doubled_backslashes(data, self._layout.dialect)
        layout = replace(self._layout, data=data, line=lines.first)
        rows: list[Row] = []
        error = None
        try:
            for row in checked_rows(layout):
                rows.append(row)  # a list of all would be lost by an error
        except DataError as raised:
            error = raised
        self._sample += rows[: SAMPLE_ROWS - len(self._sample)]
        try:
            self._check_multiline_rows(layout, len(rows))
        except SwallowedRows as swallowed:
            return [row for row in rows if row[0] < swallowed.line], swallowed
        return rows, error

    def _check_multiline_rows(self, layout: Layout, found: int) -> None:
        data = layout.data
        if layout.dialect.quoting == "none" or found >= bytes(data).count(b"\n") + (data[-1:] != b"\n"):
            return
        columns = typical_values(self._sample, layout)
        notes = check_multiline_rows(data, layout.line, layout.dialect, columns, layout.name, trusted=self._trusted)
        if notes and not self._is_doubtful:
            layout.notes.extend(notes)
            self._is_doubtful = True


def _closed(text: bytes, waiting: int, dialect: Dialect, most: int) -> tuple[int, int]:
    """Return the bytes up to the last line at whose end no quote is open, and the lines since one was opened.

    Such a quote was opened `waiting` lines before the text, if not 0. After `most` lines the search ends.
    """
    if not waiting and (dialect.quoting == "none" or b'"' not in text):
        return len(text), 0
    done = end = 0
    for line in io.BytesIO(text):
        end += len(line)
        waiting = waiting + 1 if _is_open(line, waiting > 0, dialect) else 0
        if waiting > most:
            break
        done = done if waiting else end
    return done, waiting


def _is_open(line: bytes, is_open: bool, dialect: Dialect) -> bool:
    """Return whether a quoted text is open after a line. A quote opens one only where a field begins."""
    separator, position = dialect.separator.encode(), 0
    if dialect.quoting == "backslash":
        line = re.sub(rb"\\.", b"  ", line)
    while (position := line.find(b'"', position)) >= 0:
        if not is_open:
            before = line[:position].rstrip(b" ") if dialect.spaced else line[:position]
            is_open = not before or before.endswith(separator)
        elif line[position + 1 : position + 2] == b'"':
            position += 1
        else:
            is_open = False
        position += 1
    return is_open
