"""Files to columns: CSV, TSV, JSON lines, Parquet, plain text, fastText lines and folders of reviews.

Arrow reads the file at full speed, batch by batch, and the texts gather where they may be more than fit in memory. A
large file is mapped. Only where Arrow gives up does a slow pass in Python follow, which either names the line and the
repair or reads what Arrow could not (mixed label types, a JSON array, which alone is read whole, a record of a
gigabyte).
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import json
import mmap
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentibp import scratch
from sentibp.arrow import TEXT, Texts, array, numbers, scalar, segments, strings
from sentibp.errors import DataError

FORMATS = "CSV, TSV, JSONL, Parquet, plain text (.txt), fastText's __label__ lines, or a folder with pos/ and neg/"
_BLOCKS = (1 << 22, 1 << 26, 1 << 30)  # bytes Arrow reads at once; a record must fit in one block
_PART = 1 << 24  # bytes handled at once where Arrow does not choose
_ROWS = 4096  # records likewise
_STRINGS = ("string", "large_string", "string_view")
OPTION = {
    "text": "--text-column (data.text_column)",
    "label": "--label-column (data.label_column)",
    "weight": "data.weight_column",
}


class Columns(NamedTuple):
    """The names of the columns to read; a label or weight of None is not asked for."""

    text: str = "text"
    label: str | None = None
    weight: str | None = None

    def wanted(self) -> dict[str, str]:
        """Role -> column name, of those asked for."""
        return {role: name for role, name in self._asdict().items() if name is not None}


@dataclass(frozen=True, eq=False)
class Records:
    """One source as it was read, before its labels are understood."""

    name: str  # as the user wrote it
    text: pa.ChunkedArray  # large_string; null where the record has no text
    label: pa.ChunkedArray | None  # of whatever type the source has
    weight: pa.ChunkedArray | None
    where: Callable[[int], str]  # row -> its place in the user's terms, "reviews.csv:17"; may be slow
    names: Sequence[str] = ()  # of the integer labels 0, 1, ..., where the source has them
    certain: bool = False  # labels are 0/1 or neg/pos by construction, whatever the user's mapping says


def read(path: Path, name: str, columns: Columns, split: str = "train") -> Records:
    """Read a file or folder of any format; `split` chooses between the train/ and test/ of a folder."""
    if path.is_dir():
        return _read_folder(path, name, columns, split)
    try:
        data = _contents(path)
    except OSError as error:
        raise DataError(f"{name}: {(error.strerror or str(error)).lower()}") from None
    return parse(data, name, columns, Path(path.name.lower().removesuffix(".gz")).suffix)


def parse(data: bytes | memoryview, name: str, columns: Columns, suffix: str) -> Records:
    """Read the bytes of a file, whose format its suffix and first bytes tell."""
    data = memoryview(data)
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, name)
    if suffix == ".parquet" or data[:4] == b"PAR1":
        return _read_parquet(data, name, columns)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix](_utf8(data, name), name, columns)
    if _start(_unmarked(data), 9) == b"__label__":
        return _read_lines(_utf8(data, name), name, columns)
    raise DataError(f"{name}: not a known format; give {FORMATS}")


# Bytes


def _contents(path: Path) -> memoryview:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size <= scratch.IN_MEMORY:  # or not known, as of a pipe
            return memoryview(file.read())
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _file(data: memoryview) -> io.BufferedReader:
    """Bytes as a file that is open, without a copy."""
    return io.BufferedReader(pa.BufferReader(data), 1 << 16)  # type: ignore[arg-type]


def _gunzip(data: memoryview, name: str) -> memoryview:
    content = scratch.Gathered(np.uint8)
    try:
        with gzip.GzipFile(fileobj=_file(data)) as file:
            while part := file.read(_PART):
                content.append(np.frombuffer(part, np.uint8))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{name}: damaged gzip: {str(error).lower()}; fetch or write it again") from None
    return content.array().data


def _utf8(data: memoryview, name: str) -> memoryview:
    """The bytes without their mark, once they are known to be UTF-8."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{name}: UTF-16; save the file as UTF-8")
    data = _unmarked(data)
    try:
        _one_string(data).validate(full=True)
    except ValueError:
        _complain_of_bytes(data, name)
    return data


