"""Read CSV and TSV files, whatever their separator and quoting, with a header or without."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentibp.data.readers import dialect as dialects
from sentibp.data.readers.batches import arrow_batches, batched, continued, row_size
from sentibp.data.readers.content import count_bytes, line_chunks
from sentibp.data.readers.dialect import (
    Dialect,
    LongRow,
    MisplacedQuote,
    all_lines_have,
    head_lines,
    rows,
)
from sentibp.data.readers.header import (
    has_row_names,
    own_names,
    require_header,
    suggested_names,
    title_count,
    title_note,
    title_rows,
    unmarked_note,
    unused_names,
)
from sentibp.data.readers.multiline import check_multiline_rows
from sentibp.data.readers.surplus import below_names, class_column, may_repeat, without_surplus
from sentibp.data.readers.table import Batch, ReadOptions, Table, is_set, too_long
from sentibp.data.readers.widths import require_one_separator, width_repair
from sentibp.errors import DataError
from sentibp.utils.arrow import TEXT, strings
from sentibp.utils.messages import counted
from sentibp.utils.near_names import folded_name
from sentibp.utils.repair import set_option

_SAMPLE = 200  # rows from which the header is judged

_LOOK = 100_000  # lines in which these rows are looked for; the others may be blank

SAMPLE_ROWS = 1000  # from which it is judged what values columns have

_LINE = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+\Z")


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the rows of a file, or of some of its lines, are, and how they are written."""

    name: str
    data: memoryview  # from the first row after the header on
    line: int  # its line
    dialect: Dialect
    columns: tuple[str, ...]
    options: ReadOptions
    notes: list[str] = field(default_factory=list)  # those about quotes are added when the rows have been read
    is_plain: bool = False  # whether rows are a text, which may contain the separator without quotes, and its label
    header: bytes = b""  # the line with the names of the columns, if there is one
    classes: str = ""  # as of Table


def open_csv(data: memoryview, name: str, options: ReadOptions, separators: str = dialects.COMMA) -> Table:
    """Open separated values. The earliest of the separators that suits the file is taken."""
    with dialects.long_fields():
        layout, header = find_layout(data, name, options, separators)
    return Table(
        name=name,
        columns=layout.columns,
        batches=functools.partial(_batches, layout),
        places=lambda: (f"{name}:{line}" for line, _ in _rows(layout)),
        header=header,
        notes=layout.notes,
        classes=layout.classes,
    )


def find_layout(
    data: memoryview, name: str, options: ReadOptions, order: str, *, plain: bool = False
) -> tuple[Layout, str]:
    """Return the layout of a file, and the place of the names of its columns. `plain`: as Layout.is_plain."""
    separator, skipped = dialects.separator_line(data)
    if separator is not None and not is_set("separator", options):
        options = options._replace(separator=separator, inherited=options.inherited - {"separator"})
    data, line = data[skipped:], 1 + (skipped > 0)
    lines = head_lines(data)
    if not lines:
        raise DataError(f"{name}: empty; the first line of a CSV file names its columns")
    titles = _unmarked(lines, options) if plain else titles_of(lines, options, order)
    for _ in titles:
        data, line = _after_first_row(data, Dialect(",", "none"), line)
    lines = head_lines(data) if titles else lines
    dialect, notes = _find_dialect(data, lines, name, options, order, plain=plain)
    if dialect.quoting == "backslash":
        data = dialects.doubled_backslashes(data, dialect)
    sample = list(itertools.islice(_short_rows(data, dialect, line, name, options, lines=_LOOK), _SAMPLE))
    header, first = f"{name}:{sample[0][0]}", sample[0][1]
    if titles:
        names_at = f"line {sample[0][0]}"
        notes.append(
            unmarked_note(name, titles, dialect.separator) if plain else title_note(name, "line", titles, names_at)
        )
    options, is_named, more = _has_names(sample, header, name, options, plain=plain)
    notes += more
    columns, names, classes = tuple(first), b"", ""
    if is_named:
        require_header(first, _alike(sample), header, options)
        if has_row_names(first, [row for _, row in sample[1:]]):
            columns = ("", *first)
            notes.append(f"{header}: names the columns but the first one, which has the numbers of the rows")
        below, line = _after_first_row(data, dialect, line)
        data, names = below, bytes(data[: len(data) - len(below)]).strip()
        surplus, what = below_names(columns, sample[1:])
        classes = class_column(columns, sample[1:])
        for _ in range(surplus):
            data, line = _after_first_row(data, dialect, line)
        notes += [f"{name}:{sample[surplus][0]}: {what}"] * bool(surplus)
    else:
        columns, header = options.names or (), "data.columns"
    return Layout(name, data, line, dialect, columns, options, notes, plain and not is_named, names, classes), header


