"""Read JSON lines, and turn the records of any JSON file into columns."""

from __future__ import annotations

import functools
import itertools
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from sentibp.data.readers.batches import arrow_batches, batched, continued
from sentibp.data.readers.content import filled_lines
from sentibp.data.readers.table import (
    JOIN,
    ONE_LABEL,
    Batch,
    JsonRow,
    ReadOptions,
    Table,
    WrongKind,
    require_short_lines,
)
from sentibp.errors import DataError
from sentibp.utils.arrow import strings

Record = dict[str, Any]
Rows = Callable[[], Iterator[tuple[int, Record]]]  # read (line, record), from the first row on

SHAPES = "give an object a line, a list of objects, an object with such a list in it, or a table as pandas writes it"

LOOK = 100  # records whose keys are the columns: a record may lack some


class WrittenNumber(float):
    """A number with a point or an exponent, and how it is written: `1.10`, `1e400`. So is `-0`, which no integer is."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> WrittenNumber:
        """Return the number."""
        number = super().__new__(cls, written)
        number.written = written
        return number


_KINDS = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), WrittenNumber: pa.float64()}

_encode = json.JSONEncoder(ensure_ascii=False).encode


def open_json_lines(data: memoryview, name: str, options: ReadOptions) -> Table:
    """Open a file with a JSON object on each line."""
    require_short_lines(data, name, options.most)
    rows = functools.partial(_json_lines, data, name)

    def fast(samples: Record, wanted: list[str], block: int) -> Generator[Any]:
        return _arrow_json(data, set(options.texts), samples, wanted, block)

    return record_table(rows, name, options, fast, lambda: parse_lines(data, name))


def record_table(
    rows: Rows,
    name: str,
    options: ReadOptions,
    fast: Callable[[Record, list[str], int], Generator[Any]] | None = None,
    objects: Callable[[], Iterator[JsonRow]] | None = None,
) -> Table:
    """Open the records of a JSON file. The columns are the keys of the first LOOK records.

    A key of a nested object is written `user.name`. `fast` reads columns with Arrow; it gets a sample of their values,
    their names, and the bytes to read at once. `objects` reads the records with their text; without it, the text is
    written anew.
    """
    first = list(itertools.islice(rows(), LOOK))
    samples: Record = {}
    for _, record in first:
        for key, value in leaves(record):
            if samples.get(key) is None:
                samples[key] = value
    if not first:
        samples = dict.fromkeys(options.wanted_columns())
    line, top = (first[0][0], set().union(*(record for _, record in first))) if first else (1, set(samples))

    def batches(wanted: list[str]) -> Generator[Batch]:
        slow = functools.partial(_json_batches, rows, name, set(options.texts), wanted)
        if fast is not None and top.issuperset(wanted):
            return continued(functools.partial(fast, samples, wanted), slow, options.most)
        return slow()

    def written() -> Iterator[JsonRow]:
        return ((line, value, as_json(value)) for line, value in rows())

    columns = tuple(key for key, value in samples.items() if value == {} or not isinstance(value, dict))

    def places() -> Iterator[str]:
        return (f"{name}:{line}" for line, _ in rows())

    return Table(name, columns, batches, places, header=f"{name}:{line}", objects=objects or written)


def leaves(record: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of a record. The keys of objects in it follow, as in `user.name`."""
    for key, value in record.items():
        yield prefix + key, value
        if isinstance(value, dict) and depth < 3:
            yield from leaves(value, f"{prefix}{key}.", depth + 1)


def value_at(record: Record, column: str) -> Any:
    """Return the value of a column: of a key, or of the path `user.name` into nested objects. None if it is missing."""
    if column in record:
        return record[column]
    head, dot, rest = column.partition(".")
    inner = record.get(head) if dot else None
    return value_at(inner, rest) if isinstance(inner, dict) else None


def text_at(record: Record, column: str, place: str) -> str | None:
    """Return the text in a column; None if it is missing, or NaN. DataError if it is no text, or not the only one."""
    require_once(record, column, place)
    value = value_at(record, column)
    if isinstance(value, float) and np.isnan(value):
        return None
    if not isinstance(value, str | None):
        raise WrongKind(f"{place}: {column!r} is {_kind(value, column, JOIN)}", column)
    return value


def _kind(value: Any, column: str, repair: str) -> str:
    """Return what a value is that is no string, and the repair, which is `repair` for a list."""
    if isinstance(value, list):
        return f"a list; {repair}"
    if isinstance(value, dict):
        key = next((key for key, each in value.items() if not isinstance(each, list | dict)), None)
        return f"an object; name a value in it{f', such as {column}.{key}' if key else ''}"
    return "not a string; put it in quotes"


def _arrow_json(data: memoryview, texts: set[str], samples: Record, wanted: list[str], block: int) -> Generator[Any]:
    from pyarrow import json as arrow_json

    types = [(name, pa.string() if name in texts else _KINDS.get(type(samples[name]), pa.string())) for name in wanted]
    open_reader = functools.partial(
        arrow_json.open_json,
        read_options=arrow_json.ReadOptions(block_size=block),
        parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(types), unexpected_field_behavior="ignore"),
    )
    return arrow_batches(data, open_reader)