def _complain_of_bytes(data: memoryview, name: str) -> None:
    """Name the line of the first byte that is not UTF-8."""
    line, decoder = 1, codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), _PART):
        part = bytes(data[start : start + _PART])
        try:
            decoder.decode(part, final=start + _PART >= len(data))
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            byte = f"byte 0x{error.object[error.start]:02X}"
            raise DataError(f"{name}:{line}: not UTF-8 ({byte}); save the file as UTF-8") from None
        line += part.count(b"\n")


def _unmarked(data: memoryview) -> memoryview:
    return data[3:] if data[:3] == b"\xef\xbb\xbf" else data


def _start(data: memoryview, count: int) -> bytes:
    """The first bytes after white space."""
    for start in range(0, len(data), 1 << 16):
        part = bytes(data[start : start + (1 << 16)])
        if found := part.lstrip():
            at = start + len(part) - len(found)
            return bytes(data[at : at + count])
    return b""


def _one_string(data: bytes | memoryview) -> pa.Array:
    """All the bytes as one Arrow string, without a copy."""
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    return pa.Array.from_buffers(TEXT, 1, [None, offsets, pa.py_buffer(data)])


# Columns


def require(place: str, names: Iterable[object], columns: Columns) -> None:
    """Complain of every column that is asked for and not there, or there twice."""
    there = [str(name) for name in names]
    choice = ", ".join(name if len(name) <= 40 else name[:39] + "…" for name in there[:20])
    wrong = [
        f"{place}: no {name!r}; set {OPTION[role]} to one of: {choice}"
        if name not in there
        else f"{place}: two columns are called {name!r}; rename one"
        for role, name in columns.wanted().items()
        if there.count(name) != 1
    ]
    if wrong:
        raise DataError(*wrong)


def _no_weights(name: str, columns: Columns) -> None:
    if columns.weight is not None:
        raise DataError(f"{name}: has no columns to take weights from; remove data.weight_column")


def _chunked(array: pa.Array) -> pa.ChunkedArray:
    return pa.chunked_array([array])


def require_types(name: str, schema: pa.Schema, columns: Columns) -> None:
    """Complain of the first column that holds what it cannot."""
    for role, column in columns.wanted().items():
        kind = schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_nested(kind) or (role == "text" and str(kind) not in _STRINGS):
            need = "text" if role == "text" else "a string or a number"
            raise DataError(f"{name}: {getattr(columns, role)!r} is {kind}, not {need}; set {OPTION[role]} to another")


def records(
    name: str, schema: pa.Schema, batches: Iterable[Any], columns: Columns, where: Callable[[int], str]
) -> Records:
    """Batches with columns by their name in the file -> columns by their role, if their types can be."""
    require_types(name, schema, columns)
    texts = Texts()
    parts: dict[str, list[pa.Array]] = {role: [] for role in columns.wanted()}
    for batch in batches:
        texts.append(batch[columns.text].cast(TEXT))
        for role, column in columns.wanted().items():
            if role != "text":
                parts[role].append(batch[column])
    found = {
        role: pa.chunked_array(parts[role], schema.field(column).type) for role, column in columns.wanted().items()
    }
    return Records(name, _chunked(texts.array()), found.get("label"), found.get("weight"), where)


def _strings(columns: Iterable[str]) -> pa.Schema:
    return pa.schema(dict.fromkeys(columns, TEXT))


# CSV and TSV


