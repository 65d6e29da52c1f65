"""Find quoted texts of several lines that are probably rows, which a quote that is not closed has swallowed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from sentibp.data.readers.content import line_chunks
from sentibp.data.readers.dialect import Dialect, all_lines_have, long_fields
from sentibp.data.readers.header import kind_of
from sentibp.errors import DataError
from sentibp.utils.repair import set_option

_EVIDENCE = 12  # separators in lines that may be rows, from which on the number of fields alone is worth a note

_FEW = 20  # distinct values that a column with labels has at most

_END = "\0end"  # a line that no file has


class SwallowedRows(DataError):
    """A quoted text of several lines, the first of which is `line`, is rows with an open quote."""

    def __init__(self, message: str, line: int):
        super().__init__(message)
        self.line = line


class MultilineRow(NamedTuple):
    """A row with a quoted text of several lines."""

    line: int  # the first one
    lines: list[str]  # with their ends


def check_multiline_rows(
    data: memoryview, first: int, dialect: Dialect, columns: Sequence[Sequence[str]], name: str, *, trusted: bool
) -> list[str]:
    """Return notes about quoted texts that may be rows. SwallowedRows for the first one that certainly is no text.

    `columns` are the values of some rows for each column but the texts, [] for a text. `first` is the number of the
    first line. If `trusted`, the user said how quotes are written, and texts of several lines are taken as such.
    """
    width, doubtful = len(columns), []
    likes = [_likeness(values) for values in columns]
    for text in _multiline_rows(data, first, dialect):
        fault = _fault(text, dialect)
        rows = None if trusted and fault is None else _as_rows(text.lines, dialect, width)
        if fault is None and rows is None:
            continue
        if fault is not None or any(like and all(like(row[i]) for row in rows or ()) for i, like in enumerate(likes)):
            _raise_rows(data, text, fault, dialect, width, name)
        if rows is not None and (width - 1) * len(rows) >= _EVIDENCE:
            doubtful.append(text)
    if not doubtful:
        return []
    more = f", and {len(doubtful) - 1:,} more" if len(doubtful) > 1 else ""
    what = f"the text of {len(doubtful[0].lines)} lines that begins here may be rows with an open quote{more}"
    return [f"{name}:{doubtful[0].line}: {what}; to read every line as a row: {set_option('data.quoting', 'none')}"]


def _raise_rows(
    data: memoryview, text: MultilineRow, fault: str | None, dialect: Dialect, width: int, name: str
) -> None:
    last = text.line + len(text.lines) - 1
    what = fault or f"a quote is open up to line {last}, and each of these lines looks like a row"
    repairs = ["close the quote"]
    if all_lines_have(data, dialect.separator, width):
        repairs.append(f"if quotes are plain characters: {set_option('data.quoting', 'none')}")
    if fault is None:
        repairs.append(f"if it is one text: {set_option('data.quoting', dialect.quoting)}")
    raise SwallowedRows(f"{name}:{text.line}: {what}; {', or '.join(repairs)}", text.line)


def _multiline_rows(data: memoryview, first: int, dialect: Dialect) -> Iterator[MultilineRow]:
    """Yield the rows with quoted texts of several lines, but none whose last quote is not closed.

    Such a text begins and ends on lines with an odd number of quotes, so that only these are parsed.
    """
    starts, numbers = _odd_lines(data, dialect)
    i = 0
    while i < len(starts):
        lines = _row_lines(data, starts, i, dialect)
        if lines is None:
            return
        if len(lines) > 1:
            yield MultilineRow(first + int(numbers[i]), lines)
        i = int(np.searchsorted(starts, starts[i] + sum(len(line.encode()) for line in lines)))


def _row_lines(data: memoryview, starts: np.ndarray, i: int, dialect: Dialect) -> list[str] | None:
    """Return the lines of the row that begins at starts[i]; None if it is still open at the end of the file."""
    ahead = 1
    while True:
        last = i + ahead
        stop = int(starts[last]) if last < len(starts) else len(data)
        text = bytes(data[int(starts[i]) : stop]) + (_line_at(data, stop) if stop < len(data) else b"")
        lines = list(io.StringIO(text.decode("utf-8", "replace"), newline=""))
        reader = dialect.reader([*lines, _END])
        with long_fields():
            next(reader, None)
        if reader.line_num <= len(lines):
            return lines[: reader.line_num]
        if stop == len(data):
            return None
        ahead *= 2


def _line_at(data: memoryview, start: int) -> bytes:
    """Return the line that begins here, with its end."""
    size = 1 << 12
    while b"\n" not in (piece := bytes(data[start : start + size])) and start + size < len(data):
        size *= 4
    return piece[: piece.find(b"\n") + 1 or None]


def _fault(row: MultilineRow, dialect: Dialect) -> str | None:
    """Return what is wrong with the quotes of a row, or None."""
    reader = dialect.reader(row.lines, strict=True)
    try:
        for _ in reader:
            pass
    except csv.Error:
        last = row.line + reader.line_num - 1
        return f"a quote that is open here ends in line {last}, where more text follows it"
    return None


def _as_rows(lines: Sequence[str], dialect: Dialect, width: int) -> list[list[str]] | None:
    """Return the fields of the lines if each that is not blank looks like a row of `width` fields, else None."""
    found = []
    for line in (line.rstrip("\r\n") for line in lines if line.strip("\r\n")):
        fields = line.split(dialect.separator)
        if len(fields) != width:
            fields = next(dialect.reader([line]), []) if dialect.outcome(line) == width else []
        if len(fields) != width or width == 1:
            return None
        found.append([field.strip('"') for field in fields])
    return found


def _likeness(values: Sequence[str]) -> Callable[[str], bool] | None:
    """Return what tells whether a value is like those of a column; None if the column has any text."""
    distinct = {value.strip() for value in values} - {""}
    if distinct and len(distinct) <= max(2, min(_FEW, len(values) // 3)) and max(map(len, distinct)) <= 40:
        return lambda value: value.strip() in distinct
    for kind in "number", "date":
        if values and sum(kind_of(value) == kind for value in values) >= 0.9 * len(values):
            return lambda value: kind_of(value) == kind
    return None


def _odd_lines(data: memoryview, dialect: Dialect) -> tuple[np.ndarray, np.ndarray]:
    """Return where the lines with an odd number of quotes begin, and their numbers from 0: (n,) each."""
    starts, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    offset = line = 0
    for chunk in line_chunks(data):
        array = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(array == ord("\n"))
        if not chunk.endswith(b"\n"):
            ends = np.append(ends, len(chunk) - 1)
        before = np.searchsorted(_quotes(array, dialect), ends, side="right")
        odd = np.flatnonzero(np.diff(before, prepend=0) % 2)
        starts.append(offset + np.concatenate(([0], ends[:-1] + 1))[odd])
        numbers.append(line + odd)
        offset, line = offset + len(chunk), line + len(ends)
    return np.concatenate(starts), np.concatenate(numbers)


def _quotes(array: np.ndarray, dialect: Dialect) -> np.ndarray:
    """Return the positions of the quotes that no backslash escapes."""
    quotes = np.flatnonzero(array == ord('"'))
    if dialect.quoting != "backslash":
        return quotes
    slashes = np.zeros(len(quotes), np.int64)
    going = quotes > 0
    while going.any():
        going = going & (quotes > slashes) & (array[np.maximum(quotes - slashes - 1, 0)] == ord("\\"))
        slashes += going
    return quotes[slashes % 2 == 0]