class RepeatedKeys(dict[str, Any]):
    """An object of JSON in which some keys occur several times: `repeated`. The last value of each is kept."""

    repeated: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> Record:
    """Return an object of JSON, as the decoder has read it."""
    record = dict(pairs)
    if len(record) == len(pairs):
        return record
    found = RepeatedKeys(record)
    found.repeated = tuple(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
    return found


def require_once(record: Any, column: str, place: str) -> None:
    """Raise a DataError if a column is a key that occurs several times in an object, or leads through one."""
    head, dot, rest = column.partition(".")
    keys = {column} if column in record else {head}
    if isinstance(record, RepeatedKeys) and (twice := keys & {*record.repeated}):
        repair = "remove one, or keep the last of each, as jq -c . does"
        raise DataError(f"{place}: the key {twice.pop()!r} occurs several times; {repair}")
    if dot and column not in record and isinstance(inner := record.get(head), dict):
        require_once(inner, rest, place)


def as_json(value: Any) -> str:
    """Return a value as JSON in one line, with its numbers as they are written."""
    try:
        return _written(value)
    except RecursionError:  # the encoder goes deeper
        return _encode(value)


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join([f"{_encode(key)}: {_written(each)}" for key, each in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ", ".join([_written(each) for each in value]) + "]"
    return value.written if isinstance(value, WrittenNumber) else _encode(value)


def _integer(written: str) -> int | WrittenNumber:
    return WrittenNumber(written) if written == "-0" else int(written)


DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_object, parse_float=WrittenNumber, parse_int=_integer)
"""json.loads would make a decoder for each line."""


def parse_lines(data: memoryview, name: str, first: int = 1) -> Iterator[JsonRow]:
    """Yield (line, object, its text) for each line that is not blank. `first` is the number of the first line."""
    for number, line in filled_lines(data, first):
        text = str(line, "utf-8")  # given bytes, json would guess the encoding
        try:
            value = DECODER.decode(text)
        except (ValueError, RecursionError) as error:
            repair = known_repair(text) or "write one object a line"
            raise DataError(f"{name}:{number}: not JSON: {json_reason(error)}; {repair}") from None
        if not isinstance(value, dict):
            raise DataError(f'{name}:{number}: not an object; write {{"text": "..."}}')
        yield number, value, text.strip()


def _json_lines(data: memoryview, name: str) -> Iterator[tuple[int, Record]]:
    return ((line, value) for line, value, _ in parse_lines(data, name))


def known_repair(text: str) -> str:
    """Return the repair for a text that is no JSON, but what Python prints, or has a mark before it; else ""."""
    if text.startswith("\ufeff"):
        return "remove the byte order mark (U+FEFF) before it"
    if text.startswith("\x1e"):  # RFC 7464
        return "remove the mark (U+001E) before each object, as tr -d '\\036' does"
    if re.match(r"\s*(//|/\*|#)", text):
        return "JSON has no comments; remove them"
    if re.match(r"\s*(export\s+default\s*|((var|let|const)\s+)?[A-Za-z_$][\w.$]*\s*[=(]\s*)[\[{]", text):
        return "it is JavaScript; leave the list or object in it only, as sed '1s/^[^[{]*//; $s/[^]}]*$//' does"
    is_printed = re.match(r"\s*\[?\s*\{\s*'", text)
    return "it is written as Python prints it, in single quotes; write it with json.dumps" if is_printed else ""


def json_reason(error: Exception) -> str:
    """Return why a text is not JSON."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg.lower()
    return "nested too deeply" if isinstance(error, RecursionError) else "a number of thousands of digits"


def _json_batches(rows: Rows, name: str, texts: set[str], wanted: list[str]) -> Generator[Batch]:
    """Yield the wanted columns in batches, all as text. DataError for the first value of a wrong kind."""
    for batch in batched(rows(), _record_size):
        for line, row in batch:
            for column in texts.intersection(wanted):
                text_at(row, column, f"{name}:{line}")
        yield {column: strings(_json_text(row, column, f"{name}:{line}") for line, row in batch) for column in wanted}


def _record_size(row: tuple[int, Record]) -> int:
    return sum(len(value) for value in row[1].values() if isinstance(value, str))


def _json_text(record: Record, column: str, place: str) -> str | None:
    """Return a label or weight as text, since a column may mix strings and numbers. None if it is missing."""
    require_once(record, column, place)
    value = value_at(record, column)
    if isinstance(value, list | dict):
        command = f"jq -c {shlex.quote(f'.[{json.dumps(column)}] |= first')} {shlex.quote(place.rpartition(':')[0])}"
        repair = f"{ONE_LABEL}; where each line has an object, to keep the first: {command} > reviews.jsonl"
        raise WrongKind(f"{place}: {column!r} is {_kind(value, column, repair)}", column)
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if missing else whole(str(value))


def whole(text: str | None) -> str | None:
    """Return the text with `?` in place of lone surrogates, which JSON can express and UTF-8 cannot, as everywhere."""
    if text is None or text.isascii():
        return text
    return text.encode(errors="replace").decode()