def _read_csv(data: memoryview, name: str, columns: Columns, delimiters: str = ",;\t") -> Records:
    """Comma-separated values; semicolons or tabs too, if only they make the header name the text column."""
    heads = {delimiter: _csv_header(data, delimiter) for delimiter in delimiters}
    if not any(heads[delimiters[0]]):
        raise DataError(f"{name}: empty; the first line of a CSV file names its columns")
    fitting = (delimiter for delimiter in delimiters if columns.text in heads[delimiter])
    delimiter = next(fitting, delimiters[0])
    header = heads[delimiter]
    require(f"{name}:1", header, columns)
    schema = _strings(columns.wanted().values())

    def gathered(batches: Iterable[Any]) -> Records:
        return records(name, schema, batches, columns, lambda row: f"{name}:{_csv_line(data, delimiter, row)}")

    try:
        found = _by_block(
            lambda block: gathered(_csv_batches(data, delimiter, schema.names, block, one_column=len(header) == 1))
        )
    except pa.ArrowException:
        rows = _checked_csv(data, name, delimiter)
        return gathered(
            {column: strings(row[header.index(column)] for row in some) for column in schema.names}
            for some in _batched(rows)
        )
    quotes = sum(bytes(data[start : start + _PART]).count(b'"') for start in range(0, len(data), _PART))
    if quotes % 2:  # Arrow takes a quote that is never closed for text up to the end of the file
        for _ in _checked_csv(data, name, delimiter):
            pass
    return found


def _batched(items: Iterable[Any]) -> Iterator[list[Any]]:
    items = iter(items)
    while some := list(itertools.islice(items, _ROWS)):
        yield some


def _read_tsv(data: memoryview, name: str, columns: Columns) -> Records:
    return _read_csv(data, name, columns, "\t,;")


def _csv_batches(data: memoryview, delimiter: str, wanted: list[str], block: int, *, one_column: bool) -> Iterator[Any]:
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
    read_options = arrow_csv.ReadOptions(block_size=block)
    yield from arrow_csv.open_csv(pa.BufferReader(data), read_options, parse_options, convert_options)


def _by_block(attempt: Callable[[int], Records]) -> Records:
    """Read with larger and larger blocks, until the largest record fits in one."""
    for block in _BLOCKS:
        try:
            return attempt(block)
        except pa.ArrowInvalid as error:
            if "block" not in str(error) or block == _BLOCKS[-1]:
                raise
    raise AssertionError("unreachable")


