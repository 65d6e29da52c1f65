"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte)."""

from __future__ import annotations

import csv
import functools
import io
import itertools
from collections.abc import Generator, Iterator
from typing import Any

import pyarrow as pa

from sentibp.data.readers import common
from sentibp.data.readers.common import (
    Columns,
    Records,
    arrow_batches,
    as_file,
    batched,
    by_block,
    records,
    require,
    string_schema,
)
from sentibp.errors import DataError
from sentibp.utils.arrow import TEXT, strings

# CSV and TSV


def read_csv(data: memoryview, name: str, columns: Columns, delimiters: str = ",;\t") -> Records:
    """Comma-separated values; semicolons or tabs too, if only they make the header name the text column."""
    heads = {delimiter: _csv_header(data, delimiter) for delimiter in delimiters}
    if not any(heads[delimiters[0]]):
        raise DataError(f"{name}: empty; the first line of a CSV file names its columns")
    fitting = (delimiter for delimiter in delimiters if columns.text in heads[delimiter])
    delimiter = next(fitting, delimiters[0])
    header = heads[delimiter]
    require(f"{name}:1", header, columns)
    schema = string_schema(columns.wanted().values())

    def gathered(batches: Generator[Any]) -> Records:
        return records(name, schema, batches, columns, lambda row: f"{name}:{_csv_line(data, delimiter, row)}")

    try:
        found = by_block(
            lambda block: gathered(_csv_batches(data, delimiter, schema.names, block, one_column=len(header) == 1))
        )
    except pa.ArrowException:
        rows = _checked_csv(data, name, delimiter)
        return gathered(
            {column: strings(row[header.index(column)] for row in some) for column in schema.names}
            for some in batched(rows)
        )
    quotes = sum(bytes(data[start : start + common.PART]).count(b'"') for start in range(0, len(data), common.PART))
    if quotes % 2:  # Arrow takes a quote that is never closed for text up to the end of the file
        for _ in _checked_csv(data, name, delimiter):
            pass
    return found


def read_tsv(data: memoryview, name: str, columns: Columns) -> Records:
    """Read tab-separated values."""
    return read_csv(data, name, columns, "\t,;")


def _csv_batches(
    data: memoryview, delimiter: str, wanted: list[str], block: int, *, one_column: bool
) -> Generator[Any]:
    from pyarrow import csv as arrow_csv

    parse_options = arrow_csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        ignore_empty_lines=not one_column,  # there an empty line is an empty text
    )
    convert_options = arrow_csv.ConvertOptions(
        check_utf8=False,
        include_columns=wanted,
        column_types=dict.fromkeys(wanted, TEXT),  # "null", "007" and "2020-01-01" stay what they are
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
    """The line on which each row begins, and its fields; blank lines are skipped where a row has several.

    With the name of the file as `strict`, a misplaced quote is an error.
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
    """The line of a row: not its number, where a quoted text holds newlines."""
    return next(itertools.islice(_csv_rows(data, delimiter), row + 1, None))[0]


def _checked_csv(data: memoryview, name: str, delimiter: str) -> Iterator[list[str]]:
    """All rows, after the header, by Python's csv module; the first malformed one is an error."""
    rows = _csv_rows(data, delimiter, strict=name)
    _, header = next(rows)
    for line, row in rows:
        if len(row) != len(header):
            fields = f"{len(row)} field{'s' * (len(row) != 1)} where the header has {len(header)}"
            raise DataError(f"{name}:{line}: {fields}; put a text that contains {delimiter!r} in double quotes")
        yield row