def _has_names(
    sample: Sequence[tuple[int, list[str]]], header: str, name: str, options: ReadOptions, *, plain: bool
) -> tuple[ReadOptions, bool, list[str]]:
    """Return whether the first row of a sample names the columns, which data.columns may do as well, with notes on it.

    The options that come with it are without data.columns where these do not fit. `header` is the place of the row.
    """
    if options.names is None:
        return options, True, []
    first = sample[0][1]
    if note := own_names(first, header, options):
        return options, True, [note]
    if plain:
        return options, False, []
    if not _require_width([row for _, row in sample], name, options):
        return options._replace(names=None), True, []
    note = unused_names(first, _alike(sample), header, options)
    return options, False, [note] if note else []


def _alike(sample: Sequence[tuple[int, list[str]]]) -> list[list[str]]:
    """Return the rows below the first one that have as many fields."""
    return [row for _, row in sample[1:] if len(row) == len(sample[0][1])]


def _find_dialect(
    data: memoryview, lines: Sequence[str], name: str, options: ReadOptions, order: str, *, plain: bool
) -> tuple[Dialect, list[str]]:
    """Return how rows are written, and notes about what was assumed. `lines` are the first ones."""
    separator = dialects.find_separator(lines, options, order)
    if not plain and options.quoting in (None, "double") and dialects.has_spaced_quotes(lines, separator):
        note = f"{name}: spaces after a {separator!r} are left out, as quotes follow them"
        return Dialect(separator, "double", spaced=True), [note]
    width = len(dialects.fields_of(lines[0], separator)) if options.names is None else len(options.names)
    width += options.names is None and _have_row_names(lines, separator)
    quoting, note = dialects.find_quoting(data, separator, width, options, name, plain=plain)
    return Dialect(separator, quoting), [note] if note else []


def _have_row_names(lines: Sequence[str], separator: str) -> bool:
    """Return whether each line has a number before the fields that the first line names, however quotes are written."""
    for quoting in "double", "backslash":
        rows = (next(Dialect(separator, quoting).reader([line]), []) for line in lines)
        first, second = next(rows), next(rows, [])
        if len(second) == len(first) + 1 and has_row_names(first, [second, *rows]):
            return True
    return False


def _unmarked(lines: Sequence[str], options: ReadOptions) -> list[list[str]]:
    """Return the first lines that are titles above lines of a text and its label, as rows."""
    separator = options.separator if is_set("separator", options) else None
    return [[line] for line in lines[: title_count(lines, separator)]] if separator else []


def titles_of(lines: Sequence[str], options: ReadOptions, order: str) -> list[list[str]]:
    """Return the first lines that are titles above the names of the columns, as rows."""
    if dialects.header_separator(lines[0], options, order):
        return []
    for separator in order:
        rows = [dialects.fields_of(line, separator) for line in lines]
        titles = title_rows(rows, options)
        if any(line.count('"') % 2 for line in lines[:titles]):  # perhaps a name over several lines
            continue
        if titles and dialects.find_separator(lines[titles:], options, order) == separator:
            return rows[:titles]
    return []