def _csv_rows(data: memoryview, delimiter: str, strict: str | None = None) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row begins, and its fields; blank lines are skipped where a row has several.

    With the name of the file as `strict`, a misplaced quote is an error.
    """
    text = io.TextIOWrapper(_file(data), encoding="utf-8", newline="")
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


# JSON


def _read_json(data: memoryview, name: str, columns: Columns) -> Records:
    """JSON lines, or one array of objects."""
    if _start(data, 1) == b"[":
        return _json_records(_json_array(data, name), name, columns)
    first = next(_json_lines(data, name), None)
    if first is None:
        return _json_records(iter(()), name, columns)
    require(f"{name}:{first[0]}", first[1], columns)
    try:
        return _by_block(lambda block: _json_table(data, name, columns, first[1], block))
    except pa.ArrowException:
        return _json_records(_json_lines(data, name), name, columns)


def _json_table(data: memoryview, name: str, columns: Columns, first: dict[str, Any], block: int) -> Records:
    from pyarrow import json as arrow_json

    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    schema = {columns.text: pa.string()}
    for column in columns[1:]:
        if column is not None:
            schema[column] = kinds.get(type(first[column]), pa.string())
    parse_options = arrow_json.ParseOptions(
        explicit_schema=pa.schema(list(schema.items())), unexpected_field_behavior="ignore"
    )

    read_options = arrow_json.ReadOptions(block_size=block)
    batches = arrow_json.open_json(pa.BufferReader(data), read_options, parse_options)
    return records(name, batches.schema, batches, columns, lambda row: _json_place(data, name, row))


def _json_lines(data: memoryview, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_file(data), 1):
        if line.strip():
            try:
                value = json.loads(line, strict=False)
            except (json.JSONDecodeError, RecursionError) as error:
                reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "nested too deeply"
                raise DataError(f"{name}:{number}: not JSON: {reason}; write one object a line") from None
            yield number, _json_object(value, f"{name}:{number}")


def _json_array(data: memoryview, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    text, decoder, solid = str(data, "utf-8"), json.JSONDecoder(strict=False), re.compile(r"\S|\Z")
    line = 1
    counted = 0  # the newlines before this position are in `line`

    def skip(position: int) -> int:
        found = solid.search(text, position)
        return found.start() if found else len(text)

    end = skip(text.index("[") + 1)
    while text[end : end + 1] != "]":
        line, counted = line + text.count("\n", counted, end), end
        try:
            value, end = decoder.raw_decode(text, end)
        except (json.JSONDecodeError, RecursionError) as error:
            reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            line = getattr(error, "lineno", line)
            raise DataError(f"{name}:{line}: not JSON: {reason}; repair the array") from None
        yield line, _json_object(value, f"{name}:{line}")
        end = skip(end)
        if text[end : end + 1] == ",":
            end = skip(end + 1)
        elif text[end : end + 1] != "]":
            line += text.count("\n", counted, end)
            raise DataError(f"{name}:{line}: not JSON: expecting ',' or ']'; repair the array")


def _json_object(value: Any, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise DataError(f'{place}: not an object; write {{"text": "..."}}')


def _json_records(rows: Iterator[tuple[int, dict[str, Any]]], name: str, columns: Columns) -> Records:
    lines = scratch.Gathered(np.int64)

    def batches() -> Iterator[dict[str, pa.Array]]:
        for number, some in enumerate(_batched(rows)):
            if number == 0:
                require(f"{name}:{some[0][0]}", some[0][1], columns)
            batch = {
                column: strings(_json_text(row.get(column), column, f"{name}:{line}") for line, row in some)
                for column in columns[1:]
                if column is not None
            }
            for line, row in some:
                if not isinstance(row.get(columns.text), str | None):
                    raise DataError(f"{name}:{line}: {columns.text!r} is not a string; put it in quotes")
            batch[columns.text] = strings(_whole(row.get(columns.text)) for _, row in some)
            lines.append(np.array([line for line, _ in some]))
            yield batch

    found = records(name, _strings(columns.wanted().values()), batches(), columns, str)
    line = lines.array()
    return replace(found, where=lambda row: f"{name}:{line[row]}")


def _json_text(value: Any, column: str, place: str) -> str | None:
    """A label or weight as text, where a column mixes strings and numbers."""
    if isinstance(value, list | dict):
        raise DataError(f"{place}: {column!r} is neither a string nor a number; give a column that is")
    missing = value is None or (isinstance(value, float) and np.isnan(value))
    return None if missing else _whole(str(value))


def _whole(text: str | None) -> str | None:
    """The text with U+FFFD for half a surrogate pair, which JSON can write and UTF-8 cannot."""
    return text if text is None else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _json_place(data: memoryview, name: str, row: int) -> str:
    filled = (number for number, line in enumerate(_file(data), 1) if line.strip())
    return f"{name}:{next(itertools.islice(filled, row, None))}"


# Parquet


def _read_parquet(data: memoryview, name: str, columns: Columns) -> Records:
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        schema = file.schema_arrow
        require(name, schema.names, columns)
        batches = file.iter_batches(_ROWS, columns=list(dict.fromkeys(columns.wanted().values())))
        return records(name, schema, batches, columns, lambda row: f"{name}: row {row + 1}")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: not Parquet: {str(error).splitlines()[0]}; fetch or write it again") from None


# Lines


def _lines(data: memoryview) -> Iterator[pa.Array]:
    """Each line, also an empty one, is one text; a newline at the end begins no other. In several arrays."""
    start = 0
    while start < len(data):
        part = bytes(data[start : start + _PART])
        while start + len(part) < len(data) and b"\n" not in part:
            part += bytes(data[start + len(part) : start + 2 * len(part)])
        if start + len(part) < len(data):
            part = part[: part.rindex(b"\n") + 1]
        whole = _one_string(part)
        if b"\r\n" in part:
            whole = pc.replace_substring(whole, "\r\n", "\n")
        found = pc.split_pattern(whole, "\n").values
        yield found[:-1] if part.endswith(b"\n") else found
        start += len(part)


def _read_lines(data: memoryview, name: str, columns: Columns) -> Records:
    """Plain text, or fastText's format if the first line that is not blank begins with __label__."""
    _no_weights(name, columns)
    if _start(data, 9) == b"__label__":
        return _fasttext(data, name, columns)
    if columns.label is not None:
        raise DataError(f"{name}: plain text has no labels; give CSV, TSV, JSONL, Parquet or __label__ lines")
    texts = Texts()
    for some in _lines(data):
        texts.append(some)
    return Records(name, _chunked(texts.array()), None, None, lambda row: f"{name}:{row + 1}")


