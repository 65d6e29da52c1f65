"""Find how the rows of a CSV or TSV file are written: the separator of the fields, and what quotes mean."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from sentibp.data.readers.content import as_file, line_chunks
from sentibp.data.readers.table import ReadOptions, is_set
from sentibp.utils import spill
from sentibp.utils.near_names import folded_name
from sentibp.utils.repair import set_option

Quoting = Literal["double", "backslash", "none"]

COMMA, TAB, BAR = ",;\t|", "\t,;|", "|,;\t"  # separators in the order in which they are tried

SAMPLE = 1 << 18  # bytes from which the separator and the header are found

_UNQUOTED = "\t|"  # separators of files that are often written without quoting

# The left and right signs that hold a text together in other places than CSV.

_LINES = 5000  # lines with quotes that are examined

_NAMES = {"tab": "\t", "\\t": "\t"}  # other ways to write a separator in a config


class Dialect(NamedTuple):
    """How rows are written."""

    separator: str  # one character
    quoting: Quoting  # how a quote in a quoted text is written: "" or \\", or that quotes are plain characters
    spaced: bool = False  # whether spaces may follow a separator, and do not count

    def reader(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        """Return the parser of Python's csv module for this dialect."""
        return csv.reader(
            lines,
            delimiter=self.separator,
            quoting=csv.QUOTE_NONE if self.quoting == "none" else csv.QUOTE_MINIMAL,
            doublequote=True,  # with backslashes too: without it, Python ignores text after a closing quote
            escapechar="\\" if self.quoting == "backslash" else None,
            skipinitialspace=self.spaced,
            strict=strict,
        )

    def outcome(self, line: str) -> int:
        """Return the number of fields of a line that is a row by itself; 0 if a quote stays open, -1 if it is wrong."""
        try:
            rows = list(self.reader([line], strict=True))
        except csv.Error as error:
            return 0 if "end of data" in str(error) else -1
        return len(rows[0]) if len(rows) == 1 else 0


@contextlib.contextmanager
def long_fields() -> Iterator[None]:
    """Let Python's csv module read fields of any length."""
    limit = csv.field_size_limit((1 << 31) - 1)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


class MisplacedQuote(Exception):
    """Quotes that are not as the dialect has them, in the row that begins on `line`."""

    def __init__(self, line: int, error: csv.Error):
        super().__init__(str(error))
        self.line = line


class LongRow(MisplacedQuote):
    """A row of more bytes than are allowed: probably a quote that is not closed."""

    def __init__(self, line: int):
        super().__init__(line, csv.Error("the row is too long"))