def _short_rows(
    data: memoryview, dialect: Dialect, line: int, name: str, options: ReadOptions, **how: Any
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows as `rows` does. DataError for one that is longer than data.max_record_mb."""
    width = 0
    try:
        for row in rows(data, dialect, line, most=options.most, **how):
            width = width or len(row[1])
            yield row
    except LongRow as error:
        repair = "close its quote"
        if all_lines_have(data, dialect.separator, width or 1):
            repair += f", or if quotes are plain characters: {set_option('data.quoting', 'none')}"
        raise too_long(f"{name}:{error.line}", "a row", len(data), options.most, repair) from None


def _require_width(sample: Sequence[Sequence[str]], name: str, options: ReadOptions) -> bool:
    """Return whether most rows have as many fields as data.columns has names.

    If they have not, raise a DataError, unless the names are inherited from the training.
    """
    names = options.names or ()
    width = Counter(map(len, sample)).most_common(1)[0][0]
    if width != len(names) and "names" not in options.inherited:
        repair = set_option("data.columns", suggested_names([row for row in sample if len(row) == width], options))
        fields = counted(width, "field")
        raise DataError(f"{name}: rows have {fields}, and data.columns has {len(names)} names; for example {repair}")
    return width == len(names)


def _after_first_row(data: memoryview, dialect: Dialect, line: int) -> tuple[memoryview, int]:
    """Return the data after the first row, and its line. `line` is the first line of the data."""
    end = 0

    def lines() -> Iterator[str]:
        nonlocal end
        while match := _LINE.match(data, end):
            end = match.end()
            yield match[0].decode("utf-8", "replace")

    reader = dialect.reader(lines())
    while not next(reader, [""]):  # blank lines before it
        pass
    return data[end:], line + (count_bytes(data[:end], b"\n")[0] or reader.line_num)  # \r alone ends lines of old Macs


def _batches(layout: Layout, wanted: list[str]) -> Generator[Batch]:
    """Yield the wanted columns in batches of rows, all as text."""
    index = [layout.columns.index(column) for column in wanted]

    def slow() -> Generator[Batch]:
        for batch in batched(checked_rows(layout), row_size):
            yield {column: strings(row[i] for _, row in batch) for column, i in zip(wanted, index, strict=True)}

    def fast(block: int) -> Generator[Any]:
        return _arrow_rows(layout, wanted, index, block)

    found = 0
    is_slow = layout.dialect.spaced or (len(layout.columns) > 1 and may_repeat(layout.data, layout.header))
    for batch in slow() if is_slow else continued(fast, slow, layout.options.most):
        found += len(next(iter(batch.values()))) if batch else 0
        yield batch
    _check_quotes(layout, found)


def _arrow_rows(layout: Layout, wanted: list[str], index: list[int], block: int) -> Generator[Batch]:
    from pyarrow import csv as arrow_csv

    dialect = layout.dialect
    parse_options = arrow_csv.ParseOptions(
        delimiter=dialect.separator,
        quote_char=False if dialect.quoting == "none" else '"',
        escape_char="\\" if dialect.quoting == "backslash" else False,
        newlines_in_values=dialect.quoting != "none",
        ignore_empty_lines=len(layout.columns) > 1,  # in a single column an empty line is an empty text
    )
    names = [str(i) for i in range(len(layout.columns))]  # which are unique, unlike those of the columns
    convert_options = arrow_csv.ConvertOptions(
        check_utf8=False,
        include_columns=[names[i] for i in index],
        column_types=dict.fromkeys(names, TEXT),  # "null", "007" and "2020-01-01" stay as they are
        strings_can_be_null=False,
    )
    open_reader = functools.partial(
        arrow_csv.open_csv,
        read_options=arrow_csv.ReadOptions(block_size=block, column_names=names),
        parse_options=parse_options,
        convert_options=convert_options,
    )
    with contextlib.closing(arrow_batches(layout.data, open_reader)) as batches:
        for batch in batches:
            yield {column: batch.column(names[i]) for column, i in zip(wanted, index, strict=True)}


def _rows(layout: Layout, **how: Any) -> Iterator[tuple[int, list[str]]]:
    return _without_surplus(_short_rows(*_whole(layout), one_column=len(layout.columns) == 1, **how), layout, [])


def _whole(layout: Layout) -> tuple[memoryview, Dialect, int, str, ReadOptions]:
    """Return what `_short_rows` reads all rows of a layout from."""
    return layout.data, layout.dialect, layout.line, layout.name, layout.options


def _without_surplus(
    found: Iterator[tuple[int, list[str]]], layout: Layout, notes: list[str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows without lines that are none, such as a footer."""
    names = layout.columns if layout.header else ()
    return without_surplus(found, names, lambda line: f"{layout.name}:{line}", notes)


def checked_rows(layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of each row. DataError for the first malformed row."""
    name, (separator, quoting, _), width, above = layout.name, layout.dialect, len(layout.columns), layout.line - 1
    try:
        found = _short_rows(*_whole(layout), one_column=width == 1, strict=True)
        for line, fields in _without_surplus(found, layout, layout.notes):
            row = _pair(fields, layout) if layout.is_plain and quoting == "none" else fields
            if len(row) != width:
                _require_one_separator(layout)
                found = f"{counted(len(row), 'field')} where the header has {width}"
                all_have = functools.partial(_all_have, layout=layout)
                repair = width_repair(row, layout.columns, separator, quoting, name, layout.options, all_have, above)
                raise DataError(f"{name}:{line}: {found}; {repair}")
            yield line, row
    except MisplacedQuote as error:
        _require_one_separator(layout)
        escaped = '\\"' if quoting == "backslash" else '""'
        repair = f"write a quote inside a quoted text as {escaped}"
        repair = "close the quote" if "end of data" in str(error) else repair
        if all_lines_have(layout.data, separator, width):
            repair += f", or if quotes are plain characters: {set_option('data.quoting', 'none')}"
        raise DataError(f"{name}:{error.line}: not CSV: {error}; {repair}") from None


def _require_one_separator(layout: Layout) -> None:
    if layout.header:
        width, lines = len(layout.columns), head_lines(layout.data)
        require_one_separator(lines, layout.dialect.separator, width, layout.name, layout.line - 1)


def _all_have(width: int, layout: Layout) -> bool:
    """Return whether the first rows all have so many fields, as R writes them with names that the header lacks."""
    return {len(fields) for _, fields in itertools.islice(_rows(layout), _SAMPLE)} == {width}


def _pair(row: list[str], layout: Layout) -> list[str]:
    """Return a text and its label, or the reverse, of which the text may contain the separator."""
    separator = layout.dialect.separator
    if folded_name(layout.columns[0]) in map(folded_name, layout.options.texts):
        return [separator.join(row[:-1]), row[-1]] if len(row) > 2 else row
    return [row[0], separator.join(row[1:])] if len(row) > 2 else row


def _check_quotes(layout: Layout, found: int) -> None:
    """Raise a DataError if a quote that is not closed has swallowed rows. Note it if that is possible.

    `found` is the number of rows that were read. If there are as many lines, no row has several lines.
    """
    data, dialect = layout.data, layout.dialect
    if dialect.quoting == "none" or not len(data):
        return
    quotes, breaks = count_bytes(data, b'"\n')
    if quotes and found != breaks + (data[-1] != ord("\n")):
        columns = typical_values(list(itertools.islice(_rows(layout, lines=_LOOK), SAMPLE_ROWS)), layout)
        trusted = is_set("quoting", layout.options)
        layout.notes.extend(check_multiline_rows(data, layout.line, dialect, columns, layout.name, trusted=trusted))
    if quotes % 2 or dialect.quoting == "backslash":  # Arrow reads an open quote as text up to the end of the file
        for _ in checked_rows(layout):
            pass
    elif quotes and (line := _misplaced_quote(layout)):
        repair = 'write it as ""'
        if all_lines_have(data, dialect.separator, len(layout.columns)):
            repair += f", or if quotes are plain characters: {set_option('data.quoting', 'none')}"
        layout.notes.append(f"{layout.name}:{line}: a quote inside a quoted text is left out; {repair}")


def _misplaced_quote(layout: Layout) -> int | None:
    """Return the line of the first quote inside a quoted text that is not doubled; None if there is none.

    Arrow leaves it out. Only files are read again that have a quote between two signs which begin or end no field.
    """
    around = bytes({*range(256)} - {*b'"\r\n', *layout.dialect.separator.encode()})
    lone = re.compile(rb'"(?<=[%b]")[%b]' % (re.escape(around), re.escape(around)))
    if not any(map(lone.search, line_chunks(layout.data))):
        return None
    try:
        for _ in _short_rows(*_whole(layout), one_column=len(layout.columns) == 1, strict=True):
            pass
    except MisplacedQuote as error:
        return error.line
    return None


def typical_values(first: Sequence[tuple[int, list[str]]], layout: Layout) -> list[list[str]]:
    """Return the values of each column in these rows, as far as they have one line; none of columns with texts."""
    sample = [row for (line, row), (after, _) in itertools.pairwise(first) if after == line + 1]
    sample = [row for row in sample if len(row) == len(layout.columns)]
    texts = set(map(folded_name, layout.options.texts))
    return [[] if folded_name(name) in texts else [row[i] for row in sample] for i, name in enumerate(layout.columns)]