def _fasttext(data: memoryview, name: str, columns: Columns) -> Records:
    """Lines such as `__label__positive a great film`; several labels make one, with a space between."""
    texts, labels, lines = Texts(), [], scratch.Gathered(np.int64)
    before = 0
    for some in _lines(data):
        kept = np.arange(len(some))
        if columns.label is not None:  # a blank line is no review here, but a text to predict is never left out
            kept = np.flatnonzero(numbers(pc.not_equal(pc.utf8_trim_whitespace(some), scalar(""))))
        parts = pc.extract_regex(some.take(array(kept)), r"(?s)^\s*(?P<label>(?:__label__\S*\s*)*)(?P<text>.*)$")
        texts.append(parts.field("text"))
        labels.append(pc.utf8_trim_whitespace(parts.field("label")))
        lines.append(kept + before + 1)
        before += len(some)
    label = None if columns.label is None else pa.chunked_array(labels, TEXT)
    line = lines.array()
    return Records(name, _chunked(texts.array()), label, None, lambda row: f"{name}:{line[row]}")


# Folders


def _read_folder(path: Path, name: str, columns: Columns, split: str) -> Records:
    """Folders neg/ and pos/ with a review a file, here or below a folder named after the split."""
    _no_weights(name, columns)
    if not _has_classes(path):
        splits = sorted(child.name for child in path.iterdir() if child.is_dir() and _has_classes(child))
        if not splits:
            raise DataError(f"{name}: no reviews here; give a file, or a folder with pos/ and neg/")
        if split not in splits:
            raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")
        path, name = path / split, f"{name.rstrip('/')}/{split}"
    files = [file for folder in ("neg", "pos") for file in sorted((path / folder).iterdir()) if _visible(file)]
    places = [f"{name.rstrip('/')}/{file.parent.name}/{file.name}" for file in files]
    texts = Texts()
    for some in _batched(zip(files, places, strict=True)):
        contents = [bytes(_utf8(memoryview(file.read_bytes()), place)) for file, place in some]
        texts.append(segments(np.cumsum([0, *map(len, contents)], dtype=np.int64), b"".join(contents)))
    label = strings(file.parent.name for file in files)
    return Records(
        name=name,
        text=_chunked(texts.array()),
        label=None if columns.label is None else _chunked(label),
        weight=None,
        where=lambda row: places[row],
        certain=True,
    )


def _has_classes(path: Path) -> bool:
    return (path / "pos").is_dir() and (path / "neg").is_dir()


def _visible(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


_BY_SUFFIX: dict[str, Callable[[memoryview, str, Columns], Records]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".json": _read_json,
    ".txt": _read_lines,
    ".ft": _read_lines,
    "": _read_lines,
}
SUFFIXES = (*(suffix for suffix in _BY_SUFFIX if suffix), ".parquet", ".gz")
