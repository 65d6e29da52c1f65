"""Parse JSON lines, or a JSON array of objects."""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.data.readers.batches import arrow_batches, batched, continued
from sentibp.data.readers.content import as_file, first_bytes
from sentibp.data.readers.table import Batch, JsonRow, ReadOptions, Table
from sentibp.errors import DataError
from sentibp.utils.arrow import strings


def open_json(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open JSON lines, or one array of objects. The columns are the keys of the first object."""
    array = first_bytes(data, 1) == b"["
    rows = functools.partial(_json_array if array else _json_lines, data, name)
    line, first = next(rows(), (1, dict.fromkeys(column for _, column in options.wanted())))
    texts = {column for role, column in options.wanted() if role == "text"}

    def batches(wanted: list[str]) -> Generator[Batch]:
        slow = functools.partial(_json_batches, rows, name, texts, wanted)
        if array:
            return slow()
        return continued(lambda block: _arrow_json(data, texts, first, wanted, block), slow)

    def objects() -> Iterator[JsonRow]:
        if not array:
            return parse_lines(as_file(data), name)
        return ((line, value, json.dumps(value, ensure_ascii=False)) for line, value in rows())

    where = functools.partial(_json_place, rows, name)
    return Table(name, tuple(map(str, first)), batches, where, header=f"{name}:{line}", objects=objects)


def _arrow_json(
    data: memoryview, texts: set[str], first: dict[str, Any], wanted: list[str], block: int
) -> Generator[Any]:
    from pyarrow import json as arrow_json

    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    types = [(name, pa.string() if name in texts else kinds.get(type(first[name]), pa.string())) for name in wanted]
    open_reader = functools.partial(
        arrow_json.open_json,
        read_options=arrow_json.ReadOptions(block_size=block),
        parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(types), unexpected_field_behavior="ignore"),
    )
    return arrow_batches(data, open_reader)


def parse_lines(lines: Iterable[bytes], name: str, first: int = 1) -> Iterator[JsonRow]:
    """Yield (line, object, its text) for each line that is not blank. `first` is the number of the first line."""
    for number, line in enumerate(lines, first):
        if line.strip():
            text = str(line, "utf-8")  # given bytes, json would guess the encoding
            try:
                value = json.loads(text, strict=False)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{name}:{number}: not JSON: {_json_reason(error)}; write one object a line") from None
            yield number, _json_object(value, f"{name}:{number}"), text.strip()


def _json_lines(data: memoryview, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((line, value) for line, value, _ in parse_lines(as_file(data), name))


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


def _json_batches(
    rows: Callable[[], Iterator[tuple[int, dict[str, Any]]]], name: str, texts: set[str], wanted: list[str]
) -> Generator[Batch]:
    """Yield the wanted columns in batches, all as text. DataError for the first value of a wrong kind."""
    for batch in batched(rows()):
        for line, row in batch:
            for column in texts.intersection(wanted):
                if not isinstance(row.get(column), str | None):
                    raise DataError(f"{name}:{line}: {column!r} is not a string; put it in quotes")
        yield {
            column: strings(_json_text(row.get(column), column, f"{name}:{line}") for line, row in batch)
            for column in wanted
        }


def _json_text(value: Any, column: str, place: str) -> str | None:
    """Return a label or weight as text, since a column may mix strings and numbers. None if it is missing."""
    if isinstance(value, list | dict):
        raise DataError(f"{place}: {column!r} is neither a string nor a number; give a column that is")
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if missing else whole(str(value))


def whole(text: str | None) -> str | None:
    """Return the text with U+FFFD in place of lone surrogates, which JSON can express and UTF-8 cannot."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_place(rows: Callable[[], Iterator[tuple[int, dict[str, Any]]]], name: str, row: int) -> str:
    return f"{name}:{next(itertools.islice(rows(), row, None))[0]}"
