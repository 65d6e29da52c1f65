"""Parse JSON lines, or a JSON array of objects."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.data.readers.common import (
    Columns,
    Records,
    arrow_batches,
    as_file,
    batched,
    first_bytes,
    records,
    require_columns,
    string_schema,
    with_growing_blocks,
)
from sentibp.errors import DataError
from sentibp.utils import spill
from sentibp.utils.arrow import strings


def read_json(data: memoryview, name: str, columns: Columns) -> Records:
    """Read JSON lines, or one array of objects."""
    if first_bytes(data, 1) == b"[":
        return _json_records(_json_array(data, name), name, columns)
    first = next(_json_lines(data, name), None)
    if first is None:
        return _json_records(iter(()), name, columns)
    require_columns(f"{name}:{first[0]}", first[1], columns)
    try:
        return with_growing_blocks(lambda block: _json_table(data, name, columns, first[1], block))
    except pa.ArrowException:
        return _json_records(_json_lines(data, name), name, columns)


def _json_table(data: memoryview, name: str, columns: Columns, first: dict[str, Any], block: int) -> Records:
    from pyarrow import json as arrow_json

    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    types = {columns.text: pa.string()}
    for column in columns[1:]:
        if column is not None:
            types[column] = kinds.get(type(first[column]), pa.string())
    schema = pa.schema(list(types.items()))
    open_reader = functools.partial(
        arrow_json.open_json,
        read_options=arrow_json.ReadOptions(block_size=block),
        parse_options=arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    return records(name, schema, arrow_batches(data, open_reader), columns, lambda row: _json_place(data, name, row))


def _json_lines(data: memoryview, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(as_file(data), 1):
        if line.strip():
            try:
                value = json.loads(str(line, "utf-8"), strict=False)  # given bytes, json would guess the encoding
            except (ValueError, RecursionError) as error:
                raise DataError(f"{name}:{number}: not JSON: {_json_reason(error)}; write one object a line") from None
            yield number, _json_object(value, f"{name}:{number}")


def _json_array(data: memoryview, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    text, decoder, solid = str(data, "utf-8"), json.JSONDecoder(strict=False), re.compile(r"\S|\Z")
    line = 1
    counted = 0  # `line` includes the newlines before this position

    def skip(position: int) -> int:
        match = solid.search(text, position)
        return match.start() if match else len(text)

    end = skip(text.index("[") + 1)
    while text[end : end + 1] != "]":
        line, counted = line + text.count("\n", counted, end), end
        try:
            value, end = decoder.raw_decode(text, end)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", line)
            raise DataError(f"{name}:{line}: not JSON: {_json_reason(error)}; repair the array") from None
        yield line, _json_object(value, f"{name}:{line}")
        end = skip(end)
        if text[end : end + 1] == ",":
            end = skip(end + 1)
        elif text[end : end + 1] != "]":
            line += text.count("\n", counted, end)
            raise DataError(f"{name}:{line}: not JSON: expecting ',' or ']'; repair the array")


def _json_reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg.lower()
    return "nested too deeply" if isinstance(error, RecursionError) else "a number of thousands of digits"


def _json_object(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise DataError(f'{place}: not an object; write {{"text": "..."}}')


def _json_records(rows: Iterator[tuple[int, dict[str, Any]]], name: str, columns: Columns) -> Records:
    lines = spill.ArrayBuilder(np.int64)

    def batches() -> Generator[dict[str, pa.Array]]:
        for number, batch in enumerate(batched(rows)):
            if number == 0:
                require_columns(f"{name}:{batch[0][0]}", batch[0][1], columns)
            arrays = {
                column: strings(_json_text(row.get(column), column, f"{name}:{line}") for line, row in batch)
                for column in columns[1:]
                if column is not None
            }
            for line, row in batch:
                if not isinstance(row.get(columns.text), str | None):
                    raise DataError(f"{name}:{line}: {columns.text!r} is not a string; put it in quotes")
            arrays[columns.text] = strings(_whole(row.get(columns.text)) for _, row in batch)
            lines.append(np.array([line for line, _ in batch]))
            yield arrays

    result = records(name, string_schema(columns.wanted().values()), batches(), columns, str)
    line = lines.array()
    return replace(result, where=lambda row: f"{name}:{line[row]}")


def _json_text(value: Any, column: str, place: str) -> str | None:
    """Return a label or weight as text, since a column may mix strings and numbers. None if it is missing."""
    if isinstance(value, list | dict):
        raise DataError(f"{place}: {column!r} is neither a string nor a number; give a column that is")
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if missing else _whole(str(value))


def _whole(text: str | None) -> str | None:
    """Return the text with U+FFFD in place of lone surrogates, which JSON can express and UTF-8 cannot."""
    return text if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_place(data: memoryview, name: str, row: int) -> str:
    lines = (number for number, line in enumerate(as_file(data), 1) if line.strip())
    return f"{name}:{next(itertools.islice(lines, row, None))}"