def rows(
    data: memoryview,
    dialect: Dialect,
    first: int = 1,
    *,
    one_column: bool = False,
    strict: bool = False,
    most: int = sys.maxsize,
    lines: int = sys.maxsize,
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of each row. `first` is the first line. Blank lines in one column are empty texts.

    If `strict`, quotes that do not fit the dialect are a MisplacedQuote. LongRow for a row of more than `most`
    characters. Rows after so many `lines` are not read.
    """
    line = following = first
    found = False
    size = 0  # of the lines of a row that have been read
    end = "\n" if b"\n" in bytes(data[:SAMPLE]) else "\r"  # a \r within a text ends no line of a file that has \n

    def counted(text: Iterable[str]) -> Iterator[str]:
        nonlocal size, following
        for each in text:
            size += len(each)
            if size > most:
                raise LongRow(line)
            following += each.endswith(end)
            yield each

    try:
        with long_fields(), io.TextIOWrapper(as_file(data), encoding="utf-8", newline="") as text:
            reader = dialect.reader(counted(text), strict=strict)
            for row in reader:
                if row or one_column:
                    yield line, row or [""]
                    found = True
                line, size = following, 0
                if found and reader.line_num >= lines:
                    return
    except csv.Error as error:
        raise MisplacedQuote(line, error) from None


def head(data: memoryview) -> str:
    """Return the whole lines at the beginning of UTF-8 text."""
    start = bytes(data[:SAMPLE])
    if len(start) < len(data) and b"\n" in start:
        start = start[: start.rindex(b"\n") + 1]
    return start.decode("utf-8", "replace")


def head_lines(data: memoryview, count: int = 200) -> list[str]:
    """Return the first lines that are not blank, without their ends."""
    lines = (line for line in re.split(r"\r\n|\n|\r", head(data)) if line.strip())
    return [line for line, _ in zip(lines, range(count), strict=False)]


def separator_line(data: memoryview) -> tuple[str | None, int]:
    """Return the separator that a first line such as `sep=;`, as Excel writes it, names, and the length of the line."""
    match = re.match(rb"sep=([ -~\t])(\r\n|\n|\r)", bytes(data[:8]), re.IGNORECASE)
    return (match[1].decode(), match.end()) if match else (None, 0)


def find_separator(lines: Sequence[str], options: ReadOptions, order: str) -> str:
    """Return the separator of these first lines of a file. The earliest of `order` that suits is taken.

    A separator suits if the first line has the wanted columns; else if most lines have as many fields as there are
    names in data.columns or, without these, as the first line.
    """
    if options.separator is not None:
        given = _NAMES.get(options.separator, options.separator)
        if is_set("separator", options):
            return given
        order = given + order
    if lines and (named := header_separator(lines[0], options, order)):
        return named

    def fit(separator: str) -> int:
        widths = [len(fields_of(line, separator)) for line in lines]
        width = widths[0] if options.names is None else len(options.names)
        strict = [Dialect(separator, "double").outcome(line) for line in lines]
        return widths.count(width) + strict.count(width) if width > 1 or options.names is not None else 0

    return max(order, key=fit) if lines else order[0]


def header_separator(line: str, options: ReadOptions, order: str) -> str | None:
    """Return the earliest separator with which a line names all wanted columns, or else all texts' columns."""
    headers = {each: set(map(folded_name, fields_of(line, each, spaced=f'{each} "' in line))) for each in order}
    every, texts = (set(map(folded_name, columns)) for columns in (options.wanted_columns(), options.texts))
    found = (separator for wanted in (every, texts) for separator in order if wanted <= headers[separator])
    return next(found, None)


def fields_of(line: str, separator: str, *, spaced: bool = False) -> list[str]:
    """Return the fields of one line, which may be quoted, also after a space if they are `spaced`."""
    return next(Dialect(separator, "double", spaced).reader([line]), [])


def has_spaced_quotes(lines: Sequence[str], separator: str) -> bool:
    """Return whether spaces follow separators before quoted fields, as in `1, "good, really"`.

    Each line that is another row without these spaces has then as many fields as the first line, or a quote is open.
    Files with other separators than commas and semicolons may have quotes as plain characters.
    """
    if separator in _UNQUOTED or not any(f'{separator} "' in line for line in lines):
        return False
    spaced = Dialect(separator, "double", spaced=True)
    width = len(fields_of(lines[0], separator, spaced=True))
    other = [line for line in lines if _stripped(line, separator, False) != _stripped(line, separator, True)]
    outcomes = set(map(spaced.outcome, other))
    return width in outcomes and outcomes <= {width, 0}


def _stripped(line: str, separator: str, spaced: bool) -> list[str]:
    return [field.strip() for field in fields_of(line, separator, spaced=spaced)]


def doubled_backslashes(data: memoryview, dialect: Dialect) -> memoryview:
    """Return the data with two backslashes for each one that escapes nothing, as in C:\\dir, so that it is kept."""
    special = re.escape(f'\\"\r\n{dialect.separator}').encode()
    lone = re.compile(rb"\\([" + special + rb"])|\\")
    if not any(match[1] is None for match in lone.finditer(data)):
        return data
    text = spill.ArrayBuilder(np.uint8)
    for chunk in line_chunks(data):
        text.append(np.frombuffer(lone.sub(lambda match: match[0] if match[1] else rb"\\", chunk), np.uint8))
    return text.array().data


def likely_separator(data: memoryview) -> str | None:
    """Return the separator if the first lines of a file look like the rows of a table, else None."""
    lines = head_lines(data, 50)
    if len(lines) < 2 or "\0" in "".join(lines):
        return None
    separator = find_separator(lines, ReadOptions(), TAB)
    widths = [len(fields_of(line, separator)) for line in lines]
    return separator if widths[0] > 1 and widths.count(widths[0]) > 0.8 * len(widths) else None


def find_quoting(
    data: memoryview, separator: str, width: int, options: ReadOptions, name: str, *, plain: bool = False
) -> tuple[Quoting, str]:
    """Return what quotes mean in rows of `width` fields, and a note if another reading is plausible, else "".

    Commas and semicolons separate fields that may be quoted. Tabs do so only if the file is clearly quoted: if every
    field that begins with a quote also ends with one, or if lines have another number of fields without quoting.
    In `plain` text this holds for every separator, and a line may have more of them.
    """
    if options.quoting is not None:
        return options.quoting, ""
    if separator in _UNQUOTED or plain:
        return _quoting_if_any(data, separator, width, name, options.most, plain=plain)
    return _escapes(data, separator, width, name)


def _quoting_if_any(
    data: memoryview, separator: str, width: int, name: str, most: int, *, plain: bool
) -> tuple[Quoting, str]:
    """Return what quotes mean in a file that may be unquoted, and a note."""
    found = 0
    proper: Counter[Quoting] = Counter()
    for line in _lines_with(data, re.compile(rf'(?:\A|[{re.escape(separator)}\r\n])"'.encode()), b'"'):
        found += 1
        for quoting in "double", "backslash":
            proper[quoting] += Dialect(separator, quoting).outcome(line) == width
    if not found:
        escapes = ("none", "") if plain else _escapes(data, separator, width, name)
        return escapes if escapes[0] == "backslash" else ("none", "")
    likely, other = ("backslash", "double") if proper["backslash"] > proper["double"] else ("double", "backslash")
    clearly = proper[likely] > 0.9 * found and found > 0.5 * min(_LINES, count_lines(data))
    if clearly or proper[likely] == found or _is_strict(data, Dialect(separator, likely), width, most):
        escapes = ("double", "") if likely == "backslash" or plain else _escapes(data, separator, width, name)
        if escapes[0] == "backslash" and _is_strict(data, Dialect(separator, "backslash"), width, most):
            return escapes
        return likely, ""
    if _is_strict(data, Dialect(separator, other), width, most):
        return other, ""
    if not all_lines_have(data, separator, width, or_more=plain):
        return likely, ""
    quotes = "a field begins with a quote that is not closed" if found == 1 else f"{found:,} fields begin with a quote"
    note = f"{name}: {quotes}, and the file is read without quoting; otherwise: {set_option('data.quoting', 'double')}"
    return "none", note


def _is_strict(data: memoryview, dialect: Dialect, width: int, most: int) -> bool:
    """Return whether the whole file is well-formed in this dialect."""
    try:
        found = rows(data, dialect, one_column=width == 1, strict=True, most=most)
        return all(len(row) == width for _, row in found)
    except MisplacedQuote:
        return False


def _escapes(data: memoryview, separator: str, width: int, name: str) -> tuple[Quoting, str]:
    """Return whether a quote in a quoted text is written "" or \\", and a note if both are plausible."""
    doubled, escaped = Dialect(separator, "double"), Dialect(separator, "backslash")
    votes: Counter[str] = Counter()
    for line in _lines_with(data, re.compile(rb'\\"'), b"\\"):
        if not re.search(r'(?<!\\)(?:\\\\)*\\"', line):  # an even number of backslashes: none is for the quote
            continue
        a, b = (each.outcome(line) for each in (doubled, escaped))
        if a == b == width:
            votes["bare"] += '""' not in line
        elif a not in (0, width) or b == width:
            votes["backslash"] += b in (0, width)
        elif b not in (0, width) or a == width:
            votes["double"] += 1
    if not votes["backslash"] + votes["bare"] > votes["double"]:
        return "double", ""
    plain = not votes["bare"] and not votes["double"]
    note = f'{name}: \\" is read as a quote in a text; otherwise: {set_option("data.quoting", "double")}'
    return "backslash", "" if plain else note


def _lines_with(data: memoryview, pattern: re.Pattern[bytes], rare: bytes) -> Iterator[str]:
    """Yield the first lines that have a match, at most _LINES of them. Matches contain the byte `rare`."""
    left = _LINES
    for chunk in line_chunks(data):
        position = 0 if rare in chunk else len(chunk)  # much faster than the search for the pattern
        while left and (match := pattern.search(chunk, position)):
            begin = max(chunk.rfind(b"\n", 0, match.end() - 1), chunk.rfind(b"\r", 0, match.end() - 1)) + 1
            stop = re.compile(rb"[\r\n]|\Z").search(chunk, match.end()).start()  # type: ignore[union-attr]
            yield chunk[begin:stop].decode("utf-8", "replace")
            left, position = left - 1, stop
        if not left:
            return


def count_lines(data: memoryview) -> int:
    """Return the number of lines that are not empty."""
    total = 0
    for chunk in line_chunks(data):
        array = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero(array == ord("\n"))
        lengths = np.diff(ends, prepend=-1) - 1
        returns = array[np.maximum(ends - 1, 0)] == ord("\r")
        total += int((lengths > returns).sum()) + (not chunk.endswith(b"\n"))
    return total


def all_lines_have(data: memoryview, separator: str, width: int, *, or_more: bool = False) -> bool:
    """Return whether every line that is not empty has this number of fields if quotes are plain characters."""
    for chunk in line_chunks(data):
        array = np.frombuffer(chunk if chunk.endswith(b"\n") else chunk + b"\n", np.uint8)
        ends = np.flatnonzero(array == ord("\n"))
        lengths = np.diff(ends, prepend=-1) - 1 - (array[np.maximum(ends - 1, 0)] == ord("\r"))
        before = np.searchsorted(np.flatnonzero(array == ord(separator)), ends)
        counts = np.diff(before, prepend=0)[lengths > 0]
        if (counts < width - 1).any() or (not or_more and (counts > width - 1).any()):
            return False
    return True
