"""Parse CSV and TSV files: delimiter, header, quotes, rows."""

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
    records,
    require_columns,
    string_schema,
    with_growing_blocks,
)
from sentibp.errors import DataError
from sentibp.utils.arrow import TEXT, strings


def read_csv(data: memoryview, name: str, columns: Columns, delimiters: str = ",;\t") -> Records:
    """Read comma-separated values. Other delimiters are tried if the header has no text column with commas."""
    headers = {delimiter: _csv_header(data, delimiter) for delimiter in delimiters}
    if not any(headers[delimiters[0]]):
        raise DataError(f"{name}: empty; the first line of a CSV file names its columns")
    fitting = (delimiter for delimiter in delimiters if columns.text in headers[delimiter])
    delimiter = next(fitting, delimiters[0])
    header = headers[delimiter]
    require_columns(f"{name}:1", header, columns)
    schema = string_schema(columns.wanted().values())

    def collect(batches: Generator[Any]) -> Records:
        return records(name, schema, batches, columns, lambda row: f"{name}:{_csv_line(data, delimiter, row)}")

    try:
        result = with_growing_blocks(
            lambda block: collect(_csv_batches(data, delimiter, schema.names, block, one_column=len(header) == 1))
        )
    except pa.ArrowException:
        rows = _checked_csv(data, name, delimiter)
        return collect(
            {column: strings(row[header.index(column)] for row in batch) for column in schema.names}
            for batch in batched(rows)
        )
    quotes = sum(bytes(data[start : start + common.CHUNK]).count(b'"') for start in range(0, len(data), common.CHUNK))
    if quotes % 2:  # Arrow reads a quote that is never closed as text up to the end of the file
        for _ in _checked_csv(data, name, delimiter):
            pass
    return result


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
