"""Parse CSV and TSV files: delimiter, header, quotes, rows."""

from __future__ import annotations

import csv
import functools
import io
import itertools
from collections.abc import Generator, Iterator
from typing import Any

from sentibp.data.readers.batches import arrow_batches, batched, continued
from sentibp.data.readers.content import CHUNK, as_file
from sentibp.data.readers.table import Batch, ReadOptions, Table
from sentibp.errors import DataError
from sentibp.utils.arrow import TEXT, strings


def open_csv(data: memoryview, name: str, options: ReadOptions, delimiters: str = ",;\t") -> Table:
    """Open comma-separated values. Other delimiters are tried if the header has no text column with commas."""
    headers = {delimiter: _csv_header(data, delimiter) for delimiter in delimiters}
    if not any(headers[delimiters[0]]):
        raise DataError(f"{name}: empty; the first line of a CSV file names its columns")
    texts = {column for role, column in options.wanted() if role == "text"}
    fitting = (delimiter for delimiter in delimiters if texts <= set(headers[delimiter]))
    delimiter = next(fitting, delimiters[0])
    header = headers[delimiter]
    return Table(
        name=name,
        columns=tuple(header),
        batches=functools.partial(_batches, data, name, delimiter, header),
        where=lambda row: f"{name}:{_csv_line(data, delimiter, row)}",
        header=f"{name}:1",
    )


def open_tsv(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open tab-separated values."""
    return open_csv(data, name, options, "\t,;")


def _batches(data: memoryview, name: str, delimiter: str, header: list[str], wanted: list[str]) -> Generator[Batch]:
    """Yield the wanted columns in batches of rows, all as text."""

    def slow() -> Generator[Batch]:
        for batch in batched(_checked_csv(data, name, delimiter)):
            yield {column: strings(row[header.index(column)] for row in batch) for column in wanted}

    one_column = len(header) == 1
    yield from continued(lambda block: _csv_batches(data, delimiter, wanted, block, one_column=one_column), slow)
    quotes = sum(bytes(data[start : start + CHUNK]).count(b'"') for start in range(0, len(data), CHUNK))
    if quotes % 2:  # Arrow reads a quote that is never closed as text up to the end of the file
        for _ in _checked_csv(data, name, delimiter):
            pass


def _csv_batches(
    data: memoryview, delimiter: str, wanted: list[str], block: int, *, one_column: bool
) -> Generator[Any]:
    from pyarrow import csv as arrow_csv

    parse_options = arrow_csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        ignore_empty_lines=not one_column,  # in a single column an empty line is an empty text
    )
    convert_options = arrow_csv.ConvertOptions(
        check_utf8=False,
        include_columns=wanted,
        column_types=dict.fromkeys(wanted, TEXT),  # "null", "007" and "2020-01-01" stay as they are
        strings_can_be_null=False,
    )
    open_reader = functools.partial(
        arrow_csv.open_csv,
        read_options=arrow_csv.ReadOptions(block_size=block),
        parse_options=parse_options,
        convert_options=convert_options,
    )
    return arrow_batches(data, open_reader)


def _csv_rows(data: memoryview, delimiter: str, strict: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """Yield the first line and the fields of each row. Blank lines are skipped unless there is only one column.

    If `strict` is the name of the file, a misplaced quote is a DataError.
    """
    text = io.TextIOWrapper(as_file(data), encoding="utf-8", newline="")
    limit = csv.field_size_limit((1 << 31) - 1)
    width = line = 0
    try:
        rows = csv.reader(text, delimiter=delimiter, strict=strict is not None)
        while True:
            line = rows.line_num + 1
            row = next(rows, None)
            if row is None:
                return
            if row or width == 1:
                width = width or len(row)
                yield line, row or [""]
    except csv.Error as error:
        repair = "close the quote" if "end of data" in str(error) else 'write a quote inside a quoted text as ""'
        raise DataError(f"{strict}:{line}: not CSV: {error}; {repair}") from None
    finally:
        csv.field_size_limit(limit)


def _csv_header(data: memoryview, delimiter: str) -> list[str]:
    return next(_csv_rows(data, delimiter), (1, []))[1]


def _csv_line(data: memoryview, delimiter: str, row: int) -> int:
    """Return the line on which a row begins, which differs from its number if quoted texts contain newlines."""
    return next(itertools.islice(_csv_rows(data, delimiter), row + 1, None))[0]


def _checked_csv(data: memoryview, name: str, delimiter: str) -> Iterator[list[str]]:
    """Yield the fields of all rows after the header. DataError for the first malformed row."""
    rows = _csv_rows(data, delimiter, strict=name)
    _, header = next(rows)
    for line, row in rows:
        if len(row) != len(header):
            fields = f"{len(row)} field{'s' * (len(row) != 1)} where the header has {len(header)}"
            raise DataError(f"{name}:{line}: {fields}; put a text that contains {delimiter!r} in double quotes")
        yield row
